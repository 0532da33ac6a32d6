#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;
use suitecast_archive::SuiteName;
use suitecast_engine::Wake;
use suitecast_store::VersionId;

use super::*;

const MASTER: &str = "master.example.com";

/// A record as S3 writes it, with all the fields that nobody here reads.
fn record(event_name: &str, key: &str) -> Value {
    json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-23T01:02:03.456Z",
        "eventName": event_name,
        "userIdentity": {"principalId": "AWS:AIDA"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "uploads",
            "bucket": {"name": MASTER, "ownerIdentity": {"principalId": "A3"}, "arn": "arn:aws:s3:::master"},
            "object": {"key": key, "size": 1024, "eTag": "d41d8cd9", "versionId": "096fKKXTRTtl3on89fVO", "sequencer": "0055AED6"}
        }
    })
}

fn created(key: &str) -> Value {
    json!({"Records": [record("ObjectCreated:Put", key)]})
}

fn sns(message: &Value) -> Value {
    json!({
        "Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:us-east-1:1:uploads",
        "Subject": "Amazon S3 Notification", "Message": message.to_string(), "Timestamp": "2026-11-23T01:02:04Z",
        "SignatureVersion": "1", "Signature": "x", "SigningCertURL": "x", "UnsubscribeURL": "x"
    })
}

fn test_event() -> Value {
    json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-23T01:02:03Z", "Bucket": MASTER,
           "RequestId": "1", "HostId": "2"})
}

fn queued(id: &str, body: &str) -> Value {
    json!({
        "messageId": id, "receiptHandle": format!("handle-{id}"), "body": body,
        "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1"}, "messageAttributes": {},
        "md5OfBody": "x", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:1:uploads",
        "awsRegion": "eu-west-1"
    })
}

fn batch(bodies: &[String]) -> Value {
    let records: Vec<Value> = bodies.iter().enumerate().map(|(n, body)| queued(&format!("m{n}"), body)).collect();
    json!({ "Records": records })
}

fn replicate(event: &Value) -> Result<ReplicateInput, EnvelopeError> {
    ReplicateInput::decode(event, MASTER)
}

fn uploads_in(bodies: &[String]) -> Vec<Message<Vec<UploadEvent>>> {
    match replicate(&batch(bodies)).unwrap() {
        ReplicateInput::Messages(messages) => messages,
        other => panic!("a queue's batch was taken for {other:?}"),
    }
}

fn wakes_in(bodies: &[String]) -> Vec<Message<Wake>> {
    match PublishInput::decode(&batch(bodies)).unwrap() {
        PublishInput::Messages(messages) => messages,
        other => panic!("a queue's batch was taken for {other:?}"),
    }
}

fn keys(uploads: &[UploadEvent]) -> Vec<&str> {
    uploads.iter().map(|upload| upload.key.as_str()).collect()
}

#[test]
fn an_upload_is_read_bare_and_from_sns() {
    let event = created("pool/main/g/gcc/g%2B%2B_12%3A1~2+x.deb");
    let messages = uploads_in(&[event.to_string(), sns(&event).to_string()]);
    let expected = UploadEvent {
        key: "pool/main/g/gcc/g++_12:1~2 x.deb".to_owned(),
        version: Some(VersionId("096fKKXTRTtl3on89fVO".to_owned())),
        size: Some(1024),
        uploaded_at: Some("2026-11-23T01:02:03.456Z".parse().unwrap()),
    };
    for message in messages {
        assert_eq!(message.content.as_deref(), Ok(std::slice::from_ref(&expected)));
    }
}

#[test]
fn a_delivery_keeps_what_the_queue_needs_to_take_the_message_back() {
    let messages = uploads_in(&[created("a").to_string()]);
    let expected = Delivery { id: "m0".to_owned(), receipt_handle: Some("handle-m0".to_owned()), receive_count: 3 };
    assert_eq!(messages[0].delivery, expected);
}

