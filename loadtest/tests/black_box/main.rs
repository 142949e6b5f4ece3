//! The built program against a server that does what a test wants.
//!
//! Nothing is asserted of how fast anything is: only of what must be counted, and as what.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

mod accounting;
mod acts;
mod capacity;
mod compare;
mod failures;
mod http2;
mod page;
mod plots;
mod profiles;
mod retries;
mod run;
mod server;
mod tables;
mod verdicts;
