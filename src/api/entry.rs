//! What every request passes before anything is asked: no ambiguity that a proxy in front might read
//! differently, no excess, a client that is accepted, and one of the listener's roles.

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http::Version;
use http::header::{HOST, TRANSFER_ENCODING};
use tower_http::catch_panic::CatchPanicLayer;

use super::problem::Problem;
use crate::client::{Admission, Identity};
use crate::config::Role;
use crate::quick::NoTime;
use crate::telemetry;

/// Bytes of a request target. An address with its parameter takes 60.
pub const TARGET_BYTES: usize = 8192;

/// What every TLS listener's routes are wrapped in. A panic fails its own request only.
pub fn guarded(routes: Router, roles: &'static [Role], header_count: usize) -> Router {
    routes
        .layer(middleware::from_fn_with_state(roles, role))
        .layer(middleware::from_fn_with_state(header_count, strict))
        .layer(CatchPanicLayer::custom(|_| Problem::Internal.into_response()))
}

/// The client of a request.
pub fn admitted(admission: &Admission) -> Result<&Identity, Problem> {
    admission.as_ref().as_ref().map_err(|_| Problem::ClientRefused)
}

async fn role(
    State(roles): State<&'static [Role]>,
    Extension(admission): Extension<Admission>,
    request: Request,
    next: Next,
) -> Response {
    match admitted(&admission) {
        Ok(identity) if identity.has_any(roles) => next.run(request).await,
        Ok(_) => {
            telemetry::refusal(telemetry::ROLE_MISSING);
            Problem::RoleMissing.into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

async fn strict(State(header_count): State<usize>, request: Request, next: Next) -> Response {
    match refuse(&request, header_count) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn refuse(request: &Request, header_count: usize) -> Option<Problem> {
    if request.extensions().get::<NoTime>().is_some() {
        return Some(Problem::Overloaded);
    }
    let headers = request.headers();
    if headers.contains_key(TRANSFER_ENCODING) {
        return Some(Problem::TransferEncoding);
    }
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || request.version() == Version::HTTP_11 && hosts == 0 {
        return Some(Problem::HostNotOne);
    }
    if headers.len() > header_count {
        return Some(Problem::HeadersTooMany);
    }
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |part| part.as_str().len())
        + uri.authority().map_or(0, |part| part.as_str().len());
    (target > TARGET_BYTES).then_some(Problem::TargetTooLong)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use axum::body::Body;
    use axum::routing::get;
    use http::StatusCode;
    use tower::ServiceExt;

    use super::*;
    use crate::client::Refusal;

    async fn status(routes: &Router, client: Result<Identity, Refusal>) -> StatusCode {
        let admission: Admission = Arc::new(client);
        let request = Request::get("/").header("host", "here").extension(admission).body(Body::empty()).unwrap();
        routes.clone().oneshot(request).await.unwrap().status()
    }

    fn client(role: Role) -> Identity {
        Identity { name: "test".to_owned(), roles: vec![role], valid_until: SystemTime::now() }
    }

    #[tokio::test]
    async fn a_panic_fails_its_request_only() {
        let routes = Router::new().route("/", get(async || -> &str { panic!("on purpose") }));
        let routes = guarded(routes, &[Role::Lookup], 100);
        for _ in 0..2 {
            assert_eq!(status(&routes, Ok(client(Role::Lookup))).await, StatusCode::INTERNAL_SERVER_ERROR);
        }
    }

    #[tokio::test]
    async fn a_request_needs_an_accepted_client_and_its_role() {
        let routes = guarded(Router::new().route("/", get(async || "")), &[Role::Admin], 100);
        assert_eq!(status(&routes, Ok(client(Role::Admin))).await, StatusCode::OK);
        assert_eq!(status(&routes, Ok(client(Role::Lookup))).await, StatusCode::FORBIDDEN);
        assert_eq!(status(&routes, Err(Refusal::Revoked)).await, StatusCode::FORBIDDEN);
        let request = Request::get("/").header("host", "here").body(Body::empty()).unwrap();
        let nobody = routes.oneshot(request).await.unwrap().status();
        assert!(!nobody.is_success(), "no decision is no admission");
    }
}
