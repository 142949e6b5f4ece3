//! The file of overrides while it is edited: nobody else edits it, and it is replaced whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

/// Links that are followed before it is taken for a circle; as many as Linux follows.
const MOST_LINKS: usize = 40;

/// Whoever else wants to edit a file of the directory waits until this is dropped. What it holds
/// goes with the process, however that ends.
pub struct Locked {
    /// Behind all symlinks: they stay as they are.
    target: PathBuf,
    directory: File,
}

impl Locked {
    pub fn new(path: &Path) -> io::Result<Self> {
        let target = behind_links(path)?;
        let directory = File::open(match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        })?;
        directory.lock()?;
        Ok(Self { target, directory })
    }

    /// The file itself, behind all links. It need not be there yet.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Replaces the file, keeping its owner and permissions.
    pub fn replace(&self, text: &str) -> io::Result<()> {
        let mut name = OsString::from(".");
        name.push(self.target.file_name().unwrap_or_default());
        name.push(".unfinished");
        let unfinished = self.target.with_file_name(name);
        // What somebody left behind who was killed.
        _ = fs::remove_file(&unfinished);
        let written = self.write(&unfinished, text);
        if written.is_err() {
            _ = fs::remove_file(&unfinished);
        }
        written
    }

    fn write(&self, unfinished: &Path, text: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(unfinished)?;
        match self.target.metadata() {
            Ok(old) => {
                // Only root may give a file away; a group of one's own can always be given.
                if fchown(&file, Some(old.uid()), Some(old.gid())).is_err() {
                    _ = fchown(&file, None, Some(old.gid()));
                }
                file.set_permissions(old.permissions())?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(unfinished, &self.target)?;
        // The rename itself.
        self.directory.sync_all()
    }
}

/// The file that a path leads to, whether or not it is there.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&target) {
            Ok(link) => target = target.parent().unwrap_or(Path::new("")).join(link),
            // There is none, or it is none.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => return Ok(target),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("its symlinks go in a circle"))
}
