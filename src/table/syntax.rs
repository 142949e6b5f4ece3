//! What is no JSON, in words that say what to write: where the slip is, not where it was noticed.

use std::ops::Range;

use super::json::SyntaxError;

/// A syntax error as it is told.
pub struct Told {
    pub span: Range<usize>,
    pub message: String,
    pub help: Option<String>,
    /// A bracket that it has to do with.
    pub bracket: Option<(Range<usize>, &'static str)>,
}

impl Told {
    fn new(span: Range<usize>, message: impl Into<String>, help: &str) -> Self {
        let help = Some(help.to_owned()).filter(|help| !help.is_empty());
        Self { span, message: message.into(), help, bracket: None }
    }
}

pub fn explain(text: &str, error: &SyntaxError) -> Told {
    // Control characters are noticed when they have been read.
    let late = u32::from(error.message.starts_with("control character"));
    let at = text.floor_char_boundary((error.offset + late) as usize);
    let mut told = Slip { text, at }.told(&error.message);
    told.message.insert_str(0, "not JSON: ");
    told
}

struct Slip<'t> {
    text: &'t str,
    /// Where it was noticed.
    at: usize,
}

impl Slip<'_> {
    fn told(&self, message: &str) -> Told {
        let next = self.next();
        let here = self.at..self.at + next.map_or(0, char::len_utf8);
        if self.text.is_empty() {
            return Told::new(here, "the file is empty", "write or fetch it again, whole");
        }
        if self.text.starts_with('\u{feff}') {
            return Told::new(0..3, "the file begins with a byte order mark", "write it without one, as plain UTF-8");
        }
        if message.starts_with("EOF") {
            return self.cut_short(message);
        }
        if matches!(next, Some('/' | '#')) {
            return Told::new(self.word(), "a comment", "take it out: JSON has no comments");
        }
        let bracket = match message {
            "expected `,` or `}`" => Some('}'),
            "expected `,` or `]`" => Some(']'),
            _ => None,
        };
        if let Some(bracket) = bracket {
            return self.not_separated(bracket, here);
        }
        let word = self.word();
        match (message, next) {
            (_, Some('}' | ']')) if self.text[..self.at].trim_end().ends_with(',') => {
                let end = self.text[..self.at].trim_end().len();
                Told::new(end - 1..end, "a comma after the last one", "take it out: commas only stand between two")
            }
            (_, Some('}' | ']')) if message == "expected value" => {
                Told::new(here, "a value is missing before this", "write it, or take its key out")
            }
            (_, Some('\'')) => Told::new(word, "single quotes", "write names and text in double quotes"),
            ("key must be a string", Some(',')) => Told::new(here, "a comma too many", "take it out"),
            ("key must be a string", _) => {
                Told::new(word, "a key must be text in double quotes", "write it as in `\"ttl\": 300`")
            }
            ("expected value", Some(',')) => {
                Told::new(here, "a value is missing before the comma", "write it, or take the comma out")
            }
            ("expected value" | "expected ident", _) => Told::new(
                word,
                "this is no value",
                "write a number, text in double quotes, true, false or null; numbers as in 300 or 0.5",
            ),
            ("invalid number", _) => {
                Told::new(word, "this is no number", "write it as in 300 or 0.5, without leading zeros")
            }
            ("expected `:`", _) => Told::new(here, "a `:` is missing after the key", "write it as in `\"ttl\": 300`"),
            ("trailing characters", _) => {
                Told::new(here, "something stands after the document's end", "take it out, or mend a bracket before it")
            }
            ("invalid escape", _) => Told::new(
                here,
                "no such escape",
                "write a backslash as `\\\\`; other escapes are `\\\"` `\\n` `\\u00e9`",
            ),
            (message, Some('\n' | '\r')) if message.starts_with("control character") => Told::new(
                self.at..self.at,
                "the text is not closed on its line",
                "write `\"` at its end, or a line break within it as `\\n`",
            ),
            (message, Some('\t')) if message.starts_with("control character") => {
                Told::new(here, "a tab within text", "write it as `\\t`, or as spaces")
            }
            (message, Some(control)) if message.starts_with("control character") => {
                let message = format!("the control character U+{:04X} within text", u32::from(control));
                Told::new(here, message, "take it out")
            }
            _ => Told::new(here, message, ""),
        }
    }

    /// Of two things that no comma separates, or of a bracket of the wrong kind.
    fn not_separated(&self, bracket: char, here: Range<usize>) -> Told {
        let opening = open_brackets(&self.text[..self.at]).pop();
        match self.next() {
            Some('}' | ']') => {
                let message = format!("a `{bracket}` is missing before this");
                Told {
                    bracket: opening.map(|at| (at..at + 1, "this is not closed")),
                    ..Told::new(here, message, "write it")
                }
            }
            Some(':') if bracket == ']' => {
                let help = "close the list with `]` before the key";
                let begin = opening.map(|at| (at..at + 1, "the list that it stands in"));
                Told { bracket: begin, ..Told::new(here, "a list has no keys", help) }
            }
            Some(':') => Told::new(here, "a `:` too many", "take it out, or write a comma and a key before it"),
            _ => {
                let end = self.text[..self.at].trim_end().len();
                Told::new(end..end, "a comma is missing", "write `,` here")
            }
        }
    }

    fn cut_short(&self, message: &str) -> Told {
        let end = self.text.trim_end().len();
        let what =
            if message.contains("string") { "ends within text" } else { "ends before its last bracket is closed" };
        let told = Told::new(
            end..end,
            format!("the file {what}"),
            "it may be cut short: write or fetch it again, whole; or close what is open",
        );
        let opening = open_brackets(self.text).pop();
        Told { bracket: opening.map(|at| (at..at + 1, "this is not closed")), ..told }
    }

    fn next(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// From here to where something else begins.
    fn word(&self) -> Range<usize> {
        const LONGEST: usize = 64;
        let rest = &self.text[self.at..];
        let ends = |letter: char| letter.is_whitespace() || matches!(letter, ',' | ':' | '{' | '}' | '[' | ']' | '"');
        let letters = rest.char_indices().take(LONGEST).take_while(|(_, letter)| !ends(*letter));
        let length = letters.last().map_or(0, |(offset, letter)| offset + letter.len_utf8());
        self.at..self.at + length
    }
}

