//! The admin listener: what is in service and why, what was tried, and to try again.

mod reload;
mod status;

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde::Serialize;

use super::address::address;
use super::entry::guarded;
use super::problem::Problem;
use crate::config::Role;
use crate::history::{History, REMEMBERED};
use crate::outcome::Trigger;
use crate::snapshot::{Reader, Snapshot};
use crate::table::moment::written;
use crate::table::{Counts, explain};
use crate::worker::LastError;
pub use reload::Asked;
pub use status::Others;

/// What the admin listener looks at and sets going.
#[derive(Clone)]
pub struct Admin {
    pub tables: Reader,
    pub history: Arc<History>,
    /// Why the last reload of the table failed, if it did.
    pub last_error: LastError,
    pub others: Others,
    /// Sets reloads going.
    pub reload: Arc<dyn Fn(Trigger) -> Asked + Send + Sync>,
    /// Finds out what they would come to, by force or not.
    pub foresee: Arc<dyn Fn(bool) -> Asked + Send + Sync>,
    /// Goes back to the table before.
    pub roll_back: Arc<dyn Fn(Trigger) -> Asked + Send + Sync>,
}

pub fn router(admin: Admin, header_count: usize) -> Router {
    let routes = Router::new()
        .route("/reload", post(reload::reload))
        .route("/rollback", post(reload::roll_back))
        .route("/table", get(table))
        .route("/explain", get(explained))
        .route("/history", get(history))
        .route("/status", get(status::status))
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .fallback(async || Problem::NotFound)
        .with_state(admin);
    guarded(routes, &[Role::Admin], header_count)
}

/// The answer to `GET /table`.
#[derive(Serialize)]
struct TableShown<'t> {
    version: &'t str,
    generation: u64,
    digest: &'t str,
    counts: Counts,
    loaded_at: String,
    source: &'t str,
    held: bool,
    last_error: Option<String>,
}

impl<'t> TableShown<'t> {
    fn of(snapshot: &'t Snapshot, admin: &Admin) -> Self {
        Self {
            version: &snapshot.table.version,
            generation: snapshot.generation,
            digest: &snapshot.table.digest,
            counts: Counts::of(&snapshot.table),
            loaded_at: written(snapshot.loaded_at),
            source: &snapshot.source,
            held: admin.tables.is_held(),
            last_error: status::latest(&admin.last_error),
        }
    }
}

async fn table(State(admin): State<Admin>) -> Response {
    no_store(Json(TableShown::of(&admin.tables.load(), &admin)).into_response())
}

/// Why an address gets what it gets. That is no decision for a client, so it is not counted as one.
async fn explained(State(admin): State<Admin>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let address = address(query.as_deref().unwrap_or_default())?;
    let snapshot = admin.tables.load();
    let Snapshot { table, effective, generation, .. } = &**snapshot;
    let explanation = explain(table, effective, address, *generation, SystemTime::now());
    Ok(no_store(Json(explanation).into_response()))
}

/// How many attempts are told unless `limit` says so.
const TOLD: usize = 100;

/// The latest attempts, newest first.
async fn history(State(admin): State<Admin>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let mut most = TOLD;
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name == "limit" {
            most = value.parse().ok().filter(|most| (1..=REMEMBERED).contains(most)).ok_or(Problem::HistoryLimit)?;
        }
    }
    Ok(no_store(Json(admin.history.latest(most)).into_response()))
}

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
