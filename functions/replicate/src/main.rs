//! The replicate function: copies what was uploaded into the Region's bucket and wakes the suites that it concerns.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use suitecast_lambda::clients::Clients;
use suitecast_lambda::config::{Config, Function};
use suitecast_lambda::logs;
use suitecast_lambda::runs::Runs;
use suitecast_replicate::Handler;

#[tokio::main]
#[allow(clippy::disallowed_methods, reason = "the one place where the environment is read")]
async fn main() -> Result<(), Error> {
    logs::start();
    let config = Config::read(Function::Replicate, |name| std::env::var(name).ok())
        .inspect_err(|error| logs::cannot_start(error))?;
    let clients = Clients::connect(&config).await;
    let handler = &Handler::new(Runs::new(config, clients));
    run(service_fn(
        |event: LambdaEvent<Value>| async move { handler.handle(&event.payload, event.context.deadline).await },
    ))
    .await
}
