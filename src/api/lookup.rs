//! `GET /lookup?ip=ADDRESS`: which CDN, in what order, for a client address.

use std::net::IpAddr;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::entry::{admitted, guarded};
use super::problem::Problem;
use crate::client::Admission;
use crate::config::Role;
use crate::snapshot::Reader;
use crate::table::client_address;

/// The lookup listener's routes. A panic fails its own request only.
pub fn router(tables: Reader, header_count: usize) -> Router {
    let routes = Router::new()
        .route("/lookup", get(lookup))
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .fallback(async || Problem::NotFound)
        .with_state(tables);
    guarded(routes, &[Role::Lookup, Role::Probe], header_count)
}

async fn lookup(
    State(tables): State<Reader>,
    Extension(admission): Extension<Admission>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let identity = admitted(&admission)?;
    let address = address(query.as_deref().unwrap_or_default())?;
    let snapshot = tables.load();
    let decision = snapshot.table.decide(address);
    if identity.has_any(&[Role::Lookup]) {
        snapshot.count(&decision);
    }
    let mut response = snapshot.render(&decision).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, snapshot.cache_control());
    Ok(response)
}

/// The one `ip` parameter of a query.
fn address(query: &str) -> Result<IpAddr, Problem> {
    let mut found = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "ip" && found.replace(value).is_some() {
            return Err(Problem::AddressRepeated);
        }
    }
    match found.as_deref() {
        None => Err(Problem::AddressMissing),
        Some("") => Err(Problem::AddressEmpty),
        Some(written) => client_address(written).ok_or(Problem::AddressUnreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_has_one_address() {
        assert_eq!(address("x=1&ip=192.0.2.1"), Ok([192, 0, 2, 1].into()));
        assert_eq!(address("ip=%31.2.3.4"), Ok([1, 2, 3, 4].into()));
        assert_eq!(address("ip=::ffff:192.0.2.1"), Ok([192, 0, 2, 1].into()));
        assert_eq!(address("ip=1.2.3.4&ip=1.2.3.4"), Err(Problem::AddressRepeated));
        assert_eq!(address("ip="), Err(Problem::AddressEmpty));
        for query in ["", "IP=1.2.3.4", "x"] {
            assert_eq!(address(query), Err(Problem::AddressMissing), "{query}");
        }
        for value in [
            "+1.2.3.4",
            "1.2.3.4+",
            "%201.2.3.4",
            "fe80::1%25eth0",
            "fe80::1%eth0",
            "1.2.3.4:80",
            "[::1]",
            "[::1]:80",
            "01.2.3.4",
            "0x7f.1",
            "2130706433",
            "1.2.3.4%00",
            "%ff",
            "%zz",
            "1.2.3",
            "1.2.3.4/32",
            "localhost",
            "::1::",
        ] {
            assert_eq!(address(&format!("ip={value}")), Err(Problem::AddressUnreadable), "{value}");
        }
    }
}
