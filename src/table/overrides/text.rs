//! Overrides as JSON: each as the file has it, and the file with one of them a line.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::de::Error;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::ser::Formatter;

use super::{Change, Override, Overrides};
use crate::table::moment::{self, written};

impl Overrides {
    /// The file as it is with another list.
    pub fn text_with(&self, list: &[Override]) -> String {
        let schema = self.schema.as_ref().map(|schema| format!("  \"$schema\": {},\n", line(schema)));
        let lines: Vec<String> = list.iter().map(|one| format!("\n    {}", line(one))).collect();
        let end = if list.is_empty() { "" } else { "\n  " };
        format!("{{\n{}  \"overrides\": [{}{end}]\n}}\n", schema.unwrap_or_default(), lines.join(","))
    }
}

impl Override {
    /// As a line of the file, without the comma.
    pub fn line(&self) -> String {
        line(self)
    }
}

impl Serialize for Override {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.change {
            Change::Down { cdn } => {
                map.serialize_entry("cdn", cdn)?;
                map.serialize_entry("state", "down")?;
            }
            Change::Weights { mix, weights } => {
                map.serialize_entry("mix", mix)?;
                map.serialize_entry("weights", &Weights(weights))?;
            }
        }
        if let Some(reason) = &self.reason {
            map.serialize_entry("reason", reason)?;
        }
        for (key, moment) in [("from", self.from), ("until", self.until)] {
            if let Some(moment) = moment {
                map.serialize_entry(key, &written(moment))?;
            }
        }
        map.end()
    }
}

/// As it was serialized, by who may be relied on: nothing is checked.
impl<'de> Deserialize<'de> for Override {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Written {
            cdn: Option<String>,
            mix: Option<String>,
            #[serde(default)]
            weights: BTreeMap<String, u16>,
            reason: Option<String>,
            from: Option<String>,
            until: Option<String>,
        }
        let Written { cdn, mix, weights, reason, from, until } = Written::deserialize(deserializer)?;
        let change = match (cdn, mix) {
            (Some(cdn), _) => Change::Down { cdn },
            (None, Some(mix)) => Change::Weights { mix, weights: weights.into_iter().collect() },
            (None, None) => return Err(D::Error::missing_field("cdn")),
        };
        let moment = |written: Option<String>| written.and_then(|written| moment::read(&written));
        Ok(Self { change, reason, from: moment(from), until: moment(until) })
    }
}

/// In the order in which they were written.
struct Weights<'o>(&'o [(String, u16)]);

impl Serialize for Weights<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(cdn, weight)| (cdn, weight)))
    }
}

fn line(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    // Writing to a vector can't fail, nor do the keys: they are strings.
    _ = value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Spaced));
    String::from_utf8(bytes).unwrap_or_default()
}

/// On one line, with a space wherever a person would put one.
struct Spaced;

impl Formatter for Spaced {
    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b" " } else { b", " })
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b" }")
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::table::Problems;

    const FILE: &str = r#"{
  "$schema": "overrides.schema.json",
  "overrides": [
    { "cdn": "akamai", "state": "down", "reason": "INC-123 \"again\"", "until": "2026-11-21T23:00:00Z" },
    { "mix": "uk", "weights": { "bidi": 60, "akamai": 0 }, "from": "2026-11-28T14:00:00.5Z" }
  ]
}
"#;

    #[test]
    fn what_is_read_is_written_alike() {
        let mut problems = Problems::new();
        let overrides = Overrides::parse("o.json", FILE, SystemTime::UNIX_EPOCH, &mut problems).unwrap();
        assert_eq!(overrides.text_with(overrides.list()), FILE);
        assert_eq!(overrides.list()[0].to_string(), r#"akamai is down until 2026-11-21T23:00:00Z (INC-123 "again")"#);
        assert_eq!(overrides.list()[1].to_string(), "mix uk is bidi=60,akamai=0 from 2026-11-28T14:00:00.5Z");
    }

    #[test]
    fn none_are_a_file_too() {
        let text = Overrides::default().text_with(&[]);
        assert_eq!(text, "{\n  \"overrides\": []\n}\n");
        let read = Overrides::parse("o.json", &text, SystemTime::UNIX_EPOCH, &mut Problems::new());
        assert_eq!(read, Some(Overrides::default()));
    }
}
