//! The accept loop. It outlives every error; only the process's end ends it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use super::activity::Patience;
use super::arrivals::Arrivals;
use super::connection::{Connection, Settings};
use super::handshake::Places;
use super::socket::Socket;
use crate::client::Authority;
use crate::clock::Clock;
use crate::config::{Config, Connections, Limits};
use crate::lane::Lanes;
use crate::phase::PhaseWatch;
use crate::probe_ticket::ProbeTicket;
use crate::proxied::Proxies;
use crate::quick::Quick;
use crate::telemetry::{self, requests::Requests};

/// Pause after a failed accept, as when descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One TLS listener and what it serves.
pub struct Listener {
    pub name: &'static str,
    pub socket: Socket,
    pub authority: Arc<dyn Authority>,
    pub router: Router,
    /// Answers on the spot, where there is such a way.
    pub quick: Option<Arc<dyn Quick>>,
    pub lanes: Lanes,
    pub probe: ProbeTicket,
    /// How long an answer may take, where that is long.
    pub slow_answers: Option<Duration>,
    pub handshakes: Places,
}

/// Accepts until the process stops and nobody waits any more. Connections are tracked, so that their end can be awaited.
pub async fn run(listener: Listener, config: Config, connections: TaskTracker, phase: PhaseWatch) {
    let Listener { name, socket, authority, router, quick, lanes, probe, slow_answers, handshakes } = listener;
    let patience = Patience::new(&config.limits, &config.connections);
    let settings = Arc::new(Settings {
        patience: slow_answers.map_or(patience, |answer| patience.with_slow_answers(answer)),
        limits: config.limits.clone(),
        requests: Requests::of(name),
        connections: telemetry::connections(name),
        authority,
        router,
        quick,
        phase: phase.clone(),
        handshakes,
        clock: Clock::here(),
        proxies: Proxies::of(&config.proxy),
    });
    let places = places(&config.limits);
    telemetry::connections_limit(name, config.limits.connections);
    let most_shaking = config.limits.handshakes.max(1);
    let keepalive = keepalive(&config.connections);
    let mut shaking: VecDeque<Shaking> = VecDeque::new();
    let mut failing = false;
    let mut probes = 0;
    let mut arrivals = Arrivals::new(socket, phase);
    loop {
        let accepted = tokio::select! {
            accepted = arrivals.next() => accepted,
            // After a storm nobody may come for long.
            () = tokio::time::sleep(FORGET), if !shaking.is_empty() => {
                forget(&mut shaking);
                shaking.shrink_to_fit();
                continue;
            }
        };
        let Some(accepted) = accepted else { return };
        match accepted {
            Ok((stream, peer)) => {
                failing = false;
                let is_probe = stream.local_addr().is_ok_and(|local| probe.is_held_by(peer, local));
                let place = if is_probe { None } else { place(&places, &mut shaking, most_shaking).await };
                if place.is_none() && !is_probe {
                    telemetry::shed("connections");
                    continue;
                }
                prepare(&stream, &keepalive);
                let lane = if is_probe { lanes.in_turn(probes) } else { lanes.emptiest() };
                probes += usize::from(is_probe);
                let (Ok(stream), Some(lane)) = (stream.into_std(), lane) else { continue };
                let shaken = Arc::new(AtomicBool::new(is_probe));
                let connection = Connection {
                    stream,
                    peer: (!is_probe).then(|| peer.ip().to_canonical()),
                    shaken: Arc::clone(&shaken),
                    lane: lane.enter(),
                    settings: Arc::clone(&settings),
                };
                let served = async move {
                    connection.serve().await;
                    drop(place);
                };
                let task = connections.spawn_on(served, &lane.runtime);
                shaking.push_back(Shaking { shaken, task: task.abort_handle() });
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(listener = name, %error, "can't accept connections; trying on");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Where nobody connects for so long, what is over is looked for: a task's memory is kept as long as it can be
/// aborted, which is eight kilobytes for each connection that was.
const FORGET: Duration = Duration::from_millis(100);

/// A connection that may still be shaking hands.
struct Shaking {
    shaken: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Shaking {
    fn is_over(&self) -> bool {
        self.shaken.load(Ordering::Relaxed) || self.task.is_finished()
    }
}

/// Forgets those that shake hands no more.
fn forget(shaking: &mut VecDeque<Shaking>) {
    shaking.retain(|shaking| !shaking.is_over());
}

/// A place for a new connection. Where all are taken, or `most` are shaking hands, the one that has been shaking hands
/// for longest gives way: strangers that connect and say nothing keep nobody out.
async fn place(places: &Arc<Semaphore>, shaking: &mut VecDeque<Shaking>, most: usize) -> Option<OwnedSemaphorePermit> {
    while shaking.front().is_some_and(Shaking::is_over) {
        shaking.pop_front();
    }
    if shaking.len() >= most {
        forget(shaking);
    }
    if shaking.len() < most
        && let Ok(place) = Arc::clone(places).try_acquire_owned()
    {
        return Some(place);
    }
    forget(shaking);
    shaking.pop_front()?.task.abort();
    telemetry::shed("handshakes");
    let place = Arc::clone(places).acquire_owned();
    tokio::time::timeout(ACCEPT_PAUSE, place).await.ok()?.ok()
}

fn places(limits: &Limits) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)))
}

/// Answers are small and wanted at once: no waiting for more to send.
fn prepare(stream: &TcpStream, keepalive: &TcpKeepalive) {
    // Both fail only on a connection that is already gone.
    _ = stream.set_nodelay(true);
    _ = SockRef::from(stream).set_tcp_keepalive(keepalive);
}

/// Asked again every quarter of that time, and given up when four questions had no answer.
fn keepalive(connections: &Connections) -> TcpKeepalive {
    let silence = connections.keepalive.duration();
    let again = (silence / 4).max(Duration::from_secs(1));
    TcpKeepalive::new().with_time(silence).with_interval(again).with_retries(4)
}
