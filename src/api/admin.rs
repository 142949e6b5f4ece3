//! The admin listener: `POST /reload`, `GET /table`, `GET /explain?ip=`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tokio::sync::oneshot;

use super::address::address;
use super::entry::{admitted, guarded};
use super::problem::Problem;
use crate::client::Admission;
use crate::config::Role;
use crate::moment::written;
use crate::snapshot::Reader;
use crate::table::problem::Shown;
use crate::table::{Counts, explain};
use crate::worker::{LastError, Outcome, Trigger};

/// What the admin listener looks at and sets going.
#[derive(Clone)]
pub struct Admin {
    pub tables: Reader,
    /// Why the last reload of the table failed, if it did.
    pub last_error: LastError,
    /// Sets reloads going.
    pub reload: Arc<dyn Fn(Trigger) -> Asked + Send + Sync>,
    /// Goes back to the table before.
    pub roll_back: Arc<dyn Fn(Trigger) -> oneshot::Receiver<Outcome> + Send + Sync>,
}

/// Reloads that were asked for, and will be over.
pub struct Asked {
    pub table: oneshot::Receiver<Outcome>,
    pub trust: oneshot::Receiver<Outcome>,
}

pub fn router(admin: Admin, header_count: usize) -> Router {
    let routes = Router::new()
        .route("/reload", post(reload))
        .route("/rollback", post(roll_back))
        .route("/table", get(table))
        .route("/explain", get(explained))
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

async fn table(State(admin): State<Admin>) -> Response {
    let snapshot = admin.tables.load();
    let shown = TableShown {
        version: &snapshot.table.version,
        generation: snapshot.generation,
        digest: &snapshot.table.digest,
        counts: Counts::of(&snapshot.table),
        loaded_at: written(snapshot.loaded_at),
        source: &snapshot.source,
        held: admin.tables.is_held(),
        last_error: admin.last_error.load().as_deref().cloned(),
    };
    no_store(Json(shown).into_response())
}

/// Why an address gets what it gets. That is no decision for a client, so it is not counted as one.
async fn explained(State(admin): State<Admin>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let address = address(query.as_deref().unwrap_or_default())?;
    let snapshot = admin.tables.load();
    Ok(no_store(Json(explain(&snapshot.table, address, snapshot.generation)).into_response()))
}

/// What came of a reload, of the table or of trust.
#[derive(Serialize)]
struct Reloaded {
    /// `published`, `unchanged` or `refused`.
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Shown>,
}

/// Both are reloaded, each by itself: one that is refused does not hold back the other.
#[derive(Serialize)]
struct Both {
    table: Reloaded,
    trust: Reloaded,
}

/// A refusal after RFC 9457, with what came of each.
#[derive(Serialize)]
struct Refused<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(flatten)]
    outcome: T,
}

async fn reload(
    State(admin): State<Admin>,
    Extension(admission): Extension<Admission>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let identity = admitted(&admission)?;
    let is_dry = |(name, value): (_, std::borrow::Cow<'_, str>)| name == "dry_run" && value != "false";
    if form_urlencoded::parse(query.unwrap_or_default().as_bytes()).any(is_dry) {
        return Err(Problem::DryRun);
    }
    let asked = (admin.reload)(Trigger::Admin(identity.name.clone()));
    let (table, trust) = tokio::join!(asked.table, asked.trust);
    // The process is about to end, and reloads nothing any more.
    let (Ok(table), Ok(trust)) = (table, trust) else { return Err(Problem::Leaving) };
    let reasons = [("table", table.reason()), ("trust", trust.reason())];
    let refused: Vec<String> = reasons
        .into_iter()
        .filter_map(|(what, reason)| Some(format!("the new {what} was refused: {}", reason?)))
        .collect();
    let both = Both { table: Reloaded::of(table), trust: Reloaded::of(trust) };
    if refused.is_empty() {
        return Ok(no_store(Json(both).into_response()));
    }
    let detail = format!("{}; what was in service before serves on", refused.join("; "));
    Ok(conflict(detail, both))
}

fn conflict(detail: String, outcome: impl Serialize) -> Response {
    let status = StatusCode::CONFLICT;
    let refused = Refused { kind: "about:blank", title: "Conflict", status: status.as_u16(), detail, outcome };
    let mut response = no_store((status, Json(refused)).into_response());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

async fn roll_back(
    State(admin): State<Admin>,
    Extension(admission): Extension<Admission>,
) -> Result<Response, Problem> {
    let identity = admitted(&admission)?;
    let outcome = (admin.roll_back)(Trigger::Admin(identity.name.clone())).await.map_err(|_| Problem::Leaving)?;
    match outcome.reason() {
        None => Ok(no_store(Json(OfTable { table: Reloaded::of(outcome) }).into_response())),
        Some(reason) => {
            let detail = format!("the table was not rolled back: {reason}");
            Ok(conflict(detail, OfTable { table: Reloaded::of(outcome) }))
        }
    }
}

/// What came of a rollback.
#[derive(Serialize)]
struct OfTable {
    table: Reloaded,
}

impl Reloaded {
    fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Published(generation, problems) => {
                Self { result: "published", generation: Some(generation), problems }
            }
            Outcome::Unchanged(generation) => {
                Self { result: "unchanged", generation: Some(generation), problems: Vec::new() }
            }
            Outcome::Held(generation) => Self { result: "held", generation: Some(generation), problems: Vec::new() },
            Outcome::Refused(problems) => Self { result: "refused", generation: None, problems },
        }
    }
}

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
