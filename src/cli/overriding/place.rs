//! Where overrides are edited: in a file, or in a store. Either way nothing that somebody else writes meanwhile is
//! lost.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::file::Locked;
use crate::reload::overrides::{self, Found};
use crate::reload::source::local::Local;
use crate::reload::source::remote::Remote;
use crate::reload::source::{Asking, Seen};
use crate::store::{FailureKind, ObjectUrl};
use crate::table::Problems;

pub enum Place {
    /// Nobody else edits it until this is dropped.
    File(Locked),
    /// It is written only if it is as it was when it was read.
    Object(Box<Remote>, Seen),
}

/// Why nothing was written.
pub enum Unwritten {
    /// Somebody else was faster: read it again.
    Conflict,
    Failed(String),
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Place {
    pub fn open(place: &str) -> Result<Self, Unwritten> {
        if ObjectUrl::is_meant(place) {
            Ok(Self::Object(Box::new(Remote::new(place, Asking::default())), Seen::default()))
        } else {
            Ok(Self::File(Locked::new(Path::new(place))?))
        }
    }

    /// With errors in `problems`, unless all of it is good.
    pub fn read(&mut self, now: SystemTime, problems: &mut Problems) -> Found {
        match self {
            Self::File(locked) => overrides::read(&Local::new(locked.target()), now, &mut Seen::default(), problems),
            Self::Object(remote, seen) => {
                *seen = Seen::default();
                overrides::read(&**remote, now, seen, problems)
            }
        }
    }

    /// Whether an empty list says more than nothing: what was in force stays while an object is not there.
    pub fn is_missed(&self) -> bool {
        matches!(self, Self::Object(_, seen) if seen.objects.iter().all(|object| object.tag.is_none()))
    }

    /// Replaces it whole.
    pub fn replace(&self, text: &str) -> Result<(), Unwritten> {
        match self {
            Self::File(locked) => Ok(locked.replace(text)?),
            Self::Object(remote, seen) => remote.replace(text.as_bytes(), seen).map_err(|failure| match failure.kind {
                FailureKind::Conflict => Unwritten::Conflict,
                _ => Unwritten::Failed(failure.message),
            }),
        }
    }

    /// Keeps what is there beside it, and gives the copy's name.
    pub fn set_aside(&mut self) -> Result<String, Unwritten> {
        match self {
            Self::File(locked) => {
                let copy = locked.target().with_extension("json.bad");
                fs::copy(locked.target(), &copy)?;
                Ok(copy.to_string_lossy().into_owned())
            }
            Self::Object(remote, seen) => {
                // What is replaced then is what was copied.
                *seen = Seen::default();
                remote.copy("overrides.json.bad", seen).map_err(|failure| Unwritten::Failed(failure.message))
            }
        }
    }
}
