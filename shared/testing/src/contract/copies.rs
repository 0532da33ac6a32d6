//! Copies between the buckets, with conditions at both ends.

use bytes::Bytes;
use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_store::{ETag, ErrorKind, SourceCondition, VersionId, WriteCondition};

use super::{
    Bench, Broken, Promise,
    bench::{ensure, refused_as},
    objects::AWKWARD_NAMES,
};

/// S3 takes no part but the last that is smaller: 5 MiB.
const SMALLEST_PART_BYTES: usize = 5 * 1024 * 1024;

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        name: "a copy is the source's bytes, at once",
        why: "no byte passes through a function",
        check: |bench| Box::pin(copied(bench)),
    },
    Promise {
        name: "a copy answers the SHA-256 of what it wrote",
        why: "copies are checked against the signed index without reading them",
        check: |bench| Box::pin(copy_digest(bench)),
    },
    Promise {
        name: "a copy keeps its SHA-256",
        why: "what is there already is checked without reading it",
        check: |bench| Box::pin(copy_keeps_digest(bench)),
    },
    Promise {
        name: "a digest that is told is the true one, also of an upload in parts",
        why: "nothing unchecked passes for checked",
        check: |bench| Box::pin(true_digests(bench)),
    },
    Promise {
        name: "a copy of an upload in parts answers the SHA-256 of the whole",
        why: "large packages are uploaded in parts, and checked without reading them all the same",
        check: |bench| Box::pin(digest_of_parts(bench)),
    },
    Promise {
        name: "a copy of an absent key is refused and writes nothing",
        why: "what is not in the master yet is waited for",
        check: |bench| Box::pin(copy_absent(bench)),
    },
    Promise {
        name: "a copy to an absent key only never replaces",
        why: "what a served release names is never overwritten",
        check: |bench| Box::pin(copy_if_absent(bench)),
    },
    Promise {
        name: "a copy over what was seen replaces nothing else",
        why: "canonical names change only from what was looked at",
        check: |bench| Box::pin(copy_if_matches(bench)),
    },
    Promise {
        name: "a copy over what was seen needs something there",
        why: "a name removed meanwhile is noticed",
        check: |bench| Box::pin(copy_if_matches_absent(bench)),
    },
    Promise {
        name: "a copy reads only the source that was seen",
        why: "an upload in place between look and copy is noticed",
        check: |bench| Box::pin(copy_source_condition(bench)),
    },
    Promise {
        name: "conditions at both ends of a copy hold together",
        why: "neither end may be ignored for the other's sake",
        check: |bench| Box::pin(copy_both_ends(bench)),
    },
    Promise {
        name: "a copy can read an older version",
        why: "the release being published is the one that was verified",
        check: |bench| Box::pin(copy_version(bench)),
    },
    Promise {
        name: "a copy reads the key it names, whatever its characters",
        why: "package versions hold plus signs, tildes and colons",
        check: |bench| Box::pin(copy_awkward_keys(bench)),
    },
];

fn other_tag() -> ETag {
    ETag::new("00000000000000000000000000000000")
}

async fn copied(bench: Bench) -> Result<(), Broken> {
    bench.upload("source", "content").await?;
    let copied = bench.copy("source", SourceCondition::Always, "target", WriteCondition::Always).await?;
    bench.holds("target", "content", "copied").await?;
    let info = bench.info(&bench.region, "target").await?;
    ensure(info.etag == copied.etag, format!("the copy answered {:?}, a look {:?}", copied.etag, info.etag))?;
    bench.upload("source", "later content").await?;
    bench.copy("source", SourceCondition::Always, "target", WriteCondition::Always).await?;
    bench.holds("target", "later content", "copied again").await
}

async fn copy_digest(bench: Bench) -> Result<(), Broken> {
    bench.upload("source", "content").await?;
    let copied = bench.copy("source", SourceCondition::Always, "target", WriteCondition::Absent).await?;
    let expected = Digest::of(DigestAlgorithm::Sha256, b"content");
    ensure(copied.sha256 == Some(expected), format!("the digest answered is {:?}", copied.sha256))
}

async fn copy_keeps_digest(bench: Bench) -> Result<(), Broken> {
    bench.upload("source", "content").await?;
    bench.copy("source", SourceCondition::Always, "target", WriteCondition::Absent).await?;
    let expected = Digest::of(DigestAlgorithm::Sha256, b"content");
    let found = bench.info(&bench.region, "target").await?.sha256;
    ensure(found == Some(expected), format!("the digest kept is {found:?}"))
}

/// Writes a key in two parts and answers the digest of the whole.
async fn in_parts(bench: &Bench, name: &str) -> Result<Digest, Broken> {
    let parts = vec![Bytes::from(vec![b'a'; SMALLEST_PART_BYTES]), Bytes::from_static(b"and the rest")];
    let whole = parts.concat();
    bench.upload_in_parts(name, parts).await?;
    Ok(Digest::of(DigestAlgorithm::Sha256, &whole))
}