#[test]
fn the_test_event_of_a_new_subscription_is_a_success() {
    for message in uploads_in(&[test_event().to_string(), sns(&test_event()).to_string()]) {
        assert_eq!(message.content.unwrap(), []);
    }
    assert_eq!(replicate(&test_event()).unwrap(), ReplicateInput::Uploads(Vec::new()));
}

#[test]
fn only_creations_are_uploads() {
    let event = json!({"Records": [
        record("ObjectRemoved:DeleteMarkerCreated", "gone"),
        record("ObjectCreated:CompleteMultipartUpload", "big"),
        record("ObjectTagging:Put", "tagged"),
        record("s3:ObjectCreated:Copy", "copied"),
        record("LifecycleExpiration:Delete", "expired"),
    ]});
    let messages = uploads_in(&[event.to_string()]);
    assert_eq!(keys(messages[0].content.as_ref().unwrap()), ["big", "copied"]);
}

#[test]
fn a_record_needs_only_what_is_read() {
    let event = json!({"Records": [{"eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": MASTER}, "object": {"key": "a"}}}]});
    let ReplicateInput::Uploads(uploads) = replicate(&event).unwrap() else { panic!("not taken as an S3 event") };
    assert_eq!(uploads, [UploadEvent { key: "a".into(), version: None, size: None, uploaded_at: None }]);
}

#[test]
fn one_bad_body_fails_only_itself() {
    let other_bucket = created("x").to_string().replace(MASTER, "somebody-elses");
    let bodies = [
        created("a").to_string(),
        "{\"Records\":[".to_owned(),
        other_bucket,
        json!({"hello": "secret"}).to_string(),
        created("bad%zz").to_string(),
        json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": MASTER}}}]}).to_string(),
        String::new(),
        created("b").to_string(),
    ];
    let contents: Vec<_> = uploads_in(&bodies).into_iter().map(|message| message.content).collect();
    assert_eq!(keys(contents[0].as_ref().unwrap()), ["a"]);
    assert!(matches!(contents[1], Err(EnvelopeError::NotJson { .. })));
    assert_eq!(
        contents[2],
        Err(EnvelopeError::OtherBucket { found: "somebody-elses".into(), expected: MASTER.into() })
    );
    assert!(matches!(contents[3], Err(EnvelopeError::Unexpected { .. })));
    assert!(matches!(contents[4], Err(EnvelopeError::BadKey { .. })));
    assert!(matches!(contents[5], Err(EnvelopeError::BadField { .. })));
    assert!(matches!(contents[6], Err(EnvelopeError::NotJson { .. })));
    assert_eq!(keys(contents[7].as_ref().unwrap()), ["b"]);
}

#[test]
fn an_odd_message_attribute_fails_only_its_own_message() {
    let mut odd = queued("odd", &created("a").to_string());
    odd["messageAttributes"] = json!("none");
    let event = json!({"Records": [odd, queued("even", &created("b").to_string())]});
    let ReplicateInput::Messages(messages) = replicate(&event).unwrap() else { panic!("not taken as a batch") };
    assert!(matches!(messages[0].content, Err(EnvelopeError::BadField { .. })));
    assert_eq!(messages[0].delivery.receipt_handle.as_deref(), Some("handle-odd"));
    assert!(messages[1].content.is_ok());
}

#[test]
fn an_error_names_what_was_expected_and_never_quotes_what_was_found() {
    let contents = uploads_in(&[json!({"hello": "secret"}).to_string()]);
    let message = contents[0].content.as_ref().unwrap_err().to_string();
    assert!(message.contains("an object with the fields hello") && message.contains("s3:TestEvent"), "{message}");
    assert!(!message.contains("secret"), "{message}");
    let message = PublishInput::decode(&json!([1, 2])).unwrap_err().to_string();
    assert!(message.contains("a list of 2") && message.contains("{\"sweep\":true}"), "{message}");
}

