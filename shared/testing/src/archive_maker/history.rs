//! What an archive holds at each generation: a few packages with difficult names, as many plain ones as asked for, and
//! from each generation to the next some that are updated, one that comes and one that goes.

use super::package::{Built, EpochInName, Package};

/// A small generator of numbers (`SplitMix64`, public domain): the same seed gives the same archive on every machine and
/// with every version of every crate.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is at least 1.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }
}

/// The package that every generation updates, so that a person or a test always has one to look for.
pub(super) const ALWAYS_UPDATED: &str = "hello-suitecast";

/// The packages of this generation (from 1), in order of their names.
pub(super) fn packages(seed: u64, generation: u32, components: &[String], plain: usize) -> Vec<Package> {
    let mut packages = first(seed, components, plain);
    for step in 2..=generation {
        advance(&mut packages, seed, step, components);
    }
    packages.sort_by(|left, right| left.name.cmp(&right.name));
    packages
}

fn package(name: &str, component: &str, built: Built, epoch: Option<u32>, upstream: &str) -> Package {
    Package {
        name: name.to_owned(),
        component: component.to_owned(),
        built,
        epoch,
        epoch_in_name: EpochInName::Dropped,
        upstream: upstream.to_owned(),
        revision: 1,
        suffix: "",
        with_source: false,
    }
}

fn first(seed: u64, components: &[String], plain: usize) -> Vec<Package> {
    let Some(main) = components.first() else { return Vec::new() };
    let last = components.last().unwrap_or(main);
    let with_source = |package: Package| Package { with_source: true, ..package };
    let mut packages = vec![
        with_source(package(ALWAYS_UPDATED, main, Built::Each, None, "2.10")),
        with_source(Package {
            suffix: "+deb12u1~bpo1",
            ..package("libstdc++-tiny", main, Built::Each, None, "12.2.0")
        }),
        with_source(package("g++-tiny", main, Built::FirstOnly, Some(4), "12.2.0+git20250101~rc1")),
        package("tiny-data", main, Built::All, None, "1.0"),
        Package {
            epoch_in_name: EpochInName::Escaped,
            ..package("epoch-escaped", main, Built::All, Some(1), "2.0~beta+1")
        },
        Package { epoch_in_name: EpochInName::Literal, ..package("epoch-literal", last, Built::All, Some(2), "3.0") },
        with_source(package("contributed", last, Built::Each, None, "0.9")),
    ];
    let mut numbers = Numbers::new(seed);
    for number in 0..plain {
        let component = &components[numbers.below(components.len())];
        packages.push(plain_package(&format!("plain-{number:04}"), component, &mut numbers));
    }
    packages
}

fn plain_package(name: &str, component: &str, numbers: &mut Numbers) -> Package {
    let built = if numbers.below(3) == 0 { Built::All } else { Built::Each };
    let upstream = format!("{}.{}", numbers.below(9), numbers.below(30));
    Package { with_source: numbers.below(4) == 0, ..package(name, component, built, None, &upstream) }
}

/// One step of history: the greeting and two others get a new revision, one package comes, and one goes: a plain one, or
/// when all of these are gone one that once came.
fn advance(packages: &mut Vec<Package>, seed: u64, step: u32, components: &[String]) {
    let mut numbers = Numbers::new(seed ^ (u64::from(step) << 32));
    let named = |prefix: &str| -> Vec<usize> {
        (0..packages.len()).filter(|index| packages[*index].name.starts_with(prefix)).collect()
    };
    let plain = named("plain-");
    let removable = if plain.is_empty() { named("added-in-") } else { plain };
    if !removable.is_empty() {
        packages.remove(removable[numbers.below(removable.len())]);
    }
    if packages.is_empty() {
        return;
    }
    let others = [numbers.below(packages.len()), numbers.below(packages.len())];
    for (index, package) in packages.iter_mut().enumerate() {
        if package.name == ALWAYS_UPDATED || others.contains(&index) {
            package.revision += 1;
        }
    }
    let component = &components[numbers.below(components.len())];
    packages.push(plain_package(&format!("added-in-{step}"), component, &mut numbers));
}
