//! The last good tables, kept on disk: what a restart serves when the source is bad or gone, and what a
//! rollback goes back to.
//!
//! Files are kept by their SHA-256 under `files/`, so that what tables share is kept once. `index.json` names the
//! tables that were in service, and their files. A file is written beside, synced and renamed, and the
//! index last of all: a crash at any byte leaves the index before, and everything that it names.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file;

const INDEX: &str = "index.json";
const FILES: &str = "files";

/// What a file is called until it is whole.
const UNFINISHED: &str = "unfinished";

/// The state directory. One process at a time writes to it.
pub struct State {
    directory: PathBuf,
    /// Tables that can be gone back to, beside the one in service.
    keep: usize,
    index: Index,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Index {
    /// Whether a rollback holds the table: nothing is published until it is asked for.
    held: bool,
    /// Oldest first; the last is in service.
    tables: Vec<Kept>,
}

/// A table that was published, by what it was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub digest: String,
    pub version: String,
    /// Where it came from.
    pub source: String,
    /// RFC 3339.
    pub published_at: String,
    /// The document first, whose path is empty.
    pub files: Vec<KeptFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeptFile {
    /// As written in the document.
    pub path: String,
    pub sha256: String,
}

impl State {
    /// Opens the directory, making it if need be, and clears what a crash has left behind.
    ///
    /// # Errors
    /// If it can't be read or written, or its index is not one.
    pub fn open(directory: PathBuf, keep: usize) -> io::Result<Self> {
        fs::create_dir_all(directory.join(FILES)).map_err(|error| about(&directory, &error))?;
        let index = match fs::read(directory.join(INDEX)) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| about(&directory.join(INDEX), &error.into()))?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Index::default(),
            Err(error) => return Err(about(&directory.join(INDEX), &error)),
        };
        let state = Self { directory, keep, index };
        state.clear()?;
        Ok(state)
    }

    /// The one in service, then those before it.
    pub fn newest_first(&self) -> impl Iterator<Item = &Kept> {
        self.index.tables.iter().rev()
    }

    pub fn is_held(&self) -> bool {
        self.index.held
    }

    /// Keeps a file's bytes, before anything names them.
    pub fn keep_file(&self, bytes: &[u8], sha256: &str) -> io::Result<()> {
        let path = self.file(sha256);
        if path.metadata().is_ok_and(|metadata| metadata.len() == bytes.len() as u64) {
            return Ok(());
        }
        self.write(&path, bytes)
    }

    /// The bytes of a kept file, found to be what they were.
    ///
    /// # Errors
    /// If it is gone, or is not what was kept.
    pub fn read_file(&self, sha256: &str, limit: u64) -> Result<Vec<u8>, String> {
        let path = self.file(sha256);
        let bytes = file::read(&path, limit).map_err(|message| format!("{}: {message}", path.display()))?;
        if file::sha256(&bytes) == sha256 {
            return Ok(bytes);
        }
        Err(format!("{}: the file is not what was kept", path.display()))
    }

    /// A table was published: it is the last good one from now on, and nothing is held.
    pub fn published(&mut self, kept: Kept) -> io::Result<()> {
        let mut index = Index { held: false, tables: self.index.tables.clone() };
        index.tables.retain(|table| table.digest != kept.digest);
        index.tables.push(kept);
        let surplus = index.tables.len().saturating_sub(self.keep + 1);
        index.tables.drain(..surplus);
        self.store(index)
    }

    /// The table before the one in service, if one is kept.
    pub fn before(&self) -> Option<&Kept> {
        self.index.tables.iter().rev().nth(1)
    }

    /// Goes back: the table before is in service and held, the one that was is forgotten.
    pub fn rolled_back(&mut self) -> io::Result<()> {
        let mut index = Index { held: true, tables: self.index.tables.clone() };
        index.tables.pop();
        self.store(index)
    }

    /// Ends a hold.
    pub fn release(&mut self) -> io::Result<()> {
        self.store(Index { held: false, tables: self.index.tables.clone() })
    }

    /// In memory too only once it is on disk.
    fn store(&mut self, index: Index) -> io::Result<()> {
        if index == self.index {
            return Ok(());
        }
        let bytes = serde_json::to_vec_pretty(&index)?;
        self.write(&self.directory.join(INDEX), &bytes)?;
        self.index = index;
        self.clear()
    }

    /// Writes a file whole or not at all.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.directory.join(UNFINISHED);
        let written = (|| {
            let mut file = File::create(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, path)?;
            // The rename itself.
            File::open(path.parent().unwrap_or(&self.directory))?.sync_all()
        })();
        written.map_err(|error| about(path, &error))
    }

    /// Removes files that the index does not name.
    fn clear(&self) -> io::Result<()> {
        let named: BTreeSet<&str> =
            self.index.tables.iter().flat_map(|table| &table.files).map(|file| file.sha256.as_str()).collect();
        for entry in fs::read_dir(self.directory.join(FILES))? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
                fs::remove_file(entry.path())?;
            }
        }
        match fs::remove_file(self.directory.join(UNFINISHED)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn file(&self, sha256: &str) -> PathBuf {
        self.directory.join(FILES).join(sha256)
    }
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
