//! One connection, step by step: TCP, the TLS handshake, HTTP/1.1 requests, the end.
//!
//! Errors are reasons to be counted: what was being done, and what went wrong.

use std::fmt::{self, Display};
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::HandshakeKind;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::target::Target;

/// What a handshake must turn out to be. One with a retry is neither: it costs more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Full,
    Resumed,
}

impl Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
        })
    }
}

/// Connects, and has small requests sent at once.
pub async fn connect(target: &Target) -> Result<TcpStream, String> {
    let stream = within(target.timeout, "connect", TcpStream::connect(target.address)).await?;
    stream.set_nodelay(true).map_err(|error| format!("connect: {error}"))?;
    Ok(stream)
}

/// Does the TLS handshake, which must be of a kind.
pub async fn shake(target: &Target, stream: TcpStream, kind: Kind) -> Result<TlsStream<TcpStream>, String> {
    let connector = TlsConnector::from(target.tls.clone());
    let shaking = connector.connect(target.server_name.clone(), stream);
    let stream = within(target.timeout, "handshake", shaking).await?;
    match (stream.get_ref().1.handshake_kind(), kind) {
        (Some(HandshakeKind::Full), Kind::Full) | (Some(HandshakeKind::Resumed), Kind::Resumed) => Ok(stream),
        (Some(HandshakeKind::Full), _) => Err(format!("handshake: full, not {kind}")),
        (Some(HandshakeKind::Resumed), _) => Err(format!("handshake: resumed, not {kind}")),
        (Some(HandshakeKind::FullWithHelloRetryRequest), _) => {
            Err(format!("handshake: full with a hello retry request, not {kind}"))
        }
        (None, _) => Err(format!("handshake: unknown, not {kind}")),
    }
}

/// A connection that is ready for requests, one after another.
pub struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
    request: Request<Empty<Bytes>>,
    timeout: Duration,
}

impl Connection {
    pub async fn over(target: &Target, stream: TlsStream<TcpStream>) -> Result<Self, String> {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| reason("HTTP", &error))?;
        let driver = tokio::spawn(connection);
        Ok(Self { sender, driver, request: target.request.clone(), timeout: target.timeout })
    }

    pub async fn open(target: &Target, kind: Kind) -> Result<Self, String> {
        let stream = connect(target).await?;
        Self::over(target, shake(target, stream, kind).await?).await
    }

    /// Asks once, as the target says.
    pub async fn ask(&mut self) -> Result<(), String> {
        self.answer(self.request.clone()).await.map(drop)
    }

    /// Sends a request, and reads all of the answer, whose status must be 200.
    pub async fn answer(&mut self, request: Request<Empty<Bytes>>) -> Result<Bytes, String> {
        let Self { sender, timeout, .. } = self;
        let asking = async {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let status = response.status();
            Ok::<_, hyper::Error>((status, response.into_body().collect().await?.to_bytes()))
        };
        match within(*timeout, "request", asking).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) => Err(format!("request: status {}", status.as_u16())),
        }
    }

    /// Closes before the server does, whose port must not be left waiting. Returns when all is sent.
    pub async fn close(self) {
        let Self { sender, driver, timeout, .. } = self;
        drop(sender);
        // What was asked has been answered: how the connection ends matters no more.
        _ = tokio::time::timeout(timeout, driver).await;
    }
}

async fn within<T, E>(limit: Duration, step: &str, doing: impl Future<Output = Result<T, E>>) -> Result<T, String>
where
    E: std::error::Error,
{
    match tokio::time::timeout(limit, doing).await {
        Ok(done) => done.map_err(|error| reason(step, &error)),
        Err(_) => Err(format!("{step}: not done in {} s", limit.as_secs_f64())),
    }
}

/// hyper tells what went wrong only in its errors' sources.
fn reason(step: &str, error: &dyn std::error::Error) -> String {
    let mut reason = format!("{step}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_said = cause.to_string();
        if !reason.ends_with(&cause_said) {
            reason = format!("{reason}: {cause_said}");
        }
        source = cause.source();
    }
    reason
}
