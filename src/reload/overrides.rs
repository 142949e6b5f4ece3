//! Overrides from their file. `serve`, `check`, `lookup` and `override` all read it through here.

use std::path::Path;
use std::time::SystemTime;

use crate::file;
use crate::table::problem::Place;
use crate::table::{Overrides, Problems};

/// Thousands of overrides fit. What is larger is some other file.
pub const LARGEST: u64 = 1 << 20;

/// Reads the file; where there is none, there are no overrides. A link to nowhere is not none, nor is a
/// file whose directory is not there: they may be gone for a moment only. None, with errors in `problems`, unless all of it is good.
pub fn read(path: &Path, now: SystemTime, problems: &mut Problems) -> Option<Overrides> {
    let name = path.to_string_lossy();
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let is_none = matches!(path.try_exists(), Ok(false)) && path.symlink_metadata().is_err();
    if is_none && directory.is_none_or(Path::exists) {
        return Some(Overrides::none(&name));
    }
    let text = file::read(path, LARGEST).and_then(|bytes| {
        String::from_utf8(bytes)
            .map_err(|error| format!("not UTF-8 text, from byte {}", error.utf8_error().valid_up_to()))
    });
    match text {
        Ok(text) => Overrides::parse(&name, &text, now, problems),
        Err(message) => {
            let place = Place::whole_file(problems.file(&name));
            problems.error(place, message);
            None
        }
    }
}
