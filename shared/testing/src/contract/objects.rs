//! Reading, writing, deleting, versions.

use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_store::{ErrorKind, GetCondition, GetRequest, Got, ObjectInfo, VersionId, WriteCondition};

use super::{
    Bench, Broken, Promise,
    bench::{ensure, refused_as},
};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        name: "what is written is read back at once",
        why: "every step looks at what the one before has written",
        check: |bench| Box::pin(read_back(bench)),
    },
    Promise {
        name: "an absent key is absent, not an error",
        why: "missing is told from unreadable",
        check: |bench| Box::pin(absent(bench)),
    },
    Promise {
        name: "other bytes have another tag, the same bytes the same",
        why: "conditions are written in tags",
        check: |bench| Box::pin(tags(bench)),
    },
    Promise {
        name: "the SHA-256 of a written object is kept",
        why: "what is there already is checked without reading it",
        check: |bench| Box::pin(kept_digest(bench)),
    },
    Promise {
        name: "a read can ask for a change only",
        why: "the sweep looks at every suite and reads few",
        check: |bench| Box::pin(read_if_changed(bench)),
    },
    Promise {
        name: "a read can insist on what was seen",
        why: "an index is verified and copied as one and the same object",
        check: |bench| Box::pin(read_if_same(bench)),
    },
    Promise {
        name: "a deleted key is gone at once, and may be deleted again",
        why: "staging keys are cleared away",
        check: |bench| Box::pin(deleted(bench)),
    },
    Promise {
        name: "older versions of the master stay readable",
        why: "an index is found in the versions of its canonical key when the next release has replaced it",
        check: |bench| Box::pin(versions(bench)),
    },
    Promise {
        name: "the versions of a key are listed, the newest first",
        why: "an index whose name the next release has taken over is found behind it",
        check: |bench| Box::pin(listed_versions(bench)),
    },
    Promise {
        name: "of a deleted key the versions are listed still",
        why: "an index may have been cleared away before a Region has it",
        check: |bench| Box::pin(versions_of_a_deleted_key(bench)),
    },
    Promise {
        name: "a bucket without versions lists what there is as the one version",
        why: "a master that keeps none is asked like any other",
        check: |bench| Box::pin(no_versions(bench)),
    },
    Promise {
        name: "a key is its characters, whatever they are",
        why: "package versions hold plus signs, tildes and colons",
        check: |bench| Box::pin(awkward_keys(bench)),
    },
    Promise {
        name: "a dot and a slash are a part of the key",
        why: "indices of flat archives write them before a name, and apt asks for that",
        check: |bench| Box::pin(dotted_keys(bench)),
    },
];

/// Names that go wrong where somebody encodes or decodes once too often.
pub(super) const AWKWARD_NAMES: [&str; 9] = [
    "g++_4:15.2~rc1+b2_amd64.deb",
    "g  _4:15.2~rc1 b2_amd64.deb",
    "a%2Bb",
    "a+b",
    "a b",
    "ä/ö.dsc",
    "quote\"and&and<and>",
    "=,;@$!'()*",
    "deep/a/b/c/d",
];

async fn dotted_keys(bench: Bench) -> Result<(), Broken> {
    let names = ["flat/hello.deb", "flat/./hello.deb"];
    for name in names {
        bench.write(name, name).await?;
    }
    for name in names {
        let found = bench.content(name).await?;
        ensure(found.as_deref() == Some(name), format!("{name} reads back {found:?}"))?;
    }
    Ok(())
}

async fn read_back(bench: Bench) -> Result<(), Broken> {
    let long = "0123456789abcdef".repeat(64 * 1024);
    for (name, content) in [("text", "first"), ("empty", ""), ("long", long.as_str()), ("text", "second")] {
        let etag = bench.write(name, content).await?;
        let found = bench.content(name).await?;
        ensure(found.as_deref() == Some(content), format!("{name} reads back other bytes"))?;
        let info = bench.info(&bench.region, name).await?;
        ensure(info.etag == etag, format!("{name}: the write answered {etag:?}, a look {:?}", info.etag))?;
        ensure(info.size == content.len() as u64, format!("{name}: {} bytes instead of {}", info.size, content.len()))?;
        ensure(info.last_modified.is_some(), format!("{name} has no time"))?;
    }
    Ok(())
}

async fn absent(bench: Bench) -> Result<(), Broken> {
    let key = bench.key("nothing/here");
    ensure(bench.region.head(&key).await?.is_none(), "a look at an absent key finds something")?;
    let outcome = bench.region.get(GetRequest { key, ..GetRequest::default() }).await;
    refused_as(ErrorKind::NotFound, outcome, "reading an absent key")
}

async fn tags(bench: Bench) -> Result<(), Broken> {
    let first = bench.write("key", "one").await?;
    let second = bench.write("key", "two").await?;
    ensure(first != second, "other bytes got the same tag")?;
    let third = bench.write("key", "one").await?;
    ensure(first == third, "the same bytes got another tag")
}

async fn kept_digest(bench: Bench) -> Result<(), Broken> {
    bench.write("key", "content").await?;
    let expected = Digest::of(DigestAlgorithm::Sha256, b"content");
    let found = bench.info(&bench.region, "key").await?.sha256;
    ensure(found == Some(expected), format!("the digest kept is {found:?}"))
}

