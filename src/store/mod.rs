//! Objects in a store: S3 and what speaks its language, or an HTTP server.
//!
//! - [`url`]: which object
//! - `client`: reads and writes it, bounded in time and size; `answer`: what to tell of an answer that is no good one. In builds without the feature `object-store` there
//!   is `absent` in its place, which says so.

#[cfg(not(feature = "object-store"))]
mod absent;
#[cfg(feature = "object-store")]
mod answer;
#[cfg(feature = "object-store")]
mod client;
pub mod url;

use std::fmt;
use std::time::{Duration, SystemTime};

#[cfg(not(feature = "object-store"))]
pub use absent::Store;
#[cfg(feature = "object-store")]
pub use client::Store;
pub use url::ObjectUrl;

/// Tells one state of an object from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// RFC 9110, section 8.8.3.
    Entity(String),
    /// RFC 9110, section 8.8.2: where there is no better.
    Modified(SystemTime),
}

/// An object as it was read.
#[derive(Debug)]
pub struct Object {
    pub bytes: Vec<u8>,
    /// None, if the server says nothing to tell its states by.
    pub tag: Option<Tag>,
}

/// On which condition an object is written.
#[derive(Debug)]
pub enum Condition<'t> {
    /// There is none.
    New,
    /// It is as it was when this was its tag.
    Same(&'t Tag),
    Always,
}

/// Why an object could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// There is no such object, in a store that answers.
    Missing,
    /// The condition does not hold: somebody else has written it.
    Conflict,
    /// Wrong credentials, or not enough, or no such bucket: nothing is known of the object.
    Denied,
    /// Whatever else the store said.
    Refused,
    /// The store does not answer, or not as one: nor would it to the next request.
    Unreachable,
    /// Something more urgent was asked for.
    Interrupted,
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Time for one object, from asking to its last byte, unless the configuration says otherwise. 30 s bring 256 MiB at
/// 70 Mbit/s.
pub const TIMEOUT: Duration = Duration::from_secs(30);
