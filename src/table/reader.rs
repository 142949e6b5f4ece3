//! Typed access to a JSON tree: what is missing, unknown, doubled or of the wrong kind becomes a
//! problem with its place, and reading goes on.

use std::collections::HashMap;
use std::ops::Range;

use super::footprint::shorten;
use super::json::{self, Member, Node, Value};
use super::problem::{Problem, Problems, Text, nearest, saturate};
use super::syntax::{Told, explain};

/// CDNs and mixes are referred to by 16-bit numbers.
const MOST_NAMES: usize = u16::MAX as usize;

const NAME_LENGTH: usize = 64;

pub struct Reader<'r, 't> {
    pub text: &'r Text<'t>,
    pub problems: &'r mut Problems,
}

/// The known members of one object.
pub struct Fields<'n, 't> {
    object: &'n Node<'t>,
    what: String,
    members: Vec<&'n Member<'t>>,
    /// Known keys that unknown ones are probably meant to be.
    misspelt: Vec<String>,
}

impl<'n, 't> Fields<'n, 't> {
    pub fn optional(&self, key: &str) -> Option<&'n Node<'t>> {
        self.members.iter().find(|member| member.key == key).map(|member| &member.value)
    }

    pub fn span(&self) -> &Range<u32> {
        &self.object.span
    }
}

impl<'t> Reader<'_, 't> {
    /// The whole text as a tree. None, with an error, if it is not JSON.
    pub fn root(&mut self) -> Option<Node<'t>> {
        let error = match json::parse(self.text.text) {
            Ok(root) => return Some(root),
            Err(error) => error,
        };
        let Told { span, message, help, bracket } = explain(self.text.text, &error);
        let narrow = |span: Range<usize>| saturate(span.start)..saturate(span.end);
        let bracket = bracket.map(|(span, label)| (self.text.place(&narrow(span)), label));
        let problem = self.error(&narrow(span), message);
        problem.help = help;
        if let Some((place, label)) = bracket {
            problem.also(place, label);
        }
        None
    }
}

impl Reader<'_, '_> {
    pub fn error(&mut self, span: &Range<u32>, message: String) -> &mut Problem {
        self.problems.error(self.text.place(span), message)
    }

    pub fn warning(&mut self, span: &Range<u32>, message: String) -> &mut Problem {
        self.problems.warning(self.text.place(span), message)
    }

    /// An object whose keys are known beforehand. None, with an error, if it is no object.
    pub fn fields<'n, 't>(&mut self, node: &'n Node<'t>, what: &str, known: &[&str]) -> Option<Fields<'n, 't>> {
        if !self.is_object(node) {
            self.wrong_kind(node, what, "an object");
            return None;
        }
        let (mut members, mut misspelt) = (self.members(node, what), Vec::new());
        members.retain(|member| {
            let is_known = known.contains(&member.key.as_ref());
            if !is_known {
                let problem = self.error(&member.key_span, format!("unknown key `{}` in {what}", shorten(&member.key)));
                match nearest(&member.key, known.iter().copied()) {
                    Some(near) => {
                        misspelt.push(near.to_owned());
                        problem.help(format!("did you mean `{near}`?"))
                    }
                    None => problem.help(format!("the keys here are {}", known.join(", "))),
                };
            }
            is_known
        });
        Some(Fields { object: node, what: what.to_owned(), members, misspelt })
    }

    /// A key that is misspelt is not told as missing, too.
    pub fn required<'n, 't>(&mut self, fields: &Fields<'n, 't>, key: &str) -> Option<&'n Node<'t>> {
        let found = fields.optional(key);
        if found.is_none() && !fields.misspelt.iter().any(|misspelt| misspelt == key) {
            let start = fields.span().start;
            let problem = self.error(&(start..start + 1), format!("{} has no `{key}`", fields.what));
            problem.help(match example(key) {
                Some(example) => format!("add it, as in `\"{key}\": {example}`"),
                None => "add it".to_owned(),
            });
        }
        found
    }

    /// The members of an object with free keys. Of equal keys, the first; the others are errors.
    pub fn members<'n, 't>(&mut self, node: &'n Node<'t>, what: &str) -> Vec<&'n Member<'t>> {
        let Value::Object(members) = &node.value else {
            self.wrong_kind(node, what, "an object");
            return Vec::new();
        };
        let mut first: HashMap<&str, &Member<'t>> = HashMap::with_capacity(members.len());
        let mut kept = Vec::with_capacity(members.len());
        for member in members {
            if let Some(before) = first.get(member.key.as_ref()) {
                let place = self.text.place(&before.key_span);
                self.error(&member.key_span, format!("the key `{}` stands twice in {what}", shorten(&member.key)))
                    .also(place, "first here")
                    .help("keep one of them");
            } else {
                first.insert(&member.key, member);
                kept.push(member);
            }
        }
        kept
    }

