//! Listings: complete, in pages, folded.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use suitecast_store::ListRequest;

use super::{Bench, Broken, Promise, bench::ensure, objects::AWKWARD_NAMES};

/// More keys than fit a page.
const MANY_KEYS: usize = 1_203;
/// Writes on their way at a time.
const WRITES_AT_ONCE: usize = 16;

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        name: "a listing over several pages names every key once",
        why: "the sweep and the replay of a prefix rest on it",
        check: |bench| Box::pin(every_page(bench)),
    },
    Promise {
        name: "a listing names keys as they were written",
        why: "package versions hold plus signs, tildes and colons",
        check: |bench| Box::pin(awkward_keys(bench)),
    },
    Promise {
        name: "a folded listing names each directory once",
        why: "the sweep finds suites without listing the pool",
        check: |bench| Box::pin(folded(bench)),
    },
    Promise {
        name: "a listing behind a key goes on where that key stood",
        why: "a long replay goes on where its slice ended",
        check: |bench| Box::pin(start_after(bench)),
    },
    Promise {
        name: "a listing tells tag, size and time",
        why: "what changed is seen without looking at each key",
        check: |bench| Box::pin(details(bench)),
    },
    Promise {
        name: "an empty listing is empty, not an error",
        why: "a new Region has nothing yet",
        check: |bench| Box::pin(empty(bench)),
    },
];

fn all() -> ListRequest {
    ListRequest::default()
}

async fn every_page(bench: Bench) -> Result<(), Broken> {
    let names: Vec<String> = (0..MANY_KEYS).map(|number| format!("pool/{number:05}")).collect();
    stream::iter(names.clone())
        .map(|name| {
            let bench = bench.clone();
            async move { bench.write(&name, "x").await }
        })
        .buffer_unordered(WRITES_AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    let pages = bench.pages(all()).await?;
    ensure(pages.len() > 1, format!("{MANY_KEYS} keys came in {} page", pages.len()))?;
    let listed: Vec<String> =
        pages.iter().flat_map(|page| &page.objects).map(|object| bench.name(&object.key)).collect();
    let distinct: BTreeSet<&String> = listed.iter().collect();
    ensure(distinct.len() == listed.len(), "a key is listed twice")?;
    ensure(distinct == names.iter().collect(), format!("{} of {MANY_KEYS} keys are listed", listed.len()))
}

async fn awkward_keys(bench: Bench) -> Result<(), Broken> {
    for name in AWKWARD_NAMES {
        bench.write(name, name).await?;
    }
    let listed: BTreeSet<String> = bench.names(all()).await?.into_iter().collect();
    let written: BTreeSet<String> = AWKWARD_NAMES.iter().map(|name| (*name).to_owned()).collect();
    ensure(listed == written, format!("listed {listed:?}"))
}

async fn folded(bench: Bench) -> Result<(), Broken> {
    for name in ["dists/a/InRelease", "dists/a/main/x", "dists/a+b/InRelease", "dists/README", "pool/x"] {
        bench.write(name, name).await?;
    }
    let request = ListRequest { prefix: "dists/".to_owned(), folded: true, ..ListRequest::default() };
    let pages = bench.pages(request).await?;
    let prefixes: Vec<String> = pages.iter().flat_map(|page| &page.prefixes).map(|prefix| bench.name(prefix)).collect();
    let distinct: BTreeSet<&str> = prefixes.iter().map(String::as_str).collect();
    ensure(distinct.len() == prefixes.len(), "a directory is listed twice")?;
    ensure(distinct == BTreeSet::from(["dists/a/", "dists/a+b/"]), format!("directories {distinct:?}"))?;
    let keys: Vec<String> = pages.iter().flat_map(|page| &page.objects).map(|object| bench.name(&object.key)).collect();
    ensure(keys == ["dists/README"], format!("keys {keys:?}"))
}

async fn start_after(bench: Bench) -> Result<(), Broken> {
    for name in ["gcc/x", "gcc-12/x", "gcc-12/y", "gcc", "gdb/x", "a/b/c", "a/b-c"] {
        bench.write(name, name).await?;
    }
    let listed = bench.names(all()).await?;
    for (index, name) in listed.iter().enumerate() {
        let request = ListRequest { start_after: Some(bench.key(name)), ..all() };
        let rest = bench.names(request).await?;
        ensure(rest == listed[index + 1..], format!("behind {name} come {rest:?}, of {listed:?}"))?;
    }
    Ok(())
}

async fn details(bench: Bench) -> Result<(), Broken> {
    let etag = bench.write("key", "content").await?;
    let pages = bench.pages(all()).await?;
    let object = pages.iter().flat_map(|page| &page.objects).next();
    let object = object.ok_or_else(|| Broken("a key just written is not listed".to_owned()))?;
    ensure(object.etag == etag, format!("listed with {:?}, written as {etag:?}", object.etag))?;
    ensure(object.size == 7, format!("listed with {} bytes instead of 7", object.size))?;
    ensure(object.last_modified.is_some(), "listed without a time")
}

async fn empty(bench: Bench) -> Result<(), Broken> {
    let pages = bench.pages(ListRequest { prefix: "nothing/".to_owned(), folded: true, ..all() }).await?;
    ensure(pages.iter().all(|page| page.objects.is_empty() && page.prefixes.is_empty()), "something is listed")
}
