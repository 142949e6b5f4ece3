//! What all of a run's connections are told.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use super::answer::Expected;
use super::options::Retry;
use super::request::Request;

#[derive(Debug)]
pub struct Settings {
    pub server_name: ServerName<'static>,
    /// One for each connection that may be open at once: each client keeps tickets of its own.
    pub tls: Vec<Arc<ClientConfig>>,
    /// Streams of one connection over HTTP/2; none is HTTP/1.1.
    pub streams: Option<u16>,
    pub request: Request,
    pub expected: Expected,
    /// From when a request was due, and of opening a connection.
    pub timeout: Duration,
    /// Connections that are kept open.
    pub kept: usize,
    /// What is asked once more.
    pub retry: Retry,
    /// After this time, where it takes another connection.
    pub retry_after: Duration,
    /// After this time on average a connection is closed and opened anew.
    pub life: Option<Duration>,
}
