//! One connection: TLS handshake, the decision on its client, then HTTP/1.1 or HTTP/2 until it
//! ends, or is ended.

use std::future::Future;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use metrics::Gauge;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::activity::{Activity, Patience};
use super::handshake::{Places, shake};
use super::quick::{self, Next};
use super::request::Entry;
use super::session::Session;
use super::stream::Watched;
use crate::client::Authority;
use crate::clock::Clock;
use crate::config::Limits;
use crate::lane::InLane;
use crate::phase::{Phase, PhaseWatch, reached};
use crate::proxied::Proxies;
use crate::quick::Quick;
use crate::telemetry::requests::Requests;

/// Bytes of HTTP/1 header that are read before giving up: room for a target of 64 kB, so that
/// one over 8 kB gets its own answer (414).
const HEADER_BYTES: usize = 128 << 10;

/// The same for HTTP/2, where h2 answers with 431.
const HEADER_LIST_BYTES: u32 = 128 << 10;

/// A connection that was asked to close has this long to do so.
pub const CLOSING: Duration = Duration::from_secs(1);

/// When the process stops, an HTTP/1 client has this long to learn it from an answer.
const POLITE: Duration = Duration::from_secs(1);

/// When the process stops, a handshake has this long to end: twice what a storm of them takes. Who connects and says
/// nothing would hold the process until its deadline.
const LAST_HANDSHAKE: Duration = Duration::from_secs(5);

/// What all connections of a listener share.
pub struct Settings {
    pub authority: Arc<dyn Authority>,
    /// For what is not answered on the spot.
    pub router: Router,
    pub quick: Option<Arc<dyn Quick>>,
    pub limits: Limits,
    pub patience: Patience,
    pub requests: Requests,
    pub connections: Gauge,
    pub phase: PhaseWatch,
    /// Where handshakes are computed.
    pub handshakes: Places,
    pub clock: Clock,
    pub proxies: Proxies,
}

impl Settings {
    /// Locks nothing as long as the process serves.
    pub fn is_stopping(&self) -> bool {
        self.phase.has_changed().unwrap_or(true) && *self.phase.borrow() == Phase::Stopping
    }
}

pub struct Connection {
    /// Of no runtime yet.
    pub stream: std::net::TcpStream,
    /// None is the health probe, which is told of and counted nowhere.
    pub peer: Option<IpAddr>,
    /// To be told that the handshake is over.
    pub shaken: Arc<AtomicBool>,
    pub lane: InLane,
    pub settings: Arc<Settings>,
}

impl Connection {
    pub async fn serve(self) {
        let Self { stream, peer, shaken, lane, settings } = self;
        let is_probe = peer.is_none();
        let _counted = Counted::new(&settings.connections, is_probe);
        let Ok(stream) = TcpStream::from_std(stream) else { return };
        let connected = tokio::select! {
            connected = shake(stream, peer, &settings) => connected,
            () = overdue(settings.phase.clone()) => None,
        };
        let Some((stream, client)) = connected else { return };
        shaken.store(true, Ordering::Relaxed);
        let (_, tls) = stream.get_ref();
        let chain = tls.peer_certificates().unwrap_or_default();
        let session = Session::new(Arc::clone(&settings.authority), chain, client, SystemTime::now());
        let is_http2 = tls.alpn_protocol() == Some(b"h2");
        let activity = Activity::new(!is_http2);
        let old_at = settings.patience.old_at(fastrand::f64());
        let entry = Entry {
            activity: Arc::clone(&activity),
            session,
            is_probe,
            old_at,
            lane: Arc::clone(&lane.lane),
            settings: Arc::clone(&settings),
        };
        let mut stream = Watched::new(stream, Arc::clone(&activity));
        if is_http2 {
            let stream = TokioIo::new(stream);
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(settings.limits.streams)
                .max_header_list_size(HEADER_LIST_BYTES)
                .serve_connection(stream, entry);
            drive(connection, http2::Connection::graceful_shutdown, Some(old_at), &activity, &settings).await;
        } else {
            if let Some(quick) = &settings.quick {
                let serve = quick::serve(&mut stream, quick.as_ref(), &entry);
                match drive(serve, |_| activity.close(), None, &activity, &settings).await {
                    Some(Next::LongWay) => activity.read(),
                    Some(Next::End) => return farewell(stream).await,
                    None => return,
                }
            }
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEADER_BYTES).half_close(false);
            if settings.limits.header_count != Limits::default().header_count {
                // hyper's own default is the same, and it is faster at that.
                builder.max_headers(settings.limits.header_count);
            }
            let connection = builder.serve_connection(TokioIo::new(stream), entry);
            drive(connection, http1::Connection::graceful_shutdown, None, &activity, &settings).await;
        }
    }
}

