//! The readers and the schemas know the same keys, and need the same.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::samples::{Document, all};

/// What no document knows, and is near nothing that one does.
const STRANGER: &str = "qqqqqqqqqqqqqqqq";

/// The places of all objects in a document.
fn objects(value: &Value, place: &str, found: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            found.push(place.to_owned());
            members.iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        _ => Vec::new(),
    };
    for (step, value) in below {
        objects(value, &format!("{place}/{step}"), found);
    }
}

pub fn object<'v>(value: &'v mut Value, place: &str) -> &'v mut Map<String, Value> {
    value.pointer_mut(place).and_then(Value::as_object_mut).expect("an object")
}

/// The part of a schema that describes the object in a place of a document.
fn part<'s>(root: &'s Value, place: &str) -> &'s Value {
    let followed = |mut part: &'s Value| {
        while let Some(reference) = part["$ref"].as_str() {
            part = root.pointer(reference.trim_start_matches('#')).expect("what is referred to");
        }
        part
    };
    place.split('/').skip(1).fold(root, |part, step| {
        let next = match &part["properties"][step] {
            Value::Null if part["type"] == "array" => &part["items"],
            Value::Null => &part["additionalProperties"],
            found => found,
        };
        let next = followed(next);
        let mut choices = next["anyOf"].as_array().into_iter().flatten().map(followed);
        choices.find(|choice| choice["type"] == "object").unwrap_or(next)
    })
}

/// The keys that the reader knows in a place. None if any will do.
fn known(document: &Document, place: &str) -> Option<BTreeSet<String>> {
    let mut changed = document.full();
    object(&mut changed, place).insert(STRANGER.to_owned(), json!(1));
    let errors = document.reader_errors(&changed.to_string());
    let told = errors.iter().find(|error| error.starts_with(&format!("unknown key `{STRANGER}`")))?;
    let (_, keys) = told.split_once("the keys here are ").expect("the reader says which it knows");
    Some(keys.split(", ").map(str::to_owned).collect())
}

/// All parts of a schema that name the only keys that there may be.
fn closed<'s>(value: &'s Value, found: &mut Vec<&'s Value>) {
    if value["additionalProperties"] == false {
        found.push(value);
    }
    match value {
        Value::Object(members) => members.values().for_each(|value| closed(value, found)),
        Value::Array(items) => items.iter().for_each(|value| closed(value, found)),
        _ => {}
    }
}

#[test]
fn readers_and_schemas_know_the_same_keys() {
    for document in all() {
        let mut places = Vec::new();
        objects(&document.full(), "", &mut places);
        let mut met: Vec<&Value> = Vec::new();
        for place in places {
            let part = part(&document.schema, &place);
            match known(&document, &place) {
                Some(keys) => {
                    let described: BTreeSet<String> = part["properties"].as_object().unwrap().keys().cloned().collect();
                    assert_eq!(described, keys, "{}{place}", document.name);
                    assert_eq!(part["additionalProperties"], false, "{}{place}", document.name);
                    met.push(part);
                }
                None => assert!(part["additionalProperties"].is_object(), "{}{place}: {part}", document.name),
            }
        }
        let mut described = Vec::new();
        closed(&document.schema, &mut described);
        assert!(!described.is_empty());
        for part in described {
            assert!(met.contains(&part), "the whole {} lacks one of these: {part:#}", document.name);
        }
    }
}

#[test]
fn readers_and_schemas_need_the_same_keys() {
    for document in all() {
        let mut places = Vec::new();
        objects(&document.full(), "", &mut places);
        let (mut needed, mut not_needed) = (0, 0);
        for place in places.iter().filter(|place| known(&document, place).is_some()) {
            for key in object(&mut document.full(), place).keys() {
                let mut changed = document.full();
                object(&mut changed, place).remove(key);
                let (read, seen) = (document.reader_errors(&changed.to_string()), document.schema_errors(&changed));
                let place = format!("{}{place}/{key}", document.name);
                assert_eq!(read.is_empty(), seen.is_empty(), "{place}: {read:#?}, {seen:#?}");
                *if read.is_empty() { &mut not_needed } else { &mut needed } += 1;
            }
        }
        assert!(needed > 0 && not_needed > 0, "{}: {needed}, {not_needed}", document.name);
    }
}

/// A key without a word is no help.
#[test]
fn everything_is_described() {
    for document in all() {
        let mut described = Vec::new();
        closed(&document.schema, &mut described);
        for (key, part) in described.iter().flat_map(|part| part["properties"].as_object().unwrap()) {
            let of_type = part["$ref"].as_str().map(|reference| &document.schema["$defs"][&reference[8..]]);
            let said = part["description"].as_str().or_else(|| of_type?["description"].as_str());
            assert!(said.is_some_and(|said| said.ends_with('.')), "{}, {key}: {said:?}", document.name);
        }
        for key in ["$id", "$schema", "title", "description"] {
            assert!(document.schema[key].is_string(), "{}: {key}", document.name);
        }
    }
}
