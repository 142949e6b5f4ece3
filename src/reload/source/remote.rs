//! A document in a store; others are named relative to it.
//!
//! Nobody tells of changes here: a source is asked, with what it said before, and says that nothing is new (RFC
//! 9110, section 13.1.2) or gives it.

use super::{Asking, Named, Seen, SeenObject, Source, Unreadable, Why};
use crate::store::{Condition, Failure, FailureKind, Object, ObjectUrl, Store};
use crate::table::pointer::is_relative;
use crate::telemetry;

pub struct Remote {
    place: String,
    /// Or why there is none.
    opened: Result<(ObjectUrl, Store), Failure>,
}

impl Remote {
    pub fn new(place: &str, asking: Asking) -> Self {
        let url = place.parse::<ObjectUrl>().map_err(|message| Failure::new(FailureKind::Refused, message));
        let opened = url.and_then(|url| {
            let store = Store::open(&url, asking.timeout, asking.interrupt)?;
            Ok((url, store))
        });
        Self { place: place.to_owned(), opened }
    }
}

impl Remote {
    /// Writes the document, unless somebody else has since it was seen.
    pub fn replace(&self, bytes: &[u8], seen: &Seen) -> Result<(), Failure> {
        let (url, store) = self.opened.as_ref().map_err(Clone::clone)?;
        let tag = seen.objects.iter().find(|object| object.url == *url).and_then(|object| object.tag.as_ref());
        let condition = tag.map_or(Condition::New, Condition::Same);
        store.write(url, bytes.to_vec(), &condition).map(|_| ())
    }

    /// Copies the document, whatever it says and however large, to this name beside it. Gives the copy's address.
    pub fn copy(&self, name: &str, seen: &mut Seen) -> Result<String, Failure> {
        let (url, store) = self.opened.as_ref().map_err(Clone::clone)?;
        let Object { bytes, tag } = store.read(url, u64::MAX)?;
        seen.objects.push(SeenObject { url: url.clone(), tag });
        let copy = url.beside(name);
        store.write(&copy, bytes, &Condition::Always)?;
        Ok(copy.to_string())
    }
}

impl Source for Remote {
    fn name(&self) -> String {
        self.place.clone()
    }

    fn read(&self, file: Named<'_>, limit: u64, seen: &mut Seen) -> Result<Vec<u8>, Unreadable> {
        let (document, store) = self.opened.as_ref().map_err(unreadable)?;
        let url = match file {
            Named::Document => document.clone(),
            Named::File(path) if is_relative(path) => document.beside(path),
            Named::File(_) => {
                let message = "a table in a store names only files beside it: write a relative path without `..`";
                return Err(Unreadable::new(Why::Other, message));
            }
        };
        let read = store.read(&url, limit);
        match &read {
            Ok(object) => telemetry::asked("read", object.bytes.len()),
            Err(failure) => telemetry::asked(label(failure), 0),
        }
        let tag = read.as_ref().ok().and_then(|object| object.tag.clone());
        seen.objects.push(SeenObject { url, tag });
        read.map(|object| object.bytes).map_err(|failure| unreadable(&failure))
    }

    fn is_remote(&self) -> bool {
        true
    }

    /// Asks for everything that was read, until something is new. What was not there, or could not be read, is.
    fn has_changed(&self, seen: &Seen) -> Result<bool, Unreadable> {
        let (_, store) = self.opened.as_ref().map_err(unreadable)?;
        for SeenObject { url, tag } in &seen.objects {
            let Some(tag) = tag else { return Ok(true) };
            let asked = store.is_same(url, tag);
            let result = match &asked {
                Ok(true) => "unchanged",
                Ok(false) => "changed",
                Err(failure) => label(failure),
            };
            telemetry::asked(result, 0);
            match asked.map_err(|failure| unreadable(&failure)) {
                Ok(true) => {}
                Err(failed) if matches!(failed.why, Why::Unreachable | Why::Interrupted) => return Err(failed),
                // Read again, it tells in its place what is wrong with it.
                Ok(false) | Err(_) => return Ok(true),
            }
        }
        Ok(seen.objects.is_empty())
    }
}

/// How a failure is counted. Overrides need not be there.
fn label(failure: &Failure) -> &'static str {
    if failure.kind == FailureKind::Missing { "missing" } else { "failed" }
}

fn unreadable(failure: &Failure) -> Unreadable {
    let why = match failure.kind {
        FailureKind::Missing => Why::Absent,
        FailureKind::Unreachable => Why::Unreachable,
        FailureKind::Interrupted => Why::Interrupted,
        FailureKind::Denied => Why::Denied,
        FailureKind::Refused | FailureKind::Conflict => Why::Other,
    };
    Unreadable::new(why, &failure.message)
}
