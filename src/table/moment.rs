//! A moment as files, logs, answers and messages write it: RFC 3339.

use std::time::SystemTime;

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// In UTC, as `2026-11-21T23:00:00Z`.
pub fn written(moment: SystemTime) -> String {
    OffsetDateTime::from(moment).format(&Rfc3339).unwrap_or_default()
}

/// The same, without fractions of a second.
pub fn written_short(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    moment.replace_nanosecond(0).unwrap_or(moment).format(&Rfc3339).unwrap_or_default()
}

/// A moment of the years 1 to 9999 in UTC, written with whatever offset.
pub fn read(written: &str) -> Option<SystemTime> {
    let moment = OffsetDateTime::parse(written, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
    (moment.year() > 0).then(|| moment.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_with_any_offset_and_written_in_utc() {
        for (text, utc) in [
            ("2026-11-21T23:00:00Z", "2026-11-21T23:00:00Z"),
            ("2026-11-22T00:30:00+01:30", "2026-11-21T23:00:00Z"),
            ("2026-11-21T23:00:00.25-00:00", "2026-11-21T23:00:00.25Z"),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(read(text).map(written).as_deref(), Some(utc), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_of_these_years_is_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T23:00:00",
            "2026-02-29T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "0001-01-01T00:00:00+01:00",
            "0000-01-01T00:00:00Z",
            "tomorrow",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
