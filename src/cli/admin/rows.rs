//! Lines of equal columns, and what stands in them.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};

use super::answers::{Attempt, Moves};
use crate::cli::figures::percent;

/// Versions may be long; what tells them apart is mostly at the beginning.
const VERSION_SHOWN: usize = 32;

/// An attempt, its moment first as it is given.
pub fn of_attempt(moment: String, attempt: &Attempt) -> Vec<String> {
    let Attempt {
        what, trigger, by, action, forced, result, generation, version, reason, errors, diff, changes, ..
    } = attempt;
    let result = match (result.as_str(), generation) {
        ("published", Some(generation)) => format!("published as {generation}"),
        (result, _) => one_line(result),
    };
    let who = match by {
        Some(by) => {
            let action = action.as_deref().filter(|action| *action != "reload");
            let action = action.map(|action| format!(": {action}")).unwrap_or_default();
            format!("{by}{action}{}", if *forced { ", forced" } else { "" })
        }
        None => trigger.clone().unwrap_or_default(),
    };
    let reason = reason.as_deref().map(one_line);
    let reason = reason.map(|reason| match errors {
        Some(errors @ 2..) => format!("{reason} (and {} more)", errors - 1),
        _ => reason,
    });
    let changes = changes.iter().map(|change| one_line(change));
    let rest: Vec<String> = reason.into_iter().chain(diff.as_ref().map(shares)).chain(changes).collect();
    let version = cut(&one_line(version.as_deref().unwrap_or_default()), VERSION_SHOWN);
    vec![moment, one_line(what), result, one_line(&who), version, rest.join("; ")]
}

fn shares(moves: &Moves) -> String {
    match (moves.ipv4.share, moves.ipv6.share) {
        (0.0, 0.0) => "nobody moves".to_owned(),
        (ipv4, ipv6) => format!("{} of IPv4, {} of IPv6 move", percent(ipv4), percent(ipv6)),
    }
}

/// All columns to the left, each as wide as it needs to be; those that are empty everywhere are left out.
pub fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).filter(|(_, width)| **width > 0);
        let padded: Vec<String> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// The first line of what someone else has written, without what a terminal would obey.
pub fn one_line(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    first.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// No longer than this.
pub fn cut(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length.saturating_sub(1)).chain(['…']).collect()
}

/// Broken between words, into at most so many lines; the last is cut if it must be.
pub fn wrapped(text: &str, width: usize, lines: usize) -> Vec<String> {
    let mut wrapped = vec![String::new()];
    for word in text.split(' ') {
        let is_full = wrapped.len() >= lines;
        match wrapped.last_mut() {
            Some(last) if last.is_empty() => last.push_str(word),
            Some(last) if is_full || last.chars().count() + 1 + word.chars().count() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => wrapped.push(word.to_owned()),
        }
    }
    wrapped.iter().map(|line| cut(line, width)).collect()
}

/// A moment to the second, in UTC. What is no moment is shown as it is.
pub fn to_the_second(written: &str) -> String {
    let second = parsed(written).and_then(|moment| moment.replace_nanosecond(0).ok()?.format(&Rfc3339).ok());
    second.unwrap_or_else(|| one_line(written))
}

/// `2 h ago`.
pub fn age(written: &str, now: OffsetDateTime) -> String {
    parsed(written).map_or_else(|| one_line(written), |moment| format!("{} ago", rounded(now - moment)))
}

fn parsed(written: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(written, &Rfc3339).ok().map(|moment| moment.to_offset(UtcOffset::UTC))
}

/// In the largest unit of which there are two. Clocks may differ a little.
fn rounded(span: Duration) -> String {
    match span.max(Duration::ZERO) {
        span if span < Duration::minutes(2) => format!("{} s", span.whole_seconds()),
        span if span < Duration::hours(2) => format!("{} min", span.whole_minutes()),
        span if span < Duration::days(2) => format!("{} h", span.whole_hours()),
        span => format!("{} d", span.whole_days()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_in_the_largest_unit_of_which_there_are_two() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(1000);
        for (age_in_seconds, shown) in [
            (-3, "0 s ago"),
            (0, "0 s ago"),
            (119, "119 s ago"),
            (120, "2 min ago"),
            (7199, "119 min ago"),
            (7200, "2 h ago"),
            (172_799, "47 h ago"),
            (172_800, "2 d ago"),
        ] {
            let written = (now - Duration::seconds(age_in_seconds)).format(&Rfc3339).unwrap();
            assert_eq!(age(&written, now), shown);
        }
        assert_eq!(age("yesterday", now), "yesterday");
    }

    #[test]
    fn moments_are_shown_to_the_second_in_utc() {
        assert_eq!(to_the_second("2026-11-21T23:00:05.123456789Z"), "2026-11-21T23:00:05Z");
        assert_eq!(to_the_second("2026-11-22T00:00:05+01:00"), "2026-11-21T23:00:05Z");
        assert_eq!(to_the_second("soon"), "soon");
    }

    #[test]
    fn what_others_have_written_stays_on_its_line() {
        assert_eq!(one_line("a\u{1b}[31m\tb\nc"), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!((cut("äöü", 3).as_str(), cut("äöüx", 3).as_str()), ("äöü", "äö…"));
        let rows = [["a", "", "b"], ["cc", "", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), ["a   b", "cc"]);
        assert_eq!(wrapped("one two three four", 8, 3), ["one two", "three", "four"]);
        assert_eq!(wrapped("one two three four", 8, 2), ["one two", "three f…"]);
        assert_eq!(wrapped("", 8, 2), [""]);
    }
}
