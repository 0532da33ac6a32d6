//! Logs, for the person on call: JSON where the function's log settings say so, one summary event a run.
//!
//! Bodies, keys of credentials and signatures never appear in them; object keys and digests do.

/// Starts the log as the function's own settings ask (`AWS_LAMBDA_LOG_FORMAT`, `AWS_LAMBDA_LOG_LEVEL`). Once, first.
pub fn start() {
    lambda_runtime::tracing::init_default_subscriber();
}

/// Tells why a function cannot start, before it gives up: the only log line an operator then has.
pub fn cannot_start(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error = %crate::failure::Chain(error), "the function cannot start");
}