async fn true_digests(bench: Bench) -> Result<(), Broken> {
    let expected = in_parts(&bench, "source").await?;
    let source = bench.info(&bench.master, "source").await?;
    let copied = bench.copy("source", SourceCondition::Always, "target", WriteCondition::Absent).await?;
    let target = bench.info(&bench.region, "target").await?;
    ensure(target.size == source.size, format!("{} bytes became {}", source.size, target.size))?;
    for (whose, told) in
        [("the source", source.sha256), ("the copy", copied.sha256), ("a look at the copy", target.sha256)]
    {
        let honest = told.is_none_or(|told| told == expected);
        ensure(honest, format!("{whose} is told to have {told:?}, and has {expected}"))?;
    }
    Ok(())
}

async fn digest_of_parts(bench: Bench) -> Result<(), Broken> {
    let expected = in_parts(&bench, "source").await?;
    let copied = bench.copy("source", SourceCondition::Always, "target", WriteCondition::Absent).await?;
    ensure(copied.sha256 == Some(expected), format!("the digest answered is {:?}", copied.sha256))
}

async fn copy_absent(bench: Bench) -> Result<(), Broken> {
    let outcome = bench.copy("nothing", SourceCondition::Always, "target", WriteCondition::Always).await;
    refused_as(ErrorKind::NotFound, outcome, "copying an absent key")?;
    bench.is_absent("target", "after a refused copy").await
}

async fn copy_if_absent(bench: Bench) -> Result<(), Broken> {
    bench.upload("source", "new").await?;
    bench.write("target", "old").await?;
    let outcome = bench.copy("source", SourceCondition::Always, "target", WriteCondition::Absent).await;
    refused_as(ErrorKind::PreconditionFailed, outcome, "copying to a key that is there")?;
    bench.holds("target", "old", "after a refused copy").await?;
    bench.copy("source", SourceCondition::Always, "elsewhere", WriteCondition::Absent).await?;
    bench.holds("elsewhere", "new", "after a copy to an absent key").await
}

async fn copy_if_matches(bench: Bench) -> Result<(), Broken> {
    bench.upload("source", "new").await?;
    let seen = bench.write("target", "old").await?;
    bench.write("target", "changed meanwhile").await?;
    let outcome = bench.copy("source", SourceCondition::Always, "target", WriteCondition::Matches(seen)).await;
    refused_as(ErrorKind::PreconditionFailed, outcome, "copying over what is no longer there")?;
    bench.holds("target", "changed meanwhile", "after a refused copy").await?;
    let seen = bench.info(&bench.region, "target").await?.etag;
    bench.copy("source", SourceCondition::Always, "target", WriteCondition::Matches(seen)).await?;
    bench.holds("target", "new", "after a copy that matched").await
}

async fn copy_if_matches_absent(bench: Bench) -> Result<(), Broken> {
    bench.upload("source", "new").await?;
    let outcome = bench.copy("source", SourceCondition::Always, "target", WriteCondition::Matches(other_tag())).await;
    refused_as(ErrorKind::NotFound, outcome, "copying over an absent key")?;
    bench.is_absent("target", "after a refused copy").await
}

async fn copy_source_condition(bench: Bench) -> Result<(), Broken> {
    let seen = bench.upload("source", "seen").await?;
    bench.copy("source", SourceCondition::Matches(seen.clone()), "target", WriteCondition::Always).await?;
    bench.holds("target", "seen", "after a copy that matched").await?;
    bench.upload("source", "changed in place").await?;
    let outcome = bench.copy("source", SourceCondition::Matches(seen), "target", WriteCondition::Always).await;
    refused_as(ErrorKind::PreconditionFailed, outcome, "copying a source that has changed")?;
    bench.holds("target", "seen", "after a refused copy").await
}

async fn copy_both_ends(bench: Bench) -> Result<(), Broken> {
    let source = bench.upload("source", "new").await?;
    let target = bench.write("target", "old").await?;
    let wrong_target = WriteCondition::Matches(other_tag());
    let outcome = bench.copy("source", SourceCondition::Matches(source.clone()), "target", wrong_target).await;
    refused_as(ErrorKind::PreconditionFailed, outcome, "the source as seen, the target not")?;
    let right_target = WriteCondition::Matches(target);
    let outcome = bench.copy("source", SourceCondition::Matches(other_tag()), "target", right_target.clone()).await;
    refused_as(ErrorKind::PreconditionFailed, outcome, "the target as seen, the source not")?;
    bench.holds("target", "old", "after two refused copies").await?;
    bench.copy("source", SourceCondition::Matches(source), "target", right_target).await?;
    bench.holds("target", "new", "after a copy that matched at both ends").await
}

async fn copy_version(bench: Bench) -> Result<(), Broken> {
    bench.upload("source", "older").await?;
    let older: VersionId = bench
        .info(&bench.master, "source")
        .await?
        .version
        .ok_or_else(|| Broken("a look at a versioned key names no version".to_owned()))?;
    bench.upload("source", "newer").await?;
    let always = SourceCondition::Always;
    bench.copy_version("source", Some(older), always, "target", WriteCondition::Absent).await?;
    bench.holds("target", "older", "copied from an older version").await
}

async fn copy_awkward_keys(bench: Bench) -> Result<(), Broken> {
    for name in AWKWARD_NAMES {
        bench.upload(name, name).await?;
    }
    for name in AWKWARD_NAMES {
        bench.copy(name, SourceCondition::Always, name, WriteCondition::Absent).await?;
        bench.holds(name, name, "copied under its own name").await?;
    }
    Ok(())
}
