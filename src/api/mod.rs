//! HTTP: what a request asks for, and the answer.
//!
//! - [`lookup`]: `GET /lookup?ip=`
//! - [`admin`]: `POST /reload`, `GET /table`, `GET /explain?ip=`
//! - [`mod@address`]: the `ip` of a query
//! - [`entry`]: what every request passes: no ambiguity, an accepted client, a role
//! - [`mod@quick`]: lookups as they mostly come, bytes to bytes
//! - [`reply`]: an answer to a lookup before it is written
//! - [`problem`]: the one map from what went wrong to a status

pub mod address;
pub mod admin;
pub mod entry;
pub mod lookup;
pub mod problem;
pub mod quick;
pub mod reply;
