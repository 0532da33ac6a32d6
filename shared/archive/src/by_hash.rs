//! Indices named by their content: `<directory>/by-hash/<algorithm>/<digest>`.

use crate::{ArchivePath, Digest, DigestAlgorithm};

/// The directory's name.
const BY_HASH: &str = "by-hash";

/// Where the content of an index stands by its digest: below `by-hash/` of the index's own directory.
///
/// ```
/// use suitecast_archive::{ArchivePath, Digest, DigestAlgorithm, by_hash_path, parse_by_hash};
///
/// let index = ArchivePath::parse("main/binary-amd64/Packages.xz")?;
/// let digest = Digest::of(DigestAlgorithm::Sha256, b"its bytes");
/// let path = by_hash_path(&index, &digest);
/// assert_eq!(path.as_str(), format!("main/binary-amd64/by-hash/SHA256/{digest}"));
/// assert_eq!(parse_by_hash(&path), Some(("main/binary-amd64", digest)));
/// # Ok::<(), suitecast_archive::PathError>(())
/// ```
pub fn by_hash_path(index_path: &ArchivePath, digest: &Digest) -> ArchivePath {
    let name = digest.algorithm().release_field();
    ArchivePath::assembled(match index_path.parent() {
        Some(directory) => format!("{directory}/{BY_HASH}/{name}/{digest}"),
        None => format!("{BY_HASH}/{name}/{digest}"),
    })
}

/// The directory (empty for the root) and the digest that a by-hash path names. None for any other path, one whose name
/// is no digest of its directory's algorithm, and one in capitals, which apt never asks for.
pub fn parse_by_hash(path: &ArchivePath) -> Option<(&str, Digest)> {
    let (rest, hexadecimal) = path.as_str().rsplit_once('/')?;
    let (rest, name) = rest.rsplit_once('/')?;
    let algorithm = DigestAlgorithm::from_by_hash_name(name)?;
    let directory = if rest == BY_HASH { "" } else { rest.strip_suffix(BY_HASH)?.strip_suffix('/')? };
    if hexadecimal.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    Some((directory, Digest::parse(algorithm, hexadecimal).ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(text: &str) -> ArchivePath {
        ArchivePath::parse(text).unwrap()
    }

    #[test]
    fn an_index_at_the_root_has_its_by_hash_directory_there() {
        let digest = Digest::of(DigestAlgorithm::Sha512, b"");
        let by_hash = by_hash_path(&path("Contents-amd64.gz"), &digest);
        assert_eq!(by_hash.as_str(), format!("by-hash/SHA512/{digest}"));
        assert_eq!(parse_by_hash(&by_hash), Some(("", digest)));
    }

    #[test]
    fn what_only_looks_like_by_hash_is_not() {
        let sha256 = Digest::of(DigestAlgorithm::Sha256, b"").to_string();
        for text in [
            format!("main/by-hash/SHA512/{sha256}"),
            format!("main/by-hash/SHA256/{}", sha256.to_uppercase()),
            format!("main/by-hash/SHA256/{sha256}.xz"),
            format!("main/xby-hash/SHA256/{sha256}"),
            format!("main/by-hash/sha256/{sha256}"),
            format!("by-hash/{sha256}"),
            format!("SHA256/{sha256}"),
            sha256.clone(),
        ] {
            assert_eq!(parse_by_hash(&path(&text)), None, "{text}");
        }
    }
}
