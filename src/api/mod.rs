//! HTTP: what a request asks for, and the answer.
//!
//! - [`lookup`]: `GET /lookup?ip=`
//! - [`strict`]: what is refused before anything is asked
//! - [`problem`]: the one map from what went wrong to a status

pub mod lookup;
pub mod problem;
pub mod strict;
