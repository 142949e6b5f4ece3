//! The line on which something stands, as far as it helps to see what is meant.
//!
//! A document may be one line of many megabytes: of a long line a part is kept, and each text is
//! gone through once for all its places.

use serde::{Deserialize, Serialize};

use super::{Place, saturate};

/// Characters of a line that is kept whole, and of a part.
const WIDEST: usize = 120;

/// Of a part that does not begin with its line, so many stand before what it is about.
const BEFORE: u32 = 40;

/// Up to this column a part begins with its line.
const EARLY: u32 = 80;

/// A line, or a part of it. What is at column C of the file is character C - `column` of `text`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// Without the line's end. Each character that can't be seen gives way to one that can.
    pub text: String,
    /// Where in its line it begins, in characters from 1.
    pub column: u32,
    /// Whether the line goes on after it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

impl Excerpt {
    /// The excerpt for a place in its file's text.
    pub fn at(text: &[u8], place: Place) -> Option<Self> {
        Lines::new(text).excerpt(place.line, place.column)
    }
}

/// A text that is gone through from its beginning to its end.
pub struct Lines<'t> {
    rest: &'t [u8],
    line: u32,
    column: u32,
}

impl<'t> Lines<'t> {
    pub fn new(text: &'t [u8]) -> Self {
        Self { rest: text, line: 1, column: 1 }
    }

    /// Wants places in order. None for those that the text does not have.
    pub fn excerpt(&mut self, line: u32, column: u32) -> Option<Excerpt> {
        while self.line < line {
            let end = self.rest.iter().position(|byte| *byte == b'\n')?;
            self.rest = &self.rest[end + 1..];
            (self.line, self.column) = (self.line + 1, 1);
        }
        if self.line > line || line == 0 {
            return None;
        }
        let is_long = self.column > 1 || self.part(WIDEST + 1).chars().nth(WIDEST).is_some();
        let begin = if is_long && column > EARLY { column - BEFORE } else { 1 }.max(self.column);
        self.skip((begin - self.column) as usize);
        let part = self.part(WIDEST + 1);
        let cut = part.chars().nth(WIDEST).is_some();
        Some(Excerpt { text: part.chars().take(WIDEST).map(seen).collect(), column: self.column, cut })
    }

    /// At least so many of the line's next characters, if it has them.
    fn part(&self, characters: usize) -> String {
        let line = self.near(characters);
        String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
    }

    fn skip(&mut self, characters: usize) {
        let (mut left, mut bytes) = (characters, 0);
        for chunk in self.near(characters).utf8_chunks() {
            let valid = chunk.valid();
            if let Some((offset, _)) = valid.char_indices().nth(left) {
                bytes += offset;
                left = 0;
                break;
            }
            left -= valid.chars().count();
            bytes += valid.len();
            if left == 0 {
                break;
            }
            // What is no text counts as one character, as where it is read.
            left -= usize::from(!chunk.invalid().is_empty());
            bytes += chunk.invalid().len();
        }
        self.rest = &self.rest[bytes..];
        self.column = self.column.saturating_add(saturate(characters - left));
    }

    /// Bytes of the line in which so many characters are found, if it has them.
    fn near(&self, characters: usize) -> &'t [u8] {
        let most = characters.saturating_add(1).saturating_mul(4).min(self.rest.len());
        self.rest[..most].split(|byte| *byte == b'\n').next().unwrap_or_default()
    }
}

/// In place of a character that a terminal would obey, or show as nothing: one that is seen.
/// Tabs stay.
pub fn seen(character: char) -> char {
    match character {
        '\t' => '\t',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        _ => character,
    }
}

/// The same of a whole text that stays on one line.
pub fn all_seen(text: &str) -> String {
    text.chars().map(|character| if character == '\t' { '\u{2409}' } else { seen(character) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &[u8], line: u32, column: u32) -> (String, u32, bool) {
        let Excerpt { text, column, cut } = Lines::new(text).excerpt(line, column).unwrap();
        (text, column, cut)
    }

    #[test]
    fn a_line_is_kept_without_its_end() {
        for text in ["a\nbé c\nd", "a\nbé c\r\nd", "a\nbé c"] {
            assert_eq!(excerpt(text.as_bytes(), 2, 2), ("bé c".to_owned(), 1, false), "{text:?}");
        }
        assert_eq!(excerpt(b"a\n", 2, 1), (String::new(), 1, false));
        assert!(Lines::new(b"a\n").excerpt(3, 1).is_none());
        assert!(Lines::new(b"a\n").excerpt(0, 0).is_none());
    }

    #[test]
    fn of_a_long_line_what_is_around_the_place_is_kept() {
        let line: String =
            ('a'..='z').cycle().take(1000).map(|letter| if letter == 'e' { 'é' } else { letter }).collect();
        let text = format!("first\n{line}\nlast");
        let mut lines = Lines::new(text.as_bytes());
        for column in 1..=1001 {
            let excerpt = lines.excerpt(2, column).unwrap();
            let begin = if column > EARLY { column - BEFORE } else { 1 };
            let expected: String = line.chars().skip(begin as usize - 1).take(WIDEST).collect();
            assert_eq!((excerpt.column, &excerpt.text), (begin, &expected), "{column}");
            assert_eq!(excerpt.cut, begin as usize - 1 + WIDEST < 1000, "{column}");
        }
        assert_eq!(lines.excerpt(3, 1).unwrap().text, "last");
    }

    #[test]
    fn what_is_no_text_is_counted_as_it_is_read() {
        let mut text = vec![b'x'; 300];
        text[10] = 0xff;
        text[11..14].copy_from_slice("€".as_bytes());
        let (shown, column, cut) = excerpt(&text, 1, 200);
        assert_eq!((shown.chars().all(|letter| letter == 'x'), column, cut), (true, 160, true));
        // 300 bytes are 298 characters.
        assert_eq!(excerpt(&text, 1, 298).0.chars().count(), 41);
    }

    #[test]
    fn nothing_reaches_a_terminal_that_it_would_obey() {
        let (shown, ..) = excerpt("\u{feff}a\u{1b}[31m\u{9b}2J\u{202e}\t\u{7f}".as_bytes(), 1, 1);
        assert_eq!(shown, "\u{fffd}a␛[31m\u{fffd}2J\u{fffd}\t␡");
        assert_eq!(all_seen("a\tb\n"), "a␉b␊");
    }
}
