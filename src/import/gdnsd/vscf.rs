//! gdnsd's configuration syntax: `key => value`, arrays, hashes, two kinds of comments, includes.

use crate::import::cursor::Cursor;
use crate::import::{Included, MOST_INCLUDES};
use crate::table::problem::{Place, Problems};

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
    let mut scan = Scan { cursor: Cursor::new(file, text), include, problems, depth };
    scan.blank();
    let place = scan.cursor.place(0);
    let value = if scan.cursor.peek() == Some(b'[') {
        scan.cursor.advance();
        Value::Array(scan.values()?)
    } else {
        Value::Hash(scan.members(None)?)
    };
    scan.blank();
    match scan.cursor.peek() {
        None => Ok(Node { value, place }),
        Some(_) => Err(scan.stop("there is more after the end")),
    }
}

struct Scan<'s, 'i> {
    cursor: Cursor<'s>,
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
            let place = self.cursor.place(0);
            match self.cursor.peek() {
                found if found == close => {
                    self.cursor.advance();
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
                    if self.cursor.peek() != Some(b'=') {
                        return Err(self.stop("a key must be followed by `=>` and its value"));
                    }
                    self.cursor.advance();
                    if self.cursor.peek() == Some(b'>') {
                        self.cursor.advance();
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
            match self.cursor.peek() {
                Some(b']') => {
                    self.cursor.advance();
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
        let place = self.cursor.place(0);
        let open = self.cursor.peek();
        if !matches!(open, Some(b'[' | b'{')) {
            return if open == Some(b'$') {
                self.included()
            } else {
                Ok(Node { value: Value::Simple(self.string()?), place })
            };
        }
        self.cursor.advance();
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
        if !self.cursor.text[self.cursor.at..].starts_with(KEYWORD) {
            return Err(stop);
        }
        KEYWORD.bytes().for_each(|_| self.cursor.advance());
        self.blank();
        let name = self.string()?;
        self.blank();
        if self.cursor.peek() != Some(b'}') {
            return Err(stop);
        }
        self.cursor.advance();
        self.deeper()?;
        let file = (self.include)(&name).map_err(|message| Stop { message: format!("{name}: {message}"), ..stop })?;
        let node = parse(&file.name, &String::from_utf8_lossy(&file.bytes), self.include, self.problems, self.depth)?;
        self.depth -= 1;
        Ok(node)
    }

    fn string(&mut self) -> Result<String, Stop> {
        let quoted = self.cursor.peek() == Some(b'"');
        if quoted {
            self.cursor.advance();
        }
        let mut bytes = Vec::new();
        let begun = self.cursor.at;
        loop {
            match self.cursor.peek() {
                Some(b'\\') => {
                    self.cursor.advance();
                    self.escaped(&mut bytes);
                }
                Some(b'"') if quoted => {
                    self.cursor.advance();
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
                    self.cursor.advance();
                }
            }
        }
        if self.cursor.at == begun && !quoted {
            return Err(self.stop("a name or value must stand here"));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A backslash and three decimal digits are a byte; before anything else it means that.
    fn escaped(&mut self, bytes: &mut Vec<u8>) {
        let digits = self
            .cursor
            .text
            .as_bytes()
            .get(self.cursor.at..self.cursor.at + 3)
            .and_then(|digits| str::from_utf8(digits).ok());
        if let Some(byte) = digits.and_then(|digits| digits.parse().ok()) {
            bytes.push(byte);
            (0..3).for_each(|_| self.cursor.advance());
        } else if let Some(byte) = self.cursor.peek() {
            bytes.push(byte);
            self.cursor.advance();
        }
    }

    fn comma(&mut self) {
        self.blank();
        if self.cursor.peek() == Some(b',') {
            self.cursor.advance();
        }
    }

    fn blank(&mut self) {
        self.cursor.skip_blank(b"#;");
    }

    fn stop(&self, message: &str) -> Stop {
        Stop { place: self.cursor.place(0), message: message.to_owned() }
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
