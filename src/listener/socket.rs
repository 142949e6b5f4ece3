//! A listening socket: bound here, or passed on by whoever started the process.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel completes before they are accepted: a spike of 14,000 a second,
/// for a quarter of a second.
const BACKLOG: u16 = 4096;

/// Where the kernel keeps what it cuts that down to.
const MOST: &str = "/proc/sys/net/core/somaxconn";

pub struct Socket {
    pub listener: TcpListener,
    /// Someone else has it open, too: connections go on coming to it when this process is gone.
    pub is_shared: bool,
}

impl Socket {
    /// Binds without serving yet.
    ///
    /// # Errors
    /// Says which address could not be bound, and why.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let bind = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG.into())
        };
        let listener = bind().map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("can't listen on {address}: {error}; choose another in [listen], or by CROUPIER_LISTEN_…, or port 0 for any"),
            )
        })?;
        Ok(Self { listener, is_shared: false })
    }

    /// Wants it to be non-blocking.
    ///
    /// # Errors
    /// If it is not one to listen on.
    pub fn passed(listener: std::net::TcpListener) -> io::Result<Self> {
        let unusable = |error: io::Error| {
            io::Error::new(error.kind(), format!("a socket that was passed can't be listened on: {error}"))
        };
        // It may have been opened with a shorter queue.
        SockRef::from(&listener).listen(BACKLOG.into()).map_err(unusable)?;
        Ok(Self { listener: TcpListener::from_std(listener).map_err(unusable)?, is_shared: true })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Warns if the kernel keeps fewer connections waiting than a spike may bring.
pub fn check_backlog() {
    let most = std::fs::read_to_string(MOST).ok().and_then(|written| written.trim().parse::<u64>().ok());
    if let Some(most) = most.filter(|most| *most < BACKLOG.into()) {
        tracing::warn!(
            most,
            wanted = BACKLOG,
            "the kernel keeps few connections waiting, and drops those of a spike: raise net.core.somaxconn"
        );
    }
}
