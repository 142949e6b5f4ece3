//! `POST /reload` and `POST /rollback`: what came of each, and the diff.

use std::collections::BTreeMap;

use axum::body::{Body, HttpBody};
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tokio::sync::oneshot;

use super::{Admin, no_store};
use crate::api::entry::admitted;
use crate::api::problem::Problem;
use crate::client::Admission;
use crate::outcome::{Outcome, Trigger};
use crate::table::Diff;
use crate::table::problem::Shown;

/// Attempts that were asked for, by what is reloaded, and will be over.
pub type Asked = Vec<(&'static str, oneshot::Receiver<Outcome>)>;

/// What came of each, by what was reloaded. One that is refused does not hold back another.
#[derive(Serialize)]
struct Attempted<'o> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    #[serde(flatten)]
    subjects: BTreeMap<&'static str, OfOne<'o>>,
}

#[derive(Serialize)]
struct OfOne<'o> {
    /// See [`Verdict`](crate::outcome::Verdict).
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    problems: &'o [Shown],
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<&'o Diff>,
}

/// A refusal after RFC 9457, with what came of each.
#[derive(Serialize)]
struct Conflict<'o> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(flatten)]
    attempted: Attempted<'o>,
}

pub async fn reload(
    State(admin): State<Admin>,
    Extension(admission): Extension<Admission>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Problem> {
    nothing_in(&body)?;
    let name = admitted(&admission)?.name.clone();
    let Wish { dry_run, force } = Wish::of(query.as_deref().unwrap_or_default())?;
    let asked = match (dry_run, force) {
        (true, forced) => (admin.foresee)(forced),
        (false, true) => (admin.reload)(Trigger::Forced(name)),
        (false, false) => (admin.reload)(Trigger::Admin(name)),
    };
    let outcomes = over(asked).await?;
    let attempted = Attempted::of(&outcomes, dry_run);
    let refused: Vec<String> = outcomes
        .iter()
        .filter_map(|(what, outcome)| {
            let were = if what.ends_with('s') { "were" } else { "was" };
            Some(format!("the new {what} {were} refused: {}", outcome.reason()?))
        })
        .collect();
    if refused.is_empty() || dry_run {
        return Ok(no_store(Json(attempted).into_response()));
    }
    let detail = format!("{}\nwhat was in service before serves on", refused.join("\n"));
    Ok(conflict(detail, attempted))
}

pub async fn roll_back(
    State(admin): State<Admin>,
    Extension(admission): Extension<Admission>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Problem> {
    nothing_in(&body)?;
    // Who asks for a dry run must not get a real one.
    if query.is_some_and(|query| !query.is_empty()) {
        return Err(Problem::RollbackParameter);
    }
    let outcomes = over((admin.roll_back)(Trigger::Admin(admitted(&admission)?.name.clone()))).await?;
    let attempted = Attempted::of(&outcomes, false);
    match outcomes.iter().find_map(|(_, outcome)| outcome.reason()) {
        None => Ok(no_store(Json(attempted).into_response())),
        Some(reason) => Ok(conflict(format!("the table was not rolled back: {reason}"), attempted)),
    }
}

/// `curl -d dry_run=true` asks for a dry run, and must not get a real one.
fn nothing_in(body: &Body) -> Result<(), Problem> {
    if body.is_end_stream() { Ok(()) } else { Err(Problem::BodyGiven) }
}

/// What a reload was asked to be.
struct Wish {
    dry_run: bool,
    force: bool,
}

impl Wish {
    /// Anything else than the two is refused: a slip must not reload what was to be tried.
    fn of(query: &str) -> Result<Self, Problem> {
        let (mut dry_run, mut force) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = match &*value {
                "true" | "" => true,
                "false" => false,
                _ => return Err(Problem::ReloadParameter),
            };
            let given = match &*name {
                "dry_run" => &mut dry_run,
                "force" => &mut force,
                _ => return Err(Problem::ReloadParameter),
            };
            if given.replace(value).is_some() {
                return Err(Problem::ReloadParameter);
            }
        }
        Ok(Self { dry_run: dry_run.unwrap_or_default(), force: force.unwrap_or_default() })
    }
}

/// Waits for all of them.
async fn over(asked: Asked) -> Result<Vec<(&'static str, Outcome)>, Problem> {
    let mut outcomes = Vec::new();
    for (what, outcome) in asked {
        // If it never comes, the process is about to end, and reloads nothing any more.
        outcomes.push((what, outcome.await.map_err(|_| Problem::Leaving)?));
    }
    Ok(outcomes)
}

impl<'o> Attempted<'o> {
    fn of(outcomes: &'o [(&'static str, Outcome)], dry_run: bool) -> Self {
        Self { dry_run, subjects: outcomes.iter().map(|(what, outcome)| (*what, OfOne::of(outcome))).collect() }
    }
}

impl<'o> OfOne<'o> {
    fn of(outcome: &'o Outcome) -> Self {
        Self {
            result: outcome.verdict.name(),
            generation: outcome.generation,
            problems: &outcome.problems,
            diff: outcome.diff.as_deref(),
        }
    }
}

fn conflict(detail: String, attempted: Attempted<'_>) -> Response {
    let status = StatusCode::CONFLICT;
    let conflict = Conflict { kind: "about:blank", title: "Conflict", status: status.as_u16(), detail, attempted };
    let mut response = no_store((status, Json(conflict)).into_response());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
