//! nginx's configuration as words: white space, quotes, backslashes, comments.

use std::borrow::Cow;

use crate::table::problem::{FileId, Place, saturate};

/// A word and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word<'t> {
    pub text: Cow<'t, str>,
    pub place: Place,
    /// How many bytes of the file are behind it.
    pub offset: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token<'t> {
    Word(Word<'t>),
    /// `;`
    End,
    /// `{`
    Open,
    /// `}`
    Close,
}

/// What is wrong with the text itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Unclosed(pub Place);

/// The tokens of a text, one after the other.
pub struct Words<'t> {
    file: FileId,
    text: &'t str,
    at: usize,
    line: u32,
    /// Counted along: a file may be one line of many megabytes.
    column: u32,
}

impl<'t> Words<'t> {
    pub fn new(file: FileId, text: &'t str) -> Self {
        Self { file, text, at: 0, line: 1, column: 1 }
    }

    /// Where reading has come to.
    pub fn place(&self) -> Place {
        self.place_of(0)
    }

    fn place_of(&self, length: u32) -> Place {
        Place { file: self.file, line: self.line, column: self.column, length }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn advance(&mut self) {
        match self.peek() {
            Some(b'\n') => (self.line, self.column) = (self.line.saturating_add(1), 1),
            // Every byte begins a character but UTF-8's continuation bytes.
            Some(byte) if byte & 0xc0 != 0x80 => self.column = self.column.saturating_add(1),
            _ => {}
        }
        self.at += 1;
    }

    fn skip_blank(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.advance(),
                b'#' => {
                    let rest = &self.text.as_bytes()[self.at..];
                    self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<Word<'t>, Unclosed> {
        let opened = self.place_of(1);
        self.advance();
        let start = self.at;
        loop {
            match self.peek() {
                None => return Err(Unclosed(opened)),
                Some(byte) if byte == quote => break,
                Some(b'\\') => {
                    self.advance();
                    self.advance();
                }
                Some(_) => self.advance(),
            }
        }
        let text = unescaped(&self.text[start..self.at]);
        self.advance();
        Ok(Word { text, place: opened, offset: self.at })
    }

    fn plain(&mut self) -> Word<'t> {
        let (start, mut place) = (self.at, self.place_of(0));
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => break,
                b'\\' => {
                    self.advance();
                    self.advance();
                }
                _ => self.advance(),
            }
        }
        self.at = self.text.floor_char_boundary(self.at);
        let written = &self.text[start..self.at];
        place.length = saturate(written.chars().count());
        Word { text: unescaped(written), place, offset: self.at }
    }
}

impl<'t> Iterator for Words<'t> {
    type Item = Result<Token<'t>, Unclosed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_blank();
        let single = match self.peek()? {
            b';' => Token::End,
            b'{' => Token::Open,
            b'}' => Token::Close,
            quote @ (b'"' | b'\'') => return Some(self.quoted(quote).map(Token::Word)),
            _ => return Some(Ok(Token::Word(self.plain()))),
        };
        self.advance();
        Some(Ok(single))
    }
}

/// A backslash before a quote, a backslash or one of `t r n` is an escape; any other stays.
fn unescaped(written: &str) -> Cow<'_, str> {
    if !written.contains('\\') {
        return Cow::Borrowed(written);
    }
    let mut text = String::with_capacity(written.len());
    let mut letters = written.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some(escaped @ ('"' | '\'' | '\\')) => text.push(escaped),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('n') => text.push('\n'),
            other => text.extend(['\\'].into_iter().chain(other)),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::Problems;

    fn words(text: &str) -> Vec<String> {
        let file = Problems::new().file("t");
        let shown = |token| match token {
            Ok(Token::Word(word)) => word.text.into_owned(),
            Ok(Token::End) => ";".to_owned(),
            Ok(Token::Open) => "{".to_owned(),
            Ok(Token::Close) => "}".to_owned(),
            Err(Unclosed(place)) => format!("unclosed {}", place.line),
        };
        Words::new(file, text).take(1000).map(shown).collect()
    }

    #[test]
    fn words_are_nginx_words() {
        assert_eq!(
            words("geo $a{ # it's\n1.2.3.4/8 \"x \\\"y;\";}"),
            ["geo", "$a", "{", "1.2.3.4/8", "x \"y;", ";", "}"]
        );
        assert_eq!(words("a 'b c' d#e \\;x;"), ["a", "b c", "d#e", "\\;x", ";"]);
        assert_eq!(words("a\n\"b"), ["a", "unclosed 2"]);
    }

    proptest! {
        #[test]
        fn any_text_comes_to_an_end(text in "[ a-c\"'\\\\;{}#\né]{0,40}") {
            let file = Problems::new().file("t");
            let tokens = Words::new(file, &text).take_while(Result::is_ok).count();
            prop_assert!(tokens <= text.len());
        }
    }
}
