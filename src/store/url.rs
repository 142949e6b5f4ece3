//! Which object of which store: `s3://bucket/key`, `https://host/path`.

use std::fmt;
use std::str::FromStr;

use crate::file;

/// As written, and known to have a store and a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectUrl {
    text: String,
    /// Where the key begins.
    key: usize,
}

/// What stands before `://`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    S3,
    Http,
    Https,
}

impl Scheme {
    fn of(name: &str) -> Option<Self> {
        [(Self::S3, "s3"), (Self::Http, "http"), (Self::Https, "https")]
            .into_iter()
            .find_map(|(scheme, known)| (known == name).then_some(scheme))
    }
}

impl ObjectUrl {
    /// Whether a text means to be one, good or bad. Else it is a path.
    pub fn is_meant(text: &str) -> bool {
        text.contains("://")
    }

    pub fn scheme(&self) -> Scheme {
        self.text.split_once("://").and_then(|(name, _)| Scheme::of(name)).unwrap_or(Scheme::S3)
    }

    /// The bucket, or host and port.
    pub fn authority(&self) -> &str {
        let begin = self.text.find("://").map_or(0, |at| at + 3);
        &self.text[begin..self.key - 1]
    }

    /// Without the slash that it begins after.
    pub fn key(&self) -> &str {
        &self.text[self.key..]
    }

    /// What lies in the same folder, or in one of its folders, by its path from there.
    #[must_use]
    pub fn beside(&self, path: &str) -> Self {
        Self { text: file::beside(&self.text, path), key: self.key }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ObjectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ObjectUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) =
            text.split_once("://").ok_or("it has no `://`: write s3://BUCKET/KEY or https://HOST/PATH")?;
        if Scheme::of(scheme).is_none() {
            return Err(format!("`{scheme}://` is not supported: write s3://BUCKET/KEY, https://HOST/PATH or a path"));
        }
        if text.contains(['?', '#']) {
            return Err("a query or fragment can't be kept to for the files beside it: leave it out".to_owned());
        }
        let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(
                "credentials don't belong into it: set AWS_ACCESS_KEY_ID and the like in the environment".to_owned()
            );
        }
        if authority.is_empty() || text.contains(|character: char| character.is_control() || character == ' ') {
            return Err("it is no address: write s3://BUCKET/KEY or https://HOST/PATH".to_owned());
        }
        if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err("it names no object: write it with its whole path, without empty parts or `..`".to_owned());
        }
        Ok(Self { text: text.to_owned(), key: scheme.len() + "://".len() + authority.len() + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_parts() {
        let url: ObjectUrl = "s3://bucket/cdn/current.json".parse().unwrap();
        assert_eq!((url.scheme(), url.authority(), url.key()), (Scheme::S3, "bucket", "cdn/current.json"));
        assert_eq!(url.beside("a/b.txt").to_string(), "s3://bucket/cdn/a/b.txt");
        assert_eq!(url.beside("a/b.txt").key(), "cdn/a/b.txt");
        let url: ObjectUrl = "http://127.0.0.1:8000/table.json".parse().unwrap();
        assert_eq!((url.scheme(), url.authority(), url.key()), (Scheme::Http, "127.0.0.1:8000", "table.json"));
        assert_eq!(url.beside("overrides.json").as_str(), "http://127.0.0.1:8000/overrides.json");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for (text, said) in [
            ("table.json", "no `://`"),
            ("gs://bucket/table.json", "`gs://` is not supported"),
            ("s3://bucket", "names no object"),
            ("s3://bucket/", "names no object"),
            ("s3:///key", "no address"),
            ("s3://bucket/a/../b", "names no object"),
            ("s3://bucket/a b", "no address"),
            ("https://host/a?token=1", "query"),
            ("https://user:word@host/a", "credentials"),
        ] {
            let message = text.parse::<ObjectUrl>().unwrap_err();
            assert!(message.contains(said), "{text}: {message}");
        }
    }
}
