//! gdnsd's configuration syntax: `key => value`, arrays, hashes, two kinds of comments, includes.

use crate::import::{Included, MOST_INCLUDES};
use crate::table::problem::{FileId, Place, Problems};

#[derive(Debug)]
pub struct Node {
    pub value: Value,
    pub place: Place,
}

#[derive(Debug)]
pub enum Value {
    Simple(String),
    Array(Vec<Node>),
    Hash(Vec<(String, Place, Node)>),
}

impl Node {
    pub fn member(&self, key: &str) -> Option<&Node> {
        let Value::Hash(members) = &self.value else { return None };
        members.iter().find(|(name, ..)| name == key).map(|(.., node)| node)
    }
}

/// What is wrong, and where reading stopped.
pub struct Stop {
    pub place: Place,
    pub message: String,
}

type Include<'i> = dyn FnMut(&str) -> Result<Included, String> + 'i;

/// Reads a whole file, a hash unless it begins with `[`.
pub fn parse(
    name: &str,
    text: &str,
    include: &mut Include<'_>,
    problems: &mut Problems,
    depth: u8,
) -> Result<Node, Stop> {
    let file = problems.file(name);
    let mut scan = Scan { file, text, at: 0, line: 1, column: 1, include, problems, depth };
    scan.blank();
    let place = scan.place();
    let value = if scan.peek() == Some(b'[') {
        scan.advance();
        Value::Array(scan.values()?)
    } else {
        Value::Hash(scan.members(None)?)
    };
    scan.blank();
    match scan.peek() {
        None => Ok(Node { value, place }),
        Some(_) => Err(scan.stop("there is more after the end")),
    }
}

struct Scan<'s, 'i> {
    file: FileId,
    text: &'s str,
    at: usize,
    line: u32,
    column: u32,
    include: &'s mut Include<'i>,
    problems: &'s mut Problems,
    /// Levels of arrays, hashes and files around this place.
    depth: u8,
}

impl Scan<'_, '_> {
    fn members(&mut self, close: Option<u8>) -> Result<Vec<(String, Place, Node)>, Stop> {
        let mut members = Vec::new();
        loop {
            self.blank();
            let place = self.place();
            match self.peek() {
                found if found == close => {
                    self.advance();
                    return Ok(members);
                }
                None => return Err(self.stop("the hash has no `}`: the file may be cut short")),
                Some(b'$') => match self.included()?.value {
                    Value::Hash(more) => members.extend(more),
                    _ => return Err(self.stop("an included file must be a hash here")),
                },
                Some(_) => {
                    let key = self.string()?;
                    self.blank();
                    if self.peek() != Some(b'=') {
                        return Err(self.stop("a key must be followed by `=>` and its value"));
                    }
                    self.advance();
                    if self.peek() == Some(b'>') {
                        self.advance();
                    }
                    let node = self.value()?;
                    members.push((key, place, node));
                }
            }
            self.comma();
        }
    }

    fn values(&mut self) -> Result<Vec<Node>, Stop> {
        let mut values = Vec::new();
        loop {
            self.blank();
            match self.peek() {
                Some(b']') => {
                    self.advance();
                    return Ok(values);
                }
                None => return Err(self.stop("the array has no `]`: the file may be cut short")),
                Some(_) => values.push(self.value()?),
            }
            self.comma();
        }
    }

    fn value(&mut self) -> Result<Node, Stop> {
        self.blank();
        let place = self.place();
        let open = self.peek();
        if !matches!(open, Some(b'[' | b'{')) {
            return if open == Some(b'$') {
                self.included()
            } else {
                Ok(Node { value: Value::Simple(self.string()?), place })
            };
        }
        self.advance();
        self.deeper()?;
        let value =
            if open == Some(b'[') { Value::Array(self.values()?) } else { Value::Hash(self.members(Some(b'}'))?) };
        self.depth -= 1;
        Ok(Node { value, place })
    }

    fn deeper(&mut self) -> Result<(), Stop> {
        if self.depth >= 2 * MOST_INCLUDES {
            return Err(self.stop("arrays, hashes and files are nested too deep"));
        }
        self.depth += 1;
        Ok(())
    }

