//! HTTP/1.1 the quick way: a request that is plain and whole is answered where it was read, with one write.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Instant, SystemTime};

use http::Version;
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt};

use super::request::Entry;
use super::stream::Watched;
use crate::quick::{Asker, Quick};

/// What follows.
pub enum Next {
    /// A request that is not for the quick way. It is still in the stream.
    LongWay,
    /// The connection's end.
    End,
}

/// Answers request after request, until one is for the long way or the connection ends.
pub async fn serve<S>(stream: &mut Watched<S>, quick: &dyn Quick, entry: &Entry) -> Next
where
    S: AsyncBufRead + AsyncWrite + Unpin,
{
    let mut answer = Vec::new();
    loop {
        answer.clear();
        match poll_fn(|cx| poll_answer(stream, quick, entry, &mut answer, cx)).await {
            Ok(Outcome::Answered { is_last }) => {
                let written = async {
                    stream.write_all(&answer).await?;
                    stream.flush().await
                }
                .await;
                entry.activity.turned();
                if is_last || written.is_err() {
                    return Next::End;
                }
            }
            Ok(Outcome::Other(next)) => return next,
            // The client's doing: a cut connection.
            Err(_) => return Next::End,
        }
    }
}

enum Outcome {
    Answered { is_last: bool },
    Other(Next),
}

/// Waits for a request and answers it in the same breath.
fn poll_answer<S>(
    stream: &mut Watched<S>,
    quick: &dyn Quick,
    entry: &Entry,
    answer: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Outcome>>
where
    S: AsyncBufRead + AsyncWrite + Unpin,
{
    if entry.activity.is_closing() {
        return Poll::Ready(Ok(Outcome::Other(Next::End)));
    }
    let mut unwatched = Pin::new(stream.unwatched());
    let received = ready!(unwatched.as_mut().poll_fill_buf(cx))?;
    if received.is_empty() {
        return Poll::Ready(Ok(Outcome::Other(Next::End)));
    }
    let (begun, now) = (Instant::now(), SystemTime::now());
    let admission = entry.session.admission(now);
    let Ok(identity) = admission.as_ref() else { return Poll::Ready(Ok(Outcome::Other(Next::LongWay))) };
    let is_last = entry.is_last(Version::HTTP_11, begun);
    let turn = entry.turn(begun);
    let asker = Asker { identity, now, is_last, is_shed: entry.is_shed(turn) };
    let Some(answered) = quick.http1(received, &asker, answer) else {
        return Poll::Ready(Ok(Outcome::Other(Next::LongWay)));
    };
    unwatched.consume(answered.length);
    entry.count(answered.status, turn);
    Poll::Ready(Ok(Outcome::Answered { is_last }))
}