#[test]
fn a_person_asks_replicate_for_a_prefix_or_a_key() {
    let prefix = |next: Option<&str>| ReplicateInput::Prefix {
        prefix: "pool/main/a/".to_owned(),
        next: next.map(str::to_owned),
    };
    assert_eq!(replicate(&json!({"prefix": "pool/main/a/"})), Ok(prefix(None)));
    assert_eq!(replicate(&json!({"prefix": "pool/main/a/", "next": null})), Ok(prefix(None)));
    assert_eq!(replicate(&json!({"prefix": "pool/main/a/", "next": "pool/x"})), Ok(prefix(Some("pool/x"))));
    assert_eq!(replicate(&json!({"key": "pool/g++ +%41"})), Ok(ReplicateInput::Key("pool/g++ +%41".to_owned())));
}

#[test]
fn a_person_asks_publish_for_a_suite_or_all_or_a_sweep() {
    let suite = SuiteName::parse("dists/bookworm").unwrap();
    assert_eq!(
        PublishInput::decode(&json!({"suite": "dists/bookworm"})),
        Ok(PublishInput::Suite { suite: suite.clone(), call: PublishCall::default() })
    );
    assert_eq!(
        PublishInput::decode(&json!({"suite": "dists/bookworm", "dry_run": true, "force": true, "full": true})),
        Ok(PublishInput::Suite { suite, call: PublishCall { dry_run: true, force: true, full: true } })
    );
    assert_eq!(
        PublishInput::decode(&json!({"suite": "*", "full": true})),
        Ok(PublishInput::EverySuite { call: PublishCall { full: true, ..PublishCall::default() } })
    );
    assert_eq!(PublishInput::decode(&json!({"sweep": true})), Ok(PublishInput::Sweep));
}

#[test]
fn a_misspelt_option_is_refused_rather_than_ignored() {
    for event in [
        json!({"suite": "dists/bookworm", "dryrun": true}),
        json!({"suite": "dists/bookworm", "dry_run": "true"}),
        json!({"suite": 7}),
        json!({"suite": "../bookworm"}),
        json!({"sweep": false}),
        json!({"sweep": true, "suite": "dists/bookworm"}),
        json!({"prefix": "pool/"}),
        json!({}),
        json!(null),
        created("a"),
    ] {
        assert!(PublishInput::decode(&event).is_err(), "taken by publish: {event}");
    }
    for event in [
        json!({"prefix": "pool/", "dry_run": true}),
        json!({"prefix": "p".repeat(1025)}),
        json!({"key": ""}),
        json!({"key": "a", "prefix": "b"}),
        json!({"suite": "dists/bookworm"}),
        json!({"Records": [{"eventSource": "aws:kinesis"}]}),
        json!("pool/"),
    ] {
        assert!(replicate(&event).is_err(), "taken by replicate: {event}");
    }
}

#[test]
fn a_wake_up_is_read_with_its_options() {
    let suite = SuiteName::parse("dists/bookworm").unwrap();
    let continued = Wake { force: true, full: true, hops: 7, ..Wake::new(suite.clone()) };
    let bodies = [
        json!({"suite": "dists/bookworm"}).to_string(),
        serde_json::to_string(&continued).unwrap(),
        json!({"suite": "dists/bookworm", "forced": true}).to_string(),
        json!({"suite": "/etc"}).to_string(),
    ];
    let contents: Vec<_> = wakes_in(&bodies).into_iter().map(|message| message.content).collect();
    assert_eq!(contents[0], Ok(Wake::new(suite)));
    assert_eq!(contents[1], Ok(continued));
    assert!(matches!(contents[2], Err(EnvelopeError::BadField { .. })));
    assert!(matches!(contents[3], Err(EnvelopeError::BadField { .. })));
}

#[test]
fn a_message_without_an_id_fails_the_batch_since_it_cannot_be_reported_alone() {
    let mut nameless = queued("m", "{}");
    nameless.as_object_mut().unwrap().remove("messageId");
    assert!(replicate(&json!({"Records": [nameless]})).is_err());
}

