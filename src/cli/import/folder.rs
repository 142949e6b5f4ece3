//! The folder of the file that is imported, where the files are that it includes.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern, glob_with};

use crate::config::Guards;
use crate::file;
use crate::import::{Files, Included};

/// As the shell matches: a `*` stays within a folder, and passes over hidden files.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

pub struct Folder<'f>(pub &'f Path);

impl Files for Folder<'_> {
    fn read(&self, name: &str) -> Result<Included, String> {
        let path = self.0.join(name);
        let bytes = file::read(&path, Guards::default().max_input)?;
        Ok(Included { name: path.to_string_lossy().into_owned(), bytes })
    }

    fn matching(&self, pattern: &str) -> Result<Vec<String>, String> {
        let folder = Pattern::escape(&self.0.to_string_lossy());
        let whole = Path::new(&folder).join(as_crate(pattern));
        let found = glob_with(&whole.to_string_lossy(), OPTIONS).map_err(|error| format!("no pattern: {error}"))?;
        let mut paths: Vec<PathBuf> = found.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        paths.sort();
        let name = |path: &PathBuf| path.strip_prefix(self.0).unwrap_or(path).to_string_lossy().into_owned();
        Ok(paths.iter().map(name).collect())
    }
}

/// A pattern of the C library in the words of the crate, to which `**` means more.
fn as_crate(pattern: &str) -> String {
    let mut pattern = pattern.replace("[^", "[!");
    while pattern.contains("**") {
        pattern = pattern.replace("**", "*");
    }
    pattern
}
