//! Tables and overrides from stores: the built program against SeaweedFS, which speaks S3, and against an HTTP
//! server of these tests' own, that can be as odd as needed.
//!
//! SeaweedFS is not part of this repository: `tests/stores/fetch` gets it. Without it the tests that need it are
//! skipped, unless `CROUPIER_TESTS_REQUIRE` has `weed`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]
#![allow(clippy::format_collect, clippy::format_push_string, reason = "allocations cost nothing here")]
#![allow(clippy::float_cmp, reason = "metrics are f64, and those compared here are counts")]

#[path = "stores/addresses.rs"]
mod addresses;
#[path = "stores/fleet.rs"]
mod fleet;
#[path = "stores/halves.rs"]
mod halves;
#[path = "stores/hanging.rs"]
mod hanging;
#[path = "service/harness.rs"]
mod harness;
#[path = "stores/outages.rs"]
mod outages;
#[path = "stores/overriding.rs"]
mod overriding;
#[path = "stores/plain.rs"]
mod plain;
#[path = "stores/published.rs"]
mod published;
#[path = "stores/publishers.rs"]
mod publishers;
#[path = "stores/relay.rs"]
mod relay;
#[path = "common/required.rs"]
mod required;
#[path = "stores/s3.rs"]
mod s3;
#[path = "stores/site.rs"]
mod site;
#[path = "stores/web.rs"]
mod web;
#[path = "stores/weed.rs"]
mod weed;
