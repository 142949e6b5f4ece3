//! Patterns of subject alternative names: `media-selector-*.example`, `spiffe://example/media/*`.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A pattern with a scheme matches URIs, any other DNS names. `*` stands for any run of
/// characters, even none, but crosses no `.` in a DNS name and no `/` in a URI, so that a pattern
/// never reaches into a part of the name that it does not spell out. DNS names match in any case
/// (RFC 4343); URIs match exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    pattern: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dns,
    Uri,
}

impl std::fmt::Display for NamePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.pattern)
    }
}

impl FromStr for NamePattern {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        if written.is_empty() || !written.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("`{}` is not a pattern of DNS names or URIs", written.escape_debug()));
        }
        if let Some(name) = ["DNS:", "URI:", "dns:", "uri:"].iter().find_map(|kind| written.strip_prefix(kind)) {
            return Err(format!("write `{name}` alone, without the kind of name before it"));
        }
        // No DNS name has a colon, and every URI has.
        if written.contains(':') {
            return Ok(Self { pattern: written.to_owned(), kind: Kind::Uri });
        }
        if !written.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte)) {
            return Err(format!("`{written}` is not a pattern of DNS names or URIs; the subject is not looked at"));
        }
        Ok(Self { pattern: written.to_ascii_lowercase(), kind: Kind::Dns })
    }
}

impl<'de> Deserialize<'de> for NamePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for NamePattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.pattern)
    }
}

impl NamePattern {
    pub fn matches_dns(&self, name: &str) -> bool {
        self.kind == Kind::Dns && matches(self.pattern.as_bytes(), name.to_ascii_lowercase().as_bytes(), b'.')
    }

    pub fn matches_uri(&self, uri: &str) -> bool {
        self.kind == Kind::Uri && matches(self.pattern.as_bytes(), uri.as_bytes(), b'/')
    }
}

/// Goes back to the last `*` on a mismatch and lets it take one character more.
fn matches(pattern: &[u8], name: &[u8], separator: u8) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, read));
            at += 1;
        } else if pattern.get(at) == Some(&name[read]) {
            at += 1;
            read += 1;
        } else if let Some((star_at, taken)) = star.filter(|(_, taken)| name[*taken] != separator) {
            star = Some((star_at, taken + 1));
            at = star_at + 1;
            read = taken + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_its_part_of_the_name() {
        for (pattern, name, expected) in [
            ("media-selector-*.example", "media-selector-7.example", true),
            ("media-selector-*.example", "Media-Selector-7.EXAMPLE", true),
            ("media-selector-*.example", "media-selector-.example", true),
            ("media-selector-*.example", "media-selector-7.evil.example", false),
            ("media-selector-*.example", "media-selector-7.example.evil", false),
            ("*.example", "a.b.example", false),
            ("*.*.example", "a.b.example", true),
            ("a*b*c", "aXbYbZc", true),
            ("probe.example", "probe.example", true),
            ("probe.example", "xprobe.example", false),
            ("*", "one", true),
            ("*", "one.two", false),
        ] {
            let parsed: NamePattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches_dns(name), expected, "{pattern} {name}");
            assert!(!parsed.matches_uri(name));
        }
        let uri: NamePattern = "spiffe://example/media/*".parse().unwrap();
        assert!(uri.matches_uri("spiffe://example/media/selector"));
        assert!(!uri.matches_uri("spiffe://example/media/selector/x"));
        assert!(!uri.matches_uri("spiffe://example/Media/selector"));
        assert!(!uri.matches_dns("spiffe://example/media/selector"));
    }
}
