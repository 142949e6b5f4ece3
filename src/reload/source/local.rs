//! A document in a file; others are named relative to it.

use std::path::{Path, PathBuf};

use super::{Named, Seen, Source, Unreadable, Why};
use crate::file::{self, Watched};

pub struct Local {
    document: PathBuf,
}

impl Local {
    pub fn new(document: &Path) -> Self {
        Self { document: document.to_owned() }
    }

    fn path(&self, file: Named<'_>) -> PathBuf {
        match file {
            Named::Document => self.document.clone(),
            Named::File(path) => self.document.parent().unwrap_or(Path::new("")).join(path),
        }
    }
}

impl Source for Local {
    fn name(&self) -> String {
        self.document.to_string_lossy().into_owned()
    }

    fn read(&self, file: Named<'_>, limit: u64, seen: &mut Seen) -> Result<Vec<u8>, Unreadable> {
        let path = self.path(file);
        seen.files.push(Watched::now(path.clone()));
        file::read(&path, limit)
            .map_err(|message| Unreadable::new(if is_absent(&path) { Why::Absent } else { Why::Other }, message))
    }
}

/// A link to nowhere is not nothing, nor is a file whose directory is not there: they may be gone for a moment only.
fn is_absent(path: &Path) -> bool {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let is_gone = matches!(path.try_exists(), Ok(false)) && path.symlink_metadata().is_err();
    is_gone && directory.is_none_or(Path::exists)
}
