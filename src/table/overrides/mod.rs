//! Overrides: what ops switch in an incident or plan for an event, in a file of its own.
//!
//! - `document`: how the file is read
//! - `text`: how it is written
//!
//! What overrides make of a table's mixes is in [`effective`](super::effective). Names are only text
//! here: the table that they are meant for may change, or be gone.

mod document;
mod text;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::moment::written;
use super::problem::{Excerpt, Place};

/// Characters of a reason.
pub const REASON_LENGTH: usize = 256;

/// A whole file of overrides.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The file, as people know it.
    name: String,
    schema: Option<String>,
    list: Vec<Override>,
    /// Where each of the list stands.
    places: Vec<Places>,
    /// All of the file, for who is told later of what stands in it. It is small.
    text: Arc<str>,
}

#[derive(Debug, Clone)]
struct Places {
    target: Place,
    /// In the order of the weights.
    cdns: Vec<Place>,
}

/// One thing that is different for a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Override {
    pub change: Change,
    /// For people.
    pub reason: Option<String>,
    /// None: from ever.
    pub from: Option<SystemTime>,
    /// The first moment at which it is over. None: for ever.
    pub until: Option<SystemTime>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    /// The CDN is left out everywhere.
    Down { cdn: String },
    /// The mix has these weights, and no CDN but these.
    Weights { mix: String, weights: Vec<(String, u16)> },
}

/// What an override is about. Two of one target must not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target<'o> {
    Cdn(&'o str),
    Mix(&'o str),
}

/// What a moment is to an override.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Before,
    During,
    Over,
}

impl Overrides {
    /// Those of a file that is not there.
    pub fn none(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn list(&self) -> &[Override] {
        &self.list
    }

    /// Each override with the place of its target.
    pub(super) fn placed(&self) -> impl Iterator<Item = (&Override, Place)> {
        self.list.iter().zip(self.places.iter().map(|places| places.target))
    }

    /// What stands at a place in the file.
    pub(super) fn excerpt(&self, place: Place) -> Option<Excerpt> {
        Excerpt::at(self.text.as_bytes(), place)
    }

    /// Where a CDN stands among an override's weights.
    pub(super) fn place_of_weight(&self, number: usize, weight: usize) -> Option<Place> {
        self.places.get(number)?.cdns.get(weight).copied()
    }
}

/// Equal if they say the same, wherever it stands.
impl PartialEq for Overrides {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Overrides {}

impl Override {
    pub fn target(&self) -> Target<'_> {
        match &self.change {
            Change::Down { cdn } => Target::Cdn(cdn),
            Change::Weights { mix, .. } => Target::Mix(mix),
        }
    }

    pub fn phase(&self, now: SystemTime) -> Phase {
        if self.until.is_some_and(|until| until <= now) {
            Phase::Over
        } else if self.from.is_some_and(|from| from > now) {
            Phase::Before
        } else {
            Phase::During
        }
    }

    /// Whether there is a moment at which both hold.
    pub fn overlaps(&self, other: &Self) -> bool {
        let begins_within = |one: &Self, other: &Self| match (one.from, other.until) {
            (Some(from), Some(until)) => from < until,
            _ => true,
        };
        begins_within(self, other) && begins_within(other, self)
    }
}

/// `akamai is down until 2026-11-21T23:00:00Z (INC-123)`.
impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.change.fmt(f)?;
        if let Some(from) = self.from {
            write!(f, " from {}", written(from))?;
        }
        if let Some(until) = self.until {
            write!(f, " until {}", written(until))?;
        }
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, " ({reason})"))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down { cdn } => write!(f, "{cdn} is down"),
            Self::Weights { mix, weights } => {
                write!(f, "mix {mix} is ")?;
                for (index, (cdn, weight)) in weights.iter().enumerate() {
                    write!(f, "{}{cdn}={weight}", if index > 0 { "," } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cdn(name) => write!(f, "CDN `{name}`"),
            Self::Mix(name) => write!(f, "mix `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::moment::read;

    fn down(from: Option<&str>, until: Option<&str>) -> Override {
        let moment = |hour: &str| read(&format!("2026-11-21T{hour}:00:00Z")).unwrap();
        Override {
            change: Change::Down { cdn: "akamai".to_owned() },
            reason: None,
            from: from.map(moment),
            until: until.map(moment),
        }
    }

    #[test]
    fn an_override_holds_from_its_first_moment_to_before_its_last() {
        let at = |hour: &str| down(Some("10"), Some("12")).phase(read(&format!("2026-11-21T{hour}Z")).unwrap());
        assert_eq!(at("09:59:59.999"), Phase::Before);
        assert_eq!(at("10:00:00"), Phase::During);
        assert_eq!(at("11:59:59.999"), Phase::During);
        assert_eq!(at("12:00:00"), Phase::Over);
        assert_eq!(down(None, None).phase(SystemTime::UNIX_EPOCH), Phase::During);
    }

    #[test]
    fn overrides_that_follow_on_each_other_do_not_overlap() {
        for (one, other, expected) in [
            ((None, None), (None, None), true),
            ((Some("10"), Some("12")), (Some("12"), None), false),
            ((Some("10"), Some("12")), (Some("11"), Some("13")), true),
            ((Some("10"), Some("14")), (Some("11"), Some("12")), true),
            ((None, Some("10")), (Some("10"), None), false),
            ((None, Some("10")), (None, Some("09")), true),
            ((Some("10"), None), (Some("20"), None), true),
        ] {
            let (one, other) = (down(one.0, one.1), down(other.0, other.1));
            assert_eq!((one.overlaps(&other), other.overlaps(&one)), (expected, expected), "{one} and {other}");
        }
    }
}
