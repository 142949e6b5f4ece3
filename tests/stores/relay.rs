//! A relay before a store: it counts what is asked for and when, breaks what is sent where a test wants it, or has
//! several who write the same object wait for each other.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use crate::harness::PATIENCE;

#[derive(Default)]
struct Seen {
    /// First lines of requests.
    requests: Vec<(Instant, String)>,
    /// Bytes that may still be sent to the store. All, if it is not told.
    left: Option<usize>,
    /// Whether they have been.
    is_broken: bool,
}

/// Where requests that begin so wait until there are this many. Later ones pass.
pub struct Gate {
    begin: String,
    wanted: usize,
    come: Mutex<usize>,
    changed: Condvar,
}

impl Gate {
    pub fn new(begin: &str, wanted: usize) -> Arc<Self> {
        Arc::new(Self { begin: begin.to_owned(), wanted, come: Mutex::default(), changed: Condvar::new() })
    }

    /// How many have come.
    pub fn come(&self) -> usize {
        *self.come.lock().unwrap()
    }

    fn pass(&self, bytes: &[u8]) {
        if bytes.starts_with(self.begin.as_bytes()) {
            let mut come = self.come.lock().unwrap();
            *come += 1;
            self.changed.notify_all();
            // One that never comes is a failure of the test, not a test that never ends.
            let all = self.changed.wait_timeout_while(come, PATIENCE, |come| *come < self.wanted);
            drop(all.unwrap());
        }
    }
}

/// On the loopback, for as long as the tests run.
pub struct Relay {
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

/// What happens to a connection when no more bytes may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// It ends.
    Closes,
    /// Nothing comes any more.
    Stalls,
}

impl Relay {
    pub fn to(store: SocketAddr, at_break: Break) -> Self {
        Self::through(store, at_break, &Gate::new("none", 0))
    }

    pub fn through(store: SocketAddr, at_break: Break, gate: &Arc<Gate>) -> Self {
        let gate = Arc::clone(gate);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let seen = Arc::clone(&relay.seen);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(store) else { continue };
                let (seen, gate) = (Arc::clone(&seen), Arc::clone(&gate));
                let (from, back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || copy(from, back));
                std::thread::spawn(move || forward(client, server, &seen, at_break, &gate));
            }
        });
        relay
    }

    /// Lets this many more bytes through to the store.
    pub fn break_after(&self, bytes: usize) {
        *self.seen.lock().unwrap() = Seen { left: Some(bytes), ..Seen::default() };
    }

    pub fn is_broken(&self) -> bool {
        self.seen.lock().unwrap().is_broken
    }

    /// Forgets what was asked for so far.
    pub fn clear(&self) {
        *self.seen.lock().unwrap() = Seen::default();
    }

    /// When, and the first line. Whole only where no request has a body.
    pub fn requests(&self) -> Vec<(Instant, String)> {
        self.seen.lock().unwrap().requests.clone()
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    _ = std::io::copy(&mut from, &mut to);
    _ = to.shutdown(Shutdown::Write);
}

fn forward(mut client: TcpStream, mut server: TcpStream, seen: &Mutex<Seen>, at_break: Break, gate: &Gate) {
    let mut buffer = [0; 1 << 14];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let mut bytes = &buffer[..length];
        let is_cut;
        gate.pass(bytes);
        {
            let mut seen = seen.lock().unwrap();
            if [b"GET ", b"PUT "].iter().any(|method| bytes.starts_with(*method)) {
                let line = bytes.split(|byte| *byte == b'\r').next().unwrap();
                seen.requests.push((Instant::now(), String::from_utf8_lossy(line).into_owned()));
            }
            if let Some(left) = seen.left {
                bytes = &bytes[..length.min(left)];
                seen.left = Some(left - bytes.len());
            }
            is_cut = bytes.len() < length;
            seen.is_broken |= is_cut;
        }
        if server.write_all(bytes).is_err() {
            break;
        }
        if is_cut {
            match at_break {
                Break::Closes => break,
                // Until the client goes.
                Break::Stalls => while matches!(client.read(&mut buffer), Ok(1..)) {},
            }
        }
    }
    _ = server.shutdown(Shutdown::Both);
    _ = client.shutdown(Shutdown::Both);
}
