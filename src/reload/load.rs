//! From a place to a compiled table: all inputs read, checked, compiled. `serve`, `check` and
//! `lookup` all load through here.

use std::collections::HashSet;
use std::path::Path;

use super::source::{self, Asking, Named, Seen, SeenObject, Source, Unreadable, Why};
use super::state::{KeptFile, State};
use crate::config::Guards;
use crate::file::{Watched, beside, digest_of_all, sha256};
use crate::outcome::Candidate;
use crate::table::problem::Place;
use crate::table::{Inputs, Manifest, Pointer, Problems, Table, compile};

/// Every byte that a table is made of, read and not yet compiled.
#[derive(Default)]
pub struct Gathered {
    manifest: Option<Manifest>,
    inputs: Inputs,
    /// The files that were read.
    pub files: Vec<KeptFile>,
    seen: Seen,
    pub problems: Problems,
}

impl Gathered {
    /// Names all inputs together. Equal digests mean equal tables.
    pub fn digest(&self) -> &str {
        &self.inputs.digest
    }

    /// What would be put into service.
    pub fn candidate(&self, source: &str) -> Candidate {
        Candidate {
            source: Some(source.to_owned()),
            version: self.manifest.as_ref().map(|manifest| manifest.version.clone()),
            digest: Some(self.inputs.digest.clone()).filter(|digest| !digest.is_empty()),
        }
    }

    /// What to wait for changes of: the guards' files, too.
    pub fn seen_with(&self, guards: &Guards) -> Seen {
        let mut seen = self.seen.clone();
        seen.files.extend(guards.traffic.clone().map(Watched::now));
        seen
    }

    /// Compiles what was gathered. No table means that `problems` has errors.
    pub fn compile(self) -> (Option<Table>, Problems) {
        let mut problems = self.problems;
        let table = self.manifest.and_then(|manifest| compile(manifest, self.inputs, &mut problems));
        (table, problems)
    }
}

/// Reads a table's document and every file that it names, up to `limit` bytes in all. `place` is a path, or an
/// address in a store.
pub fn gather(place: &Path, limit: u64) -> Gathered {
    gather_from(&*source::open(&place.to_string_lossy(), Asking::default()), limit, None)
}

/// The same from anywhere. With a state, each file is kept there, before anything is made of it, and what a pointer
/// names and is kept there already is not read again.
pub fn gather_from(source: &dyn Source, limit: u64, state: Option<&State>) -> Gathered {
    let mut gathered = Gathered { inputs: Inputs { limit, ..Inputs::default() }, ..Gathered::default() };
    let mut reading = Reading { source, state, pointer: None, left: limit, seen: Seen::default() };
    if let Some(Document { name, text, sha256 }) = reading.document(&mut gathered.problems) {
        reading.keep(text.as_bytes(), &sha256);
        gathered.files.push(KeptFile { path: String::new(), sha256 });
        gathered.manifest = Manifest::parse(&name, &text, &mut gathered.problems);
        reading.files(&mut gathered);
        let file = gathered.problems.file(&name);
        gathered.problems.excerpts(file, text.as_bytes());
        gathered.inputs.files.insert(Inputs::DOCUMENT.to_owned(), text.into_bytes());
        gathered.inputs.digest = digest(&gathered.files);
        reading.check_digest(&mut gathered);
    }
    gathered.seen = reading.seen;
    gathered
}

/// The table without its footprints and canaries: its names alone, of which no file is needed but the document.
pub fn names(source: &dyn Source, limit: u64) -> (Option<Table>, Problems) {
    let mut problems = Problems::new();
    let mut reading = Reading { source, state: None, pointer: None, left: limit, seen: Seen::default() };
    let document = reading.document(&mut problems);
    let manifest = document.and_then(|Document { name, text, .. }| Manifest::parse(&name, &text, &mut problems));
    let table = manifest.filter(|_| !problems.has_errors()).and_then(|mut manifest| {
        manifest.footprints.clear();
        manifest.canaries.clear();
        compile(manifest, Inputs::default(), &mut Problems::new())
    });
    (table, problems)
}

fn digest(files: &[KeptFile]) -> String {
    digest_of_all(files.iter().map(|file| (file.path.clone(), file.sha256.clone())).collect())
}

/// The table's own.
struct Document {
    /// What to call it in messages.
    name: String,
    text: String,
    sha256: String,
}

struct Reading<'r> {
    source: &'r dyn Source,
    state: Option<&'r State>,
    /// Once it is known that the source is one.
    pointer: Option<Pointer>,
    /// Bytes that there may still be.
    left: u64,
    seen: Seen,
}

