//! JSON Schemas of the documents that people and programs write, for editors to complete and check.
//!
//! - [`table`], [`overrides`], [`mod@pointer`]: the documents as written, a type each
//! - [`parts`]: what several of them have in common; [`patterns`]: what strings look like
//!
//! `patternErrorMessage` and `errorMessage` are what some editors show instead of a pattern; to all others they
//! mean nothing. What a key's value is stands with the key, not behind a reference, since editors show only one of
//! two descriptions.
//!
//! Nothing is read by these types: the readers tell more, and where. A schema never refuses what its
//! reader takes; it refuses what can be seen without knowing the rest of the document or its files.

pub mod overrides;
pub mod parts;
pub mod patterns;
pub mod pointer;
pub mod table;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

/// Of the CDN table.
pub fn of_table() -> Schema {
    schema::<table::CdnTable>()
}

/// Of the file of overrides.
pub fn of_overrides() -> Schema {
    schema::<overrides::OverridesFile>()
}

/// Of the pointer to a table.
pub fn of_pointer() -> Schema {
    schema::<pointer::PointerFile>()
}

fn schema<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().with_transform(as_written).into_generator().into_root_schema_for::<T>()
}

/// Of a part of a document.
fn alone<T: JsonSchema>() -> Schema {
    T::json_schema(&mut SchemaGenerator::default())
}

/// Takes away what types of Rust bring with them: what is not there is left out in these documents, and never
/// null; the size of a number is nobody's business; a description's lines are as long as whoever shows it likes.
fn as_written(schema: &mut Schema) {
    schemars::transform::transform_subschemas(&mut as_written, schema);
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("format");
    if let Some(Value::String(description)) = object.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_mut_slice() {
            let only = only.take();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let Some(Value::Array(choices)) = object.get_mut("anyOf") else { return };
    choices.retain(|choice| choice["type"] != "null");
    if let [Value::Object(only)] = choices.as_mut_slice() {
        let only = std::mem::take(only);
        object.remove("anyOf");
        object.extend(only);
    }
}
