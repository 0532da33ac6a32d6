//! Prints what Suitecast reads in indices and release files, for comparing it with another reader of the same bytes.
//!
//! Takes one JSON object a line on standard input and answers each with one on standard output:
//!
//! ```text
//! {"kind":"packages","text":"…"}      the bytes as characters up to U+00FF, one each
//! {"kind":"release","path":"…"}       or a file that holds them; a clear-signed one is taken apart first
//! {"files":[["pool/a.deb",12,"sha256 or null","sha512 or null"]],"date":null,"error":null}
//! ```
//!
//! `kind` is `packages`, `sources` or `release`. Where the bytes are refused, `error` says why, and `files` is empty: what
//! is refused is not gone by.

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};
use suitecast_archive::{
    ClearSigned, Compression, Digests, IndexKind, IndexLocation, IndexReader, NamedFile, Release, ReleaseEntry,
};

/// What was read: the files with their digests, and the date of a release in seconds since 1970.
type Reading = (Vec<Value>, Option<i64>);

fn main() -> ExitCode {
    let mut output = std::io::stdout().lock();
    for request in std::io::stdin().lock().lines() {
        let answer = match request.map_err(|error| error.to_string()).and_then(|request| answer(&request)) {
            Ok(answer) => answer,
            Err(wrong) => {
                // Nothing is left to do when even this cannot be written.
                let _ = writeln!(std::io::stderr(), "read-index: {wrong}");
                return ExitCode::FAILURE;
            }
        };
        if writeln!(output, "{answer}").is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// An error is one of the request; what is wrong with the bytes is part of the answer.
fn answer(request: &str) -> Result<Value, String> {
    let request: Value = serde_json::from_str(request).map_err(|error| error.to_string())?;
    let bytes = bytes_of(&request)?;
    let reading = match request["kind"].as_str() {
        Some("packages") => index(IndexKind::Packages, &bytes),
        Some("sources") => index(IndexKind::Sources, &bytes),
        Some("release") => release(&bytes),
        other => return Err(format!("`kind` is {other:?}")),
    };
    Ok(match reading {
        Ok((files, date)) => json!({"files": files, "date": date, "error": null}),
        Err(error) => json!({"files": [], "date": null, "error": error}),
    })
}

fn bytes_of(request: &Value) -> Result<Vec<u8>, String> {
    if let Some(path) = request["path"].as_str() {
        return std::fs::read(path).map_err(|error| format!("{path}: {error}"));
    }
    let text = request["text"].as_str().ok_or("neither `path` nor `text`")?;
    let byte = |character| u8::try_from(u32::from(character)).map_err(|_| format!("{character:?} is no byte"));
    text.chars().map(byte).collect()
}

fn index(kind: IndexKind, bytes: &[u8]) -> Result<Reading, String> {
    let expected = ReleaseEntry { size: bytes.len() as u64, digests: Digests::of(bytes) };
    let mut files: Vec<NamedFile> = Vec::new();
    let mut reader = IndexReader::new(kind, Compression::None, &expected, &IndexLocation::default())
        .map_err(|error| shown(&error))?;
    reader.push(bytes, &mut |file| files.push(file)).map_err(|error| shown(&error))?;
    reader.finish(&mut |file| files.push(file)).map_err(|error| shown(&error))?;
    Ok((files.iter().map(|file| row(file.path.as_str(), file.size, &file.digests)).collect(), None))
}

fn release(bytes: &[u8]) -> Result<Reading, String> {
    let text = if bytes.starts_with(b"-----BEGIN") {
        ClearSigned::parse(bytes).map_err(|error| shown(&error))?.text
    } else {
        bytes.to_vec()
    };
    let release = Release::parse(&text).map_err(|error| shown(&error))?;
    let files =
        release.entries.iter().map(|(path, entry)| row(path.as_str(), Some(entry.size), &entry.digests)).collect();
    Ok((files, Some(release.date.as_second())))
}

fn row(path: &str, size: Option<u64>, digests: &Digests) -> Value {
    let hexadecimal = |digest: Option<suitecast_archive::Digest>| digest.map(|digest| digest.to_string());
    json!([path, size, hexadecimal(digests.sha256), hexadecimal(digests.sha512)])
}

/// An error with its causes.
fn shown(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