/// Where brackets stand that are not closed, the innermost last.
fn open_brackets(text: &str) -> Vec<usize> {
    let (mut open, mut within_text, mut escaped) = (Vec::new(), false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if within_text => escaped = true,
            b'"' => within_text = !within_text,
            b'{' | b'[' if !within_text => open.push(at),
            b'}' | b']' if !within_text => _ = open.pop(),
            _ => {}
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::json;

    #[test]
    fn each_slip_is_told_where_it_is() {
        for (text, slip, said) in [
            ("{ \"a\": 1 \"b\": 2 }", 8..8, "a comma is missing"),
            ("{ \"a\": 1,\n}", 8..9, "a comma after the last one"),
            ("[1, 2 , ]", 6..7, "a comma after the last one"),
            ("{ \"a\": [1, 2 }", 13..14, "a `]` is missing before this"),
            ("{ \"a\": 1 // x\n }", 9..11, "a comment"),
            ("{ 'a': 1 }", 2..5, "single quotes"),
            ("{ a: 1 }", 2..3, "a key must be text"),
            ("{ \"a\" 1 }", 6..7, "a `:` is missing"),
            ("{ \"a\": }", 7..8, "a value is missing"),
            ("{ \"a\": NaN }", 7..10, "no value"),
            ("{ \"a\": \"b\n }", 9..9, "not closed on its line"),
            ("{ \"a\": [", 8..8, "ends before its last bracket is closed"),
            ("{ \"a", 4..4, "ends within text"),
            ("{ \"a\": \"b\t\" }", 9..10, "a tab within text"),
            ("{ \"a\": [\"b\", \"c\": 1 }", 16..17, "a list has no keys"),
            ("{} }", 3..4, "after the document's end"),
        ] {
            let told = explain(text, &json::parse(text).unwrap_err());
            assert!(told.message.contains(said), "{text}: {}", told.message);
            assert_eq!(told.span, slip, "{text}: {}", told.message);
            assert!(told.help.is_some(), "{text}");
        }
    }

    #[test]
    fn brackets_within_text_are_text() {
        assert_eq!(open_brackets(r#"{ "[\"{": [ "]" "#), [0, 10]);
    }
}
