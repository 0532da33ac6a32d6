//! What was done of a plan, and why it is not all of it.

use suitecast_store::StoreError;
use tokio::task::JoinError;

use super::files::FileError;
use super::plan::Phase;
use super::send::{PhaseOutcome, Sent};
use crate::exit::{Exit, Failure, exit_of};

/// What was done of a plan.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) sent: Vec<Sent>,
    pub(super) deleted: Vec<String>,
    pub(super) deletions_wanted: u64,
    pub(super) faults: Vec<FileError>,
    pub(super) failures: Vec<StoreError>,
    pub(super) died: Option<JoinError>,
    pub(super) is_stopped: bool,
    pub(super) ended_in: Option<Phase>,
    pub(super) seconds: f64,
}

impl Done {
    pub(super) fn take(&mut self, outcome: PhaseOutcome) {
        self.sent.extend(outcome.sent);
        self.faults.extend(outcome.faults);
        self.failures.extend(outcome.failures);
        self.died = outcome.died.or(self.died.take());
        self.is_stopped |= outcome.is_stopped;
    }

    /// Why it is not all done, the gravest first.
    pub(super) fn failure(&self, max_delete: Option<u64>) -> Option<Failure> {
        let rest = match self.ended_in {
            Some(phase) if phase < Phase::Release => "; no release file was sent",
            Some(_) => "; not every release file was sent",
            None => "",
        };
        if self.is_stopped {
            return Some(Failure::new(Exit::Interrupted, format!("interrupted{rest}; push again to go on")));
        }
        if let Some(error) = self.failures.first() {
            let exit = exit_of(error.kind);
            let again = match exit {
                Exit::Temporary => {
                    "; push again to go on, with fewer requests at once by --concurrency if it comes often"
                }
                _ => "",
            };
            return Some(Failure::new(exit, format!("{error}{rest}{again}")));
        }
        if let Some(error) = &self.died {
            return Some(Failure::temporary(format!("a task died: {error}{rest}")));
        }
        if !self.faults.is_empty() {
            return Some(Failure::wrong(format!("{} files of the tree could not be sent{rest}", self.faults.len())));
        }
        let is_over = max_delete.is_some_and(|most| self.deletions_wanted > most);
        is_over.then(|| too_many_deletions(self.deletions_wanted, max_delete))
    }
}

pub(super) fn too_many_deletions(wanted: u64, most: Option<u64>) -> Failure {
    let most = most.unwrap_or_default();
    Failure::refused(format!(
        "{wanted} objects would be deleted and --max-delete is {most}: none is; see what they are by --dry-run"
    ))
}
