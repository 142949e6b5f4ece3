//! What can go wrong with a request, and the `application/problem+json` (RFC 9457) that says so.
//!
//! The one map from error to status. Nothing of what the client sent is repeated, and nothing
//! internal leaves the process.

use std::ops::RangeInclusive;

use axum::response::{IntoResponse, Response};
use http::header::CONNECTION;
use http::{HeaderValue, StatusCode};

use super::reply::Reply;

/// When a client that was turned away for lack of time may ask again.
const RETRY_AFTER_SECONDS: RangeInclusive<u32> = 1..=5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    AddressMissing,
    AddressRepeated,
    AddressEmpty,
    AddressUnreadable,
    HostNotOne,
    TransferEncoding,
    ClientRefused,
    RoleMissing,
    NotFound,
    MethodNotAllowed,
    TargetTooLong,
    HeadersTooMany,
    ReloadParameter,
    RollbackParameter,
    BodyGiven,
    HistoryLimit,
    Leaving,
    Overloaded,
    Internal,
}

impl Problem {
    fn status(self) -> StatusCode {
        match self {
            Self::AddressMissing
            | Self::AddressRepeated
            | Self::AddressEmpty
            | Self::AddressUnreadable
            | Self::ReloadParameter
            | Self::RollbackParameter
            | Self::BodyGiven
            | Self::HistoryLimit
            | Self::HostNotOne
            | Self::TransferEncoding => StatusCode::BAD_REQUEST,
            Self::ClientRefused | Self::RoleMissing => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadersTooMany => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Leaving | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Self::AddressMissing => "the query parameter `ip` is missing",
            Self::AddressRepeated => "the query parameter `ip` is given more than once",
            Self::AddressEmpty => "the query parameter `ip` is empty",
            Self::AddressUnreadable => {
                "the query parameter `ip` is not an IPv4 or IPv6 address: no zone, port, brackets, white space or \
                 leading zeros"
            }
            Self::HostNotOne => "a request has one Host header field, and in HTTP/1.1 not none (RFC 9112, section 3.2)",
            Self::TransferEncoding => "requests here have no body, so no Transfer-Encoding",
            Self::ClientRefused => "the client certificate is not accepted",
            Self::RoleMissing => "the client certificate does not have the role for this",
            Self::NotFound => "there is nothing at this path",
            Self::MethodNotAllowed => "the method is not allowed here",
            Self::TargetTooLong => "the request target is over 8192 bytes",
            Self::HeadersTooMany => "the request has too many header fields",
            Self::ReloadParameter => {
                "the query parameters of a reload are `dry_run` and `force`, each `true` or `false` and given once"
            }
            Self::RollbackParameter => "a rollback takes no query parameters, and has no dry run",
            Self::BodyGiven => "the request has a body, which is not looked at: parameters go into the query",
            Self::HistoryLimit => "the query parameter `limit` is a whole number from 1 to 1000",
            Self::Leaving => "the process is about to end",
            Self::Overloaded => "there is no time to answer this: ask another instance, or later",
            Self::Internal => "the request failed for a reason on this side",
        }
    }

    /// Whether the connection must not be used further: who sent this may mean another message
    /// by what follows than is read here.
    fn closes(self) -> bool {
        matches!(self, Self::HostNotOne | Self::TransferEncoding | Self::ClientRefused)
    }

    pub fn reply(self) -> Reply {
        let status = self.status();
        let title = status.canonical_reason().unwrap_or_default();
        let detail = self.detail();
        let code = status.as_u16();
        let body = format!(r#"{{"type":"about:blank","title":"{title}","status":{code},"detail":"{detail}"}}"#);
        // Clients that were turned away together do not come back together.
        let retry_after = (self == Self::Overloaded).then(|| fastrand::u32(RETRY_AFTER_SECONDS));
        Reply { status, content_type: "application/problem+json", ttl: None, retry_after, body: body.into_bytes() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.reply().into_response();
        if self.closes() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
