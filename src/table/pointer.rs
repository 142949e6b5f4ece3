//! A pointer: a small document that says which table is the current one, and what its files are. No I/O.
//!
//! A table's files never change once they are published: they lie under a prefix that is named by the table's
//! digest, and the pointer gives the SHA-256 of each. So whoever reads it gets all files of one table, or an error,
//! whatever else is going on; and moving the pointer moves everybody, forward or back.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::footprint::shorten;
use super::json::Node;
use super::moment;
use super::problem::{Problems, Text};
use super::reader::{Fields, Reader};

/// The format that is read and written: the value of `pointer`.
pub const FORMAT: u64 = 1;

/// Every key of a pointer.
pub const KEYS: [&str; 9] =
    ["$schema", "pointer", "version", "digest", "prefix", "document", "files", "previous", "published-at"];

/// In bytes: thousands of files fit.
pub const LARGEST: u64 = 1 << 20;

/// Serializes as the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pointer {
    pub pointer: u64,
    /// The table's.
    pub version: String,
    /// The table's.
    pub digest: String,
    /// Where its files are, relative to the pointer. Ends in a slash.
    pub prefix: String,
    /// The table's document, one of `files`.
    pub document: String,
    /// The SHA-256 of each, by its path under the prefix.
    pub files: BTreeMap<String, String>,
    /// The digest of the table that was current before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<String>,
}

impl Pointer {
    /// Whether a document means to be a pointer: a table has no such key.
    pub fn is_meant(text: &str) -> bool {
        #[derive(Deserialize)]
        struct Sign {
            #[serde(rename = "pointer")]
            _pointer: IgnoredAny,
        }
        // Of an array serde would take the first for the key's value.
        text.trim_start().starts_with('{') && serde_json::from_str::<Sign>(text).is_ok()
    }

    /// None, with errors in `problems`, unless all of it is good.
    pub fn parse(name: &str, text: &str, problems: &mut Problems) -> Option<Self> {
        let before = problems.errors();
        let file = problems.file(name);
        let mut document = Document { read: Reader { text: &Text::new(file, text), problems } };
        let pointer = document.read.root().and_then(|root| document.pointer(&root));
        problems.excerpts(file, text.as_bytes());
        pointer.filter(|_| problems.errors() == before)
    }

    /// As it is stored.
    pub fn text(&self) -> String {
        // Strings and numbers: there is nothing in it that could not be written.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Where a file of the table is, relative to the pointer.
    pub fn place(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}

/// `2026-11-22.1 (6f3c2d0a91e4)`.
impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.digest.get(..12).unwrap_or(&self.digest))
    }
}

