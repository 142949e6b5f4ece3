//! The health listener: plain HTTP/1.0 and 1.1, for load balancers and scrapers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::value::{RawValue, to_raw_value};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::monitor::Live;
use super::report::{Check, Report, Status, overall};
use crate::client::Authority;
use crate::descriptors::{self, Reserve};
use crate::phase::{Phase, PhaseWatch};
use crate::proxied::Proxies;
use crate::snapshot::Reader;
use crate::telemetry;

/// Descriptors for those who ask when there are none left: health is what must be known then.
const RESERVE: usize = 8;

/// Time for a header, and between requests.
const PATIENCE: Duration = Duration::from_mins(1);

/// Time for a PROXY header, where there must be one.
const HEADER: Duration = Duration::from_secs(10);

/// Pause after a failed accept, as when descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[derive(Clone)]
pub struct Health {
    pub latest: Arc<ArcSwap<Report>>,
    pub tables: Reader,
    pub authority: Arc<dyn Authority>,
    pub phase: PhaseWatch,
    pub live: Live,
}

/// Serves until the thread ends: health is asked to the last.
pub async fn run(socket: TcpListener, health: Health, proxies: Proxies, most: usize) {
    let proxies = Arc::new(proxies);
    let service = TowerToHyperService::new(router(health));
    let mut reserve = Reserve::new(RESERVE);
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let (mut stream, peer) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                let has_more = descriptors::have_run_out(&error) && reserve.let_go();
                if !has_more {
                    // The TLS listeners log what goes wrong here too.
                    make_room(&mut open, 1);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        reserve.refill();
        make_room(&mut open, most);
        let (service, proxies) = (service.clone(), Arc::clone(&proxies));
        let connection = tokio::spawn(async move {
            let peer = peer.ip().to_canonical();
            if proxies.client(&mut stream, peer, Instant::now() + HEADER).await.is_none() {
                return;
            }
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(16 << 10);
            // Its error is the client's doing.
            _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
        open.push_back(connection.abort_handle());
    }
}

/// When all places are taken the oldest connection gives way: whoever holds them, the next load
/// balancer that asks is answered.
fn make_room(open: &mut VecDeque<AbortHandle>, most: usize) {
    if open.len() < most {
        return;
    }
    open.retain(|connection| !connection.is_finished());
    if open.len() >= most
        && let Some(oldest) = open.pop_front()
    {
        oldest.abort();
    }
}

fn router(health: Health) -> Router {
    Router::new()
        .route("/health", get(full))
        .route("/readyz", get(ready))
        .route("/livez", get(async || Json(Brief { status: Status::Pass })))
        .route("/metrics", get(metrics))
        .with_state(health)
}

impl Health {
    fn checks(&self) -> Vec<Check> {
        let mut checks = self.latest.load().as_of(Instant::now(), self.is_leaving());
        checks.extend(self.live.checks());
        checks
    }

    fn is_leaving(&self) -> bool {
        *self.phase.borrow() >= Phase::Leaving
    }

    /// What `/health` answers.
    pub fn document(&self) -> Box<RawValue> {
        self.full().1
    }

    fn full(&self) -> (Status, Box<RawValue>) {
        let checks = self.checks();
        let snapshot = self.tables.load();
        let status = overall(&checks);
        let document = Full {
            status,
            version: env!("CARGO_PKG_VERSION"),
            release_id: telemetry::COMMIT,
            description: "CDN lookup",
            checks: checks.iter().map(|check| (check.name, [check])).collect(),
            table: Table {
                version: &snapshot.table.version,
                generation: snapshot.generation,
                digest: &snapshot.table.digest,
            },
        };
        // It has only strings for keys, and no number that JSON lacks.
        (status, to_raw_value(&document).unwrap_or_default())
    }
}

/// After draft-inadarei-api-health-check-06.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Full<'h> {
    status: Status,
    version: &'static str,
    release_id: &'static str,
    description: &'static str,
    checks: BTreeMap<&'static str, [&'h Check; 1]>,
    table: Table<'h>,
}

#[derive(serde::Serialize)]
struct Table<'h> {
    version: &'h str,
    generation: u64,
    digest: &'h str,
}

#[derive(serde::Serialize)]
struct Brief {
    status: Status,
}

async fn full(State(health): State<Health>) -> Response {
    let (status, document) = health.full();
    answer(status, Json(document).into_response())
}

async fn ready(State(health): State<Health>) -> Response {
    let status = overall(&health.checks());
    answer(status, Json(Brief { status }).into_response())
}

fn answer(status: Status, mut response: Response) -> Response {
    if status == Status::Fail {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/health+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn metrics(State(health): State<Health>) -> Response {
    telemetry::health("drain", health.is_leaving(), false);
    for Check { name, status, .. } in health.checks() {
        telemetry::health(name, status == Status::Fail, status == Status::Warn);
    }
    let mut response = {
        let snapshot = health.tables.load();
        let credentials = health.authority.credentials();
        telemetry::render(&snapshot.table.version, &snapshot.table.digest, &credentials.expiries)
    }
    .into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
