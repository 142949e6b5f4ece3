//! The command line from outside: what it says of good and bad inputs, where, and how it ends.
//! Nothing here serves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]
#![allow(clippy::format_collect, clippy::format_push_string, reason = "allocations cost nothing here")]

mod check;
mod config;
mod development;
mod diff;
#[path = "../common/drawn.rs"]
mod drawn;
mod explain;
mod faults;
mod files;
mod generate;
mod import;
mod inspect;
mod lists;
mod lookup;
mod marked;
mod overriding;
#[allow(dead_code, reason = "the tests of the service use more of it")]
#[path = "../service/harness/pki.rs"]
mod pki;
mod program;
mod schema;
mod syntax;
mod trust;
mod wrong;
