//! The schemas that editors check documents by, held against the readers: what a reader takes, its schema
//! takes; what a schema can see, both refuse; and they know the same keys.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "schema/faults.rs"]
mod faults;
#[path = "schema/good.rs"]
mod good;
#[path = "schema/keys.rs"]
mod keys;
#[path = "overrides/model.rs"]
#[allow(dead_code, reason = "the tests of overrides use more of it")]
mod model;
#[path = "schema/mutated.rs"]
mod mutated;
#[path = "schema/samples.rs"]
mod samples;
#[path = "common/sketch.rs"]
mod sketch;
#[path = "common/tables.rs"]
mod tables;