    /// `$include{FILE}`.
    fn included(&mut self) -> Result<Node, Stop> {
        const KEYWORD: &str = "$include{";
        let stop = self.stop("only `$include{FILE}` begins with `$`");
        if !self.text[self.at..].starts_with(KEYWORD) {
            return Err(stop);
        }
        KEYWORD.bytes().for_each(|_| self.advance());
        self.blank();
        let name = self.string()?;
        self.blank();
        if self.peek() != Some(b'}') {
            return Err(stop);
        }
        self.advance();
        self.deeper()?;
        let file = (self.include)(&name).map_err(|message| Stop { message: format!("{name}: {message}"), ..stop })?;
        let node = parse(&file.name, &String::from_utf8_lossy(&file.bytes), self.include, self.problems, self.depth)?;
        self.depth -= 1;
        Ok(node)
    }

    fn string(&mut self) -> Result<String, Stop> {
        let quoted = self.peek() == Some(b'"');
        if quoted {
            self.advance();
        }
        let mut bytes = Vec::new();
        let begun = self.at;
        loop {
            match self.peek() {
                Some(b'\\') => {
                    self.advance();
                    self.escaped(&mut bytes);
                }
                Some(b'"') if quoted => {
                    self.advance();
                    break;
                }
                None if quoted => return Err(self.stop("the quotation has no end")),
                None => break,
                Some(b'{' | b'}' | b'[' | b']' | b';' | b'#' | b' ' | b'\t' | b'\r' | b'\n' | b',' | b'"' | b'=')
                    if !quoted =>
                {
                    break;
                }
                Some(byte) => {
                    bytes.push(byte);
                    self.advance();
                }
            }
        }
        if self.at == begun && !quoted {
            return Err(self.stop("a name or value must stand here"));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A backslash and three decimal digits are a byte; before anything else it means that.
    fn escaped(&mut self, bytes: &mut Vec<u8>) {
        let digits = self.text.as_bytes().get(self.at..self.at + 3).and_then(|digits| str::from_utf8(digits).ok());
        if let Some(byte) = digits.and_then(|digits| digits.parse().ok()) {
            bytes.push(byte);
            (0..3).for_each(|_| self.advance());
        } else if let Some(byte) = self.peek() {
            bytes.push(byte);
            self.advance();
        }
    }

    fn comma(&mut self) {
        self.blank();
        if self.peek() == Some(b',') {
            self.advance();
        }
    }

    fn blank(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.advance(),
                b'#' | b';' => {
                    let rest = &self.text.as_bytes()[self.at..];
                    self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                }
                _ => return,
            }
        }
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

    fn place(&self) -> Place {
        Place { file: self.file, line: self.line, column: self.column, length: 0 }
    }

    fn stop(&self, message: &str) -> Stop {
        Stop { place: self.place(), message: message.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Node, Stop> {
        let mut include = |name: &str| match name {
            "more" => Ok(Included { name: "more".to_owned(), bytes: b"x => $include{more}".to_vec() }),
            _ => Err("no".to_owned()),
        };
        parse("t", text, &mut include, &mut Problems::new(), 0)
    }

    #[test]
    fn the_syntax_is_gdnsds() {
        let text = "a => { b = [ c, d e ] # x\n \"f g\" => \\104\\105 ; y\n h => {} }, i => \"\"";
        let root = read(text).ok().unwrap();
        let shown = format!("{:?}", root.member("a").unwrap().member("f g").unwrap().value);
        assert_eq!(shown, "Simple(\"hi\")");
        let Value::Array(items) = &root.member("a").unwrap().member("b").unwrap().value else { panic!("an array") };
        assert_eq!((items.len(), items[2].place.column), (3, 19));
        assert!(root.member("i").is_some());
        for bad in ["a", "a =>", "a => [", "a => {", "}", "a => \"", "$include{no}", "$x", "a => $include{more}"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_to_an_end(text in "[ a,=>\\[\\]{}\"\\\\;#\n$é]{0,40}") {
            _ = read(&text);
        }
    }
}
