//! From a path to a compiled table: all inputs read, checked, compiled. `serve`, `check` and
//! `lookup` all load through here.

use std::path::Path;

use crate::file::{self, Watched, digest_of_all, sha256};
use crate::table::manifest::FileRef;
use crate::table::problem::Place;
use crate::table::{Inputs, Manifest, Problems, Table, compile};

/// Every byte that a table is made of, read and not yet compiled.
pub struct Gathered {
    manifest: Option<Manifest>,
    inputs: Inputs,
    /// The files that were looked at, for who watches them.
    pub files: Vec<Watched>,
    pub problems: Problems,
}

impl Gathered {
    /// Names all inputs together. Equal digests mean equal tables.
    pub fn digest(&self) -> &str {
        &self.inputs.digest
    }

    /// Compiles what was gathered. No table means that `problems` has errors.
    pub fn compile(self) -> (Option<Table>, Problems) {
        let mut problems = self.problems;
        let table = self.manifest.and_then(|manifest| compile(manifest, self.inputs, &mut problems));
        (table, problems)
    }
}

/// Reads a table's document and every file that it names, up to `limit` bytes in all.
pub fn gather(path: &Path, limit: u64) -> Gathered {
    let mut problems = Problems::new();
    let name = path.to_string_lossy();
    let file = problems.file(&name);
    let mut files = vec![Watched::now(path.to_owned())];
    let mut inputs = Inputs { limit, ..Inputs::default() };
    let text = file::read(path, limit).and_then(|bytes| {
        String::from_utf8(bytes)
            .map_err(|error| format!("not UTF-8 text, from byte {}", error.utf8_error().valid_up_to()))
    });
    let text = match text {
        Ok(text) => text,
        Err(message) => {
            problems.error(Place::whole_file(file), message);
            return Gathered { manifest: None, inputs, files, problems };
        }
    };
    let mut left = limit - text.len() as u64;
    let mut digests = vec![(String::new(), sha256(text.as_bytes()))];
    let manifest = Manifest::parse(&name, &text, &mut problems);
    let folder = path.parent().unwrap_or(Path::new(""));
    let named: Vec<FileRef> = manifest.iter().flat_map(Manifest::files).cloned().collect();
    for named in named {
        let path = folder.join(&named.path);
        if !files.iter().any(|file| file.path == path) {
            files.push(Watched::now(path.clone()));
            match file::read(&path, left) {
                Ok(bytes) => {
                    left -= bytes.len() as u64;
                    digests.push((named.path.clone(), sha256(&bytes)));
                    inputs.files.insert(named.path.clone(), bytes);
                }
                Err(message) => {
                    problems.error(named.place, format!("{}: {message}", named.name));
                }
            }
        }
        let found = digests.iter().find(|(path, _)| *path == named.path).map(|(_, sha256)| sha256);
        if let (Some(pinned), Some(found)) = (&named.sha256, found)
            && pinned != found
        {
            let message = format!("{}: the file's SHA-256 is {found}, not the one it is pinned to", named.name);
            problems.error(named.place, message);
        }
    }
    inputs.digest = digest_of_all(digests);
    Gathered { manifest, inputs, files, problems }
}