    pub fn items<'n, 't>(&mut self, node: &'n Node<'t>, what: &str) -> &'n [Node<'t>] {
        if let Value::Array(items) = &node.value {
            return items;
        }
        self.wrong_kind(node, what, "an array");
        &[]
    }

    pub fn string<'n>(&mut self, node: &'n Node<'_>, what: &str) -> Option<&'n str> {
        if let Value::String(string) = &node.value {
            return Some(string);
        }
        self.wrong_kind(node, what, "a string");
        None
    }

    /// A whole number from 0 to `most`.
    pub fn whole(&mut self, node: &Node<'_>, what: &str, most: u64, unit: &str) -> Option<u64> {
        let Value::Number(written) = &node.value else {
            self.wrong_kind(node, what, "a number");
            return None;
        };
        let number = written.parse().ok().filter(|number| *number <= most);
        if number.is_none() {
            self.error(&node.span, format!("{what} can't be {}", shorten(written)))
                .help(format!("write {unit} as a whole number from 0 to {most}"));
        }
        number
    }

    /// Text for people: of a bounded number of characters, all of which can be seen.
    pub fn words<'n>(&mut self, node: &'n Node<'_>, what: &str, most: usize) -> Option<&'n str> {
        let words = self.string(node, what)?;
        if words.chars().count() > most {
            self.error(&node.span, format!("{what} is longer than {most} characters")).help("write less");
        }
        if words.chars().any(char::is_control) {
            self.error(&node.span, format!("{what} has control characters"))
                .help("write one line of plain text; no tabs, no escape sequences");
        }
        Some(words)
    }

    /// Whether a CDN or mix can be called this.
    pub fn name(&mut self, name: &str, span: &Range<u32>, what: &str) {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if name.is_empty() || name.len() > NAME_LENGTH || !name.bytes().all(allowed) {
            self.error(span, format!("`{}` can't be the name of {what}", shorten(name)))
                .help(format!("write 1 to {NAME_LENGTH} of a-z A-Z 0-9 . _ -"));
        }
    }

    /// A CDN's weight.
    pub fn weight(&mut self, member: &Member<'_>) -> Option<u16> {
        let what = format!("the weight of `{}`", shorten(&member.key));
        let weight = self.whole(&member.value, &what, u64::from(u16::MAX), "a weight");
        weight.and_then(|weight| u16::try_from(weight).ok())
    }

    /// Of the weights that could be read, one must be above 0.
    pub fn some_weight(&mut self, node: &Node<'_>, what: &str, mut weights: impl ExactSizeIterator<Item = u16>) {
        let unread = weights.len() == 0 && matches!(&node.value, Value::Object(members) if !members.is_empty());
        if !unread && weights.all(|weight| weight == 0) {
            self.error(&node.span, format!("{what} has no CDN with a weight above 0"))
                .help("give at least one CDN a weight from 1 to 65535");
        }
    }

    pub fn limit(&mut self, span: &Range<u32>, what: &str, count: usize) {
        if count > MOST_NAMES {
            self.error(
                &(span.start..span.start + 1),
                format!("{count} {what} are more than the {MOST_NAMES} there can be"),
            );
        }
    }

    pub fn is_object(&self, node: &Node<'_>) -> bool {
        matches!(node.value, Value::Object(_))
    }

    pub fn is_empty_array(&self, node: &Node<'_>) -> bool {
        matches!(&node.value, Value::Array(items) if items.is_empty())
    }

    fn wrong_kind(&mut self, node: &Node<'_>, what: &str, expected: &str) {
        let help = match (expected, &node.value) {
            ("a string", Value::Number(written)) => {
                Some(format!("write it in double quotes: `\"{}\"`", shorten(written)))
            }
            ("a number", Value::String(written)) if written.parse::<u64>().is_ok() => {
                Some(format!("write it without quotes: `{}`", shorten(written)))
            }
            ("an array", Value::String(written)) => Some(format!("write it in brackets: `[\"{}\"]`", shorten(written))),
            _ => None,
        };
        self.error(&node.span, format!("{what} must be {expected}, not {}", node.value.kind())).help = help;
    }
}

/// What a value may look like.
fn example(key: &str) -> Option<&'static str> {
    Some(match key {
        "version" => r#""2026-11-22.1""#,
        "ttl" => "300",
        "url" => r#""https://cdn.example/""#,
        "cdns" => r#"{ "CDN": { "url": "https://cdn.example/" } }"#,
        "mixes" => r#"{ "MIX": { "CDN": 100 } }"#,
        "footprints" | "overrides" => "[]",
        "default" | "mix" => r#""MIX""#,
        "footprint-type" => r#""ipv4cidr""#,
        "ip" => r#""192.0.2.1""#,
        "path" => r#""FILE""#,
        "state" => r#""down""#,
        "weights" => r#"{ "CDN": 100 }"#,
        _ => return None,
    })
}