impl Reading<'_> {
    /// The table's document, be it the source itself or what that points to.
    fn document(&mut self, problems: &mut Problems) -> Option<Document> {
        let name = self.source.name();
        let (text, sha256) = self.text(Named::Document, &name, problems)?;
        if !Pointer::is_meant(&text) {
            return Some(Document { name, text, sha256 });
        }
        let pointer = Pointer::parse(&name, &text, problems)?;
        let document = pointer.document.clone();
        let name = beside(&name, &pointer.place(&document));
        self.pointer = Some(pointer);
        let (text, sha256) = self.text(Named::File(&document), &name, problems)?;
        Some(Document { name, text, sha256 })
    }

    fn text(&mut self, file: Named<'_>, name: &str, problems: &mut Problems) -> Option<(String, String)> {
        match self.read(file) {
            Ok((bytes, sha256)) => Some((problems.text(name, bytes)?, sha256)),
            Err(unreadable) => {
                let place = Place::whole_file(problems.file(name));
                problems.error(place, unreadable.message);
                None
            }
        }
    }

    /// Every file that the document names.
    fn files(&mut self, gathered: &mut Gathered) {
        let Gathered { manifest, inputs, files, problems, .. } = gathered;
        let mut tried = HashSet::new();
        for named in manifest.iter().flat_map(Manifest::files) {
            if tried.insert(&named.path) {
                match self.read(Named::File(&named.path)) {
                    Ok((bytes, sha256)) => {
                        self.keep(&bytes, &sha256);
                        files.push(KeptFile { path: named.path.clone(), sha256 });
                        inputs.files.insert(named.path.clone(), bytes);
                    }
                    Err(Unreadable { message, why }) => {
                        let is_gone = why == Why::Absent || message.ends_with("does not exist");
                        let problem = problems.error(named.place, format!("{}: {message}", named.name));
                        match why {
                            Why::Absent if self.pointer.is_some() => {
                                problem.help("publish the table again: what the pointer names is not whole");
                            }
                            // The others would take as long to fail.
                            Why::Unreachable | Why::Interrupted => return,
                            // Even its directory may not be there.
                            Why::Absent | Why::Other if is_gone => {
                                problem.help(
                                    "correct the path, which begins at the table's own directory; or put the file there",
                                );
                            }
                            Why::Absent | Why::Denied | Why::Other => {}
                        }
                    }
                }
            }
            let found = files.iter().find(|file| file.path == named.path).map(|file| &file.sha256);
            if let (Some(pinned), Some(found)) = (&named.sha256, found)
                && pinned != found
            {
                let message = format!("{}: the file's SHA-256 is {found}, not the one it is pinned to", named.name);
                problems
                    .error(named.pinned_at, message)
                    .help("fetch the file again if it is not the one that is meant; if it is, write its SHA-256 here");
            }
        }
    }

    /// What a pointer says of the table as a whole must be so too: fleets and publishers go by it.
    fn check_digest(&self, gathered: &mut Gathered) {
        let Gathered { inputs, problems, .. } = gathered;
        if let Some(pointer) = &self.pointer
            && pointer.digest != inputs.digest
            && !problems.has_errors()
        {
            let place = Place::whole_file(problems.file(&self.source.name()));
            let message = format!("the table's digest is {}, but the pointer says {}", inputs.digest, pointer.digest);
            problems.error(place, message).help("publish the table again");
        }
    }

    /// One of the table's files, and its SHA-256.
    fn read(&mut self, file: Named<'_>) -> Result<(Vec<u8>, String), Unreadable> {
        let (bytes, sha256) = match (&self.pointer, file) {
            (Some(pointer), Named::File(path)) => {
                let Some(expected) = pointer.files.get(path).cloned() else {
                    return Err(Unreadable::new(Why::Other, "the pointer has no such file: publish the table again"));
                };
                let place = pointer.place(path);
                let kept = self.state.and_then(|state| state.read_file(&expected, self.left).ok());
                let bytes = kept.map_or_else(|| self.pointed(&place, &expected), Ok)?;
                (bytes, expected)
            }
            _ => {
                let bytes = self.source.read(file, self.left, &mut self.seen)?;
                let sha256 = sha256(&bytes);
                (bytes, sha256)
            }
        };
        self.left = self.left.saturating_sub(bytes.len() as u64);
        Ok((bytes, sha256))
    }

    /// A file under a pointer's prefix. What is as it should be never changes, and need not be asked for again.
    fn pointed(&mut self, place: &str, expected: &str) -> Result<Vec<u8>, Unreadable> {
        let mut seen = Seen::default();
        let read = self.source.read(Named::File(place), self.left, &mut seen).and_then(|bytes| {
            let found = sha256(&bytes);
            if found == expected {
                return Ok(bytes);
            }
            let message =
                format!("the file's SHA-256 is {found}, but the pointer says {expected}: publish the table again");
            Err(Unreadable::new(Why::Other, message))
        });
        self.seen.files.extend(seen.files);
        if read.is_err() {
            self.seen.objects.extend(seen.objects.into_iter().map(|object| SeenObject { tag: None, ..object }));
        }
        read
    }

    fn keep(&self, bytes: &[u8], sha256: &str) {
        if let Some(state) = self.state
            && let Err(error) = state.keep_file(bytes, sha256)
        {
            tracing::error!(%error, "a file of the table could not be kept");
        }
    }
}
