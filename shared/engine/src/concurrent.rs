//! Doing many small things side by side, bounded.

use std::future::Future;

use futures::stream::{self, StreamExt, TryStreamExt};

/// Runs `work` on each item, at most `limit` at once, and gives the results in the items' order. The first error ends it.
pub(crate) async fn try_map<Item, Output, Error, Work>(
    items: impl IntoIterator<Item = Item>,
    limit: usize,
    work: impl FnMut(Item) -> Work,
) -> Result<Vec<Output>, Error>
where
    Work: Future<Output = Result<Output, Error>>,
{
    stream::iter(items).map(work).buffered(limit.max(1)).try_collect().await
}
