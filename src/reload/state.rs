//! The last good tables, kept on disk: what a restart serves when the source is bad or gone, and what a
//! rollback goes back to.
//!
//! Files are kept by their SHA-256 under `files/`, so that what tables share is kept once. `index.json` names the
//! tables that were in service, and their files. A file is written beside, synced and renamed, and the
//! index last of all: a crash at any byte leaves the index before, and everything that it names.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file;

const INDEX: &str = "index.json";
const FILES: &str = "files";

/// Where an index that is none goes, with the files of that time.
const DAMAGED: &str = "damaged";

/// One process at a time.
const LOCK: &str = "lock";

/// What a file is called until it is whole.
const UNFINISHED: &str = "unfinished";

/// The state directory. One process at a time writes to it.
pub struct State {
    directory: PathBuf,
    /// Tables that can be gone back to, beside the one in service.
    keep: usize,
    index: Index,
    /// Held as long as this process uses the directory.
    _lock: Option<File>,
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
    /// Opens the directory, making it if need be, and clears what a crash has left behind. An index that is none
    /// is no reason not to start: it is set aside with all the files, and a new one begun.
    ///
    /// # Errors
    /// If it can't be read or written. One that is full is no error: what is kept there can still be read.
    pub fn open(directory: PathBuf, keep: usize) -> io::Result<Self> {
        let files = directory.join(FILES);
        fs::create_dir_all(&files).map_err(|error| about(&files, &error))?;
        let unfinished = directory.join(UNFINISHED);
        match File::create(&unfinished) {
            Err(error) if !matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                return Err(about(&unfinished, &error));
            }
            _ => {}
        }
        let index = match fs::read(directory.join(INDEX)) {
            Ok(bytes) => serde_json::from_slice(&bytes).or_else(|error| set_aside(&directory, &error))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Index::default(),
            Err(error) => return Err(about(&directory.join(INDEX), &error)),
        };
        // On a full disk there may be none, and what is kept can be read all the same.
        let lock = File::create(directory.join(LOCK)).ok();
        if let Some(Err(TryLockError::WouldBlock)) = lock.as_ref().map(File::try_lock) {
            // Not to start would be worse, as where a new process takes over from one that drains.
            tracing::error!(
                "{}: another process uses this directory: what one keeps there, the other may remove",
                directory.display()
            );
        }
        let state = Self { directory, keep, index, _lock: lock };
        state.clear(&[]);
        Ok(state)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
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
        if has_bytes(&path, bytes).unwrap_or(false) { Ok(()) } else { self.write(&path, bytes) }
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
    ///
    /// # Errors
    /// If one of its files is not kept: the index names nothing that is not there. Or if it can't be written.
    pub fn published(&mut self, kept: Kept) -> io::Result<()> {
        for file in &kept.files {
            let path = self.file(&file.sha256);
            path.metadata().map_err(|error| about(&path, &error))?;
        }
        let mut index = Index { held: false, tables: self.index.tables.clone() };
        if index.tables.last().is_none_or(|last| last.digest != kept.digest) {
            index.tables.retain(|table| table.digest != kept.digest);
            index.tables.push(kept);
        }
        let surplus = index.tables.len().saturating_sub(self.keep + 1);
        index.tables.drain(..surplus);
        self.store(index)
    }

    /// The tables before this one, newest first. All of them, if this one could not be kept.
    pub fn before(&self, digest: &str) -> impl Iterator<Item = &Kept> {
        let tables = &self.index.tables;
        let position = tables.iter().position(|table| table.digest == digest);
        tables[..position.unwrap_or(tables.len())].iter().rev()
    }

    /// Went back: this table is in service and held, those after it are forgotten.
    pub fn rolled_back(&mut self, digest: &str) -> io::Result<()> {
        let mut index = Index { held: true, tables: self.index.tables.clone() };
        let position = index.tables.iter().position(|table| table.digest == digest);
        index.tables.truncate(position.map_or(usize::MAX, |position| position + 1));
        self.store(index)
    }

    /// In memory too only once it is on disk.
    fn store(&mut self, index: Index) -> io::Result<()> {
        if index == self.index && self.directory.join(INDEX).exists() {
            return Ok(());
        }
        let bytes = serde_json::to_vec_pretty(&index)?;
        self.write(&self.directory.join(INDEX), &bytes)?;
        self.index = index;
        self.clear(&[]);
        Ok(())
    }

    /// Writes a file whole or not at all.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.directory.join(UNFINISHED);
        // Somebody may have taken the directory away.
        let made = fs::create_dir_all(self.directory.join(FILES));
        made.and_then(|()| file::replace(path, &unfinished, bytes)).map_err(|error| {
            // On a full disk its place is wanted. It may not even be there.
            _ = fs::remove_file(&unfinished);
            about(path, &error)
        })
    }

    /// Removes files that neither the index nor `also` names. What can't be removed is told, and costs its
    /// place only.
    pub fn clear(&self, also: &[KeptFile]) {
        let files = self.index.tables.iter().flat_map(|table| &table.files).chain(also);
        let named: BTreeSet<&str> = files.map(|file| file.sha256.as_str()).collect();
        let unnamed = |entry: &fs::DirEntry| !entry.file_name().to_str().is_some_and(|name| named.contains(name));
        let found = fs::read_dir(self.directory.join(FILES)).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let found = found.unwrap_or_else(|error| {
            tracing::warn!(%error, "{}: can't be cleared", self.directory.display());
            Vec::new()
        });
        let surplus = found.iter().filter(|entry| unnamed(entry)).map(fs::DirEntry::path);
        for path in surplus.chain([self.directory.join(UNFINISHED)]) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    tracing::warn!(%error, "{}: no longer needed, but can't be removed", path.display());
                }
                _ => {}
            }
        }
    }

    fn file(&self, sha256: &str) -> PathBuf {
        self.directory.join(FILES).join(sha256)
    }
}

/// Whether this is what a file holds: a damaged one is to be written anew.
fn has_bytes(path: &Path, mut bytes: &[u8]) -> io::Result<bool> {
    if path.metadata()?.len() != bytes.len() as u64 {
        return Ok(false);
    }
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    loop {
        let chunk = file.fill_buf()?;
        if chunk.is_empty() {
            return Ok(bytes.is_empty());
        }
        let Some(rest) = bytes.strip_prefix(chunk) else { return Ok(false) };
        bytes = rest;
        let length = chunk.len();
        file.consume(length);
    }
}

/// Moves an index that is none out of the way, and with it the files that it may have named: what was
/// kept can still be read by hand. Gives an empty one.
fn set_aside(directory: &Path, damage: &serde_json::Error) -> io::Result<Index> {
    let (aside, files, index) = (directory.join(DAMAGED), directory.join(FILES), directory.join(INDEX));
    let moved = (|| {
        // If none are left, an earlier attempt broke off here, and they are aside already.
        if fs::read_dir(&files)?.next().is_some() {
            if aside.exists() {
                fs::remove_dir_all(&aside)?;
            }
            fs::create_dir_all(&aside)?;
            fs::rename(&files, aside.join(FILES))?;
            fs::create_dir(&files)?;
        }
        fs::create_dir_all(&aside)?;
        fs::rename(&index, aside.join(INDEX))
    })();
    moved.map_err(|error| about(&aside, &error))?;
    tracing::error!(
        error = %damage,
        "{}: not an index of kept tables; moved to {} with all files, no table is kept now and none held",
        index.display(),
        aside.display()
    );
    Ok(Index::default())
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
