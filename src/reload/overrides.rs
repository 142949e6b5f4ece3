//! Overrides from where they are. `serve`, `check`, `lookup` and `override` all read them through here.

use std::time::SystemTime;

use super::source::{Named, Seen, Source, Unreadable, Why};
use crate::table::problem::Place;
use crate::table::{Overrides, Problems};

/// Thousands of overrides fit. What is larger is some other file.
pub const LARGEST: u64 = 1 << 20;

/// What was found where overrides would be.
pub enum Found {
    Some(Overrides),
    /// There is nothing there.
    Nothing,
    /// Whether there is something is not known. Why is among the problems.
    Unreadable,
    /// What is wrong is among the problems.
    Bad,
}

impl Found {
    /// Where there is nothing, there are no overrides.
    pub fn or_none(self, source: &dyn Source) -> Option<Overrides> {
        match self {
            Self::Some(overrides) => Some(overrides),
            Self::Nothing => Some(Overrides::none(&source.name())),
            Self::Bad | Self::Unreadable => None,
        }
    }
}

/// Reads them, with errors in `problems` unless all of it is good.
pub fn read(source: &dyn Source, now: SystemTime, seen: &mut Seen, problems: &mut Problems) -> Found {
    let name = source.name();
    let (message, found) = match source.read(Named::Document, LARGEST, seen) {
        Ok(bytes) => {
            let text = problems.text(&name, bytes);
            let overrides = text.and_then(|text| Overrides::parse(&name, &text, now, problems));
            return overrides.map_or(Found::Bad, Found::Some);
        }
        Err(unreadable) if unreadable.why == Why::Absent => return Found::Nothing,
        Err(Unreadable { message, why: Why::Other }) => (message, Found::Bad),
        Err(unreadable) => (unreadable.message, Found::Unreadable),
    };
    let place = Place::whole_file(problems.file(&name));
    problems.error(place, message);
    found
}

/// The same for who reads them once.
pub fn read_once(source: &dyn Source, now: SystemTime, problems: &mut Problems) -> Option<Overrides> {
    read(source, now, &mut Seen::default(), problems).or_none(source)
}
