//! One connection: TLS handshake, the decision on its client, then HTTP/1.1 or HTTP/2 until it
//! ends, or is ended.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Body;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;
use tower::Service;

use super::activity::{Activity, InFlight, Patience};
use super::handshake::{Places, shake};
use super::session::Session;
use super::stream::Watched;
use crate::client::Authority;
use crate::config::Limits;
use crate::phase::{Phase, PhaseWatch, reached};
use crate::telemetry::ListenerMetrics;

/// Bytes of HTTP/1 header that are read before giving up: room for a target of 64 kB, so that
/// one over 8 kB gets its own answer (414).
const HEADER_BYTES: usize = 128 << 10;

/// The same for HTTP/2, where h2 answers with 431.
const HEADER_LIST_BYTES: u32 = 128 << 10;

/// A connection that was asked to close has this long to do so.
pub const CLOSING: Duration = Duration::from_secs(1);

/// When the process stops, an HTTP/1 client has this long to learn it from an answer.
const POLITE: Duration = Duration::from_secs(1);

/// What all connections of a listener share.
pub struct Settings {
    pub authority: Arc<dyn Authority>,
    pub router: Router,
    pub limits: Limits,
    pub patience: Patience,
    pub metrics: ListenerMetrics,
    pub phase: PhaseWatch,
    /// Where handshakes are computed.
    pub handshakes: Places,
}

impl Settings {
    /// Locks nothing as long as the process serves.
    fn is_stopping(&self) -> bool {
        self.phase.has_changed().unwrap_or(true) && *self.phase.borrow() == Phase::Stopping
    }
}

pub struct Connection {
    pub stream: TcpStream,
    /// None is the health probe, which is told of and counted nowhere.
    pub client: Option<IpAddr>,
    /// To be told that the handshake is over.
    pub shaken: Arc<AtomicBool>,
    pub settings: Arc<Settings>,
}

impl Connection {
    pub async fn serve(self) {
        let Self { stream, client, shaken, settings } = self;
        let is_probe = client.is_none();
        let _counted = Counted::new(&settings.metrics, is_probe);
        let Some(stream) = shake(stream, client, &settings).await else { return };
        shaken.store(true, Ordering::Relaxed);
        let (_, tls) = stream.get_ref();
        let chain = tls.peer_certificates().unwrap_or_default();
        let session = Session::new(Arc::clone(&settings.authority), chain, client, SystemTime::now());
        let is_http2 = tls.alpn_protocol() == Some(b"h2");
        let activity = Activity::new(!is_http2);
        let old_at = settings.patience.old_at(fastrand::f64());
        let service =
            Entry { activity: Arc::clone(&activity), session, is_probe, old_at, settings: Arc::clone(&settings) };
        let stream = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
        if is_http2 {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(settings.limits.streams)
                .max_header_list_size(HEADER_LIST_BYTES)
                .serve_connection(stream, service);
            drive(connection, Some(old_at), &activity, &settings).await;
        } else {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEADER_BYTES).half_close(false);
            if settings.limits.header_count != Limits::default().header_count {
                // hyper's own default is the same, and it is faster at that.
                builder.max_headers(settings.limits.header_count);
            }
            drive(builder.serve_connection(stream, service), None, &activity, &settings).await;
        }
    }
}

/// Runs a connection until it ends by itself, overstays, or the process stops. An HTTP/2 connection is to be asked to
/// end at `goaway`; an HTTP/1 client is told by answers.
async fn drive<C: GracefulConnection>(
    connection: C,
    goaway: Option<Instant>,
    activity: &Activity,
    settings: &Settings,
) {
    let mut connection = pin!(connection);
    let mut phase = settings.phase.clone();
    let mut stopping = false;
    // When to ask it to end, and when to end it.
    let mut ask = goaway;
    let mut end: Option<Instant> = None;
    loop {
        // No request moves this timer, so a state with less patience may begin while it sleeps:
        // it looks again before that could run out twice.
        let look = Instant::now() + settings.patience.shortest();
        let overstays = activity.deadline(settings.patience);
        let wake = end.unwrap_or_else(|| ask.into_iter().fold(overstays.min(look), Instant::min));
        tokio::select! {
            // Its error is the client's doing: a cut connection, or bytes that are no HTTP.
            _ = connection.as_mut() => return,
            () = tokio::time::sleep_until(wake.into()) => {
                if end.is_some() {
                    return;
                }
                let (now, overstays) = (Instant::now(), activity.deadline(settings.patience));
                let is_asked = ask.is_some_and(|ask| ask <= now);
                if is_asked || overstays <= now {
                    connection.as_mut().graceful_shutdown();
                    end = Some(now + if is_asked { settings.patience.write } else { CLOSING });
                }
            }
            () = activity.ended(), if end.is_none() => {
                connection.as_mut().graceful_shutdown();
                end = Some(Instant::now() + settings.patience.write);
            }
            () = reached(&mut phase, Phase::Stopping), if !stopping && end.is_none() => {
                stopping = true;
                // HTTP/2 has a message for this. An HTTP/1 client may be sending its next request
                // right now, and is told by the answer to that; only one that is idle is closed.
                ask = Some(Instant::now() + if goaway.is_some() { Duration::ZERO } else { POLITE });
            }
        }
    }
}

/// The open connections' gauge. The probe's are not counted.
struct Counted(Option<metrics::Gauge>);

impl Counted {
    fn new(metrics: &ListenerMetrics, is_probe: bool) -> Self {
        let gauge = (!is_probe).then(|| metrics.connections.clone());
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

/// Where a request enters: it is given its client, timed, and handed to the router.
struct Entry {
    activity: Arc<Activity>,
    session: Session,
    is_probe: bool,
    /// From when on answers say that the connection closes.
    old_at: Instant,
    settings: Arc<Settings>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Answered>, Infallible>> + Send>>;

impl hyper::service::Service<Request<Incoming>> for Entry {
    type Response = Response<Answered>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, mut request: Request<Incoming>) -> Answer {
        let begun = Instant::now();
        let in_flight = self.activity.request();
        let version = request.version();
        let admission = self.session.admission(SystemTime::now());
        if admission.is_err() {
            // This request is told, and is the last.
            self.activity.end();
        }
        request.extensions_mut().insert(admission);
        let answer = self.settings.router.clone().call(request);
        let metrics = (!self.is_probe).then(|| self.settings.metrics.clone());
        let is_last = version < Version::HTTP_2 && (begun >= self.old_at || self.settings.is_stopping());
        Box::pin(async move {
            let mut response = answer.await?;
            if is_last {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            if let Some(metrics) = metrics {
                metrics.answered(response.status().as_u16(), begun.elapsed());
            }
            Ok(response.map(|body| Answered { body, _in_flight: in_flight }))
        })
    }
}

/// A response body that keeps its request in flight until it has been handed over.
pub struct Answered {
    body: Body,
    _in_flight: InFlight,
}

impl hyper::body::Body for Answered {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
