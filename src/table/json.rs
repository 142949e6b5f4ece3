//! A JSON document as a tree that remembers where each value stands.
//!
//! `serde_json` does all the lexing: each level is read as [`RawValue`]s that borrow from the
//! text, and a value's place is where its slice begins. Equal keys are all kept, in order.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::problem::saturate;

/// A value and its byte range in the text.
#[derive(Debug)]
pub struct Node<'t> {
    pub span: Range<u32>,
    pub value: Value<'t>,
}

#[derive(Debug)]
pub enum Value<'t> {
    Null,
    Bool,
    /// As written.
    Number(&'t str),
    String(Cow<'t, str>),
    Array(Vec<Node<'t>>),
    Object(Vec<Member<'t>>),
}

#[derive(Debug)]
pub struct Member<'t> {
    pub key: Cow<'t, str>,
    pub key_span: Range<u32>,
    pub value: Node<'t>,
}

impl Value<'_> {
    /// The kind of value, as a message names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        }
    }
}

/// A syntax error and the byte offset where it was noticed.
#[derive(Debug)]
pub struct SyntaxError {
    pub offset: u32,
    pub message: String,
}

/// Tables need five. Each level is read within the one around it, so depth costs stack and time.
const MOST_LEVELS: u8 = 32;

/// Reads a whole document.
pub fn parse(text: &str) -> Result<Node<'_>, SyntaxError> {
    let root: &RawValue = serde_json::from_str(text).map_err(|error| syntax_error(text, text, &error))?;
    node(text, root, MOST_LEVELS)
}

fn node<'t>(text: &'t str, raw: &'t RawValue, levels: u8) -> Result<Node<'t>, SyntaxError> {
    let slice = raw.get();
    let Some(levels) = levels.checked_sub(1) else {
        let message = format!("values are nested more than {MOST_LEVELS} deep");
        return Err(SyntaxError { offset: offset(text, slice), message });
    };
    let fail = |error| syntax_error(text, slice, &error);
    let value = match slice.as_bytes().first() {
        Some(b'{') => {
            let Members(members) = serde_json::from_str(slice).map_err(fail)?;
            let member = |(key, value): (&'t RawValue, &'t RawValue)| {
                Ok(Member { key: string(text, key)?, key_span: span(text, key), value: node(text, value, levels)? })
            };
            Value::Object(members.into_iter().map(member).collect::<Result<_, SyntaxError>>()?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(slice).map_err(fail)?;
            Value::Array(items.into_iter().map(|item| node(text, item, levels)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::String(string(text, raw)?),
        Some(b't' | b'f') => Value::Bool,
        Some(b'n') => Value::Null,
        _ => Value::Number(slice),
    };
    Ok(Node { span: span(text, raw), value })
}

fn string<'t>(text: &'t str, raw: &'t RawValue) -> Result<Cow<'t, str>, SyntaxError> {
    let slice = raw.get();
    let inner = slice.get(1..slice.len() - 1).unwrap_or_default();
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    serde_json::from_str(slice).map(Cow::Owned).map_err(|error| syntax_error(text, slice, &error))
}

fn span(text: &str, raw: &RawValue) -> Range<u32> {
    let start = offset(text, raw.get());
    start..start + saturate(raw.get().len())
}

/// How far into `text` its part `slice` begins.
fn offset(text: &str, slice: &str) -> u32 {
    saturate(slice.as_ptr().addr() - text.as_ptr().addr())
}

fn syntax_error(text: &str, slice: &str, error: &serde_json::Error) -> SyntaxError {
    let line_start: usize = slice.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let within = (line_start + error.column().saturating_sub(1)).min(slice.len());
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    SyntaxError { offset: offset(text, slice) + saturate(within), message }
}

/// The members of one object, borrowed and unread, equal keys included.
struct Members<'t>(Vec<(&'t RawValue, &'t RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_place_and_equal_keys_stay() {
        let text = "{ \"a\": [1, \"x\\u0041\"],\n \"a\" : null }";
        let root = parse(text).unwrap();
        let Value::Object(members) = root.value else { panic!("an object was written") };
        assert_eq!(members.iter().map(|m| m.key.as_ref()).collect::<Vec<_>>(), ["a", "a"]);
        let Value::Array(items) = &members[0].value.value else { panic!("an array was written") };
        let written = |span: &Range<u32>| &text[span.start as usize..span.end as usize];
        assert_eq!(written(&items[1].span), "\"x\\u0041\"");
        assert_eq!(written(&members[1].key_span), "\"a\"");
        assert!(matches!(&items[1].value, Value::String(string) if string == "xA"));
    }

    #[test]
    fn syntax_errors_say_where() {
        for (text, offset) in [("{\n \"a\": ,\n}", 8), ("{\"a\": [1, 2}", 11), ("", 0), ("{} x", 3)] {
            assert_eq!(parse(text).unwrap_err().offset, offset, "{text:?}");
        }
        assert!(parse("{\"a\": \"\\ud800\"}").is_err(), "a lone surrogate is no text");
    }

    #[test]
    fn a_deep_document_is_refused_and_does_not_overflow_the_stack() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(&nested(32)).is_ok());
        assert_eq!(parse(&nested(33)).unwrap_err().offset, 32);
        assert!(parse(&nested(1_000_000)).is_err());
    }
}
