//! Files as inputs: read whole, of one moment, bounded, and named by their digest.

use std::fmt::Write as _;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

/// How often a file that keeps changing is read before giving up.
const ATTEMPTS: usize = 3;

/// Tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of what a path leads to now, through every symlink. None if there is nothing.
    pub fn of(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|metadata| Self::from_metadata(&metadata))
    }

    fn from_metadata(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// A file and the state it had before it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    pub path: PathBuf,
    pub stamp: Option<Stamp>,
}

impl Watched {
    pub fn now(path: PathBuf) -> Self {
        let stamp = Stamp::of(&path);
        Self { path, stamp }
    }
}

/// Where something lies that is named by its path from the folder of a document, be that a file or an object.
pub fn beside(document: &str, path: &str) -> String {
    format!("{}{path}", &document[..document.rfind('/').map_or(0, |slash| slash + 1)])
}

/// Reads a file whole. If it changed while it was read, it is read again.
///
/// # Errors
/// Says, to follow the file's name, what was wrong with it.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    for _ in 0..ATTEMPTS {
        let before = Stamp::of(path);
        let bytes = read_once(path, limit)?;
        if before.is_some() && before == Stamp::of(path) {
            return Ok(bytes);
        }
    }
    Err("the file changes while it is read; write it under another name and rename it".to_owned())
}

fn read_once(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "the file does not exist".to_owned(),
        _ => format!("the file can't be read: {error}"),
    };
    let too_large = || format!("the file is larger than the {limit} bytes that are left for it");
    // Asked first: opening a pipe would wait for its writer.
    let metadata = path.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("this is not a regular file".to_owned());
    }
    if metadata.len() > limit {
        return Err(too_large());
    }
    // With room to find its end. What grows is copied, and both are there meanwhile.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default().saturating_add(1));
    let file = File::open(path).map_err(unreadable)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Writes a file whole or not at all: as `unfinished`, in the same directory, until then.
pub fn replace(path: &Path, unfinished: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    // The rename itself.
    File::open(path.parent().unwrap_or(Path::new("")))?.sync_all()
}

/// SHA-256 over a line per file, `HEX  PATH`, sorted by path as written where it is
/// named. A table's own document comes first, without a path.
pub fn digest_of_all(mut digests: Vec<(String, String)>) -> String {
    digests.sort();
    let mut lines = String::new();
    for (path, hex) in digests {
        _ = writeln!(lines, "{hex}  {path}");
    }
    sha256(lines.as_bytes())
}

/// In hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
        _ = write!(hex, "{byte:02x}");
        hex
    })
}
