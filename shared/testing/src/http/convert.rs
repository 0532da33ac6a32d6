//! Between the words of the wire and those of the core.

use std::time::SystemTime;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use hyper::{HeaderMap, StatusCode, header::HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use s3s::{
    S3Error, S3ErrorCode, S3Result,
    dto::{ChecksumType, ETag, ETagCondition, StreamingBlob, Timestamp},
    region::Region,
    s3_error,
};
use suitecast_archive::{Digest, DigestAlgorithm};
use suitecast_store::{ETag as Tag, GetCondition, SourceCondition, WriteCondition};

use crate::strict::{Caller, Checksum, CopyOrigin, Failure};

/// What form encoding leaves as it is, slashes excepted: how listings encode keys.
const LISTED_KEY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

pub(super) fn caller(region: Option<&Region>) -> Caller {
    match region {
        Some(region) => Caller::Signed { region: region.as_str().to_owned() },
        None => Caller::Anonymous,
    }
}

pub(super) fn refused(failure: &Failure) -> S3Error {
    let code = S3ErrorCode::from_bytes(failure.code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut error = S3Error::with_message(code, failure.message.clone());
    if let Ok(status) = StatusCode::from_u16(failure.status) {
        error.set_status_code(status);
    }
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/xml"));
    if let Some(region) = failure.region.as_ref().and_then(|region| HeaderValue::from_str(region).ok()) {
        headers.insert("x-amz-bucket-region", region);
    }
    if failure.delete_marker {
        headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    }
    error.set_headers(headers);
    error
}

pub(super) fn not_modified(etag: &str) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&format!("\"{etag}\"")) {
        headers.insert("etag", value);
    }
    error.set_headers(headers);
    error
}

/// `If-Match` and `If-None-Match` of a write.
pub(super) fn write_condition(
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
) -> S3Result<WriteCondition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(WriteCondition::Always),
        (Some(ETagCondition::ETag(etag)), None) => Ok(WriteCondition::Matches(Tag::new(etag.value()))),
        (None, Some(ETagCondition::Any)) => Ok(WriteCondition::Absent),
        _ => Err(s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented")),
    }
}

/// The same from the raw headers, for operations whose types lack them.
pub(super) fn write_condition_of(headers: &HeaderMap) -> S3Result<WriteCondition> {
    let parse = |name: &str| {
        let value = headers.get(name);
        value.map(|value| ETagCondition::parse_http_header(value.as_bytes())).transpose()
    };
    let malformed = |_| s3_error!(InvalidArgument, "malformed condition");
    write_condition(parse("if-match").map_err(malformed)?, parse("if-none-match").map_err(malformed)?)
}

pub(super) fn read_condition(if_match: Option<ETagCondition>, if_none_match: Option<ETagCondition>) -> GetCondition {
    match (if_match, if_none_match) {
        (Some(ETagCondition::ETag(etag)), _) => GetCondition::Same(Tag::new(etag.value())),
        (_, Some(ETagCondition::ETag(etag))) => GetCondition::Changed(Tag::new(etag.value())),
        _ => GetCondition::Always,
    }
}

/// `x-amz-copy-source`, decoded as S3 does it: a plus sign is a space.
pub(super) fn copy_origin(headers: &HeaderMap, if_match: Option<ETagCondition>) -> S3Result<CopyOrigin> {
    let malformed =
        || s3_error!(InvalidArgument, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    let header = headers.get("x-amz-copy-source").and_then(|value| value.to_str().ok()).ok_or_else(malformed)?;
    let (path, version) = match header.split_once("?versionId=") {
        Some((path, version)) => (path, Some(version)),
        None => (header, None),
    };
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| malformed())
    };
    let path = decode(path.trim_start_matches('/'))?;
    let (bucket, key) = path.split_once('/').ok_or_else(malformed)?;
    let condition = match if_match {
        Some(ETagCondition::ETag(etag)) => SourceCondition::Matches(Tag::new(etag.value())),
        _ => SourceCondition::Always,
    };
    let version = version.map(decode).transpose()?;
    Ok(CopyOrigin { bucket: bucket.to_owned(), key: key.to_owned(), version, condition })
}

/// `bytes=first-last`
pub(super) fn copy_range(range: &str) -> S3Result<(u64, u64)> {
    let parsed = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let numbers = parsed.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    numbers.ok_or_else(|| {
        s3_error!(InvalidArgument, "The x-amz-copy-source-range value must be of the form bytes=first-last")
    })
}

pub(super) fn etag(tag: &str) -> ETag {
    ETag::Strong(tag.to_owned())
}

pub(super) fn timestamp(time: jiff::Timestamp) -> Timestamp {
    Timestamp::from(SystemTime::from(time))
}

/// The header and the type of a checksum, as `x-amz-checksum-sha256` and `x-amz-checksum-type` say it.
pub(super) fn checksum(checksum: Option<&Checksum>) -> (Option<String>, Option<ChecksumType>) {
    match checksum {
        Some(Checksum::FullObject(digest)) => {
            let kind = ChecksumType::from_static(ChecksumType::FULL_OBJECT);
            (Some(STANDARD.encode(digest.as_bytes())), Some(kind))
        }
        Some(Checksum::Composite(digest, parts)) => {
            let kind = ChecksumType::from_static(ChecksumType::COMPOSITE);
            (Some(format!("{}-{parts}", STANDARD.encode(digest.as_bytes()))), Some(kind))
        }
        None => (None, None),
    }
}

/// A key as a listing writes it.
pub(super) fn listed(key: &str, encode: bool) -> String {
    if encode { utf8_percent_encode(key, LISTED_KEY).to_string().replace(' ', "+") } else { key.to_owned() }
}

/// Reads a request's body and compares it with the digests that came along.
pub(super) async fn read_body(body: Option<StreamingBlob>, sha256: Option<&str>, md5: Option<&str>) -> S3Result<Bytes> {
    let mut bytes = BytesMut::new();
    if let Some(mut body) = body {
        while let Some(piece) = body.next().await {
            let cut =
                |_| s3_error!(IncompleteBody, "You did not provide the number of bytes specified by Content-Length");
            bytes.extend_from_slice(&piece.map_err(cut)?);
        }
    }
    let differs = |sent: Option<&str>, algorithm| {
        sent.is_some_and(|sent| STANDARD.encode(Digest::of(algorithm, &bytes).as_bytes()) != sent)
    };
    if differs(sha256, DigestAlgorithm::Sha256) || differs(md5, DigestAlgorithm::Md5) {
        return Err(s3_error!(BadDigest, "The digest you specified did not match the calculated one"));
    }
    Ok(bytes.freeze())
}
