//! A connection over HTTP/2: as many requests at once as it has streams.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::net::TcpStream;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout_at;
use tokio_rustls::client::TlsStream;

use super::events;
use super::failure::{Failure, Kind};
use super::job::Job;
use super::opening::{Until, is_past};
use super::pool::{End, Pool};
use super::recorder::locked;

/// Sends what the pool gives over all streams until the connection ends.
pub async fn carry(
    pool: &Arc<Pool>,
    stream: TlsStream<TcpStream>,
    streams: u16,
    until: Until,
    mut first: Option<Job>,
) -> End {
    let handshake = h2::client::handshake(stream).await;
    pool.opened(first.is_some());
    let (sender, connection) = match handshake {
        Ok(begun) => begun,
        Err(error) => {
            locked(&pool.recorder).connections.failures.add(&of(&error));
            if let Some(job) = first {
                locked(&pool.recorder).failed(job.due, job.phase, &of(&error));
            }
            return End::Server;
        }
    };
    let (alive, ended) = watch::channel(());
    let driver = tokio::spawn(async move {
        let outcome = connection.await;
        drop(alive);
        outcome
    });
    let stream = |_| carry_stream(Arc::clone(pool), sender.clone(), ended.clone(), until, first.take());
    let carrying: JoinSet<End> = (0..streams).map(stream).collect();
    drop(sender);
    let ends = carrying.join_all().await;
    if let Ok(Err(error)) = driver.await
        && error.is_go_away()
    {
        locked(&pool.recorder).event(events::Kind::Drain, "connections closed at the server's request");
    }
    if ends.contains(&End::Server) { End::Server } else { End::Own }
}

async fn carry_stream(
    pool: Arc<Pool>,
    mut sender: SendRequest<Bytes>,
    mut ended: watch::Receiver<()>,
    until: Until,
    mut first: Option<Job>,
) -> End {
    let (free, mut jobs) = unbounded_channel();
    let mut free_since = Instant::now();
    let mut used = false;
    while !is_past(until) {
        let job = match first.take().or_else(|| pool.next(&free)) {
            Some(job) => job,
            None => tokio::select! {
                biased;
                Some(job) = jobs.recv() => job,
                // Nothing is ever sent there.
                _ = ended.changed() => {
                    jobs.close();
                    while let Ok(job) = jobs.try_recv() {
                        pool.take(job);
                    }
                    return End::Server;
                }
            },
        };
        let deadline = job.due + pool.settings.timeout;
        // A connection that has ended meanwhile shows here, before anything was sent.
        let ready = timeout_at(deadline.into(), poll_fn(|context| sender.poll_ready(context))).await;
        if let Ok(Err(_)) = ready {
            pool.take(job);
            return End::Server;
        }
        let lag = job.lag(free_since);
        let asked = timeout_at(deadline.into(), ask(&pool, &mut sender, &job)).await;
        free_since = Instant::now();
        let timed_out =
            |_| Failure::new(Kind::Timeout, format!("no answer in {} s", pool.settings.timeout.as_secs_f64()));
        let outcome = asked.map_err(timed_out).flatten();
        let again =
            outcome.as_ref().is_err_and(|failure| pool.ask_again(&job, failure, used && failure.kind == Kind::Cut));
        if !again {
            let mut recorder = locked(&pool.recorder);
            recorder.sent(job.due, lag);
            match &outcome {
                Ok(()) => recorder.answered(job.due, job.phase, free_since),
                Err(failure) => recorder.failed(job.due, job.phase, failure),
            }
        }
        if outcome.is_err_and(|failure| matches!(failure.kind, Kind::Cut | Kind::Tls)) {
            return End::Server;
        }
        used = true;
    }
    End::Own
}

async fn ask(pool: &Pool, sender: &mut SendRequest<Bytes>, job: &Job) -> Result<(), Failure> {
    let request = pool.settings.request.http2(job.address);
    let request = request.map_err(|error| Failure::new(Kind::Answer, format!("not sent: {error}")))?;
    poll_fn(|context| sender.poll_ready(context)).await.map_err(|error| of(&error))?;
    let (response, _) = sender.send_request(request, true).map_err(|error| of(&error))?;
    let (head, mut body) = response.await.map_err(|error| of(&error))?.into_parts();
    let mut received = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(|error| of(&error))?;
        // Fails only for a stream that is over.
        _ = body.flow_control().release_capacity(data.len());
        received.extend_from_slice(&data);
    }
    pool.settings.expected.check(head.status.as_u16(), &received)
}

fn of(error: &h2::Error) -> Failure {
    let socket = error.get_io().or_else(|| error.source().and_then(|source| source.downcast_ref::<io::Error>()));
    match socket {
        Some(socket) => Failure::of(Kind::Cut, socket),
        None => Failure::new(Kind::Cut, error.to_string()),
    }
}
