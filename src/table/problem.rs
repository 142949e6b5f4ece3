//! What is wrong with an input, and where: file, line, column.
//!
//! A check collects every [`Problem`] it meets and goes on; it never stops at the first.
//! No I/O: the caller prints.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// At most this many errors, and as many warnings, are kept of one file; the rest are counted. A
/// binary file given by mistake would otherwise report each of its lines.
const KEPT_PER_FILE: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

const SEVERITIES: [Severity; 2] = [Severity::Error, Severity::Warning];

/// A file known to a [`Problems`] collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u16);

/// Where something stands. Lines and columns count from 1; columns count characters.
/// Line 0 means the file as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: FileId,
    pub line: u32,
    pub column: u32,
    /// Length in characters, for underlining. 0 when unknown.
    pub length: u32,
}

impl Place {
    pub fn whole_file(file: FileId) -> Self {
        Place { file, line: 0, column: 0, length: 0 }
    }

    pub fn line(file: FileId, line: u32) -> Self {
        Place { file, line, column: 1, length: 0 }
    }
}

#[derive(Debug, Clone)]
pub struct Problem {
    pub severity: Severity,
    pub place: Place,
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The other place of a conflict.
    pub also: Option<Place>,
}

impl Problem {
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    pub fn also(&mut self, place: Place) -> &mut Self {
        self.also = Some(place);
        self
    }
}

/// Everything found so far, with the names of the files it was found in.
#[derive(Debug, Default)]
pub struct Problems {
    files: Vec<FileProblems>,
    list: Vec<Problem>,
    errors: usize,
    warnings: usize,
}

#[derive(Debug)]
struct FileProblems {
    name: String,
    /// By severity.
    kept: [usize; 2],
    left_out: [usize; 2],
    /// The last that was left out, for who adds help to it.
    last: Option<Problem>,
}

impl Problems {
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a file known by the name that people will read. The same name gives the same id.
    pub fn file(&mut self, name: &str) -> FileId {
        let known = self.files.iter().position(|file| file.name == name);
        let index = known.unwrap_or_else(|| {
            let fresh = FileProblems { name: name.to_owned(), kept: [0; 2], left_out: [0; 2], last: None };
            self.files.push(fresh);
            self.files.len() - 1
        });
        FileId(u16::try_from(index).unwrap_or(u16::MAX))
    }

    pub fn error(&mut self, place: Place, message: impl Into<String>) -> &mut Problem {
        self.errors += 1;
        self.add(Severity::Error, place, message.into())
    }

    pub fn warning(&mut self, place: Place, message: impl Into<String>) -> &mut Problem {
        self.warnings += 1;
        self.add(Severity::Warning, place, message.into())
    }

    /// Takes over what was found elsewhere.
    pub fn repeat(&mut self, shown: &Shown) {
        let mut place = |file: &str, line, column, length| Place { file: self.file(file), line, column, length };
        let found = place(&shown.file, shown.line, shown.column, shown.length);
        let also = shown.also.as_ref().map(|other| place(&other.file, other.line, other.column, 0));
        let problem = match shown.severity {
            Severity::Error => self.error(found, &shown.message),
            Severity::Warning => self.warning(found, &shown.message),
        };
        problem.help.clone_from(&shown.help);
        problem.also = also;
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    pub fn errors(&self) -> usize {
        self.errors
    }

    pub fn warnings(&self) -> usize {
        self.warnings
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The problems in the order of their places, as people and tools read them.
    pub fn shown(&self) -> Vec<Shown> {
        let mut sorted: Vec<&Problem> = self.list.iter().collect();
        sorted.sort_by_key(|problem| problem.place);
        let mut shown: Vec<Shown> = sorted.into_iter().map(|problem| self.show(problem)).collect();
        for (file, severity) in self.files.iter().flat_map(|file| SEVERITIES.map(|severity| (file, severity))) {
            let left_out = file.left_out[severity as usize];
            if left_out > 0 {
                let words = if severity == Severity::Error { "errors" } else { "warnings" };
                shown.push(Shown {
                    severity,
                    file: file.name.clone(),
                    line: 0,
                    column: 0,
                    length: 0,
                    message: format!("{left_out} more {words} in this file are not shown"),
                    help: None,
                    also: None,
                });
            }
        }
        shown
    }

    fn add(&mut self, severity: Severity, place: Place, message: String) -> &mut Problem {
        let problem = Problem { severity, place, message, help: None, also: None };
        let file = &mut self.files[usize::from(place.file.0)];
        if file.kept[severity as usize] >= KEPT_PER_FILE {
            file.left_out[severity as usize] += 1;
            return file.last.insert(problem);
        }
        file.kept[severity as usize] += 1;
        let index = self.list.len();
        self.list.push(problem);
        &mut self.list[index]
    }

    fn show(&self, problem: &Problem) -> Shown {
        let name = |place: Place| self.files[usize::from(place.file.0)].name.clone();
        Shown {
            severity: problem.severity,
            file: name(problem.place),
            line: problem.place.line,
            column: problem.place.column,
            length: problem.place.length,
            message: problem.message.clone(),
            help: problem.help.clone(),
            also: problem.also.map(|place| OtherPlace { file: name(place), line: place.line, column: place.column }),
        }
    }
}

/// One problem with its file's name, ready to print or to serialize.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shown {
    pub severity: Severity,
    pub file: String,
    pub line: u32,
    pub column: u32,
    #[serde(default)]
    pub length: u32,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub also: Option<OtherPlace>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OtherPlace {
    pub file: String,
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_place(f, &self.file, self.line, self.column)?;
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, ": {severity}: {}", self.message)?;
        if let Some(also) = &self.also {
            f.write_str("\n    the other place: ")?;
            write_place(f, &also.file, also.line, also.column)?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n    help: {help}")?;
        }
        Ok(())
    }
}

