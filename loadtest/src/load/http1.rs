//! A connection over HTTP/1.1: one request after another, never two at once.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::timeout_at;
use tokio_rustls::client::TlsStream;

use super::answer;
use super::events;
use super::failure::{Failure, Kind};
use super::job::Job;
use super::opening::{Until, ended_by, is_past};
use super::pool::{End, Pool};
use super::recorder::locked;

/// An answer is a few hundred bytes; longer ones make it grow.
const ROOM: usize = 4096;

struct Connection {
    stream: TlsStream<TcpStream>,
    out: Vec<u8>,
    received: Vec<u8>,
}

/// Sends what the pool gives until the connection ends.
pub async fn carry(pool: &Arc<Pool>, stream: TlsStream<TcpStream>, until: Until, mut first: Option<Job>) -> End {
    let mut connection = Connection { stream, out: Vec::new(), received: Vec::with_capacity(ROOM) };
    let (free, mut jobs) = unbounded_channel();
    let mut free_since = Instant::now();
    let mut used = false;
    pool.opened(first.is_some());
    loop {
        let job = match first.take().or_else(|| pool.next(&free)) {
            Some(job) => job,
            None => tokio::select! {
                biased;
                Some(job) = jobs.recv() => job,
                // An idle connection has nothing to read but its end.
                _ = connection.read() => {
                    jobs.close();
                    while let Ok(job) = jobs.try_recv() {
                        pool.take(job);
                    }
                    return End::Server;
                }
            },
        };
        let lag = job.lag(free_since);
        let deadline = job.due + pool.settings.timeout;
        let asked = timeout_at(deadline.into(), connection.ask(pool, &job)).await;
        free_since = Instant::now();
        let timed_out =
            |_| Failure::new(Kind::Timeout, format!("no answer in {} s", pool.settings.timeout.as_secs_f64()));
        match asked.map_err(timed_out).flatten() {
            Ok(Answered { outcome, last }) => {
                let again = outcome.as_ref().is_err_and(|failure| pool.ask_again(&job, failure, false));
                let mut recorder = locked(&pool.recorder);
                if !again {
                    recorder.sent(job.due, lag);
                    match outcome {
                        Ok(()) => recorder.answered(job.due, job.phase, free_since),
                        Err(failure) => recorder.failed(job.due, job.phase, &failure),
                    }
                }
                if last {
                    recorder.event(events::Kind::Drain, "connections closed at the server's request");
                    return End::Server;
                }
            }
            Err(failure) => {
                let unanswered = connection.received.is_empty() && failure.kind == Kind::Cut;
                if !pool.ask_again(&job, &failure, used && unanswered) {
                    let mut recorder = locked(&pool.recorder);
                    recorder.sent(job.due, lag);
                    recorder.failed(job.due, job.phase, &failure);
                }
                return ended_by(&failure);
            }
        }
        used = true;
        if is_past(until) {
            // How it ends matters no more.
            _ = connection.stream.shutdown().await;
            return End::Own;
        }
    }
}

struct Answered {
    outcome: Result<(), Failure>,
    last: bool,
}

impl Connection {
    async fn ask(&mut self, pool: &Pool, job: &Job) -> Result<Answered, Failure> {
        self.out.clear();
        self.received.clear();
        pool.settings.request.write_http1(job.address, &mut self.out);
        if let Err(error) = self.write().await {
            // Why the server ended it may be there to be read.
            self.read().await.map_err(|why| Failure::of(Kind::Cut, &why))?;
            return Err(Failure::of(Kind::Cut, &error));
        }
        loop {
            let read = self.read().await.map_err(|error| Failure::of(Kind::Cut, &error))?;
            if read == 0 {
                return Err(Failure::new(Kind::Cut, "the connection ended before the answer"));
            }
            let Some(head) = answer::head(&self.received)? else { continue };
            let (begin, end) = head.body;
            if let Some(body) = self.received.get(begin..end) {
                if self.received.len() > end {
                    return Err(Failure::new(Kind::Answer, "more than an answer came"));
                }
                let outcome = pool.settings.expected.check(head.status, body);
                return Ok(Answered { outcome, last: head.last });
            }
        }
    }

    async fn write(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.out).await?;
        self.stream.flush().await
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut self.received).await
    }
}
