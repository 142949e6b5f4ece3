//! What is wrong with an input, and where: file, line, column.
//!
//! A check collects every [`Problem`] it meets and goes on; it never stops at the first.
//! No I/O: the caller prints.
//!
//! - `text`: from byte offsets to places
//! - `excerpt`: what stands there
//! - `shown`: problems as people and tools read them

mod excerpt;
mod shown;
mod text;

use serde::{Deserialize, Serialize};

use self::excerpt::Lines;
pub use self::excerpt::{Excerpt, all_seen};
pub use self::shown::{OtherPlace, Shown, place};
pub use self::text::Text;

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
    /// Length in characters, for underlining. 0 for a spot, or when unknown.
    pub length: u32,
}

/// A length: all of the line.
const WHOLE: u32 = u32::MAX;

impl Place {
    pub fn whole_file(file: FileId) -> Self {
        Place { file, line: 0, column: 0, length: 0 }
    }

    pub fn line(file: FileId, line: u32) -> Self {
        Place { file, line, column: 1, length: WHOLE }
    }

    /// After the last character of a text that does not end as it should.
    pub fn end_of(file: FileId, text: &[u8]) -> Self {
        let last = text.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let column = saturate(String::from_utf8_lossy(last).chars().count()).saturating_add(1);
        let line = saturate(text.split(|byte| *byte == b'\n').count());
        Place { file, line, column, length: 0 }
    }
}

#[derive(Debug, Clone)]
pub struct Problem {
    pub severity: Severity,
    pub place: Place,
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// What stands at the place.
    excerpt: Option<Excerpt>,
    /// The other place of a conflict.
    also: Option<Also>,
}

#[derive(Debug, Clone)]
struct Also {
    place: Place,
    label: String,
    excerpt: Option<Excerpt>,
}

impl Problem {
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// The other place of a conflict, and what it is to this one: `first listed here`.
    pub fn also(&mut self, place: Place, label: impl Into<String>) -> &mut Self {
        self.also = Some(Also { place, label: label.into(), excerpt: None });
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
        let also = shown.also.as_ref().map(|other| Also {
            place: place(&other.file, other.line, other.column, other.length),
            label: other.label.clone(),
            excerpt: other.excerpt.clone(),
        });
        let problem = match shown.severity {
            Severity::Error => self.error(found, &shown.message),
            Severity::Warning => self.warning(found, &shown.message),
        };
        problem.help.clone_from(&shown.help);
        problem.excerpt.clone_from(&shown.excerpt);
        problem.also = also;
    }

    /// Adds what stands at the places in a file, from its text. To be called while the text is at hand, and never with
    /// one that is not to be shown, such as a key.
    pub fn excerpts(&mut self, file: FileId, text: &[u8]) {
        let is_wanted =
            |place: Place, excerpt: &Option<Excerpt>| place.file == file && place.line > 0 && excerpt.is_none();
        let mut wanted: Vec<(&mut Place, &mut Option<Excerpt>)> = Vec::new();
        for problem in &mut self.list {
            if is_wanted(problem.place, &problem.excerpt) {
                wanted.push((&mut problem.place, &mut problem.excerpt));
            }
            if let Some(also) = problem.also.as_mut().filter(|also| is_wanted(also.place, &also.excerpt)) {
                wanted.push((&mut also.place, &mut also.excerpt));
            }
        }
        wanted.sort_unstable_by_key(|(place, _)| **place);
        let mut lines = Lines::new(text);
        for (place, excerpt) in wanted {
            *excerpt = lines.excerpt(place.line, place.column);
            if let (WHOLE, Some(excerpt)) = (place.length, excerpt) {
                place.length = saturate(excerpt.text.chars().count());
            }
        }
    }

    /// Whether there are places in a file of which it is not said what stands there.
    pub fn lacks_excerpts(&self, file: FileId) -> bool {
        let lacks = |place: Place, excerpt: &Option<Excerpt>| place.file == file && place.line > 0 && excerpt.is_none();
        self.list.iter().any(|problem| {
            lacks(problem.place, &problem.excerpt)
                || problem.also.as_ref().is_some_and(|also| lacks(also.place, &also.excerpt))
        })
    }

    /// A file's bytes as text. None, with an error, if they are none.
    pub fn text(&mut self, name: &str, bytes: Vec<u8>) -> Option<String> {
        let error = match String::from_utf8(bytes) {
            Ok(text) => return Some(text),
            Err(error) => error,
        };
        let (file, bytes, valid) = (self.file(name), error.as_bytes(), error.utf8_error().valid_up_to());
        let place = Place { length: 1, ..Place::end_of(file, bytes.get(..valid).unwrap_or_default()) };
        self.error(place, format!("not UTF-8 text, from byte {valid}"))
            .help("write the file anew, in UTF-8; or fetch it again, if it is damaged");
        self.excerpts(file, bytes);
        None
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
                    excerpt: None,
                    also: None,
                });
            }
        }
        shown
    }

    fn add(&mut self, severity: Severity, place: Place, message: String) -> &mut Problem {
        let problem = Problem { severity, place, message, help: None, excerpt: None, also: None };
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
        let name = |place: Place| all_seen(&self.files[usize::from(place.file.0)].name);
        let length = |place: Place| if place.length == WHOLE { 0 } else { place.length };
        let Problem { severity, place, message, help, excerpt, also } = problem;
        Shown {
            severity: *severity,
            file: name(*place),
            line: place.line,
            column: place.column,
            length: length(*place),
            message: all_seen(message),
            help: help.as_deref().map(all_seen),
            excerpt: excerpt.clone(),
            also: also.as_ref().map(|Also { place, label, excerpt }| OtherPlace {
                file: name(*place),
                line: place.line,
                column: place.column,
                length: length(*place),
                label: all_seen(label),
                excerpt: excerpt.clone(),
            }),
        }
    }
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
