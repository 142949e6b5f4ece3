//! The quick way: lookups as they mostly come, bytes to bytes.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{Method, Response, Version};
use httparse::{ParserConfig, Request, Status};

use super::entry::TARGET_BYTES;
use super::lookup::{PATH, ROLES, look_up};
use super::problem::Problem;
use super::reply::Reply;
use crate::quick::{Answered, Asker, Quick};
use crate::snapshot::Reader;

/// Header fields that a plain request may have. Clients that look things up send five.
const FIELDS: usize = 32;

/// Fields that a plain request does not have: they change what its message, or its connection, means.
const NOT_PLAIN: [HeaderName; 7] = [CONNECTION, CONTENT_LENGTH, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Answers lookups from the table in service.
pub struct Lookups {
    tables: Reader,
    fields: usize,
}

impl Lookups {
    pub fn new(tables: Reader, header_count: usize) -> Self {
        Self { tables, fields: FIELDS.min(header_count) }
    }

    fn reply(&self, path: &str, query: &str, asker: &Asker<'_>) -> Option<Reply> {
        if path != PATH || !asker.identity.has_any(ROLES) {
            return None;
        }
        if asker.is_shed {
            return Some(Problem::Overloaded.reply());
        }
        Some(undisturbed(|| look_up(&self.tables, query, asker.identity)))
    }
}

impl Quick for Lookups {
    fn http1(&self, received: &[u8], asker: &Asker<'_>, answer: &mut Vec<u8>) -> Option<Answered> {
        let (length, target) = plain(received, self.fields)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let reply = self.reply(path, query, asker)?;
        reply.write(asker.now, asker.is_last, answer);
        Some(Answered { length, status: reply.status })
    }

    fn parsed(&self, request: &Parts, asker: &Asker<'_>) -> Option<Response<Bytes>> {
        let fields = &request.headers;
        let hosts = fields.get_all(HOST).iter().count();
        let is_plain = request.method == Method::GET
            && fields.len() <= self.fields
            && hosts == usize::from(request.version == Version::HTTP_11)
            && !fields.contains_key(TRANSFER_ENCODING);
        let target = request.uri.path_and_query().filter(|target| is_plain && target.as_str().len() <= TARGET_BYTES)?;
        Some(self.reply(target.path(), target.query().unwrap_or_default(), asker)?.response())
    }
}

/// As on the long way, a panic fails its own request only: others may be under way on the connection.
fn undisturbed(answer: impl FnOnce() -> Result<Reply, Problem>) -> Reply {
    // What it reads is immutable, and what it writes is thrown away.
    let answer = catch_unwind(AssertUnwindSafe(answer));
    answer.unwrap_or(Err(Problem::Internal)).unwrap_or_else(Problem::reply)
}

/// The length and the target of the plain request that the bytes begin with.
fn plain(received: &[u8], fields: usize) -> Option<(usize, &str)> {
    // hyper's parser, told what hyper tells it.
    let mut space = [MaybeUninit::uninit(); FIELDS];
    let mut request = Request::new(&mut []);
    let parsed =
        ParserConfig::default().parse_request_with_uninit_headers(&mut request, received, &mut space[..fields]);
    let Ok(Status::Complete(length)) = parsed else { return None };
    let target = request.path.filter(|target| target.len() <= TARGET_BYTES && target.bytes().all(is_plain_byte))?;
    let mut hosts = 0;
    for field in request.headers.iter() {
        if HOST.as_str().eq_ignore_ascii_case(field.name) {
            hosts += 1;
        } else if NOT_PLAIN.iter().any(|name| name.as_str().eq_ignore_ascii_case(field.name)) {
            return None;
        }
    }
    (hosts == 1 && request.method == Some("GET") && request.version == Some(1)).then_some((length, target))
}

/// What a target is made of if it asks what can be answered.
fn is_plain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/?&=.:%-_+".contains(&byte)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn a_panic_fails_its_request_only() {
        for _ in 0..2 {
            assert_eq!(undisturbed(|| panic!("on purpose")).status, StatusCode::INTERNAL_SERVER_ERROR);
        }
        assert_eq!(undisturbed(|| Err(Problem::AddressEmpty)).status, StatusCode::BAD_REQUEST);
    }
}