/// Waits until the process has been stopping for so long that a handshake is not waited for any more.
async fn overdue(mut phase: PhaseWatch) {
    reached(&mut phase, Phase::Stopping).await;
    tokio::time::sleep(LAST_HANDSHAKE).await;
}

/// Runs a connection until it ends by itself, which is what is returned, overstays, or the process stops. An HTTP/2
/// connection is to be asked to `close` at `goaway`; an HTTP/1 client is told by answers.
async fn drive<C: Future>(
    connection: C,
    close: impl Fn(Pin<&mut C>),
    goaway: Option<Instant>,
    activity: &Activity,
    settings: &Settings,
) -> Option<C::Output> {
    let mut connection = pin!(connection);
    let mut phase = settings.phase.clone();
    let mut stopping = false;
    // When to ask it to end, when to end it, and when at the latest.
    let mut ask = goaway;
    let (mut end, mut last): (Option<Instant>, Option<Instant>) = (None, None);
    loop {
        // No request moves this timer, so a state with less patience may begin while it sleeps:
        // it looks again before that could run out twice.
        let look = Instant::now() + settings.patience.shortest();
        let overstays = activity.deadline(settings.patience);
        let wake = end.unwrap_or_else(|| ask.into_iter().fold(overstays.min(look), Instant::min));
        let timer = settings.clock.sleep_until(wake);
        let event = async {
            tokio::select! {
                () = timer => Event::Time,
                () = activity.ended(), if end.is_none() => Event::Ended,
                () = reached(&mut phase, Phase::Stopping), if !stopping && end.is_none() => Event::Stopping,
            }
        };
        // Each request wakes this task. What comes once in minutes is looked at when it wakes it, not else.
        let mut events = FuturesUnordered::from_iter([event]);
        let event = tokio::select! {
            // What a client has sent is read before its time is up.
            biased;
            // Its error is the client's doing: a cut connection, or bytes that are no HTTP.
            output = connection.as_mut() => return Some(output),
            Some(event) = events.next() => event,
        };
        drop(events);
        match event {
            Event::Time => {
                if stopping && activity.is_busy() && end < last {
                    end = last;
                    continue;
                }
                if end.is_some() {
                    return None;
                }
                let (now, overstays) = (Instant::now(), activity.deadline(settings.patience));
                let mut is_asked = ask.is_some_and(|ask| ask <= now);
                if is_asked && activity.is_reading() {
                    // Half of a request has been read. The other half is waited for: the answer tells.
                    ask = Some(now + POLITE);
                    is_asked = false;
                }
                if is_asked || overstays <= now {
                    close(connection.as_mut());
                    last = is_asked.then_some(now + settings.patience.write);
                    // A process that stops does not wait for clients that owe it no more than a last word.
                    let is_waited_for = !stopping || activity.is_busy();
                    end = last.filter(|_| is_waited_for).or(Some(now + CLOSING));
                }
            }
            Event::Ended => {
                close(connection.as_mut());
                end = Some(Instant::now() + settings.patience.write);
            }
            Event::Stopping => {
                stopping = true;
                // HTTP/2 has a message for this. An HTTP/1 client may be sending its next request
                // right now, and is told by the answer to that; only one that is idle is closed.
                ask = Some(Instant::now() + if goaway.is_some() { Duration::ZERO } else { POLITE });
            }
        }
    }
}

/// What may happen to a connection besides its requests.
enum Event {
    /// A time limit may have come.
    Time,
    /// It was asked to end.
    Ended,
    /// The process stops.
    Stopping,
}

/// Tells the client that nothing more will come.
async fn farewell(mut stream: impl AsyncWrite + Unpin) {
    // If the client is gone it need not be told.
    _ = tokio::time::timeout(CLOSING, stream.shutdown()).await;
}

/// The open connections' gauge. The probe's are not counted.
struct Counted(Option<Gauge>);

impl Counted {
    fn new(connections: &Gauge, is_probe: bool) -> Self {
        let gauge = (!is_probe).then(|| connections.clone());
        if let Some(gauge) = &gauge {
            gauge.increment(1.0);
        }
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(gauge) = &self.0 {
            gauge.decrement(1.0);
        }
    }
}
