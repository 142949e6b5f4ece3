//! The kernel's queue of connections that nobody has accepted yet, up to its last one.
//!
//! A socket that is closed resets whoever waits in its queue: clients that are connected already, as far as they
//! know, and may have sent a request. So the end has three steps: nobody new is let into the queue, whoever is in it is
//! accepted, and only then is the socket closed. A socket that others have open stays: those who wait in its queue are
//! the next process's.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

use super::socket::Socket;
use crate::descriptors::{self, Reserve};
use crate::phase::{Phase, PhaseWatch, reached};
use crate::telemetry;

/// For those that are half connected when nobody new is let in: their last packet is a round trip away.
const ROUND_TRIP: Duration = Duration::from_millis(250);

/// Connections that are turned away at once for lack of descriptors, before something else has its turn.
const TURNED_AWAY: usize = 100;

pub struct Arrivals {
    socket: Socket,
    phase: PhaseWatch,
    reserve: Reserve,
    /// Until when the last ones may come, once the process stops.
    last: Option<Instant>,
}

impl Arrivals {
    pub fn new(socket: Socket, phase: PhaseWatch) -> Self {
        Self { socket, phase, reserve: Reserve::new(1), last: None }
    }

    /// The next connection. None once the process stops and nobody waits any more.
    pub async fn next(&mut self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        let next = self.next_in_line().await;
        match &next {
            Some(Ok(_)) => self.reserve.refill(),
            Some(Err(error)) if descriptors::have_run_out(error) => self.turn_away(),
            _ => {}
        }
        next
    }

    async fn next_in_line(&mut self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        let last = match self.last {
            Some(last) => last,
            None => tokio::select! {
                accepted = self.socket.listener.accept() => return Some(accepted),
                () = reached(&mut self.phase, Phase::Stopping) => {
                    if self.socket.is_shared {
                        return None;
                    }
                    *self.last.insert(self.close_door())
                }
            },
        };
        match tokio::time::timeout_at(last.into(), self.socket.listener.accept()).await {
            Ok(accepted) => Some(accepted),
            // The kernel is asked itself: what the runtime knows of the queue may be a moment old.
            Err(_) => match self.accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
                accepted => Some(accepted),
            },
        }
    }

    /// Lets nobody new in, and says until when those come who are half in.
    fn close_door(&self) -> Instant {
        let now = Instant::now();
        match drop_first_packets(&self.socket.listener) {
            Ok(()) => now + ROUND_TRIP,
            Err(error) => {
                tracing::debug!(%error, "can't keep new connections out while the last are accepted");
                now
            }
        }
    }

    /// Closes connections that there are no descriptors for: their clients try elsewhere, instead of waiting.
    fn turn_away(&mut self) {
        for _ in 0..TURNED_AWAY {
            self.reserve.refill();
            if !self.reserve.let_go() || SockRef::from(&self.socket.listener).accept().is_err() {
                return;
            }
            telemetry::shed("descriptors");
        }
    }

    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, peer) = SockRef::from(&self.socket.listener).accept()?;
        socket.set_nonblocking(true)?;
        let peer = peer.as_socket().ok_or(io::ErrorKind::Unsupported)?;
        Ok((TcpStream::from_std(socket.into())?, peer))
    }
}

/// The kernel drops the packets that connections begin with. Their clients try again after a second, when the socket is
/// closed: they are refused, and know that nothing was done for them.
#[cfg(target_os = "linux")]
fn drop_first_packets(socket: &TcpListener) -> io::Result<()> {
    use socket2::SockFilter;
    // A program for the kernel's packet filter, which sees each packet from its TCP header on.
    const LOAD_BYTE: u16 = 0x30;
    const SKIP_UNLESS_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 2;
    SockRef::from(socket).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(SKIP_UNLESS_SET, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

#[cfg(not(target_os = "linux"))]
fn drop_first_packets(_: &TcpListener) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
