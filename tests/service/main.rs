//! The service from outside: the built program, real sockets, certificates made on the spot.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]
#![allow(clippy::format_collect, clippy::format_push_string, reason = "allocations cost nothing here")]
#![allow(clippy::float_cmp, reason = "metrics are f64, and those compared here are counts")]

mod admin;
mod aged;
mod atomic;
mod clients;
mod development;
mod doors;
mod drain;
#[path = "../common/drawn.rs"]
mod drawn;
mod everywhere;
mod exhausted;
mod exposition;
mod frames;
mod guarded;
mod harness;
mod health;
mod inspect;
mod kept;
mod lookup;
mod overriding;
mod passed;
mod privacy;
mod protocol;
mod proxied;
mod quick;
mod reload;
#[path = "../common/required.rs"]
mod required;
mod slow;
mod startup;
mod supervised;
mod told;
mod trust;
mod trusted;
mod unhurt;
