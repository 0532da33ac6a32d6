//! The calls to a Region's functions, and what their answers mean: plain functions.

use serde_json::{Map, Value, json};

use super::ReplayArguments;
use crate::exit::Exit;
use crate::regions::Deployed;

/// Which of the two functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    /// Swaps suites.
    Publish,
    /// Copies uploads.
    Replicate,
}

impl Function {
    /// What a stack called it.
    pub(crate) fn name(self, deployed: &Deployed) -> &str {
        match self {
            Self::Publish => &deployed.publish,
            Self::Replicate => &deployed.replicate,
        }
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// To this function.
    pub function: Function,
    /// With this.
    pub payload: Value,
}

/// The call that the arguments ask for.
pub(crate) fn call_of(arguments: &ReplayArguments) -> Call {
    let ReplayArguments { suite, prefix, key, dry_run, force, full, .. } = arguments;
    let replicate = |payload| Call { function: Function::Replicate, payload };
    match (suite, prefix, key) {
        (None, Some(prefix), _) => replicate(json!({ "prefix": prefix })),
        (None, None, Some(key)) => replicate(json!({ "key": key })),
        (suite, _, _) => {
            let suite = suite.as_deref().unwrap_or_default();
            let suite = if suite == "*" { suite } else { suite.trim_end_matches('/') };
            let payload = json!({ "suite": suite, "dry_run": dry_run, "force": force, "full": full });
            Call { function: Function::Publish, payload }
        }
    }
}

/// The call that goes on where an answer stopped: a prefix is replayed as far as a run has time, and the answer says where it
/// goes on. `None` where it came to its end, or did not move.
pub(crate) fn next(call: &Call, answer: &Value) -> Option<Call> {
    let next = answer.get("next").filter(|next| call.payload.get("next") != Some(next))?;
    let mut payload = call.payload.clone();
    payload.as_object_mut()?.insert("next".to_owned(), next.clone());
    Some(Call { payload, ..call.clone() })
}

/// What several answers to one prefix come to: counts are added up, lists appended.
pub(crate) fn add(sum: &mut Value, answer: &Value) {
    match (sum, answer) {
        (Value::Object(sum), Value::Object(answer)) => add_objects(sum, answer),
        (Value::Array(sum), Value::Array(answer)) => {
            for value in answer {
                if !sum.contains(value) {
                    sum.push(value.clone());
                }
            }
        }
        (sum, answer) => match (sum.as_u64(), answer.as_u64()) {
            (Some(one), Some(two)) => *sum = json!(one + two),
            _ => *sum = answer.clone(),
        },
    }
}

fn add_objects(sum: &mut Map<String, Value>, answer: &Map<String, Value>) {
    sum.remove("next");
    for (name, value) in answer {
        match sum.get_mut(name) {
            Some(before) => add(before, value),
            None => drop(sum.insert(name.clone(), value.clone())),
        }
    }
}

/// How the program ends after a function's error, by the name that the functions give it.
pub(crate) fn exit_of_error(kind: &str) -> Exit {
    match kind {
        "InputError" | "PermanentError" => Exit::Refused,
        // `RetryableError`, and what Lambda itself says: a timeout, a function that ended.
        _ => Exit::Temporary,
    }
}

/// How the program ends after an answer.
pub(crate) fn exit_of_answer(answer: &Value) -> Exit {
    // Neither the master nor the Region has such a suite: whoever asked meant another.
    if answer.get("outcome").and_then(Value::as_str) == Some("absent") {
        return Exit::Wrong;
    }
    if answer.get("failed_count").and_then(Value::as_u64).unwrap_or(0) == 0 {
        return Exit::Done;
    }
    let failed = answer.get("failed").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let may_pass = |failed: &Value| failed.get("retryable").and_then(Value::as_bool) == Some(true);
    if failed.iter().all(may_pass) { Exit::Temporary } else { Exit::Wrong }
}

/// An answer in words, line by line.
pub(crate) fn lines(region: &str, answer: &Value) -> Vec<String> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
    if let Some(suites) = answer.get("suites").and_then(Value::as_array) {
        let names: Vec<&str> = suites.iter().filter_map(Value::as_str).collect();
        return vec![format!("{region}: {} {} suite(s): {}", text("outcome"), number("suites_count"), names.join(" "))];
    }
    if answer.get("outcome").is_none() {
        return lines_of_uploads(region, answer);
    }
    let mut head = format!("{region}: {}", text("outcome"));
    if answer.get("dry_run").and_then(Value::as_bool) == Some(true) {
        head.push_str(" (a dry run: nothing was written)");
    }
    if !text("reason").is_empty() {
        head = format!("{head}: {}", text("reason"));
    }
    if text("outcome") == "absent" {
        let suite = text("suite");
        return vec![format!(
            "{head}: there is no suite {suite} here or in the master; name it by its path, as dists/bookworm"
        )];
    }
    let what_now = match text("outcome") {
        "continued" => "  the rest goes on without this call: `suitecast status --watch` waits until all is live",
        "busy" => {
            "  another run is at work, and does this as well before it ends: `suitecast status --watch` waits for it"
        }
        _ => "",
    };
    let date = |name: &str| if text(name).is_empty() { "no release".to_owned() } else { text(name).to_owned() };
    let mut lines = vec![head, format!("  serves {}; the master holds {}", date("live_date"), date("master_date"))];
    for missing in answer.get("missing").and_then(Value::as_array).into_iter().flatten() {
        let of = |name: &str| missing.get(name).and_then(Value::as_str).unwrap_or_default();
        lines.push(format!("  {}: {} (named by {})", of("key"), of("reason"), of("named_by")));
    }
    let would = answer.get("would_copy").and_then(Value::as_u64);
    lines.extend(would.map(|count| format!("  {count} object(s) would be copied")));
    let copied = number("objects_copied");
    lines.push(format!("  {copied} object(s) copied, signature {}, {} ms", text("signature"), number("duration_ms")));
    lines.extend((!what_now.is_empty()).then(|| what_now.to_owned()));
    lines
}

