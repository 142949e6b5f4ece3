//! A place in a text that is read byte by byte, counted along: a file may be one line of many megabytes.

use crate::table::problem::{FileId, Place};

pub struct Cursor<'t> {
    file: FileId,
    pub text: &'t str,
    /// In bytes.
    pub at: usize,
    line: u32,
    column: u32,
}

impl<'t> Cursor<'t> {
    pub fn new(file: FileId, text: &'t str) -> Self {
        Self { file, text, at: 0, line: 1, column: 1 }
    }

    /// Where reading has come to, and so many characters from there.
    pub fn place(&self, length: u32) -> Place {
        Place { file: self.file, line: self.line, column: self.column, length }
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub fn advance(&mut self) {
        match self.peek() {
            Some(b'\n') => (self.line, self.column) = (self.line.saturating_add(1), 1),
            // Every byte begins a character but UTF-8's continuation bytes.
            Some(byte) if byte & 0xc0 != 0x80 => self.column = self.column.saturating_add(1),
            _ => {}
        }
        self.at += 1;
    }

    /// Passes over white space, and over comments to the end of their line, which begin with one of these.
    pub fn skip_blank(&mut self, comments: &[u8]) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.advance(),
                _ if comments.contains(&byte) => {
                    let rest = &self.text.as_bytes()[self.at..];
                    self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }
}
