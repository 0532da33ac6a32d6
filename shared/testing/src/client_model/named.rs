//! Which files an index names.

use std::io::Read as _;

use super::Expected;

/// A file that an index names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// Relative to the archive for Packages and Sources, to the index's own directory for the others.
    pub(super) path: String,
    pub(super) beside_the_index: bool,
    /// Whether the index writes `./` before it, which apt keeps in what it asks for.
    pub(super) is_dotted: bool,
    pub(super) expected: Expected,
}

/// Whether an index of this stem names files.
pub(super) fn names_files(stem: &str) -> bool {
    let name = stem.rsplit('/').next().unwrap_or(stem);
    matches!(name, "Packages" | "Sources" | "SHA256SUMS") || stem.ends_with(".diff/Index")
}

/// The files that the index at `path` names.
pub(super) fn read(path: &str, bytes: &[u8]) -> Result<Vec<Named>, String> {
    let mut plain = Vec::new();
    let (stem, read) = if let Some(stem) = path.strip_suffix(".xz") {
        (stem, liblzma::read::XzDecoder::new_multi_decoder(bytes).read_to_end(&mut plain))
    } else if let Some(stem) = path.strip_suffix(".gz") {
        (stem, flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain))
    } else {
        (path, (&mut &bytes[..]).read_to_end(&mut plain))
    };
    read.map_err(|error| format!("it cannot be decompressed: {error}"))?;
    let text = String::from_utf8_lossy(&plain);
    Ok(match stem.rsplit('/').next().unwrap_or(stem) {
        "Packages" => stanzas(&text).iter().filter_map(package).collect(),
        "Sources" => stanzas(&text).iter().flat_map(sources).collect(),
        "SHA256SUMS" => text.lines().filter_map(sum).collect(),
        _ => stanzas(&text).iter().flat_map(patches).collect(),
    })
}

/// Field name in lower case, and its value with the lines that follow it.
type Stanza = Vec<(String, String)>;

fn stanzas(text: &str) -> Vec<Stanza> {
    let mut all = Vec::new();
    let mut stanza: Stanza = Vec::new();
    for line in text.lines() {
        if line.trim().is_empty() {
            if !stanza.is_empty() {
                all.push(std::mem::take(&mut stanza));
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = stanza.last_mut() {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((field, value)) = line.split_once(':') {
            stanza.push((field.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    if !stanza.is_empty() {
        all.push(stanza);
    }
    all
}

fn field<'a>(stanza: &'a Stanza, name: &str) -> Option<&'a str> {
    stanza.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
}

fn package(stanza: &Stanza) -> Option<Named> {
    let expected = Expected {
        size: field(stanza, "size").and_then(|size| size.parse().ok()),
        sha256: field(stanza, "sha256").map(str::to_ascii_lowercase),
        sha512: field(stanza, "sha512").map(str::to_ascii_lowercase),
    };
    let filename = field(stanza, "filename")?;
    Some(Named {
        path: without_dot(filename),
        beside_the_index: false,
        is_dotted: filename.starts_with("./"),
        expected,
    })
}

fn sources(stanza: &Stanza) -> Vec<Named> {
    let Some(directory) = field(stanza, "directory") else { return Vec::new() };
    let is_dotted = directory == "." || directory.starts_with("./");
    let directory = if directory == "." { String::new() } else { format!("{}/", without_dot(directory)) };
    rows(stanza, "checksums-sha256")
        .into_iter()
        .map(|(digest, size, name)| Named {
            path: format!("{directory}{name}"),
            beside_the_index: false,
            is_dotted,
            expected: Expected { size, sha256: Some(digest), sha512: None },
        })
        .collect()
}

fn patches(stanza: &Stanza) -> Vec<Named> {
    rows(stanza, "sha256-download")
        .into_iter()
        .map(|(digest, size, name)| Named {
            path: name,
            beside_the_index: true,
            is_dotted: false,
            expected: Expected { size, sha256: Some(digest), sha512: None },
        })
        .collect()
}

/// The rows `digest size name` of a field.
fn rows(stanza: &Stanza, name: &str) -> Vec<(String, Option<u64>, String)> {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_ascii_lowercase(), words.next()?.parse().ok(), words.next()?.to_owned()))
    };
    field(stanza, name).unwrap_or_default().lines().filter_map(row).collect()
}

fn sum(line: &str) -> Option<Named> {
    let (digest, path) = line.split_once(' ')?;
    let path = without_dot(path.trim_start().trim_start_matches('*'));
    let expected = Expected { size: None, sha256: Some(digest.to_ascii_lowercase()), sha512: None };
    Some(Named { path, beside_the_index: true, is_dotted: false, expected })
}

fn without_dot(path: &str) -> String {
    path.strip_prefix("./").unwrap_or(path).to_owned()
}
