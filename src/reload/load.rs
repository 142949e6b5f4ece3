//! From a path to a compiled table: all inputs read, checked, compiled. `serve`, `check` and
//! `lookup` all load through here.

use std::collections::HashSet;
use std::path::Path;

use super::source::{Local, Named, Source};
use super::state::KeptFile;
use crate::file::{Watched, digest_of_all, sha256};
use crate::outcome::Candidate;
use crate::table::manifest::FileRef;
use crate::table::problem::Place;
use crate::table::{Inputs, Manifest, Problems, Table, compile};

/// Every byte that a table is made of, read and not yet compiled.
pub struct Gathered {
    manifest: Option<Manifest>,
    inputs: Inputs,
    /// The files that were read.
    pub files: Vec<KeptFile>,
    /// Those that were looked at, for who watches them.
    pub watched: Vec<Watched>,
    pub problems: Problems,
}

impl Gathered {
    /// Names all inputs together. Equal digests mean equal tables.
    pub fn digest(&self) -> &str {
        &self.inputs.digest
    }

    /// What would be put into service.
    pub fn candidate(&self, source: &dyn Source) -> Candidate {
        Candidate {
            source: Some(source.name()),
            version: self.manifest.as_ref().map(|manifest| manifest.version.clone()),
            digest: Some(self.inputs.digest.clone()).filter(|digest| !digest.is_empty()),
        }
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
    gather_from(&Local::new(path), limit, |_, _| {})
}

/// The same from anywhere. Each file's bytes and SHA-256 are shown to `keep`, before anything is made of them.
pub fn gather_from(source: &dyn Source, limit: u64, mut keep: impl FnMut(&[u8], &str)) -> Gathered {
    let mut problems = Problems::new();
    let name = source.name();
    let file = problems.file(&name);
    let mut watched: Vec<Watched> = source.watched(Named::Document).into_iter().collect();
    let mut inputs = Inputs { limit, ..Inputs::default() };
    let text = source.read(Named::Document, limit).and_then(|bytes| {
        String::from_utf8(bytes)
            .map_err(|error| format!("not UTF-8 text, from byte {}", error.utf8_error().valid_up_to()))
    });
    let text = match text {
        Ok(text) => text,
        Err(message) => {
            problems.error(Place::whole_file(file), message);
            return Gathered { manifest: None, inputs, files: Vec::new(), watched, problems };
        }
    };
    let mut left = limit - text.len() as u64;
    let mut files = vec![KeptFile { path: String::new(), sha256: sha256(text.as_bytes()) }];
    keep(text.as_bytes(), &files[0].sha256);
    let manifest = Manifest::parse(&name, &text, &mut problems);
    let named: Vec<FileRef> = manifest.iter().flat_map(Manifest::files).cloned().collect();
    let mut seen = HashSet::new();
    for named in named {
        if seen.insert(named.path.clone()) {
            let file = Named::File(&named.path);
            watched.extend(source.watched(file));
            match source.read(file, left) {
                Ok(bytes) => {
                    left -= bytes.len() as u64;
                    let sha256 = sha256(&bytes);
                    keep(&bytes, &sha256);
                    files.push(KeptFile { path: named.path.clone(), sha256 });
                    inputs.files.insert(named.path.clone(), bytes);
                }
                Err(message) => {
                    let is_gone = message.ends_with("does not exist");
                    let problem = problems.error(named.place, format!("{}: {message}", named.name));
                    if is_gone {
                        problem.help("paths in a table are relative to its own: put it where its files are");
                    }
                }
            }
        }
        let found = files.iter().find(|file| file.path == named.path).map(|file| &file.sha256);
        if let (Some(pinned), Some(found)) = (&named.sha256, found)
            && pinned != found
        {
            let message = format!("{}: the file's SHA-256 is {found}, not the one it is pinned to", named.name);
            problems.error(named.place, message);
        }
    }
    inputs.digest = digest_of_all(files.iter().map(|file| (file.path.clone(), file.sha256.clone())).collect());
    Gathered { manifest, inputs, files, watched, problems }
}
