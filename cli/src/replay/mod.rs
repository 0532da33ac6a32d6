//! `suitecast replay`: the functions' manual calls, for people who do not want to write JSON.
//!
//! [`call`] says what is asked and what an answer means; this file asks.

mod arguments;
mod call;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use futures::future::join_all;
use serde::Serialize;
use serde_json::{Value, json};
use suitecast_store::ListRequest;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::regions::{self, Region};
use crate::{aws, clients};

pub(crate) use arguments::ReplayArguments;
use call::{Call, add, call_of, exit_of_answer, exit_of_error, lines, next};

/// How long an answer is waited for: a run lasts at most its function's timeout, 180 s, and whoever gives up before it would
/// ask twice.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(200);
/// Time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Calls that one prefix may take in one Region: each does a slice of 120 s, so that is most of a day.
const MAX_CALLS: usize = 500;

/// What a Region answered, or why it did not.
#[derive(Serialize)]
struct Answered {
    region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

#[derive(Serialize)]
struct Answers {
    answers: Vec<Answered>,
}

/// Runs the command.
pub(crate) async fn run(arguments: ReplayArguments, output: &Output) -> Result<Exit, Failure> {
    let shared = clients::shared_config().await?;
    let regions = regions::find(&shared, &arguments.regions).await?;
    let call = call_of(&arguments);
    let asked = regions.iter().map(async |region| {
        let outcome = match (&arguments.prefix, &arguments.key, arguments.dry_run) {
            (Some(prefix), _, true) => would_replay(&shared, region, prefix, false).await,
            (None, Some(key), true) => would_replay(&shared, region, key, true).await,
            _ => ask(&shared, region, call.clone(), output).await,
        };
        Answered::of(region, outcome)
    });
    let answers = join_all(asked).await;
    for error in answers.iter().filter_map(|answered| answered.error.as_ref()) {
        output.remark(format_args!("suitecast: {error}"));
    }
    let worst = |one: Exit, two: &Answered| if two.exit.code() > one.code() { two.exit } else { one };
    let exit = answers.iter().fold(Exit::Done, worst);
    let told = tell(answers, output);
    output.ending(Ok(exit), told)
}

fn tell(answers: Vec<Answered>, output: &Output) -> Result<(), Failure> {
    for Answered { region, answer, .. } in &answers {
        for line in answer.iter().flat_map(|answer| lines(region, answer)) {
            output.line(line)?;
        }
    }
    output.json(&Answers { answers })
}

impl Answered {
    fn of(region: &Region, outcome: Result<Value, Failure>) -> Self {
        let region = region.name.clone();
        match outcome {
            Ok(answer) => Self { region, exit: exit_of_answer(&answer), answer: Some(answer), error: None },
            Err(Failure { exit, message }) => Self { region, answer: None, error: Some(message), exit },
        }
    }
}

/// Calls a function until it has come to its end.
async fn ask(shared: &SdkConfig, region: &Region, call: Call, output: &Output) -> Result<Value, Failure> {
    let mut call = call;
    let mut sum = invoke(shared, region, &call).await?;
    let mut answer = sum.clone();
    for _ in 1..MAX_CALLS {
        let Some(more) = next(&call, &answer) else { break };
        output.remark(format_args!("{}: going on behind {}", region.name, more.payload["next"]));
        call = more;
        answer = invoke(shared, region, &call).await?;
        add(&mut sum, &answer);
    }
    Ok(sum)
}

async fn invoke(shared: &SdkConfig, region: &Region, call: &Call) -> Result<Value, Failure> {
    let Region { name, deployed, .. } = region;
    let deployed = deployed.as_ref().ok_or_else(|| {
        Failure::usage(format!(
            "--region {name}=BUCKET: functions are called by their stack; name it with --region {name} --stack STACK"
        ))
    })?;
    let function = call.function.name(deployed);
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(ANSWER_TIMEOUT).build();
    let config = aws_sdk_lambda::config::Builder::from(shared)
        .region(aws_config::Region::new(name.clone()))
        .timeout_config(timeouts)
        // Asking twice would run it twice.
        .retry_config(RetryConfig::disabled())
        // Nothing comes for minutes while the function works.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    let doing = format!("{name}: calling {function}");
    let payload = Blob::new(call.payload.to_string());
    let sent = aws_sdk_lambda::Client::from_conf(config).invoke().function_name(function).payload(payload).send().await;
    let answer = sent.map_err(|error| aws::failure(&doing, &error))?;
    let body = answer.payload().map(Blob::as_ref).unwrap_or_default();
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Failure::temporary(format!("{doing}: the answer is no JSON: {error}")))?;
    if answer.function_error().is_some() {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or("no reason").to_owned();
        let kind = text("errorType");
        return Err(Failure::new(exit_of_error(&kind), format!("{doing}: {kind}: {}", text("errorMessage"))));
    }
    Ok(body)
}

/// What lies in the master under a prefix, or under exactly a key: what a replay would look at.
async fn would_replay(shared: &SdkConfig, region: &Region, prefix: &str, is_key: bool) -> Result<Value, Failure> {
    let master = region.master(shared).await?;
    let (mut uploads, mut bytes, mut continuation) = (0_u64, 0_u64, None);
    loop {
        let request = ListRequest { prefix: prefix.to_owned(), continuation, ..ListRequest::default() };
        let page = master.list(request).await?;
        for listed in page.objects.iter().filter(|listed| !is_key || listed.key == prefix) {
            uploads += 1;
            bytes += listed.size;
        }
        continuation = page.next;
        if continuation.is_none() || is_key {
            break;
        }
    }
    Ok(json!({ "dry_run": true, "uploads": uploads, "outcomes": { "would_look_at": uploads }, "bytes": bytes }))
}
