//! Dates as apt reads them in a release file.

use jiff::{Timestamp, civil, tz::TimeZone};
use thiserror::Error;

use crate::path::shown;

/// A text that apt would not take as a date.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the date {text} is not one apt reads: it must look like \"Sat, 06 Nov 1994 08:49:37 UTC\" and be in UTC (UTC, GMT, Z or +0000)"
)]
pub struct DateError {
    /// The text, escaped and cut.
    pub text: String,
}

/// Reads a date in one of the three forms of HTTP (RFC 7231 §7.1.1.1) that apt takes, in UTC only: other zones make
/// apt refuse the release. The day of the week is not compared with the date, as apt does not.
///
/// Source: `RFC1123StrToTime` in apt's `apt-pkg/contrib/strutl.cc`.
///
/// # Errors
/// When apt would refuse it too.
pub fn parse_date(text: &str) -> Result<Timestamp, DateError> {
    read(text).ok_or_else(|| DateError { text: shown(text) })
}

fn read(text: &str) -> Option<Timestamp> {
    let mut words = text.split_ascii_whitespace();
    let weekday = words.next()?;
    let is_weekday = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
        .iter()
        .any(|day| weekday.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(day)));
    if !is_weekday {
        return None;
    }
    let (year, month, day, time, zone);
    match (weekday.len(), weekday.ends_with(',')) {
        // Sun, 06 Nov 1994 08:49:37 UTC
        (4, true) => {
            (day, month, year, time, zone) =
                (words.next()?, words.next()?, number(words.next()?, 4)?, words.next()?, words.next()?);
        }
        // Sun Nov  6 08:49:37 1994
        (3, false) => {
            (month, day, time, year, zone) =
                (words.next()?, words.next()?, words.next()?, number(words.next()?, 4)?, "UTC");
        }
        // Sunday, 06-Nov-94 08:49:37 GMT
        (5.., true) => {
            let mut parts = words.next()?.split('-');
            (day, month, year) = (parts.next()?, parts.next()?, 1900_i16.checked_add(number(parts.next()?, 3)?)?);
            if parts.next().is_some() {
                return None;
            }
            (time, zone) = (words.next()?, words.next()?);
        }
        _ => return None,
    }
    if words.next().is_some() || !is_utc(zone) {
        return None;
    }
    let day = i8::try_from(number(day, 2)?).ok()?;
    let mut clock = time.split(':').map(|part| number(part, 2).and_then(|value| i8::try_from(value).ok()));
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if clock.next().is_some() {
        return None;
    }
    let datetime = civil::DateTime::new(year, month_number(month)?, day, hour, minute, second, 0).ok()?;
    TimeZone::UTC.to_timestamp(datetime).ok()
}

/// A number of one to `digits` digits, and nothing else.
fn number(text: &str, digits: usize) -> Option<i16> {
    let fits = (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn month_number(name: &str) -> Option<i8> {
    const NAMES: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let position = NAMES.iter().position(|month| month.eq_ignore_ascii_case(name))?;
    i8::try_from(position + 1).ok()
}

fn is_utc(zone: &str) -> bool {
    let digits = zone.strip_prefix(['+', '-']).unwrap_or(zone);
    matches!(zone, "UTC" | "GMT" | "Z") || (!digits.is_empty() && digits.bytes().all(|byte| byte == b'0'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const EXPECTED: &str = "1994-11-06T08:49:37Z";

    #[test]
    fn the_forms_that_apt_takes_are_taken() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 Z",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49:37 -0000",
            "Sun,  6 Nov 1994  8:49:37 UTC",
            "Mon, 06 nov 1994 08:49:37 UTC",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse_date(text).unwrap().to_string(), EXPECTED, "{text}");
        }
    }

    #[test]
    fn what_apt_refuses_is_refused() {
        for text in [
            "",
            "yesterday",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 +0100",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49:37 UTC again",
            "Sun, 31 Feb 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 25:49:37 UTC",
            "Sun, 06 Nov 1994 08:49 UTC",
            "Sun, 06 Nov 99999 08:49:37 UTC",
            "Son, 06 Nov 1994 08:49:37 UTC",
            "Sun, -6 Nov 1994 08:49:37 UTC",
            "1994-11-06T08:49:37Z",
            "é, 06 Nov 1994 08:49:37 UTC",
        ] {
            assert!(parse_date(text).is_err(), "{text}");
        }
    }
}
