//! Keys in listings. XML cannot carry every character a key may hold, so listings are asked for form-encoded.

use std::borrow::Cow;

use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;

/// The key as it was written, or `None` where the answer decodes to no UTF-8.
///
/// S3 writes a space as `+` and a plus sign as `%2B`. A store that ignores the parameter says so by not repeating it in
/// its answer, and its keys are taken as they are.
pub(super) fn decoded<'a>(text: &'a str, encoding: Option<&EncodingType>) -> Option<Cow<'a, str>> {
    if encoding != Some(&EncodingType::Url) {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|key| Cow::Owned(key.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_as_they_were_written() {
        let url = Some(&EncodingType::Url);
        assert_eq!(decoded("pool/g%2B%2B_1%3A2%7Erc1_all.deb", url).as_deref(), Some("pool/g++_1:2~rc1_all.deb"));
        assert_eq!(decoded("a+b%20c%25", url).as_deref(), Some("a b c%"));
        assert_eq!(decoded("g++.deb", None).as_deref(), Some("g++.deb"), "a store that did not encode");
        assert_eq!(decoded("%FF", url), None);
    }
}
