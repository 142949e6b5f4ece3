//! Where a document's bytes come from, and those of the files that it names.
//!
//! - [`local`]: files; [`remote`]: objects in a store; [`kept`]: the state directory

pub mod kept;
pub mod local;
pub mod remote;

use std::path::Path;
use std::time::Duration;

use crate::file::Watched;
use crate::interrupt::Interrupt;
use crate::store::{ObjectUrl, Tag};
use crate::table::Problems;
use crate::table::problem::Place;

pub use kept::FromState;
use local::Local;
use remote::Remote;

/// A document and the files that it names, by the paths that it names them by.
pub trait Source: Send {
    /// What to call the document in messages.
    fn name(&self) -> String;

    /// Reads one of them whole, and remembers in `seen` what to tell a change by.
    ///
    /// # Errors
    /// Why it can't be read.
    fn read(&self, file: Named<'_>, limit: u64, seen: &mut Seen) -> Result<Vec<u8>, Unreadable>;

    /// Where it does not tell of changes by itself, but has to be asked.
    fn is_remote(&self) -> bool {
        false
    }

    /// Asks whether something is not as it was seen.
    ///
    /// # Errors
    /// Why that can't be found out.
    fn has_changed(&self, _: &Seen) -> Result<bool, Unreadable> {
        Ok(false)
    }
}

/// One of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'n> {
    Document,
    /// By its path from the document's folder.
    File(&'n str),
}

/// What was looked at, as it was.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub files: Vec<Watched>,
    pub objects: Vec<SeenObject>,
}

/// None as its tag: it could not be read, or there is nothing to tell a change by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenObject {
    pub url: ObjectUrl,
    pub tag: Option<Tag>,
}

/// Why something can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub message: String,
    pub why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// There is nothing there, for certain.
    Absent,
    /// Nor could anything else be read from there.
    Unreachable,
    /// Something more urgent was asked for.
    Interrupted,
    /// For want of the right to.
    Denied,
    Other,
}

impl Unreadable {
    pub fn new(why: Why, message: impl Into<String>) -> Self {
        Self { message: message.into(), why }
    }
}

/// What came of asking whether a document, or what it names, has changed. Broken off, it is asked again later.
pub fn ask(source: &dyn Source, seen: &Seen) -> Result<bool, Problems> {
    match source.has_changed(seen) {
        Err(Unreadable { why: Why::Interrupted, .. }) => Ok(false),
        asked => asked.map_err(|unreadable| {
            let mut problems = Problems::new();
            let place = Place::whole_file(problems.file(&source.name()));
            problems.error(place, unreadable.message);
            problems
        }),
    }
}

/// How to deal with a store.
#[derive(Debug, Clone)]
pub struct Asking {
    /// For one object.
    pub timeout: Duration,
    pub interrupt: Interrupt,
}

impl Default for Asking {
    fn default() -> Self {
        Self { timeout: crate::store::TIMEOUT, interrupt: Interrupt::default() }
    }
}

/// The source at a place: an address in a store, or a path.
pub fn open(place: &str, asking: Asking) -> Box<dyn Source> {
    if ObjectUrl::is_meant(place) {
        Box::new(Remote::new(place, asking))
    } else {
        Box::new(Local::new(Path::new(place)))
    }
}