fn write_place(f: &mut fmt::Formatter<'_>, file: &str, line: u32, column: u32) -> fmt::Result {
    match (line, column) {
        (0, _) => f.write_str(file),
        (line, 0) => write!(f, "{file}:{line}"),
        (line, column) => write!(f, "{file}:{line}:{column}"),
    }
}

/// A text, and what turns a byte offset into a place without reading the text again: a document may
/// be one line of many megabytes.
pub struct Text<'t> {
    pub file: FileId,
    pub text: &'t str,
    line_starts: Vec<usize>,
    /// How many characters begin before each multiple of [`STEP`] bytes.
    characters: Vec<usize>,
}

const STEP: usize = 1024;

impl<'t> Text<'t> {
    pub fn new(file: FileId, text: &'t str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(offset, _)| offset + 1);
        let line_starts = std::iter::once(0).chain(after_newlines).collect();
        let mut characters = vec![0];
        for block in text.as_bytes().chunks(STEP) {
            characters.push(characters[characters.len() - 1] + begin_in(block));
        }
        Self { file, text, line_starts, characters }
    }

    pub fn place(&self, span: &Range<u32>) -> Place {
        let boundary = |offset: u32| self.text.floor_char_boundary(offset as usize);
        let (start, end) = (boundary(span.start), boundary(span.end));
        let line = self.line_starts.partition_point(|&line_start| line_start <= start);
        let line_start = self.line_starts[line - 1];
        let line_end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        let between = |from: usize, to: usize| saturate(self.before(to).saturating_sub(self.before(from)));
        Place {
            file: self.file,
            line: saturate(line),
            column: between(line_start, start).saturating_add(1),
            length: between(start, end.min(line_end)),
        }
    }

    /// How many characters begin before an offset.
    fn before(&self, offset: usize) -> usize {
        let step = offset / STEP;
        self.characters[step] + begin_in(&self.text.as_bytes()[step * STEP..offset])
    }
}

/// Every byte begins a character but UTF-8's continuation bytes.
fn begin_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// Place numbers are 32 bits wide; inputs are far below that.
pub fn saturate(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The known word nearest to a misspelt one, if any is near enough to be worth saying.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance * 3 <= candidate.len().max(3))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let mut problems = Problems::new();
        let text = Text::new(problems.file("t"), "ab\n  \"é\" x\n");
        let place = text.place(&(10..11));
        assert_eq!((place.line, place.column, place.length), (2, 7, 1));
        assert_eq!(text.place(&(0..1)).line, 1);
    }

    #[test]
    fn places_far_into_a_line_are_counted_the_same() {
        let mut problems = Problems::new();
        let line: String = "aé😀\u{feff}".chars().cycle().take(5000).collect();
        let text = Text::new(problems.file("t"), &line);
        for (column, (offset, _)) in (1..).zip(line.char_indices()) {
            let offset = saturate(offset);
            assert_eq!(text.place(&(offset..saturate(line.len()))).column, column);
            assert_eq!(text.place(&(offset..saturate(line.len()))).length, 5001 - column);
        }
    }

    #[test]
    fn a_flood_is_counted_not_kept() {
        let mut problems = Problems::new();
        let file = problems.file("flood");
        for line in 1..=1000 {
            problems.error(Place::line(file, line), "bad");
        }
        let shown = problems.shown();
        assert_eq!(shown.len(), KEPT_PER_FILE + 1);
        assert_eq!(problems.errors(), 1000);
        assert!(shown[KEPT_PER_FILE].to_string().contains("error: 900 more errors"));
    }

    #[test]
    fn a_flood_of_warnings_is_no_error() {
        let mut problems = Problems::new();
        let file = problems.file("flood");
        for line in 1..=1000 {
            problems.warning(Place::line(file, line), "odd");
        }
        assert!(!problems.has_errors());
        assert!(problems.shown().iter().all(|shown| shown.severity == Severity::Warning));
    }

    #[test]
    fn the_nearest_word_must_be_near() {
        assert_eq!(nearest("footprnts", ["footprints", "mixes"]), Some("footprints"));
        assert_eq!(nearest("zebra", ["footprints", "mixes"]), None);
    }
}
