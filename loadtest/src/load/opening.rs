//! A connection from its first packet to its last: TCP, TLS, then what HTTP makes of it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::HandshakeKind;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure::{Failure, Kind};
use super::http1;
use super::http2;
use super::job::Job;
use super::pool::{End, Pool};
use super::recorder::locked;
use crate::connection;

/// How long a connection beyond those that are kept stays.
const EXTRA: Duration = Duration::from_secs(10);

/// Until when a connection is used, if not for ever.
pub type Until = Option<Instant>;

/// Opens a connection and works it off. Boxed, as the pool spawns this and this asks the pool for more.
/// It may be there for one request, which goes first.
pub fn open(
    pool: Arc<Pool>,
    place: usize,
    extra: bool,
    for_one: Option<Job>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let begun = Instant::now();
        let opening = tokio::time::timeout(pool.settings.timeout, connect(&pool, place)).await;
        let seconds = pool.settings.timeout.as_secs_f64();
        let timed_out = |_| Failure::new(Kind::Timeout, format!("not connected in {seconds} s"));
        match opening.map_err(timed_out).flatten() {
            Ok(stream) => {
                let kind = match stream.get_ref().1.handshake_kind() {
                    Some(HandshakeKind::Resumed) => connection::Kind::Resumed,
                    _ => connection::Kind::Full,
                };
                locked(&pool.recorder).opened(kind, begun.elapsed());
                let until = until(pool.settings.life, extra);
                let end = match pool.settings.streams {
                    None => http1::carry(&pool, stream, until, for_one).await,
                    Some(streams) => http2::carry(&pool, stream, streams, until, for_one).await,
                };
                pool.ended(place, end);
            }
            Err(failure) => {
                locked(&pool.recorder).connections.failures.add(&failure);
                pool.not_opened(place, &failure, for_one);
            }
        }
    })
}

async fn connect(pool: &Pool, place: usize) -> Result<TlsStream<TcpStream>, Failure> {
    let address = pool.servers.next();
    let failed = |doing: Kind| move |error: std::io::Error| Failure::of(doing, &error);
    let stream = TcpStream::connect(address).await.map_err(failed(Kind::Connect))?;
    stream.set_nodelay(true).map_err(failed(Kind::Connect))?;
    let connector = TlsConnector::from(Arc::clone(&pool.settings.tls[place]));
    connector.connect(pool.settings.server_name.clone(), stream).await.map_err(failed(Kind::Tls))
}

/// Lives are at random, so that connections opened together do not end together.
fn until(life: Option<Duration>, extra: bool) -> Until {
    let own = life.map(|mean| mean.mul_f64(-(1.0 - fastrand::f64()).ln()));
    let extra = extra.then_some(EXTRA);
    let shortest = own.into_iter().chain(extra).min()?;
    Instant::now().checked_add(shortest)
}

/// When a connection's use is up.
pub fn is_past(until: Until) -> bool {
    until.is_some_and(|until| Instant::now() >= until)
}

/// Whose doing the end of a connection was.
pub fn ended_by(failure: &Failure) -> End {
    if failure.kind == Kind::Timeout { End::Own } else { End::Server }
}
