//! TLS handshakes: a few at a time where requests are served, the others on threads of lower priority.
//!
//! A handshake costs twenty times a lookup. If five thousand clients come back at once, that is two seconds
//! of computing, and no request of an open connection may wait in line behind it. So only a few may be in
//! the serving threads' line: it costs less there than to go elsewhere and come back. The others are computed
//! elsewhere: where both want the processor, the kernel gives those threads about a tenth of it; where nobody
//! else wants it, all of it.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use super::carried::Carried;
use super::connection::{CLOSING, Settings};
use crate::client::PEER;
use crate::processors::processors;
use crate::telemetry::{self, subnet};

/// In the kernel's terms: each step is a quarter less of the processor than the one before.
const NICENESS: i32 = 10;

/// Handshakes that may be under way on a serving thread, for each processor. Each is two bursts of a tenth of a
/// millisecond, with a wait for the client between them.
const HERE: usize = 8;

/// A refused client's first request is not longer.
const LINGER_BYTES: u64 = 64 << 10;

/// The threads. One set for all listeners of a process.
pub struct Handshakes {
    runtime: Option<Runtime>,
    here: Arc<Semaphore>,
}

/// Where a listener has its handshakes computed.
#[derive(Clone)]
pub struct Places {
    here: Arc<Semaphore>,
    pub elsewhere: Handle,
}

impl Handshakes {
    /// # Errors
    /// If the threads can't be started.
    pub fn start() -> io::Result<Self> {
        let processors = processors();
        let runtime = Builder::new_multi_thread()
            .worker_threads(processors)
            .thread_name("handshake")
            .on_thread_start(|| {
                // Of this thread only, on Linux. It may always ask for less.
                if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
                    tracing::warn!(%error, "handshakes run at normal priority");
                }
            })
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime), here: Arc::new(Semaphore::new(HERE * processors)) })
    }

    pub fn places(&self) -> Places {
        let elsewhere = self.runtime.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone());
        Places { here: Arc::clone(&self.here), elsewhere }
    }
}

impl Drop for Handshakes {
    fn drop(&mut self) {
        // In async code, where waiting for threads to end is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Shakes hands with a client, or the probe, which is none, and says who the client is. None if nothing came of it.
pub async fn shake(
    mut stream: TcpStream,
    peer: Option<IpAddr>,
    settings: &Arc<Settings>,
) -> Option<(TlsStream<Carried>, Option<IpAddr>)> {
    let deadline = Instant::now() + settings.limits.handshake.duration();
    let Some(peer) = peer else {
        // Health comes before all: it does not stand in line.
        let stream = attempt(Carried::new(stream), None, settings, deadline).await?;
        return Some((stream, None));
    };
    let client = Some(settings.proxies.client(&mut stream, peer, deadline).await?);
    let stream = shake_in_turn(Carried::new(stream), client, settings, deadline).await?;
    Some((stream, client))
}

/// Shakes hands here, or elsewhere if there are enough here.
async fn shake_in_turn(
    mut stream: Carried,
    client: Option<IpAddr>,
    settings: &Arc<Settings>,
    deadline: Instant,
) -> Option<TlsStream<Carried>> {
    if let Ok(_here) = settings.handshakes.here.try_acquire() {
        return attempt(stream, client, settings, deadline).await;
    }
    stream.leave().ok()?;
    let own_settings = Arc::clone(settings);
    // Who gives up here gives up there.
    let shaken = AbortOnDropHandle::new(settings.handshakes.elsewhere.spawn(async move {
        stream.arrive().ok()?;
        let mut stream = attempt(stream, client, &own_settings, deadline).await?;
        stream.get_mut().0.leave().ok()?;
        Some(stream)
    }));
    // It may have panicked, which has been logged.
    let mut stream = shaken.await.ok()??;
    stream.get_mut().0.arrive().ok()?;
    Some(stream)
}

/// Shakes hands where it is called, and counts the result.
async fn attempt(
    stream: Carried,
    client: Option<IpAddr>,
    settings: &Settings,
    deadline: Instant,
) -> Option<TlsStream<Carried>> {
    let count = |result| {
        if client.is_some() {
            telemetry::handshake(result);
        }
    };
    let acceptor = TlsAcceptor::from(settings.authority.tls());
    let accept = PEER.scope(client, acceptor.accept(stream).into_fallible());
    match tokio::time::timeout_at(deadline.into(), accept).await {
        Ok(Ok(stream)) => {
            let is_resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
            count(if is_resumed { "resumed" } else { "full" });
            Some(stream)
        }
        Ok(Err((error, stream))) => {
            count(failure(&error, client, settings));
            linger(stream).await;
            None
        }
        Err(_) => {
            count("timeout");
            None
        }
    }
}

/// How a handshake failed. A client without a certificate is told and counted here: rustls turns it away
/// without asking.
fn failure(error: &io::Error, client: Option<IpAddr>, settings: &Settings) -> &'static str {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(address) = client {
        tracing::debug!(client = subnet(address), %error, "handshake failed");
        if let Some(rustls::Error::NoCertificatesPresented) = cause {
            settings.authority.decide(&[], client, SystemTime::now());
        }
    }
    match cause {
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)) => "refused",
        _ => "failed",
    }
}

/// Lets a refused client read the alert. In TLS 1.3 its first request may be on the way already, and a
/// socket that is closed with bytes unread resets the connection: the client would never learn why.
async fn linger(mut stream: Carried) {
    let unread = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // Either way the connection is over.
    _ = tokio::time::timeout(CLOSING, unread).await;
}