fn lines_of_uploads(region: &str, answer: &Value) -> Vec<String> {
    let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
    let outcomes = answer.get("outcomes").and_then(Value::as_object).into_iter().flatten();
    let outcomes: Vec<String> = outcomes.map(|(name, count)| format!("{name} {count}")).collect();
    let mut lines = vec![format!("{region}: {} upload(s): {}", number("uploads"), outcomes.join(", "))];
    let woken = answer.get("woken").and_then(Value::as_array).into_iter().flatten();
    lines.extend(woken.filter_map(Value::as_str).map(|suite| format!("  woken: {suite}")));
    for failed in answer.get("failed").and_then(Value::as_array).into_iter().flatten() {
        let of = |name: &str| failed.get(name).and_then(Value::as_str).unwrap_or_default();
        lines.push(format!("  failed: {}: {}", of("key"), of("error")));
    }
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::{Args as _, FromArgMatches};

    fn arguments(words: &[&str]) -> Result<ReplayArguments, clap::Error> {
        let command = ReplayArguments::augment_args(clap::Command::new("replay"));
        let matches = command.try_get_matches_from(std::iter::once(&"replay").chain(words))?;
        ReplayArguments::from_arg_matches(&matches)
    }

    fn asked(words: &[&str]) -> Call {
        call_of(&arguments(words).unwrap())
    }

    #[test]
    fn each_way_of_asking_is_one_call() {
        let publish = |payload| Call { function: Function::Publish, payload };
        assert_eq!(
            asked(&["dists/stable/", "--dry-run"]),
            publish(json!({ "suite": "dists/stable", "dry_run": true, "force": false, "full": false }))
        );
        assert_eq!(
            asked(&["*", "--full"]),
            publish(json!({ "suite": "*", "dry_run": false, "force": false, "full": true }))
        );
        let replicate = |payload| Call { function: Function::Replicate, payload };
        assert_eq!(asked(&["--prefix", "pool/"]), replicate(json!({ "prefix": "pool/" })));
        assert_eq!(asked(&["--key", "pool/a.deb"]), replicate(json!({ "key": "pool/a.deb" })));
        for words in [&["dists/s", "--prefix", "p"][..], &[], &["--prefix", "p", "--force"]] {
            assert!(arguments(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn an_answer_that_is_not_the_end_says_how_to_wait_for_it() {
        let told = |outcome: &str| lines("eu-west-1", &json!({ "outcome": outcome })).join("\n");
        for outcome in ["continued", "busy"] {
            assert!(told(outcome).contains("status --watch"), "{}", told(outcome));
        }
        assert!(!told("swapped").contains("status"));
    }

    #[test]
    fn a_prefix_goes_on_until_its_end_and_is_added_up() {
        let first = asked(&["--prefix", "pool/"]);
        let answer = json!({ "uploads": 2, "outcomes": { "copied": 2 }, "woken": ["dists/a"], "next": "pool/b" });
        let second = next(&first, &answer).unwrap();
        assert_eq!(second.payload, json!({ "prefix": "pool/", "next": "pool/b" }));
        assert_eq!(next(&second, &answer), None, "it did not move: asking again would never end");
        let last = json!({ "uploads": 3, "outcomes": { "copied": 1, "present": 2 }, "woken": ["dists/a", "dists/b"] });
        assert_eq!(next(&second, &last), None);
        let mut sum = answer;
        add(&mut sum, &last);
        let expected =
            json!({ "uploads": 5, "outcomes": { "copied": 3, "present": 2 }, "woken": ["dists/a", "dists/b"] });
        assert_eq!(sum, expected);
        assert_eq!(lines("eu", &sum)[0], "eu: 5 upload(s): copied 3, present 2");
    }

    #[test]
    fn answers_are_no_failures_and_errors_are() {
        assert_eq!(exit_of_answer(&json!({ "outcome": "refused" })), Exit::Done);
        let failed = |retryable: bool| json!({ "failed_count": 1, "failed": [{ "key": "a", "retryable": retryable }] });
        assert_eq!((exit_of_answer(&failed(true)), exit_of_answer(&failed(false))), (Exit::Temporary, Exit::Wrong));
        assert_eq!((exit_of_error("RetryableError"), exit_of_error("InputError")), (Exit::Temporary, Exit::Refused));
    }

    #[test]
    fn a_suite_that_nobody_has_is_a_mistake() {
        let answer = json!({ "suite": "bookworm", "outcome": "absent", "objects_copied": 0 });
        assert_eq!(exit_of_answer(&answer), Exit::Wrong);
        let told = lines("eu", &answer).join("\n");
        assert!(told.starts_with("eu: absent: there is no suite bookworm") && told.contains("dists/"), "{told}");
    }

    #[test]
    fn an_answer_is_told_in_words() {
        let answer = json!({
            "outcome": "waiting", "reason": "1 object(s)", "live_date": "2026-01-01T00:00:00Z", "dry_run": true,
            "missing": [{ "key": "pool/a.deb", "reason": "absent", "named_by": "main/binary-amd64/Packages" }],
            "objects_copied": 0, "signature": "not_checked", "duration_ms": 12,
        });
        let expected = "\
eu-west-1: waiting (a dry run: nothing was written): 1 object(s)
  serves 2026-01-01T00:00:00Z; the master holds no release
  pool/a.deb: absent (named by main/binary-amd64/Packages)
  0 object(s) copied, signature not_checked, 12 ms";
        assert_eq!(lines("eu-west-1", &answer).join("\n"), expected);
        let all = json!({ "outcome": "woken", "suites_count": 2, "suites": ["dists/a", "dists/b"] });
        assert_eq!(lines("eu", &all), ["eu: woken 2 suite(s): dists/a dists/b"]);
    }
}
