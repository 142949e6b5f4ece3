//! gdnsd's configuration syntax: `key => value`, arrays, hashes, two kinds of comments, includes.

use crate::import::cursor::Cursor;
use crate::import::{Files, Included, MOST_INCLUDES, is_pattern};
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

/// A file to read.
pub struct Source<'s> {
    /// As people will read it.
    pub name: &'s str,
    pub text: &'s str,
    /// As another file would include it: what it includes itself is beside it.
    pub path: &'s str,
}

/// Reads a whole file, a hash unless it begins with `[`.
pub fn parse(source: &Source<'_>, files: &dyn Files, problems: &mut Problems, depth: u8) -> Result<Node, Stop> {
    let file = problems.file(source.name);
    let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut scan = Scan { cursor: Cursor::new(file, source.text), folder, files, problems, depth };
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

struct Scan<'s> {
    cursor: Cursor<'s>,
    /// Of this file.
    folder: &'s str,
    files: &'s dyn Files,
    problems: &'s mut Problems,
    /// Levels of arrays, hashes and files around this place.
    depth: u8,
}

impl Scan<'_> {
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
                Some(b'$') => {
                    for node in self.included()? {
                        let Value::Hash(more) = node.value else {
                            return Err(self.stop("an included file must be a hash here"));
                        };
                        members.extend(more);
                    }
                }
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
            if open != Some(b'$') {
                return Ok(Node { value: Value::Simple(self.string()?), place });
            }
            let mut included = self.included()?;
            return match (included.pop(), included.is_empty()) {
                (Some(only), true) => Ok(only),
                _ => Err(Stop { place, message: "a value can't be of several files".to_owned() }),
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

    /// `$include{FILE}`, where a pattern or directory stands for several.
    fn included(&mut self) -> Result<Vec<Node>, Stop> {
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
        let place = stop.place;
        let files = self.named(&name).map_err(|message| Stop { place, message: format!("{name}: {message}") })?;
        let node = |(path, file): (String, Included)| {
            let text = String::from_utf8_lossy(&file.bytes);
            parse(&Source { name: &file.name, text: &text, path: &path }, self.files, self.problems, self.depth)
        };
        let nodes = files.into_iter().map(node).collect();
        self.depth -= 1;
        nodes
    }

    fn named(&self, name: &str) -> Result<Vec<(String, Included)>, String> {
        let beside = !name.starts_with('/') && !self.folder.is_empty();
        let path = if beside { format!("{}/{name}", self.folder) } else { name.to_owned() };
        let all = |paths: Vec<String>| -> Result<Vec<_>, String> {
            paths.into_iter().map(|path| self.files.read(&path).map(|file| (path, file))).collect()
        };
        if is_pattern(&path) {
            let paths = self.files.matching(&path)?;
            return if paths.is_empty() { Err("no file matches".to_owned()) } else { all(paths) };
        }
        match self.files.read(&path) {
            Ok(file) => Ok(vec![(path, file)]),
            Err(message) => match self.files.matching(&format!("{path}/*"))? {
                inside if inside.is_empty() => Err(message),
                inside => all(inside),
            },
        }
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
        parse(&Source { name: "t", text, path: "t" }, &Written, &mut Problems::new(), 0)
    }

    struct Written;

    impl Files for Written {
        fn read(&self, name: &str) -> Result<Included, String> {
            let text = match name {
                "more" => "x => $include{more}",
                "sub/one" => "one => $include{two}",
                "sub/two" => "two => 2",
                "sub/three" => "three => 3",
                _ => return Err("no".to_owned()),
            };
            Ok(Included { name: name.to_owned(), bytes: text.as_bytes().to_vec() })
        }

        fn matching(&self, pattern: &str) -> Result<Vec<String>, String> {
            let all = if pattern == "sub/*" { &["sub/one", "sub/three"][..] } else { &[] };
            Ok(all.iter().map(|name| (*name).to_owned()).collect())
        }
    }

    #[test]
    fn files_are_included_from_beside_the_file() {
        for text in ["$include{sub/*}, x => y", "$include{\"sub\"}", "$include{sub/one} $include{ sub/three }"] {
            let root = read(text).ok().unwrap();
            assert!(root.member("one").unwrap().member("two").is_some() && root.member("three").is_some(), "{text}");
        }
        for bad in ["a => $include{sub/*}", "$include{none/*}", "$include{two}"] {
            assert!(read(bad).is_err(), "{bad}");
        }
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
