//! `croupier import` held against the systems it imports from, running: nginx, HAProxy and gdnsd.
//!
//! Each of them is given a file in its own syntax, with thousands of prefixes from the country
//! dataset and awkward ones by hand, and asked for tens of thousands of addresses. `croupier import`
//! reads the same file, and `croupier lookup` must answer the same for each address. Where the two
//! differ in kind, `data/importing.md` says so, and a test here shows that it is as said there.
//!
//! A system that is not installed is skipped, unless `CROUPIER_TESTS_REQUIRE` names it
//! (`nginx,haproxy,gdnsd`). Servers listen on Unix sockets in a folder of the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod addresses;
mod ask;
mod folder;
mod gdnsd;
mod haproxy;
mod nginx;
mod program;
#[path = "../common/required.rs"]
mod required;
mod world;
