//! The published tables of a store, and the pointer that says which is the current one.
//!
//! Below the folder that the pointer `current.json` is in:
//! - `tables/DIGEST/`: the files of one table, never changed
//! - `DIGEST.json`: its own pointer, for who wants this very table, and for going back to it
//!
//! A pointer is moved only by who knows what it said: of two at once, the second is told.

use std::path::Path;

use super::state::KeptFile;
use crate::file;
use crate::interrupt::Interrupt;
use crate::store::{self, Condition, Failure, FailureKind, ObjectUrl, Store, Tag};
use crate::table::pointer::{self, Pointer};
use crate::table::problem::Place;
use crate::table::{Problems, moment};

const CURRENT: &str = "current.json";

pub struct Depot {
    store: Store,
    /// Of the pointer.
    pub current: ObjectUrl,
}

/// The pointer as it is.
pub struct Current {
    pub pointer: Pointer,
    tag: Option<Tag>,
}

/// Why a pointer can't be read.
pub enum Unread {
    Failed(String),
    /// There is something, but no good pointer.
    Bad(Problems),
}

impl Depot {
    /// The depot in a folder such as `s3://bucket/cdn`.
    pub fn open(folder: &str) -> Result<Self, String> {
        let current: ObjectUrl = format!("{}/{CURRENT}", folder.trim_end_matches('/')).parse()?;
        let opened = Store::open(&current, store::TIMEOUT, Interrupt::default());
        Ok(Self { store: opened.map_err(|failure| failure.message)?, current })
    }

    /// None, if nothing was ever published.
    pub fn current(&self) -> Result<Option<Current>, Unread> {
        self.read(&self.current)
    }

    /// The pointer of one table.
    pub fn pointer_of(&self, digest: &str) -> ObjectUrl {
        self.current.beside(&format!("{digest}.json"))
    }

    pub fn table(&self, digest: &str) -> Result<Option<Pointer>, Unread> {
        Ok(self.read(&self.pointer_of(digest))?.map(|current| current.pointer))
    }

    fn read(&self, url: &ObjectUrl) -> Result<Option<Current>, Unread> {
        let object = match self.store.read(url, pointer::LARGEST) {
            Ok(object) => object,
            Err(Failure { kind: FailureKind::Missing, .. }) => return Ok(None),
            Err(failure) => return Err(Unread::Failed(format!("{url}: {failure}"))),
        };
        let mut problems = Problems::new();
        let text = String::from_utf8(object.bytes).unwrap_or_default();
        if !Pointer::is_meant(&text) {
            let place = Place::whole_file(problems.file(url.as_str()));
            problems.error(place, "this is no pointer").help("choose a folder of its own for published tables");
            return Err(Unread::Bad(problems));
        }
        match Pointer::parse(url.as_str(), &text, &mut problems) {
            Some(pointer) => Ok(Some(Current { pointer, tag: object.tag })),
            None => Err(Unread::Bad(problems)),
        }
    }

    /// Uploads a table's files, unless they are there, and its own pointer last. `told` is shown each with its size.
    ///
    /// # Errors
    /// Says of which file, and why. The current table is what it was.
    pub fn upload(&self, document: &Path, pointer: &Pointer, mut told: impl FnMut(&str, usize)) -> Result<(), String> {
        let folder = document.parent().unwrap_or(Path::new(""));
        for (path, sha256) in &pointer.files {
            let bytes = file::read(&folder.join(path), u64::MAX).map_err(|message| format!("{path}: {message}"))?;
            if file::sha256(&bytes) != *sha256 {
                return Err(format!("{path}: the file has changed since it was checked; publish again"));
            }
            told(path, bytes.len());
            let url = self.current.beside(&pointer.place(path));
            self.put(&url, bytes).map_err(|failure| format!("{url}: {failure}"))?;
        }
        let url = self.pointer_of(&pointer.digest);
        self.put(&url, pointer.text().into_bytes()).map_err(|failure| format!("{url}: {failure}"))
    }

    /// What is there with the right bytes is left alone; what was spoilt is mended.
    fn put(&self, url: &ObjectUrl, bytes: Vec<u8>) -> Result<(), Failure> {
        match self.store.write(url, bytes.clone(), &Condition::New) {
            Err(Failure { kind: FailureKind::Conflict, .. }) => {
                let there = self.store.read(url, bytes.len() as u64);
                if there.is_ok_and(|there| there.bytes == bytes) {
                    return Ok(());
                }
                self.store.write(url, bytes, &Condition::Always).map(|_| ())
            }
            written => written.map(|_| ()),
        }
    }

    /// Makes a table the current one, unless another has become that since `before` was read.
    pub fn point_to(&self, pointer: &Pointer, before: Option<&Current>) -> Result<(), Failure> {
        let condition = match before {
            None => Condition::New,
            Some(Current { tag: Some(tag), .. }) => Condition::Same(tag),
            Some(_) => {
                let message = "the store gives no ETag, so that others' changes could be overwritten";
                return Err(Failure::new(FailureKind::Refused, message));
            }
        };
        self.store.write(&self.current, pointer.text().into_bytes(), &condition).map(|_| ())
    }
}

/// The pointer of a table that was read from a document of this name.
///
/// # Errors
/// Names what could not be found from the pointer's prefix.
pub fn pointer(
    document: &str,
    version: &str,
    digest: &str,
    files: &[KeptFile],
    published_at: std::time::SystemTime,
) -> Result<Pointer, String> {
    let named = |file: &KeptFile| if file.path.is_empty() { document.to_owned() } else { file.path.clone() };
    let outside = files.iter().map(named).find(|path| !pointer::is_relative(path));
    if let Some(path) = outside {
        return Err(format!("{path}: a published table names only files beside it: relative paths without `..`"));
    }
    let pointer = Pointer {
        pointer: pointer::FORMAT,
        version: version.to_owned(),
        digest: digest.to_owned(),
        prefix: format!("tables/{digest}/"),
        document: document.to_owned(),
        files: files.iter().map(|file| (named(file), file.sha256.clone())).collect(),
        previous: None,
        published_at: Some(moment::written_short(published_at)),
    };
    let (files, bytes) = (pointer.files.len(), pointer.text().len());
    if bytes as u64 > pointer::LARGEST {
        let most = pointer::LARGEST;
        return Err(format!(
            "the table has {files} files, of which a pointer would have {bytes} bytes, more than the {most} there may \
             be: put prefixes together into fewer files"
        ));
    }
    Ok(pointer)
}