async fn read_if_changed(bench: Bench) -> Result<(), Broken> {
    let etag = bench.write("key", "one").await?;
    let read = |etag| GetRequest { key: bench.key("key"), version: None, condition: GetCondition::Changed(etag) };
    let unchanged = matches!(bench.region.get(read(etag.clone())).await?, Got::Unchanged);
    ensure(unchanged, "bytes were sent though nothing had changed")?;
    bench.write("key", "two").await?;
    let changed = matches!(bench.region.get(read(etag)).await?, Got::Object { .. });
    ensure(changed, "a changed object was called unchanged")
}

async fn read_if_same(bench: Bench) -> Result<(), Broken> {
    let etag = bench.write("key", "one").await?;
    let read = |etag| GetRequest { key: bench.key("key"), version: None, condition: GetCondition::Same(etag) };
    ensure(matches!(bench.region.get(read(etag.clone())).await?, Got::Object { .. }), "the object seen is not served")?;
    bench.write("key", "two").await?;
    refused_as(ErrorKind::PreconditionFailed, bench.region.get(read(etag)).await, "reading what was replaced")
}

async fn deleted(bench: Bench) -> Result<(), Broken> {
    bench.write("key", "one").await?;
    bench.region.delete(&bench.key("key")).await?;
    bench.is_absent("key", "deleted").await?;
    bench.region.delete(&bench.key("key")).await?;
    bench.put("key", "two", WriteCondition::Absent).await?;
    bench.holds("key", "two", "written again after it was deleted").await
}

async fn versions(bench: Bench) -> Result<(), Broken> {
    let mut versions: Vec<(VersionId, &str)> = Vec::new();
    for content in ["one", "two", "three"] {
        bench.upload("key", content).await?;
        let version = bench.info(&bench.master, "key").await?.version;
        let version = version.ok_or_else(|| Broken("a look at a versioned key names no version".to_owned()))?;
        ensure(versions.iter().all(|(other, _)| *other != version), "two writes have the same version")?;
        versions.push((version, content));
    }
    bench.master.delete(&bench.key("key")).await?;
    ensure(bench.master.head(&bench.key("key")).await?.is_none(), "a deleted key is still there")?;
    for (version, content) in versions {
        let found = bench.version_content("key", version.clone()).await?;
        ensure(found.as_deref() == Some(content), format!("version {version:?} holds {found:?}, not {content:?}"))?;
    }
    Ok(())
}

/// Three versions of `key` between keys that begin or end like it; gives the versions, the newest first.
async fn three_versions(bench: &Bench) -> Result<Vec<ObjectInfo>, Broken> {
    bench.upload("ke", "shorter").await?;
    let mut uploaded = Vec::new();
    for content in ["1", "two", "three"] {
        bench.upload("key", content).await?;
        bench.upload("key.xz", content).await?;
        uploaded.push(ObjectInfo { sha256: None, last_modified: None, ..bench.info(&bench.master, "key").await? });
    }
    uploaded.reverse();
    Ok(uploaded)
}

async fn listed(bench: &Bench, name: &str, most: usize) -> Result<Vec<ObjectInfo>, Broken> {
    let versions = bench.master.versions(&bench.key(name), most).await?;
    ensure(versions.iter().all(|version| version.last_modified.is_some()), "a version has no time")?;
    Ok(versions.into_iter().map(|version| ObjectInfo { last_modified: None, ..version }).collect())
}

async fn listed_versions(bench: Bench) -> Result<(), Broken> {
    let uploaded = three_versions(&bench).await?;
    for most in [10, 3, 2, 1] {
        let found = listed(&bench, "key", most).await?;
        let wanted = &uploaded[..most.min(3)];
        ensure(found == wanted, format!("asked for {most}: {found:?}, not {wanted:?}"))?;
    }
    ensure(listed(&bench, "k", 10).await?.is_empty(), "a key that was never written has versions")?;
    for name in AWKWARD_NAMES {
        bench.upload(name, name).await?;
        let found = listed(&bench, name, 10).await?.len();
        ensure(found == 1, format!("{name}: {found} versions, not 1"))?;
    }
    Ok(())
}

async fn versions_of_a_deleted_key(bench: Bench) -> Result<(), Broken> {
    let uploaded = three_versions(&bench).await?;
    bench.master.delete(&bench.key("key")).await?;
    let found = listed(&bench, "key", 10).await?;
    ensure(found == uploaded, format!("{found:?}, not {uploaded:?}"))
}

async fn no_versions(bench: Bench) -> Result<(), Broken> {
    let key = bench.key("key");
    ensure(bench.region.versions(&key, 10).await?.is_empty(), "a key that was never written has versions")?;
    bench.write("key", "one").await?;
    let etag = bench.write("key", "other").await?;
    let found = bench.region.versions(&key, 10).await?;
    let is_it = matches!(found.as_slice(), [only] if only.etag == etag && only.size == 5);
    ensure(is_it, format!("{found:?}, not the one with {etag:?}"))
}

async fn awkward_keys(bench: Bench) -> Result<(), Broken> {
    for name in AWKWARD_NAMES {
        bench.write(name, name).await?;
    }
    for name in AWKWARD_NAMES {
        bench.holds(name, name, "written under its own name").await?;
    }
    Ok(())
}