/// Whether a path stays where it begins: a table in a store names nothing outside its own prefix.
pub fn is_relative(path: &str) -> bool {
    !path.is_empty() && !path.contains('\\') && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// As it is written in pointers.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

struct Document<'r, 't> {
    read: Reader<'r, 't>,
}

impl Document<'_, '_> {
    fn pointer(&mut self, root: &Node<'_>) -> Option<Pointer> {
        let fields = self.read.fields(root, "the pointer", &KEYS)?;
        if let Some(schema) = fields.optional("$schema") {
            self.read.string(schema, "`$schema`");
        }
        let pointer = self.read.required(&fields, "pointer").and_then(|node| self.format(node));
        let version = self.required_string(&fields, "version");
        let digest = self.read.required(&fields, "digest").and_then(|node| self.sha256(node, "`digest`"));
        let prefix = self.read.required(&fields, "prefix").and_then(|node| self.prefix(node));
        let files = self.read.required(&fields, "files").map(|node| self.files(node));
        let document = self.read.required(&fields, "document").and_then(|node| self.document(node, files.as_ref()));
        let previous = fields.optional("previous").and_then(|node| self.sha256(node, "`previous`"));
        let published_at = fields.optional("published-at").and_then(|node| self.moment(node));
        Some(Pointer {
            pointer: pointer?,
            version: version?,
            digest: digest?,
            prefix: prefix?,
            document: document?,
            files: files?,
            previous,
            published_at: published_at.map(moment::written),
        })
    }

    fn format(&mut self, node: &Node<'_>) -> Option<u64> {
        let format = self.read.whole(node, "`pointer`", u64::from(u32::MAX), "the format's number")?;
        if format != FORMAT {
            self.read
                .error(&node.span, format!("this is a pointer of format {format}; this version reads format {FORMAT}"))
                .help("publish with the version that reads it, or update this one");
            return None;
        }
        Some(format)
    }

    fn required_string(&mut self, fields: &Fields<'_, '_>, key: &str) -> Option<String> {
        let node = self.read.required(fields, key)?;
        self.read.string(node, &format!("`{key}`")).map(str::to_owned)
    }

    fn sha256(&mut self, node: &Node<'_>, what: &str) -> Option<String> {
        let written = self.read.string(node, what)?;
        if !is_sha256(written) {
            self.read
                .error(&node.span, format!("{what} can't be `{}`", shorten(written)))
                .help("write a SHA-256 as 64 of 0-9 a-f");
            return None;
        }
        Some(written.to_owned())
    }

    fn prefix(&mut self, node: &Node<'_>) -> Option<String> {
        let written = self.read.string(node, "`prefix`")?;
        if !written.strip_suffix('/').is_some_and(is_relative) {
            self.read
                .error(&node.span, format!("`prefix` can't be `{}`", shorten(written)))
                .help("write a path relative to the pointer, without `..`, that ends in `/`");
            return None;
        }
        Some(written.to_owned())
    }

    fn files(&mut self, node: &Node<'_>) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for member in self.read.members(node, "`files`") {
            if !is_relative(&member.key) {
                self.read
                    .error(&member.key_span, format!("`{}` is no path under the prefix", shorten(&member.key)))
                    .help("write it relative to the prefix, without `..`");
            }
            let what = format!("the SHA-256 of `{}`", shorten(&member.key));
            if let Some(sha256) = self.sha256(&member.value, &what) {
                files.insert(member.key.to_string(), sha256);
            }
        }
        files
    }

    fn document(&mut self, node: &Node<'_>, files: Option<&BTreeMap<String, String>>) -> Option<String> {
        let written = self.read.string(node, "`document`")?;
        if files.is_some_and(|files| !files.contains_key(written)) {
            self.read
                .error(&node.span, format!("`{}` is not one of `files`", shorten(written)))
                .help("name the table's document, as `files` does");
        }
        Some(written.to_owned())
    }

    fn moment(&mut self, node: &Node<'_>) -> Option<SystemTime> {
        let written = self.read.string(node, "`published-at`")?;
        let found = moment::read(written);
        if found.is_none() {
            self.read
                .error(&node.span, format!("`published-at` can't be `{}`: it is no time", shorten(written)))
                .help("write date, time and offset, as in `2026-11-21T23:00:00Z`");
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer() -> Pointer {
        let sha256 = |letter: &str| letter.repeat(64);
        Pointer {
            pointer: FORMAT,
            version: "2026-11-22.1".to_owned(),
            digest: sha256("a"),
            prefix: format!("tables/{}/", sha256("a")),
            document: "cdn-table.json".to_owned(),
            files: [("cdn-table.json", "b"), ("prefixes/on-net.txt", "c")]
                .map(|(path, letter)| (path.to_owned(), sha256(letter)))
                .into(),
            previous: Some(sha256("d")),
            published_at: Some("2026-11-22T10:00:00Z".to_owned()),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut problems = Problems::new();
        let text = pointer().text();
        assert!(Pointer::is_meant(&text));
        assert_eq!(Pointer::parse("p", &text, &mut problems), Some(pointer()), "{:?}", problems.shown());
        assert_eq!(pointer().place("a.txt"), format!("tables/{}/a.txt", "a".repeat(64)));
    }

    #[test]
    fn a_table_is_no_pointer() {
        assert!(!Pointer::is_meant(r#"{ "version": "1", "cdns": {} }"#));
        assert!(!Pointer::is_meant("not json"));
        assert!(Pointer::is_meant(r#"{ "pointer": "wrong, but meant" }"#));
    }

    #[test]
    fn every_fault_is_told() {
        for (from, to, said) in [
            ("\"pointer\": 1", "\"pointer\": 2", "format 2"),
            ("\"prefix\": \"tables", "\"prefix\": \"/tables", "`prefix` can't be"),
            ("\"prefix\": \"tables", "\"prefix\": \"../tables", "`prefix` can't be"),
            ("\"prefixes/on-net.txt\"", "\"../on-net.txt\"", "no path under the prefix"),
            ("\"document\": \"cdn-table.json\"", "\"document\": \"table.json\"", "not one of `files`"),
            ("\"version\"", "\"versions\"", "unknown key `versions`"),
            ("10:00:00Z", "10:00:00", "it is no time"),
            ("cccc", "cccC", "can't be"),
        ] {
            let text = pointer().text();
            assert!(text.contains(from), "{from}");
            let mut problems = Problems::new();
            assert_eq!(Pointer::parse("p", &text.replacen(from, to, 1), &mut problems), None, "{to}");
            let shown: Vec<_> = problems.shown().iter().map(|shown| shown.message.clone()).collect();
            assert!(shown.iter().any(|message| message.contains(said)), "{said}: {shown:?}");
        }
    }

    #[test]
    fn relative_paths_stay_below() {
        for good in ["a", "a/b.txt", "..a/b..", "a b"] {
            assert!(is_relative(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\\b"] {
            assert!(!is_relative(bad), "{bad}");
        }
    }
}
