//! From byte offsets in a text to places.

use std::ops::Range;

use super::{FileId, Place, saturate};

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

#[cfg(test)]
mod tests {
    use super::super::Problems;
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
}
