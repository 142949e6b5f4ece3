//! `GET /lookup?ip=ADDRESS`: which CDN, in what order, for a client address.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::address::address;
use super::entry::{admitted, guarded};
use super::problem::Problem;
use crate::client::Admission;
use crate::config::Role;
use crate::snapshot::Reader;

/// The lookup listener's routes. A panic fails its own request only.
pub fn router(tables: Reader, header_count: usize) -> Router {
    let routes = Router::new()
        .route("/lookup", get(lookup))
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .fallback(async || Problem::NotFound)
        .with_state(tables);
    guarded(routes, &[Role::Lookup, Role::Probe], header_count)
}

async fn lookup(
    State(tables): State<Reader>,
    Extension(admission): Extension<Admission>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let identity = admitted(&admission)?;
    let address = address(query.as_deref().unwrap_or_default())?;
    let snapshot = tables.load();
    let (decision, ttl) = (snapshot.decide(address), snapshot.ttl());
    if identity.has_any(&[Role::Lookup]) {
        snapshot.count(&decision);
    }
    let mut response = snapshot.render(&decision, ttl).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, snapshot.cache_control(ttl));
    Ok(response)
}
