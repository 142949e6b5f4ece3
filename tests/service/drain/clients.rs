//! Clients that ask as fast as they can until nobody lets them in, and tell what was lost.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::TARGET;
use crate::doors::http2::Http2;
use crate::harness::{Client, Connection};

/// A connection that asks nothing for longer may be closed at any moment: that is no loss, whoever asks then asks again.
const IDLE: Duration = Duration::from_millis(500);

pub struct Asker {
    pub client: Client,
    pub address: SocketAddr,
    pub answers: Arc<AtomicU64>,
}

impl Asker {
    /// A connection. None if nobody listens any more.
    fn connect(&self, client: &Client) -> Result<Option<Connection>, String> {
        let stream = match TcpStream::connect(self.address) {
            Ok(stream) => stream,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(None),
            Err(error) => return Err(format!("not connected: {error:?}")),
        };
        client.over(stream).map(Some).map_err(|error| format!("connected, and no handshake: {error:?}"))
    }

    /// Over HTTP/1.1, on one connection for as long as it lasts.
    pub fn keep_asking(&self) -> Option<String> {
        go(|| {
            let Some(mut connection) = self.connect(&self.client)? else { return Ok(false) };
            let mut last = Instant::now();
            loop {
                let begun = Instant::now();
                let response = match connection.get(TARGET) {
                    Ok(response) => response,
                    Err(_) if begun - last > IDLE => return Ok(true),
                    Err(error) => return Err(format!("asked, and no answer: {error:?}")),
                };
                last = Instant::now();
                self.count(response.status)?;
                if response.header("connection") == Some("close") {
                    return Ok(true);
                }
            }
        })
    }

    /// Over HTTP/1.1, a connection for each.
    pub fn ask_once_each(&self) -> Option<String> {
        go(|| {
            let Some(mut connection) = self.connect(&self.client)? else { return Ok(false) };
            let response = connection.get(TARGET).map_err(|error| format!("let in, and no answer: {error:?}"))?;
            self.count(response.status)?;
            Ok(true)
        })
    }

    /// Over HTTP/2, on one connection until it is told to end.
    pub fn ask_by_http2(&self) -> Option<String> {
        let client = self.client.offering("h2");
        go(|| {
            let Some(connection) = self.connect(&client)? else { return Ok(false) };
            let lost = |error: io::Error| format!("let in by HTTP/2, and no answer: {error:?}");
            let mut connection = Http2::open(connection).map_err(lost)?;
            while !connection.is_ending() {
                match connection.ask() {
                    Ok((status, _)) => self.count(status)?,
                    Err(_) if connection.is_last_untouched() => break,
                    Err(error) => return Err(lost(error)),
                }
            }
            Ok(true)
        })
    }

    fn count(&self, status: u16) -> Result<(), String> {
        self.answers.fetch_add(1, Ordering::Relaxed);
        if status == 200 { Ok(()) } else { Err(format!("answered with {status}")) }
    }
}

/// Again and again, as long as there is somebody to ask. What was lost ends it.
fn go(mut visit: impl FnMut() -> Result<bool, String>) -> Option<String> {
    loop {
        match visit() {
            Ok(true) => {}
            Ok(false) => return None,
            Err(lost) => return Some(lost),
        }
    }
}
