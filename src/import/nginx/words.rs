//! nginx's configuration as words: white space, quotes, backslashes, comments.

use std::borrow::Cow;

use crate::import::cursor::Cursor;
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
    cursor: Cursor<'t>,
}

impl<'t> Words<'t> {
    pub fn new(file: FileId, text: &'t str) -> Self {
        Self { cursor: Cursor::new(file, text) }
    }

    /// Where reading has come to.
    pub fn place(&self) -> Place {
        self.cursor.place(0)
    }

    fn quoted(&mut self, quote: u8) -> Result<Word<'t>, Unclosed> {
        let opened = self.cursor.place(1);
        self.cursor.advance();
        let start = self.cursor.at;
        loop {
            match self.cursor.peek() {
                None => return Err(Unclosed(opened)),
                Some(byte) if byte == quote => break,
                Some(b'\\') => {
                    self.cursor.advance();
                    self.cursor.advance();
                }
                Some(_) => self.cursor.advance(),
            }
        }
        let text = unescaped(&self.cursor.text[start..self.cursor.at]);
        self.cursor.advance();
        Ok(Word { text, place: opened, offset: self.cursor.at })
    }

    fn plain(&mut self) -> Word<'t> {
        let (start, mut place) = (self.cursor.at, self.cursor.place(0));
        while let Some(byte) = self.cursor.peek() {
            match byte {
                // `${name}` is one word.
                b'{' if self.cursor.text[..self.cursor.at].ends_with('$') => self.cursor.advance(),
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => break,
                b'\\' => {
                    self.cursor.advance();
                    self.cursor.advance();
                }
                _ => self.cursor.advance(),
            }
        }
        self.cursor.at = self.cursor.text.floor_char_boundary(self.cursor.at);
        let written = &self.cursor.text[start..self.cursor.at];
        place.length = saturate(written.chars().count());
        Word { text: unescaped(written), place, offset: self.cursor.at }
    }
}

impl<'t> Iterator for Words<'t> {
    type Item = Result<Token<'t>, Unclosed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.skip_blank(b"#");
        let single = match self.cursor.peek()? {
            b';' => Token::End,
            b'{' => Token::Open,
            b'}' => Token::Close,
            quote @ (b'"' | b'\'') => return Some(self.quoted(quote).map(Token::Word)),
            _ => return Some(Ok(Token::Word(self.plain()))),
        };
        self.cursor.advance();
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
        assert_eq!(words("a ${b}c;{"), ["a", "${b}c", ";", "{"]);
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
