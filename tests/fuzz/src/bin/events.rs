//! Events as both functions take them: a message fails by itself, and what is accepted is within S3's limits.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use suitecast_fuzz::{Steering, assert_presentable, assert_stays_inside};
use suitecast_lambda::envelope::{EnvelopeError, MAX_KEY_BYTES, PublishInput, ReplicateInput, UploadEvent};

const MASTER: &str = "archive-master";

fuzz_target!(|input: &[u8]| {
    let Some((steering, text)) = Steering::split(input, 1) else { return };
    let text = String::from_utf8_lossy(text);
    // The whole event; the body of a message; what SNS wrapped into the body of a message.
    let event = match steering.choice(0, 3) {
        0 => match serde_json::from_str(&text) {
            Ok(event) => event,
            Err(_) => return,
        },
        1 => queued(&text),
        _ => queued(&json!({"Type": "Notification", "Message": text}).to_string()),
    };
    replicate(&event);
    publish(&event);
});

/// A batch with the body between two that are beyond doubt: they come through whatever the body is.
fn queued(body: &str) -> Value {
    let message = |id: &str, body: &str| {
        json!({
            "messageId": id, "receiptHandle": "handle", "body": body, "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": "2"},
        })
    };
    let good = r#"{"Event":"s3:TestEvent"}"#;
    json!({"Records": [message("first", good), message("second", body), message("third", good)]})
}

fn replicate(event: &Value) {
    match ReplicateInput::decode(event, MASTER) {
        Ok(ReplicateInput::Messages(messages)) => {
            assert_eq!(Some(messages.len()), event["Records"].as_array().map(Vec::len), "a message is lost");
            for message in messages {
                assert!(message.delivery.receive_count >= 1);
                match message.content {
                    Ok(uploads) => check_uploads(&uploads),
                    Err(error) => assert_quotes_nothing(&error),
                }
            }
        }
        Ok(ReplicateInput::Uploads(uploads)) => check_uploads(&uploads),
        Ok(ReplicateInput::Prefix { prefix, next }) => {
            assert!(prefix.len() <= MAX_KEY_BYTES && next.is_none_or(|next| next.len() <= MAX_KEY_BYTES));
        }
        Ok(ReplicateInput::Key(key)) => assert!(!key.is_empty() && key.len() <= MAX_KEY_BYTES),
        Err(error) => assert_quotes_nothing(&error),
    }
}

fn publish(event: &Value) {
    match PublishInput::decode(event) {
        Ok(PublishInput::Messages(messages)) => {
            assert_eq!(Some(messages.len()), event["Records"].as_array().map(Vec::len), "a message is lost");
            for message in messages {
                match message.content {
                    Ok(wake) => assert_suite(wake.suite.as_str()),
                    Err(error) => assert_quotes_nothing(&error),
                }
            }
        }
        Ok(PublishInput::Suite { suite, .. }) => assert_suite(suite.as_str()),
        Ok(PublishInput::EverySuite { .. } | PublishInput::Sweep) => {}
        Err(error) => assert_quotes_nothing(&error),
    }
}

fn check_uploads(uploads: &[UploadEvent]) {
    for upload in uploads {
        assert!(!upload.key.is_empty() && upload.key.len() <= MAX_KEY_BYTES, "{upload:?}");
        assert!(upload.version.as_ref().is_none_or(|version| !version.0.is_empty()));
    }
}

fn assert_suite(suite: &str) {
    if suite != "." {
        assert_stays_inside(suite);
    }
}

fn assert_quotes_nothing(error: &EnvelopeError) {
    assert_presentable(error);
}
