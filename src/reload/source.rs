//! Where a table's bytes come from.

use std::path::{Path, PathBuf};

use super::state::{Kept, State};
use crate::file::{self, Watched};

/// A table's document and the files that it names, by the paths that it names them by.
pub trait Source {
    /// What to call the document in messages.
    fn name(&self) -> String;

    /// # Errors
    /// Why it can't be read.
    fn read(&self, file: Named<'_>, limit: u64) -> Result<Vec<u8>, String>;

    /// What to look at for changes, if that can be looked at.
    fn watched(&self, file: Named<'_>) -> Option<Watched>;
}

/// One of a table's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'n> {
    Document,
    /// By its path as written in the document.
    File(&'n str),
}

/// A document in a file; others are named relative to it.
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

    fn read(&self, file: Named<'_>, limit: u64) -> Result<Vec<u8>, String> {
        file::read(&self.path(file), limit)
    }

    fn watched(&self, file: Named<'_>) -> Option<Watched> {
        Some(Watched::now(self.path(file)))
    }
}

/// A table that was in service before.
pub struct FromState<'s> {
    pub state: &'s State,
    pub kept: &'s Kept,
}

impl Source for FromState<'_> {
    /// What it was called when it was published: problems stand where they stood.
    fn name(&self) -> String {
        self.kept.source.clone()
    }

    fn read(&self, file: Named<'_>, limit: u64) -> Result<Vec<u8>, String> {
        let path = match file {
            Named::Document => "",
            Named::File(path) => path,
        };
        let kept = self.kept.files.iter().find(|kept| kept.path == path);
        self.state.read_file(&kept.ok_or("the file was not kept")?.sha256, limit)
    }

    fn watched(&self, _: Named<'_>) -> Option<Watched> {
        None
    }
}
