//! `{"prefix": …}`: everything that the master holds under a prefix, as if it had just been uploaded.

use std::time::Duration;

use jiff::Timestamp;
use suitecast_engine::replicate::{self, Upload};
use suitecast_engine::{EngineError, Settings};
use suitecast_lambda::deadline::Deadline;
use suitecast_lambda::failure::InvocationError;
use suitecast_store::{ListPage, ListRequest};

use crate::Handler;
use crate::summary::Summary;

/// How far a prefix call has come.
struct Position {
    /// The key behind which the page at hand begins; empty at the beginning.
    page_begins_behind: String,
    /// The page's own token, from the second page on.
    continuation: Option<String>,
}

impl Handler {
    /// Replicates a prefix page by page until it ends or the slice does; then the answer says where to go on.
    ///
    /// A page in which something failed that another try may mend ends the call as well: `next` names that page again,
    /// and what it has copied already costs one request an object.
    pub(crate) async fn prefix(
        &self,
        prefix: &str,
        next: Option<String>,
        deadline: &Deadline,
    ) -> Result<Summary, InvocationError> {
        let started = self.runs.now();
        let settings = self.runs.settings(deadline, 1);
        let mut summary = Summary::default();
        let mut position = Position { page_begins_behind: next.unwrap_or_default(), continuation: None };
        loop {
            let page = self.runs.attempt("listing the prefix", deadline, self.page(prefix, &position)).await?;
            let ends_with = page.objects.last().map(|object| object.key.clone());
            let page_settings = Settings { slice: self.left_of(&settings, started), ..settings.clone() };
            let uploads: Vec<Upload> = page
                .objects
                .into_iter()
                .map(|object| Upload { key: object.key, version: None, size: Some(object.size) })
                .collect();
            let run = Box::pin(async { Ok(replicate::run(&self.runs.ports, &page_settings, &uploads).await) });
            let report = self.runs.attempt("replicating a page of the prefix", deadline, run).await?;
            summary.add(&uploads, &report);
            if summary.is_worth_another_try() {
                summary.next = Some(position.page_begins_behind);
                break;
            }
            if page.next.is_none() {
                break;
            }
            position = Position {
                page_begins_behind: ends_with.unwrap_or(position.page_begins_behind),
                continuation: page.next,
            };
            if self.left_of(&settings, started).is_zero() {
                summary.next = Some(position.page_begins_behind);
                break;
            }
        }
        self.close(&mut summary, started, None);
        Ok(summary)
    }

    async fn page(&self, prefix: &str, position: &Position) -> Result<ListPage, EngineError> {
        let behind = Some(position.page_begins_behind.clone()).filter(|key| !key.is_empty());
        let request = ListRequest {
            prefix: prefix.to_owned(),
            folded: false,
            start_after: if position.continuation.is_none() { behind } else { None },
            continuation: position.continuation.clone(),
        };
        let failed = |source| EngineError::Store { doing: format!("prefix {prefix:?} of the master"), source };
        self.runs.ports.master.list(request).await.map_err(failed)
    }

    fn left_of(&self, settings: &Settings, started: Timestamp) -> Duration {
        let spent = Duration::try_from(self.runs.now().duration_since(started)).unwrap_or_default();
        settings.slice.saturating_sub(spent)
    }
}
