//! An answer to a lookup before it is written, and its two forms: a response, and the bytes of one.

use std::cell::RefCell;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::table::written::number;

/// `Cache-Control` of what may be kept, up to the seconds.
const KEPT_FOR: &[u8] = b"private, max-age=";

const NOT_KEPT: &str = "no-store";

pub struct Reply {
    pub status: StatusCode,
    pub content_type: &'static str,
    /// Seconds for which the client may keep it; none, and it may not.
    pub ttl: Option<u32>,
    /// Seconds after which the client may ask again.
    pub retry_after: Option<u32>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn response(self) -> http::Response<Bytes> {
        let Self { status, content_type, ttl, retry_after, body } = self;
        let mut response = http::Response::new(Bytes::from(body));
        *response.status_mut() = status;
        let kept = ttl.map(|ttl| {
            let mut kept = KEPT_FOR.to_vec();
            number(ttl, &mut kept);
            HeaderValue::from_maybe_shared(Bytes::from(kept))
        });
        let kept = kept.and_then(Result::ok).unwrap_or(HeaderValue::from_static(NOT_KEPT));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, kept);
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }

    /// Appends it as an HTTP/1.1 message, as hyper would write the response.
    pub fn write(&self, now: SystemTime, is_last: bool, message: &mut Vec<u8>) {
        let Self { status, content_type, ttl, retry_after, body } = self;
        message.reserve(256 + body.len());
        // Writing to a vector can't fail.
        match *status {
            StatusCode::OK => message.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-type: "),
            status => {
                let reason = status.canonical_reason().unwrap_or_default();
                _ = write!(message, "HTTP/1.1 {} {reason}\r\ncontent-type: ", status.as_u16());
            }
        }
        message.extend_from_slice(content_type.as_bytes());
        message.extend_from_slice(b"\r\ncache-control: ");
        match ttl {
            Some(ttl) => {
                message.extend_from_slice(KEPT_FOR);
                number(*ttl, message);
            }
            None => message.extend_from_slice(NOT_KEPT.as_bytes()),
        }
        if let Some(seconds) = retry_after {
            _ = write!(message, "\r\nretry-after: {seconds}");
        }
        message.extend_from_slice(b"\r\ncontent-length: ");
        number(body.len(), message);
        if is_last {
            message.extend_from_slice(b"\r\nconnection: close");
        }
        message.extend_from_slice(b"\r\ndate: ");
        date(now, message);
        message.extend_from_slice(b"\r\n\r\n");
        message.extend_from_slice(body);
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        self.response().map(axum::body::Body::from)
    }
}

thread_local! {
    /// A second since 1970, and how it is written.
    static WRITTEN: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

/// Appends a date as HTTP has it (RFC 9110, section 5.6.7), written out once a second.
fn date(now: SystemTime, message: &mut Vec<u8>) {
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    WRITTEN.with_borrow_mut(|(written_at, date)| {
        if *written_at != second || date.is_empty() {
            (*written_at, *date) = (second, httpdate::fmt_http_date(now));
        }
        message.extend_from_slice(date.as_bytes());
    });
}
