//! Runs of the engine as a function makes them: in the time that Lambda leaves, and with every failure told once.

use std::sync::Arc;

use jiff::Timestamp;
use suitecast_engine::{EngineError, Ports, Settings};

use crate::clients::Clients;
use crate::config::Config;
use crate::deadline::Deadline;
use crate::failure::{self, InvocationError};
use crate::keyring::Keyrings;
use crate::metrics::{Measures, Metrics};
use crate::queue::MessageReturns;

/// What both functions' handlers work with.
pub struct Runs {
    /// The engine's ports.
    pub ports: Ports,
    /// The queue that gives the function its messages.
    pub returns: Arc<dyn MessageReturns>,
    keyrings: Keyrings,
    settings: Settings,
    metrics: Metrics,
}

impl Runs {
    /// Of a function with this configuration, over its clients.
    pub fn new(config: Config, clients: Clients) -> Self {
        let metrics = Metrics::on_standard_output(&config.metrics_namespace, &config.region);
        Self { keyrings: clients.keyrings, ..Self::over(clients.ports, clients.returns, config.settings, metrics) }
    }

    /// Over ports of the caller's; the keyring is that of the settings.
    pub fn over(ports: Ports, returns: Arc<dyn MessageReturns>, settings: Settings, metrics: Metrics) -> Self {
        Self { ports, returns, keyrings: Keyrings::fixed(settings.keyring.clone()), settings, metrics }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// Milliseconds since a moment.
    pub fn milliseconds_since(&self, started: Timestamp) -> u64 {
        u64::try_from(self.now().duration_since(started).as_millis()).unwrap_or(0)
    }

    /// When this invocation ends; `deadline` is Lambda's, in milliseconds since the epoch.
    pub fn deadline(&self, deadline: u64) -> Deadline {
        Deadline::from_milliseconds(deadline, self.now())
    }

    /// What the operator set, for the next of `runs_left` runs, in the time that Lambda leaves.
    pub fn settings(&self, deadline: &Deadline, runs_left: usize) -> Settings {
        let slice = deadline.slice(self.now(), self.settings.slice, runs_left);
        Settings { slice, ..self.settings.clone() }
    }

    /// The same for a run that verifies releases: with the keyring in force.
    ///
    /// # Errors
    /// A keyring is set and cannot be had; the log and the metrics have been told already.
    pub async fn verifying_settings(
        &self,
        doing: &str,
        deadline: &Deadline,
        runs_left: usize,
    ) -> Result<Settings, InvocationError> {
        let keyring = self
            .keyrings
            .in_force(self.now())
            .await
            .map_err(|source| self.failed(InvocationError::Keyring { doing: doing.to_owned(), source }))?;
        Ok(Settings { keyring, ..self.settings(deadline, runs_left) })
    }

    /// Waits for a run, as long as Lambda allows.
    ///
    /// # Errors
    /// The run's own, or that it had to be abandoned; the log and the metrics have been told already.
    pub async fn attempt<T>(
        &self,
        doing: &str,
        deadline: &Deadline,
        run: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, InvocationError> {
        let error = match deadline.hold(self.now(), run).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(source)) => InvocationError::Engine { doing: doing.to_owned(), source: Box::new(source) },
            Err(source) => InvocationError::Deadline { doing: doing.to_owned(), source },
        };
        Err(self.failed(error))
    }

    /// Tells the log and the metrics of a failure.
    fn failed(&self, error: InvocationError) -> InvocationError {
        failure::told(error, &self.metrics, self.now())
    }

    /// Writes metrics.
    pub fn measure(&self, measures: &Measures) {
        self.metrics.write(self.now(), measures);
    }
}
