//! Conditions of writes, and who wins where several write at a time.

use futures::future::join_all;
use suitecast_store::{ETag, ErrorKind, SourceCondition, WriteCondition};

use super::{
    Bench, Broken, Promise,
    bench::{ensure, refused_as},
};

/// Writers that try at the same time.
const WRITERS: usize = 8;

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        name: "a write for an absent key only never replaces",
        why: "state and leases are created once",
        check: |bench| Box::pin(put_if_absent(bench)),
    },
    Promise {
        name: "a write over what was seen replaces nothing else",
        why: "the commit of a swap, and every change of state",
        check: |bench| Box::pin(put_if_matches(bench)),
    },
    Promise {
        name: "a write over what was seen needs something there",
        why: "a state that was removed is not resurrected",
        check: |bench| Box::pin(put_if_matches_absent(bench)),
    },
    Promise {
        name: "of writers that create a key at once, one wins",
        why: "a suite's first lease",
        check: |bench| Box::pin(race_to_create(bench)),
    },
    Promise {
        name: "of writers that replace the same bytes at once, one wins",
        why: "every later lease, and the commit of a swap",
        check: |bench| Box::pin(race_to_replace(bench)),
    },
    Promise {
        name: "of copies that create a key at once, one wins",
        why: "pool objects are never replaced, however many events come",
        check: |bench| Box::pin(race_to_copy(bench)),
    },
];

fn other_tag() -> ETag {
    ETag::new("00000000000000000000000000000000")
}

async fn put_if_absent(bench: Bench) -> Result<(), Broken> {
    bench.put("key", "one", WriteCondition::Absent).await?;
    let again = bench.put("key", "two", WriteCondition::Absent).await;
    refused_as(ErrorKind::PreconditionFailed, again, "creating a key that is there")?;
    bench.holds("key", "one", "after a refused write").await
}

async fn put_if_matches(bench: Bench) -> Result<(), Broken> {
    let first = bench.write("key", "one").await?;
    let second = bench.put("key", "two", WriteCondition::Matches(first.clone())).await?;
    let stale = bench.put("key", "three", WriteCondition::Matches(first)).await;
    refused_as(ErrorKind::PreconditionFailed, stale, "replacing what is no longer there")?;
    bench.holds("key", "two", "after a refused write").await?;
    bench.put("key", "three", WriteCondition::Matches(second)).await?;
    bench.holds("key", "three", "after a write that matched").await
}

async fn put_if_matches_absent(bench: Bench) -> Result<(), Broken> {
    let outcome = bench.put("key", "one", WriteCondition::Matches(other_tag())).await;
    refused_as(ErrorKind::NotFound, outcome, "replacing an absent key")?;
    bench.is_absent("key", "after a refused write").await
}

/// How many succeeded; whoever lost must have been told so.
fn winners<T>(outcomes: Vec<Result<T, suitecast_store::StoreError>>) -> Result<usize, Broken> {
    let mut winners = 0;
    for outcome in outcomes {
        match outcome {
            Ok(_) => winners += 1,
            Err(error) if matches!(error.kind, ErrorKind::PreconditionFailed | ErrorKind::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(winners)
}

async fn race_to_create(bench: Bench) -> Result<(), Broken> {
    let contents: Vec<String> = (0..WRITERS).map(|writer| format!("writer {writer}")).collect();
    let writes = contents.iter().map(|content| bench.put("key", content, WriteCondition::Absent));
    let winners = winners(join_all(writes).await)?;
    ensure(winners == 1, format!("{winners} of {WRITERS} writers were told that they created it"))
}

async fn race_to_replace(bench: Bench) -> Result<(), Broken> {
    let first = bench.write("key", "one").await?;
    let contents: Vec<String> = (0..WRITERS).map(|writer| format!("writer {writer}")).collect();
    let writes = contents.iter().map(|content| bench.put("key", content, WriteCondition::Matches(first.clone())));
    let winners = winners(join_all(writes).await)?;
    ensure(winners == 1, format!("{winners} of {WRITERS} writers were told that they replaced it"))
}

async fn race_to_copy(bench: Bench) -> Result<(), Broken> {
    let names: Vec<String> = (0..WRITERS).map(|source| format!("source {source}")).collect();
    for name in &names {
        bench.upload(name, name).await?;
    }
    let copies = names.iter().map(|name| bench.copy(name, SourceCondition::Always, "key", WriteCondition::Absent));
    let winners = winners(join_all(copies).await)?;
    ensure(winners == 1, format!("{winners} of {WRITERS} copies were answered as the one that created it"))
}
