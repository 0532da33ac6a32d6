//! Ending early and in order: Ctrl-C, SIGTERM, a reader that went away, a failure that the rest would meet as well.

use std::sync::Arc;

use tokio::sync::watch;

use crate::exit::Exit;

/// The wish to end, shared by everything that takes time.
#[derive(Debug, Clone)]
pub(crate) struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Nobody wishes it yet.
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// The same, with the process's signals heard from here on. A second signal ends the process at once.
    ///
    /// # Errors
    /// The system gives no way to hear them.
    pub(crate) fn on_signals() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let stop = Self::new();
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let heard = stop.clone();
        tokio::spawn(async move {
            for _ in 0..2 {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if heard.is_wished() {
                    std::process::exit(Exit::Interrupted.code().into());
                }
                heard.wish();
            }
        });
        Ok(stop)
    }

    /// Wishes it.
    pub(crate) fn wish(&self) {
        self.0.send_replace(true);
    }

    /// Whether it is wished.
    pub(crate) fn is_wished(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is wished.
    pub(crate) async fn wished(&self) {
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(|wished| *wished).await;
    }

    /// What comes of a future, or `None` where the wish comes first: the future is dropped then.
    pub(crate) async fn or<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wished() => None,
            value = future => Some(value),
        }
    }
}
