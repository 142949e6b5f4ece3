//! A TCP stream that can leave one runtime and arrive in another, with a TLS session around it.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

pub struct Carried {
    place: Place,
}

enum Place {
    /// In the runtime that it was made in, or arrived in.
    Here(TcpStream),
    OnTheWay(std::net::TcpStream),
    /// Something went wrong with the way.
    Lost,
}

impl Carried {
    pub fn new(stream: TcpStream) -> Self {
        Self { place: Place::Here(stream) }
    }

    /// Takes it out of its runtime. It can be neither read nor written until it has arrived.
    pub fn leave(&mut self) -> io::Result<()> {
        self.place = match std::mem::replace(&mut self.place, Place::Lost) {
            Place::Here(stream) => Place::OnTheWay(stream.into_std()?),
            other => other,
        };
        Ok(())
    }

    /// Brings it into the runtime that this is called in.
    pub fn arrive(&mut self) -> io::Result<()> {
        self.place = match std::mem::replace(&mut self.place, Place::Lost) {
            Place::OnTheWay(stream) => Place::Here(TcpStream::from_std(stream)?),
            other => other,
        };
        Ok(())
    }

    fn here(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        match &mut self.place {
            Place::Here(stream) => Ok(Pin::new(stream)),
            Place::OnTheWay(_) | Place::Lost => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl AsyncRead for Carried {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.here()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Carried {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.here()?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.here()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.here()?.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices {
            // Mostly a single record, and that is cheaper to send as such.
            [record] => self.here()?.poll_write(cx, record),
            _ => self.here()?.poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        matches!(&self.place, Place::Here(stream) if stream.is_write_vectored())
    }
}
