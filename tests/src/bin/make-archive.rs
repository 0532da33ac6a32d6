//! Writes a small signed archive for the demo and for hand-made experiments; the last thing it prints is a summary in JSON.
//!
//! ```text
//! make-archive --out DIR --generation N [--seed S] [--suite NAME] [--no-by-hash] [--key DIR]
//! ```
//!
//! `DIR` receives `dists/`, `pool/` and, beside them, `archive-key.asc` for `Signed-By`. Files of an earlier generation that
//! lie there stay, as they do when an archive is uploaded over an older one.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use suitecast_testing::archive_maker::{ArchiveKey, ArchiveMaker, ByHash, MakeError};

/// Without `--seed` everybody sees the same archive.
const USUAL_SEED: u64 = 1;

const USAGE: &str = "make-archive --out DIR --generation N [--seed S] [--suite NAME] [--no-by-hash] [--key DIR]";

struct Arguments {
    out: PathBuf,
    generation: u32,
    seed: u64,
    suite: String,
    by_hash: ByHash,
    key: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(wrong) => return fail(&format!("{wrong}\nusage: {USAGE}")),
    };
    let summary = match make(&arguments) {
        Ok(summary) => summary,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                text = format!("{text}: {inner}");
                cause = inner.source();
            }
            return fail(&text);
        }
    };
    match writeln!(std::io::stdout(), "{summary:#}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("the summary could not be printed: {error}")),
    }
}

fn fail(text: &str) -> ExitCode {
    // Nothing is left to do when even this cannot be written.
    let _ = writeln!(std::io::stderr(), "make-archive: {text}");
    ExitCode::FAILURE
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let (mut out, mut generation, mut key) = (None, None, None);
    let (mut seed, mut suite, mut by_hash) = (USUAL_SEED, "stable".to_owned(), ByHash::Sha256);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
        match word.as_str() {
            "--out" => out = Some(PathBuf::from(value()?)),
            "--generation" => generation = Some(number(value()?)?),
            "--seed" => seed = number(value()?)?,
            "--suite" => suite = value()?,
            "--no-by-hash" => by_hash = ByHash::None,
            "--key" => key = Some(PathBuf::from(value()?)),
            other => return Err(format!("`{other}` is no option")),
        }
    }
    let generation = generation.ok_or("`--generation` is missing")?;
    Ok(Arguments {
        out: out.ok_or("`--out` is missing")?,
        generation: u32::try_from(generation).map_err(|_| format!("there is no generation {generation}"))?,
        seed,
        suite,
        by_hash,
        key,
    })
}

fn make(arguments: &Arguments) -> Result<serde_json::Value, MakeError> {
    let key = match &arguments.key {
        Some(directory) => ArchiveKey::load_or_make(directory, arguments.seed)?,
        None => ArchiveKey::from_seed(arguments.seed)?,
    };
    let public = key.public_armoured()?;
    let maker = ArchiveMaker::new(arguments.seed).suite(&arguments.suite).by_hash(arguments.by_hash).signed_with(key);
    let generation = maker.generation(arguments.generation)?;
    generation.write_to(&arguments.out)?;
    let key_path = arguments.out.join("archive-key.asc");
    std::fs::write(&key_path, public).map_err(|source| MakeError::Disk { path: key_path.clone(), source })?;
    Ok(serde_json::json!({
        "generation": generation.number,
        "suite": generation.suite,
        "key": key_path,
        "always_updated": ArchiveMaker::always_updated(),
        "bytes": generation.files.values().map(bytes_of).sum::<usize>(),
        "files": generation.files.keys().collect::<Vec<_>>(),
        "changed": generation.changed,
        "removed": generation.removed,
    }))
}

fn bytes_of(bytes: &impl AsRef<[u8]>) -> usize {
    bytes.as_ref().len()
}
