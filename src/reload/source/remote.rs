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

    /// Copies the document, whatever it says, to this name beside it. Gives the copy's address.
    pub fn copy(&self, name: &str) -> Result<String, Failure> {
        let (url, store) = self.opened.as_ref().map_err(Clone::clone)?;
        let bytes = store.read(url, u64::MAX, None)?.map(|object| object.bytes).unwrap_or_default();
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
        let read = store.read(&url, limit, None);
        count(&read);
        let tag = read.as_ref().ok().and_then(|object| object.as_ref()?.tag.clone());
        seen.objects.push(SeenObject { url, tag });
        let bytes = read.map_err(|failure| unreadable(&failure))?.map(|object| object.bytes).unwrap_or_default();
        Ok(bytes)
    }

    fn is_remote(&self) -> bool {
        true
    }

    /// Asks for everything that was read, until something is new. What was not there, or could not be read, is.
    fn has_changed(&self, seen: &Seen) -> bool {
        let Ok((_, store)) = &self.opened else { return true };
        let is_same = |SeenObject { url, tag }: &SeenObject| {
            // Of what is new not a byte is wanted yet.
            let asked = tag.as_ref().map(|tag| store.read(url, 0, Some(tag)));
            asked.as_ref().inspect(|asked| count(asked));
            matches!(asked, Some(Ok(None)))
        };
        seen.objects.is_empty() || !seen.objects.iter().all(is_same)
    }
}

fn count(asked: &Result<Option<Object>, Failure>) {
    match asked {
        Ok(Some(object)) => telemetry::asked("read", object.bytes.len()),
        Ok(None) => telemetry::asked("unchanged", 0),
        Err(_) => telemetry::asked("failed", 0),
    }
}

fn unreadable(failure: &Failure) -> Unreadable {
    let why = match failure.kind {
        FailureKind::Missing => Why::Absent,
        FailureKind::Unreachable => Why::Unreachable,
        FailureKind::Refused | FailureKind::Conflict => Why::Other,
    };
    Unreadable::new(why, &failure.message)
}
