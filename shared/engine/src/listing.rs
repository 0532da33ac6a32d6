//! Listings, page by page, bounded.

use suitecast_store::{ListPage, ListRequest, Listed, Store, StoreError};

use crate::limits::MAX_PAGES;

/// What a whole listing gave.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) objects: Vec<Listed>,
    pub(crate) prefixes: Vec<String>,
}

/// Takes a listing in, page by page, in at most `pages` pages. Whether it came to its end.
async fn pages(
    store: &dyn Store,
    prefix: &str,
    folded: bool,
    pages: usize,
    mut take: impl FnMut(ListPage),
) -> Result<bool, StoreError> {
    let mut continuation = None;
    for _ in 0..pages.min(MAX_PAGES) {
        let request = ListRequest { prefix: prefix.to_owned(), folded, continuation, start_after: None };
        let mut page = store.list(request).await?;
        continuation = page.next.take();
        take(page);
        if continuation.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Hands out the objects below a prefix, of at most `most` pages and with one of them in memory. Whether these were all.
pub(crate) async fn visit(
    store: &dyn Store,
    prefix: &str,
    most: usize,
    sink: impl FnMut(Listed),
) -> Result<bool, StoreError> {
    let mut sink = sink;
    pages(store, prefix, false, most, |page| page.objects.into_iter().for_each(&mut sink)).await
}

/// Lists a prefix to its end, folded at the next `/` or not.
pub(crate) async fn list_all(store: &dyn Store, prefix: &str, folded: bool) -> Result<Listing, StoreError> {
    let mut listing = Listing::default();
    pages(store, prefix, folded, MAX_PAGES, |page| {
        listing.objects.extend(page.objects);
        listing.prefixes.extend(page.prefixes);
    })
    .await?;
    Ok(listing)
}
