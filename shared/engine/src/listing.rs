//! Listings, page by page, bounded.

use suitecast_store::{ListRequest, Listed, Store, StoreError};

use crate::limits::MAX_PAGES;

/// What a whole listing gave.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) objects: Vec<Listed>,
    pub(crate) prefixes: Vec<String>,
    /// Whether the listing came to its end within its pages.
    pub(crate) complete: bool,
}

/// Lists a prefix, folded at the next `/` or not, in at most `pages` pages.
pub(crate) async fn list(store: &dyn Store, prefix: &str, folded: bool, pages: usize) -> Result<Listing, StoreError> {
    let mut listing = Listing::default();
    let mut continuation = None;
    for _ in 0..pages.min(MAX_PAGES) {
        let request = ListRequest { prefix: prefix.to_owned(), folded, continuation, start_after: None };
        let page = store.list(request).await?;
        listing.objects.extend(page.objects);
        listing.prefixes.extend(page.prefixes);
        continuation = page.next;
        if continuation.is_none() {
            listing.complete = true;
            break;
        }
    }
    Ok(listing)
}

/// Lists a prefix to its end.
pub(crate) async fn list_all(store: &dyn Store, prefix: &str, folded: bool) -> Result<Listing, StoreError> {
    list(store, prefix, folded, MAX_PAGES).await
}
