//! From a path to a compiled table: all inputs read, checked, compiled. `serve`, `check` and
//! `lookup` all load through here.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

use crate::file::{self, Stamp};
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
        if inputs.files.contains_key(&named.path) {
            continue;
        }
        let path = folder.join(&named.path);
        files.push(Watched::now(path.clone()));
        match read_pinned(&path, &named, left) {
            Ok((bytes, sha256)) => {
                left -= bytes.len() as u64;
                digests.push((named.path.clone(), sha256));
                inputs.files.insert(named.path, bytes);
            }
            Err(message) => {
                problems.error(named.place, format!("{}: {message}", named.name));
            }
        }
    }
    inputs.digest = digest_of_all(digests);
    Gathered { manifest, inputs, files, problems }
}

fn read_pinned(path: &Path, named: &FileRef, limit: u64) -> Result<(Vec<u8>, String), String> {
    let bytes = file::read(path, limit)?;
    let found = sha256(&bytes);
    match &named.sha256 {
        Some(pinned) if *pinned != found => Err(format!("the file's SHA-256 is {found}, not the one it is pinned to")),
        _ => Ok((bytes, found)),
    }
}

/// SHA-256 over a line per file, `HEX  PATH`, sorted by path as written in the document; the
/// document itself comes first, without a path.
fn digest_of_all(mut digests: Vec<(String, String)>) -> String {
    digests.sort();
    let mut lines = String::new();
    for (path, hex) in digests {
        _ = writeln!(lines, "{hex}  {path}");
    }
    sha256(lines.as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
        _ = write!(hex, "{byte:02x}");
        hex
    })
}
