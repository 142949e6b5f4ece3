//! One request: its client, its time, its way to an answer, and what is counted of it.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::Either;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::{Frame, Incoming, SizeHint};
use tower::Service;

use super::activity::{Activity, InFlight};
use super::connection::Settings;
use super::session::Session;
use crate::client::Admission;
use crate::lane::Lane;
use crate::quick::{Asker, NoTime};
use crate::telemetry;
use crate::telemetry::requests::Requests;

/// Where the requests of one connection enter.
pub struct Entry {
    pub activity: Arc<Activity>,
    pub session: Session,
    pub is_probe: bool,
    /// From when on answers say that the connection closes.
    pub old_at: Instant,
    pub lane: Arc<Lane>,
    pub settings: Arc<Settings>,
}

impl Entry {
    pub fn admission(&self, now: SystemTime) -> Admission {
        let admission = self.session.admission(now);
        if admission.is_err() {
            // This request is told, and is the last.
            self.activity.end();
        }
        admission
    }

    /// Whether the answer says that the connection closes. HTTP/2 has a message for that.
    pub fn is_last(&self, version: Version, now: Instant) -> bool {
        version < Version::HTTP_2 && (now >= self.old_at || self.settings.is_stopping())
    }

    /// A request's beginning, now that its turn has come.
    pub fn turn(&self, now: Instant) -> Turn {
        Turn { waited: self.lane.queue.waited(now), came: now }
    }

    /// Whether there is no time to answer. The probe is always answered.
    pub fn is_shed(&self, turn: Turn) -> bool {
        turn.waited > self.settings.limits.wait.duration() && !self.is_probe
    }

    /// Counts an answer given on the spot, unless it is the probe's.
    pub fn count(&self, status: StatusCode, turn: Turn) {
        if !self.is_probe {
            count(&self.settings.requests, status, turn);
        }
    }

    /// Answers on the spot, if it can be done.
    fn answer_at_once(
        &self,
        request: &Parts,
        client: &Admission,
        now: SystemTime,
        is_shed: bool,
    ) -> Option<Response<Bytes>> {
        let (quick, Ok(identity)) = (self.settings.quick.as_ref()?, client.as_ref()) else { return None };
        let asker = Asker { identity, now, is_last: false, is_shed };
        quick.parsed(request, &asker)
    }
}

/// When a request's turn came, and for how long it had waited for it.
#[derive(Clone, Copy)]
pub struct Turn {
    waited: Duration,
    came: Instant,
}

impl hyper::service::Service<Request<Incoming>> for Entry {
    type Response = Response<Answered>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let (begun, now) = (Instant::now(), SystemTime::now());
        let in_flight = self.activity.request();
        let is_last = self.is_last(request.version(), begun);
        let admission = self.admission(now);
        // Who asks the admin listener may wait.
        let turn = self.turn(begun);
        let is_shed = self.settings.quick.is_some() && self.is_shed(turn);
        let (request, body) = request.into_parts();
        if let Some(response) = self.answer_at_once(&request, &admission, now, is_shed) {
            let response = response.map(|body| Answered { body: Payload::Left(body.into()), _in_flight: in_flight });
            self.count(response.status(), turn);
            return Answer::Left(ready(Ok(closing(response, is_last))));
        }
        let mut request = Request::from_parts(request, body);
        request.extensions_mut().insert(admission);
        if is_shed {
            request.extensions_mut().insert(NoTime);
        }
        let answer = self.settings.router.clone().call(request);
        let requests = (!self.is_probe).then(|| self.settings.requests.clone());
        Answer::Right(Box::pin(async move {
            let response = answer.await?;
            if let Some(requests) = requests {
                count(&requests, response.status(), turn);
            }
            let response = response.map(|body| Answered { body: Payload::Right(body), _in_flight: in_flight });
            Ok(closing(response, is_last))
        }))
    }
}

fn count(requests: &Requests, status: StatusCode, turn: Turn) {
    requests.answered(status.as_u16(), turn.waited + turn.came.elapsed());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        telemetry::shed("overload");
    }
}

fn closing(mut response: Response<Answered>, is_last: bool) -> Response<Answered> {
    if is_last {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

type Answering = Result<Response<Answered>, Infallible>;

/// There, or to come.
type Answer = Either<Ready<Answering>, Pin<Box<dyn Future<Output = Answering> + Send>>>;

/// A response's body that keeps its request in flight until it has been handed over.
pub struct Answered {
    body: Payload,
    _in_flight: InFlight,
}

/// Given on the spot, or by a route.
type Payload = http_body_util::Either<Full<Bytes>, Body>;

impl hyper::body::Body for Answered {
    type Data = Bytes;
    type Error = <Payload as hyper::body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