#[test]
fn keys_are_decoded_as_forms_are() {
    assert_eq!(decode_key("a+b").unwrap(), "a b");
    assert_eq!(decode_key("a%2Bb").unwrap(), "a+b");
    assert_eq!(decode_key("a%252Bb").unwrap(), "a%2Bb");
    assert_eq!(decode_key("%C3%A9~:").unwrap(), "é~:");
    for bad in ["", "%", "%4", "%zz", "a%+1", "%FF", "é%é"] {
        assert!(decode_key(bad).is_err(), "taken: {bad:?}");
    }
    assert!(decode_key(&"a".repeat(1025)).is_err());
    assert!(decode_key(&"a".repeat(1024)).is_ok());
}

#[test]
fn access_takes_announcements_and_calls_and_nothing_else() {
    let announced =
        |message: &Value| json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": message.to_string()}}]});
    let message = json!({"create-time": "2023-11-14T22:13:20+00:00", "synctoken": "1700000000",
        "md5": "D41D8CD98F00B204E9800998ECF8427E", "url": "https://ip-ranges.amazonaws.com/ip-ranges.json"});
    let expected = Announcement {
        sync_token: 1_700_000_000,
        md5: "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        url: "https://ip-ranges.amazonaws.com/ip-ranges.json".to_owned(),
    };
    assert_eq!(AccessInput::decode(&announced(&message)), Ok(AccessInput::Announced(expected.clone())));
    let queued = json!({"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": message.to_string()}]});
    assert_eq!(AccessInput::decode(&queued), Ok(AccessInput::Announced(expected)));
    let call = |dry_run, force| Ok(AccessInput::Look(AccessCall { dry_run, force }));
    assert_eq!(AccessInput::decode(&json!({})), call(false, false));
    assert_eq!(AccessInput::decode(&json!({"dry_run": true})), call(true, false));
    assert_eq!(AccessInput::decode(&json!({"force": true, "dry_run": true})), call(true, true));
    for (field, value) in
        [("synctoken", json!("soon")), ("synctoken", json!(1)), ("md5", json!("x")), ("url", json!(null))]
    {
        let mut wrong = message.clone();
        wrong[field] = value;
        let error = AccessInput::decode(&announced(&wrong)).expect_err(field);
        assert!(matches!(error, EnvelopeError::BadField { what: "announcement", .. }), "{error}");
    }
    for wrong in [
        json!(null),
        json!([]),
        json!({"Records": []}),
        json!({"Records": [{}]}),
        json!({"Records": [{"eventSource": "aws:sqs", "body": "hello"}]}),
        json!({"force": "yes"}),
        json!({"forced": true}),
    ] {
        assert!(AccessInput::decode(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_error_is_one_short_line_whatever_the_body_holds() {
    let long = "a\nb".repeat(5_000);
    for event in [
        json!({"suite": "dists/s", &long: true}),
        json!({"suite": "dists/s", "force": &long}),
        json!({"suite": &long}),
        json!({&long: 1}),
        json!({"prefix": "", "next": {&long: 1}}),
        json!({"prefix": &long}),
        json!({"key": "", &long: 1}),
    ] {
        let errors = [
            replicate(&event).map(|_| ()),
            PublishInput::decode(&event).map(|_| ()),
            AccessInput::decode(&event).map(|_| ()),
        ];
        for error in errors.into_iter().filter_map(Result::err) {
            let text = error.to_string();
            assert!(text.len() < 3_000 && !text.contains('\n'), "{} bytes: {text:.500}", text.len());
        }
    }
    // How deep JSON may be nested is the parser's own limit; a body beyond it fails alone.
    let deep = "[".repeat(100_000);
    let contents: Vec<_> = wakes_in(&[deep]).into_iter().map(|message| message.content).collect();
    assert!(
        matches!(&contents[..], [Err(EnvelopeError::NotJson { detail, .. })] if detail.contains("recursion limit"))
    );
}
