//! The quick way to an answer: between the listener, which has the bytes, and who knows the answer.
//!
//! Nearly all requests are alike: a plain `GET` of an accepted client, whole in one read. They are answered on
//! the spot, without a router, and over HTTP/1.1 without more than parsing. Whatever is not plain takes the long
//! way, where everything that HTTP allows is understood. Both ways give the same answers.

use std::time::SystemTime;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};

use crate::client::Identity;

pub trait Quick: Send + Sync + 'static {
    /// Appends the answer to the request that the bytes begin with; none, and nothing appended, if that is for the
    /// long way.
    fn http1(&self, received: &[u8], asker: &Asker<'_>, answer: &mut Vec<u8>) -> Option<Answered>;

    /// The same for a request that has been parsed.
    fn parsed(&self, request: &Parts, asker: &Asker<'_>) -> Option<Response<Bytes>>;
}

/// Whose request it is, and how things stand.
pub struct Asker<'a> {
    pub identity: &'a Identity,
    pub now: SystemTime,
    /// The answer says that the connection closes.
    pub is_last: bool,
    /// There is no time to answer: it is said so.
    pub is_shed: bool,
}

/// Goes with a request on the long way for which there is no time: it is said so.
#[derive(Clone, Copy)]
pub struct NoTime;

/// What was answered.
pub struct Answered {
    /// Bytes that the request had.
    pub length: usize,
    pub status: StatusCode,
}
