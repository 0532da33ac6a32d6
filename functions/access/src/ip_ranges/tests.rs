#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use super::*;

fn document() -> Value {
    let entry = |field: &str, prefix: &str, region: &str, service: &str| json!({field: prefix, "region": region, "service": service, "network_border_group": region});
    json!({
        "syncToken": "1700000000",
        "createDate": "2023-11-14-22-13-20",
        "prefixes": [
            entry("ip_prefix", "192.0.2.0/25", "eu-west-1", "EC2"),
            entry("ip_prefix", "192.0.2.0/24", "eu-west-1", "AMAZON"),
            entry("ip_prefix", "198.51.100.0/24", "eu-west-2", "EC2"),
        ],
        "ipv6_prefixes": [entry("ipv6_prefix", "2001:db8::/33", "eu-west-1", "EC2")],
    })
}

fn parse(document: &Value) -> Result<IpRanges, IpRangesError> {
    IpRanges::parse(document.to_string().as_bytes())
}

fn with(path: &str, value: Value) -> Value {
    let mut document = document();
    *document.pointer_mut(path).unwrap() = value;
    document
}

fn without(path: &str, field: &str) -> Value {
    let mut document = document();
    document.pointer_mut(path).unwrap().as_object_mut().unwrap().remove(field).unwrap();
    document
}

#[test]
fn the_instances_of_a_region_are_read_and_no_other_services() {
    let ranges = parse(&document()).unwrap();
    assert_eq!(ranges.sync_token, SyncToken::from_seconds(1_700_000_000));
    assert_eq!(ranges.of_region("eu-west-1").prefixes(), ["192.0.2.0/25", "2001:db8::/33"]);
    assert_eq!(ranges.of_all_regions().prefixes(), ["192.0.2.0/25", "198.51.100.0/24", "2001:db8::/33"]);
    assert!(ranges.of_region("eu-west-3").is_empty());
    assert!(ranges.of_region("eu-west").is_empty(), "a name's beginning is not the name");
}

#[test]
fn a_document_cut_off_anywhere_is_refused() {
    let whole = document().to_string();
    for length in 0..whole.len() {
        let error = IpRanges::parse(&whole.as_bytes()[..length]).expect_err("a piece was taken");
        assert!(matches!(error, IpRangesError::Shape { .. }), "{error}");
    }
}

#[test]
fn another_shape_is_refused_with_what_is_wrong() {
    let many = vec![document()["prefixes"][0].clone(); MAX_DOCUMENT_PREFIXES + 1];
    let table = [
        (json!([]), "another shape"),
        (json!({"prefixes": []}), "another shape"),
        (without("", "syncToken"), "syncToken"),
        (without("", "createDate"), "createDate"),
        (without("", "ipv6_prefixes"), "ipv6_prefixes"),
        (without("/prefixes/0", "region"), "region"),
        (without("/prefixes/1", "service"), "service"),
        (without("/ipv6_prefixes/0", "ipv6_prefix"), "ipv6_prefix"),
        (with("/syncToken", json!(1_700_000_000)), "another shape"),
        (with("/syncToken", json!("")), "no number of seconds"),
        (with("/syncToken", json!("+1700000000")), "no number of seconds"),
        (with("/syncToken", json!("99999999999999999999")), "no number of seconds"),
        (with("/prefixes", json!({})), "another shape"),
        (with("/prefixes", json!([])), "prefixes is empty"),
        (with("/ipv6_prefixes", json!([])), "ipv6_prefixes is empty"),
        (with("/prefixes", json!(many)), "100002 prefixes"),
        (with("/prefixes/0/ip_prefix", json!("2001:db8::/33")), "other family"),
        (with("/ipv6_prefixes/0/ipv6_prefix", json!("192.0.2.0/24")), "other family"),
    ];
    for (document, told) in table {
        let error = parse(&document).expect_err(told).to_string();
        assert!(error.contains(told), "{error} does not tell of {told}");
        assert!(!error.contains('\n') && error.len() < 500, "{error}");
    }
}

#[test]
fn a_prefix_that_may_not_be_admitted_makes_the_document_unusable() {
    // Even one of a service that nobody asks for: where one is wrong, others may be.
    for at in ["/prefixes/0/ip_prefix", "/prefixes/1/ip_prefix"] {
        for prefix in ["0.0.0.0/0", "2.0.0.0/7", "192.0.2.1/24", "192.0.2.0", "192.0.2.0/33", "", "*"] {
            assert!(matches!(parse(&with(at, json!(prefix))), Err(IpRangesError::Prefix { .. })), "{prefix}");
        }
    }
    for prefix in ["::/0", "2600::/31", "2001:db8::1/64"] {
        assert!(parse(&with("/ipv6_prefixes/0/ipv6_prefix", json!(prefix))).is_err(), "{prefix}");
    }
}

#[test]
fn a_field_more_is_no_reason_to_stop() {
    let mut document = document();
    document["prefixes"][0]["asn"] = json!(16509);
    document["comment"] = json!("of a later year");
    assert!(parse(&document).is_ok());
}
