//! `GET /status`: everything that somebody wants to know first, in one answer.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Admin, TableShown, no_store};
use crate::client::Authority;
use crate::table::effective::Standing;
use crate::table::moment::written;
use crate::table::{Effective, Override};
use crate::telemetry;
use crate::worker::LastError;

/// What is not about the table.
#[derive(Clone)]
pub struct Others {
    pub started_at: SystemTime,
    pub authority: Arc<dyn Authority>,
    pub trust_error: LastError,
    pub overrides_error: LastError,
    pub config_error: LastError,
    /// As the health listener gives it.
    pub health: Arc<dyn Fn() -> Box<RawValue> + Send + Sync>,
}

/// So many of the latest attempts are told.
const ATTEMPTS: usize = 5;

#[derive(Serialize)]
struct Status<'s> {
    version: &'static str,
    commit: &'static str,
    started_at: String,
    health: Box<RawValue>,
    table: TableShown<'s>,
    overrides: OverridesShown<'s>,
    trust: TrustShown,
    config: ConfigShown,
    /// Newest first.
    history: Vec<Box<RawValue>>,
}

#[derive(Serialize)]
struct OverridesShown<'s> {
    file: &'s str,
    in_force: Vec<&'s Override>,
    scheduled: Vec<&'s Override>,
    ignored: Vec<Ignored<'s>>,
    last_error: Option<String>,
}

#[derive(Serialize)]
struct Ignored<'s> {
    #[serde(flatten)]
    given: &'s Override,
    why: String,
}

#[derive(Serialize)]
struct TrustShown {
    generation: u64,
    last_error: Option<String>,
}

#[derive(Serialize)]
struct ConfigShown {
    last_error: Option<String>,
}

pub async fn status(State(admin): State<Admin>) -> Response {
    let snapshot = admin.tables.load();
    let Others { started_at, authority, trust_error, overrides_error, config_error, health } = &admin.others;
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        commit: telemetry::COMMIT,
        started_at: written(*started_at),
        health: health(),
        table: TableShown::of(&snapshot, &admin),
        overrides: OverridesShown::of(&snapshot.effective, overrides_error),
        trust: TrustShown { generation: authority.generation(), last_error: latest(trust_error) },
        config: ConfigShown { last_error: latest(config_error) },
        history: admin.history.latest_news(ATTEMPTS),
    };
    no_store(Json(status).into_response())
}

impl<'s> OverridesShown<'s> {
    fn of(effective: &'s Effective, last_error: &LastError) -> Self {
        let of_standing = |standing| {
            let those = effective.overrides.iter().filter(move |judged| judged.standing == standing);
            those.map(|judged| &judged.given).collect()
        };
        let ignored = effective.overrides.iter().filter_map(|judged| match &judged.standing {
            Standing::Ignored(why) => Some(Ignored { given: &judged.given, why: why.to_string() }),
            Standing::InForce | Standing::Scheduled => None,
        });
        Self {
            file: &effective.file,
            in_force: of_standing(Standing::InForce),
            scheduled: of_standing(Standing::Scheduled),
            ignored: ignored.collect(),
            last_error: latest(last_error),
        }
    }
}

/// Why the last reload failed, while that is so.
pub fn latest(error: &LastError) -> Option<String> {
    error.load().as_deref().cloned()
}
