//! What is refused of any request before anything is asked: ambiguities that a proxy in front
//! might read differently, and excess.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Version;
use http::header::{HOST, TRANSFER_ENCODING};

use super::problem::Problem;

/// Bytes of a request target. An address with its parameter takes 60.
const TARGET_BYTES: usize = 8192;

/// Middleware: refuses, or passes on.
pub async fn strict(State(header_count): State<usize>, request: Request, next: Next) -> Response {
    match refuse(&request, header_count) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn refuse(request: &Request, header_count: usize) -> Option<Problem> {
    let headers = request.headers();
    if headers.contains_key(TRANSFER_ENCODING) {
        return Some(Problem::TransferEncoding);
    }
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || request.version() == Version::HTTP_11 && hosts == 0 {
        return Some(Problem::HostNotOne);
    }
    if headers.len() > header_count {
        return Some(Problem::HeadersTooMany);
    }
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |part| part.as_str().len())
        + uri.authority().map_or(0, |part| part.as_str().len());
    (target > TARGET_BYTES).then_some(Problem::TargetTooLong)
}
