//! `GET /lookup?ip=ADDRESS`: which CDN, in what order, for a client address.

use axum::extract::{RawQuery, State};
use axum::routing::get;
use axum::{Extension, Router};
use http::StatusCode;

use super::address::address;
use super::entry::{admitted, guarded};
use super::problem::Problem;
use super::reply::Reply;
use crate::client::{Admission, Identity};
use crate::config::Role;
use crate::snapshot::Reader;

pub const PATH: &str = "/lookup";

/// Who may look things up.
pub const ROLES: &[Role] = &[Role::Lookup, Role::Probe];

/// The lookup listener's routes. A panic fails its own request only.
pub fn router(tables: Reader, header_count: usize) -> Router {
    let routes = Router::new()
        .route(PATH, get(lookup))
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .fallback(async || Problem::NotFound)
        .with_state(tables);
    guarded(routes, ROLES, header_count)
}

async fn lookup(
    State(tables): State<Reader>,
    Extension(admission): Extension<Admission>,
    RawQuery(query): RawQuery,
) -> Result<Reply, Problem> {
    look_up(&tables, query.as_deref().unwrap_or_default(), admitted(&admission)?)
}

/// The answer to a query, whichever way it came.
pub fn look_up(tables: &Reader, query: &str, client: &Identity) -> Result<Reply, Problem> {
    let address = address(query)?;
    let snapshot = tables.load();
    let (decision, ttl) = (snapshot.decide(address), snapshot.ttl());
    if client.has_any(&[Role::Lookup]) {
        snapshot.count(&decision);
    }
    let body = snapshot.render(&decision, ttl);
    Ok(Reply { status: StatusCode::OK, content_type: "application/json", ttl: Some(ttl), retry_after: None, body })
}
