//! A Region that serves one generation, and what a bad one gets there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test's own steps: what fails here fails the test"
)]

use suitecast_archive::SuiteName;
use suitecast_engine::publish::PublishRequest;
use suitecast_engine::{Outcome, PublishReport};
use suitecast_testing::archive_maker::{ArchiveMaker, Generation, PlainIndices};

use crate::watcher::Watcher;
use crate::world::World;

/// The suite.
pub const SUITE: &str = "dists/bookworm";
/// Its index of binary packages, relative to it.
pub const PACKAGES: &str = "main/binary-amd64/Packages";
/// Its index of source packages.
pub const SOURCES: &str = "main/source/Sources";

/// In place of a line: no line at all.
pub const DROPPED: &str = "\0";

/// A small archive, its indices in every form.
pub fn maker() -> ArchiveMaker {
    ArchiveMaker::new(11)
        .suite("bookworm")
        .components(&["main"])
        .architectures(&["amd64"])
        .plain_packages(0)
        .plain_indices(PlainIndices::Shipped)
}

/// So many generations of an archive of one package, where its size alone does not matter.
pub fn history(count: u32) -> Vec<Generation> {
    let maker = ArchiveMaker::new(3).suite("bookworm").components(&["main"]).architectures(&["amd64"]);
    maker.plain_packages(1).history(count).unwrap()
}

/// A look at the suite, as a plain wake-up asks for it.
pub fn look() -> PublishRequest {
    PublishRequest::new(SuiteName::parse(SUITE).unwrap())
}

/// A Region that serves the first generation, and the second as its maker meant it.
pub struct Case {
    /// Who makes the archive.
    pub maker: ArchiveMaker,
    /// What is served.
    pub first: Generation,
    /// What comes next.
    pub second: Generation,
    /// The Region.
    pub start: World,
}

impl Case {
    /// Makes both, and lets the first be served.
    pub async fn new() -> Self {
        let maker = maker();
        let [first, second] = maker.history(2).unwrap().try_into().unwrap();
        let mut start = World::default();
        start.upload_changes(&first);
        start.settle().await;
        assert!(start.serves(&first).await);
        Self { maker, first, second, start }
    }

    /// Uploads `bad` over the first generation: `outcome` with a reason that holds each of `words`, the first stays
    /// served, whole at every instant; then the second as it was meant is uploaded, and comes.
    pub async fn gets(&self, name: &str, bad: &Generation, outcome: Outcome, words: &[&str]) {
        let mut world = self.start.fork();
        let watcher = Watcher::over(&world, SUITE);
        world.upload_keys(bad, bad.files.keys());
        world.settle().await;
        let report = world.publish_suite(SUITE).await;
        says(name, &report, outcome, words);
        assert!(world.serves(&self.first).await, "{name}");
        world.upload_keys(&self.second, self.second.files.keys());
        world.settle().await;
        assert!(world.serves(&self.second).await, "{name}, put right: {:#?}", world.reports.last());
        assert_eq!(watcher.sights().broken, Vec::<String>::new(), "{name}");
    }
}

/// Asserts what an answer says: its outcome, and words of its reason or of what is missing.
pub fn says(name: &str, report: &PublishReport, outcome: Outcome, words: &[&str]) {
    let told = format!("{:?} {:?}", report.reason, report.missing);
    assert_eq!(report.outcome, outcome, "{name}: {told}");
    for word in words {
        assert!(told.contains(word), "{name}: `{word}` is not in {told}");
    }
}

/// A text with the lines of a field replaced.
pub fn with_line(text: &str, field: &str, line: &str) -> String {
    let lines = text.lines().map(|old| if old.starts_with(field) { line } else { old });
    lines.filter(|new| *new != DROPPED).fold(String::new(), |text, line| text + line + "\n")
}
