//! What is asked for, as typed: weights, times and reasons.

use std::collections::HashSet;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use clap::Args;

use crate::table::footprint::shorten;
use crate::table::moment;
use crate::table::overrides::REASON_LENGTH;

/// From when to when, and why. Without an end it is for good.
#[derive(Debug, Args)]
pub struct Period {
    /// How long, as in 90m, 2h or 1d12h.
    #[arg(long = "for", value_name = "TIME", value_parser = length, conflicts_with = "until", allow_hyphen_values = true)]
    length: Option<Duration>,
    /// Until when, as in 2026-11-21T23:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<SystemTime>,
    /// From when, as in 2026-11-21T21:00:00Z [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<SystemTime>,
    /// For people: who looks at this next wants to know.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<String>,
}

impl Period {
    pub fn is_given(&self) -> bool {
        let Self { length, until, from, reason } = self;
        length.is_some() || until.is_some() || from.is_some() || reason.is_some()
    }

    /// When it begins and ends.
    pub fn resolve(&self, now: SystemTime) -> Result<(Option<SystemTime>, Option<SystemTime>), String> {
        let until = match self.length {
            Some(length) => Some(after(self.from.unwrap_or(now), length)?),
            None => self.until,
        };
        match until {
            Some(until) if self.from.is_some_and(|from| from >= until) => {
                Err("--until is not after --from: an override ends after it begins".to_owned())
            }
            Some(until) if until <= now => {
                Err(format!("it would be over already: {} has passed", moment::written(until)))
            }
            _ => Ok((self.from, until)),
        }
    }
}

/// Whole seconds, not less than asked for.
fn after(from: SystemTime, length: Duration) -> Result<SystemTime, String> {
    let since = from.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let end = since.checked_add(length).and_then(|end| end.checked_add(Duration::from_nanos(999_999_999)));
    end.filter(|end| end.as_secs() <= LAST_SECOND)
        .map(|end| SystemTime::UNIX_EPOCH + Duration::from_secs(end.as_secs()))
        .ok_or_else(|| "that is too long: without --for it holds until it is cleared".to_owned())
}

/// Of the year 9999, the last that can be written.
const LAST_SECOND: u64 = 253_402_300_799;

fn length(written: &str) -> Result<Duration, String> {
    let length = humantime::parse_duration(written).ok().filter(|length| !length.is_zero());
    length.ok_or_else(|| "it is no length of time; write it as in `90m`, `2h` or `1d12h`".to_owned())
}

fn moment(written: &str) -> Result<SystemTime, String> {
    let found = moment::read(written);
    found.ok_or_else(|| match moment::read(&format!("{written}Z")) {
        Some(_) => format!("say of which offset: write `{written}Z` for UTC"),
        None => "it is no time; write date, time and offset, as in `2026-11-21T23:00:00Z`".to_owned(),
    })
}

fn reason(written: &str) -> Result<String, String> {
    if written.chars().count() > REASON_LENGTH || written.chars().any(char::is_control) {
        return Err(format!("write up to {REASON_LENGTH} characters on one line"));
    }
    Ok(written.to_owned())
}

/// `bidi=60,akamai=40`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weights(pub Vec<(String, u16)>);

impl FromStr for Weights {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let mut weights = Vec::new();
        let mut seen = HashSet::new();
        for part in written.split(',') {
            let wrong = || format!("`{}` is not CDN=WEIGHT; write them as in `bidi=60,akamai=40`", shorten(part));
            let (cdn, weight) = part.trim().split_once('=').filter(|(cdn, _)| !cdn.is_empty()).ok_or_else(wrong)?;
            if !weight.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(wrong());
            }
            let Ok(weight) = weight.parse() else {
                return Err(format!("the weight of `{}` is no number from 0 to 65535", shorten(cdn)));
            };
            if !seen.insert(cdn) {
                return Err(format!("`{}` stands twice", shorten(cdn)));
            }
            weights.push((cdn.to_owned(), weight));
        }
        if weights.iter().all(|(_, weight)| *weight == 0) {
            return Err("no CDN has a weight above 0".to_owned());
        }
        Ok(Self(weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read() {
        let weights = "bidi=60, akamai=0".parse::<Weights>().unwrap();
        assert_eq!(weights.0, [("bidi".to_owned(), 60), ("akamai".to_owned(), 0)]);
        for (wrong, said) in [
            ("", "as in `bidi=60,akamai=40`"),
            ("bidi", "`bidi` is not CDN=WEIGHT"),
            ("bidi=60,", "`` is not"),
            ("=1", "`=1` is not"),
            ("bidi=+1", "`bidi=+1` is not"),
            ("bidi=6.5", "`bidi=6.5` is not"),
            ("bidi=65536", "0 to 65535"),
            ("bidi=", "0 to 65535"),
            ("a=1,a=2", "`a` stands twice"),
            ("a=0,b=0", "above 0"),
        ] {
            let message = wrong.parse::<Weights>().unwrap_err();
            assert!(message.contains(said), "{wrong}: {message}");
        }
    }

    #[test]
    fn an_end_is_a_whole_second_and_not_early() {
        let at = |nanos| SystemTime::UNIX_EPOCH + Duration::new(1_795_000_000, nanos);
        let hour = Duration::from_hours(1);
        assert_eq!(after(at(0), hour).unwrap(), at(0) + hour);
        assert_eq!(after(at(1), hour).unwrap(), at(0) + hour + Duration::from_secs(1));
        assert_eq!(after(at(999_999_999), hour).unwrap(), at(0) + hour + Duration::from_secs(1));
        assert!(after(at(0), Duration::MAX).is_err());
        assert!(after(at(0), Duration::from_hours(24 * 365 * 9000)).is_err());
    }
}
