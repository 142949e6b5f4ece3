//! The admin listener: who may use it, what it answers, and what its reloads do.

mod commands;
mod explain;
mod reload;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::harness::{Connection, Identity, Leaf, PATIENCE, Response, Service, Setup, http2, wait_until};
use crate::trusted::{TARGET, Trusted, clients, list};

const LISTEN: &str = "lookup = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"";

/// A service with an admin listener, and an admin.
struct Administered {
    served: Trusted,
    admin: Identity,
}

impl Administered {
    fn new() -> Self {
        Self::on(Setup::new())
    }

    fn on(mut setup: Setup) -> Self {
        setup.write("certs/ops.crl", list(1).pem_by(&setup.pki.ops));
        setup.section("listen", LISTEN).section("clients", &clients(&["ops.crl"], "", ""));
        let admin = Leaf::client("ops-1.example").issued_by(&setup.pki.ops);
        Self { served: Trusted::start(setup), admin }
    }

    fn connect(&self) -> Connection {
        self.connect_as(&self.admin)
    }

    fn connect_as(&self, identity: &Identity) -> Connection {
        self.served.client(identity).connect(self.served.service.admin.unwrap()).unwrap()
    }

    fn table(&self) -> Value {
        let response = self.connect().get("/table").unwrap();
        assert_eq!(response.status, 200);
        response.json()
    }
}

fn send(connection: &mut Connection, method: &str, target: &str) -> Response {
    connection.send(format!("{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")).unwrap();
    if method == "HEAD" { connection.read_head().unwrap() } else { connection.read().unwrap() }
}

#[track_caller]
fn assert_problem(response: &Response, status: u16, of: &str) {
    assert_eq!(response.status, status, "{of}");
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{of}");
    let problem = response.json();
    assert_eq!(problem["status"], status, "{of}");
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{of}: {problem}");
}

#[test]
fn it_listens_only_if_it_is_told_where() {
    let mut setup = Setup::new();
    let without = Service::start(&setup);
    assert_eq!(without.admin, None);
    assert!(without.health().1["checks"]["admin"].is_null());
    setup.section("listen", LISTEN);
    let with = Service::start_green(&setup);
    let admin = with.admin.unwrap();
    assert!(admin.port() != 0 && admin != with.lookup && admin != with.health);
    wait_until("health looks at it", || with.health().1["checks"]["admin"][0]["status"] == "pass");
    assert_eq!(with.metrics().sum("croupier_health", &[("check", "admin")]), 1.0);
    assert_eq!(with.metrics().sum("croupier_handshakes_total", &[]), 0.0, "the probe is not counted here either");
    assert_eq!(setup.client(None).alert(admin), Some(rustls::AlertDescription::CertificateRequired));
}

#[test]
fn each_listener_is_for_its_own_roles() {
    let administered = Administered::new();
    let Administered { served, admin } = &administered;
    let probe = crate::trusted::looker(&served.setup);
    let before = served.reloads();
    for (of, identity) in [("lookup", &served.setup.selector), ("probe", &probe)] {
        let mut connection = administered.connect_as(identity);
        for target in ["/reload", "/table", "/reload?dry_run=true", "/lookup?ip=192.0.2.1", "/", "/nowhere", "/metrics"]
        {
            for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
                assert_problem(&send(&mut connection, method, target), 403, &format!("{of}: {method} {target}"));
            }
            assert_eq!(send(&mut connection, "HEAD", target).status, 403, "{of}: HEAD {target}");
        }
    }
    let mut on_lookup = served.connect(admin);
    for target in [TARGET, "/table", "/reload"] {
        assert_problem(&send(&mut on_lookup, "GET", target), 403, target);
        assert_problem(&send(&mut on_lookup, "POST", target), 403, target);
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(served.reloads(), before, "nothing was reloaded");
    let mut connection = administered.connect();
    assert_problem(&send(&mut connection, "GET", TARGET), 404, "no lookups here");
    let metrics = served.service.metrics();
    assert_eq!(metrics.sum("croupier_requests_total", &[("listener", "admin"), ("status", "403")]), 2.0 * 49.0);
    assert_eq!(metrics.sum("croupier_requests_total", &[("listener", "lookup"), ("status", "403")]), 6.0);
}

#[test]
fn it_answers_by_the_rules_of_http() {
    let administered = Administered::new();
    let before = administered.served.reloads();
    let mut connection = administered.connect();
    for (method, target, allowed) in [
        ("GET", "/reload", "POST"),
        ("DELETE", "/reload", "POST"),
        ("POST", "/table", "GET,HEAD"),
        ("PUT", "/table", "GET,HEAD"),
    ] {
        let response = send(&mut connection, method, target);
        assert_problem(&response, 405, target);
        assert_eq!(response.header("allow"), Some(allowed), "{method} {target}");
    }
    for target in ["/", "/reload/", "/Reload", "/table/x", "/rollback/x", "/health"] {
        assert_problem(&send(&mut connection, "GET", target), 404, target);
        assert_problem(&send(&mut connection, "POST", target), 404, target);
    }
    let head = send(&mut connection, "HEAD", "/table");
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/json")));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    assert_eq!(administered.served.reloads(), before);
    connection.send("GET /table HTTP/1.1\r\n\r\n").unwrap();
    assert_problem(&connection.read().unwrap(), 400, "no Host");
}

#[test]
fn the_table_is_shown() {
    let begun = OffsetDateTime::now_utc();
    let administered = Administered::new();
    let shown = administered.table();
    let mut keys: Vec<&String> = shown.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    let all = ["counts", "digest", "generation", "held", "last_error", "loaded_at", "source", "version"];
    assert_eq!(keys, all);
    assert_eq!((&shown["version"], &shown["generation"]), (&Value::from("test.1"), &Value::from(1)));
    assert_eq!((&shown["held"], &shown["last_error"]), (&Value::from(false), &Value::Null));
    let counts = &shown["counts"];
    let counted = ["cdns", "mixes", "footprints", "canaries"].map(|key| counts[key].as_u64().unwrap());
    assert_eq!(counted, [3, 3, 5, 4], "{counts}");
    assert!(counts["prefixes_ipv4"].as_u64() > Some(0) && counts["prefixes_ipv6"].as_u64() > Some(0));
    assert!(shown["source"].as_str().unwrap().ends_with("table.json"));
    let loaded_at = OffsetDateTime::parse(shown["loaded_at"].as_str().unwrap(), &Rfc3339).unwrap();
    assert!(begun <= loaded_at && loaded_at <= OffsetDateTime::now_utc(), "{loaded_at}");
    let metrics = administered.served.service.metrics();
    let info = [("version", "test.1"), ("digest", shown["digest"].as_str().unwrap())];
    assert_eq!(metrics.sum("croupier_table_info", &info), 1.0);
    assert_eq!(administered.served.service.health().1["table"]["digest"], shown["digest"]);

    let mut connection = administered.connect();
    administered.served.setup.replace("table.json", "{");
    wait_until("the last error is shown", || connection.get("/table").unwrap().json()["last_error"].is_string());
    let after = connection.get("/table").unwrap().json();
    assert!(after["last_error"].as_str().unwrap().contains("table.json"), "{after}");
    assert_eq!((&after["digest"], &after["loaded_at"]), (&shown["digest"], &shown["loaded_at"]));
}

#[tokio::test]
async fn it_speaks_http2() {
    let administered = Administered::new();
    let client = administered.served.client(&administered.admin);
    let mut sender = http2(&client, administered.served.service.admin.unwrap()).await.unwrap();
    let request = |method, path| {
        let uri = format!("https://localhost{path}");
        Request::builder().method(method).uri(uri).body(Empty::new()).unwrap()
    };
    for (method, path, status) in [
        (Method::GET, "/table", StatusCode::OK),
        (Method::POST, "/reload", StatusCode::OK),
        (Method::GET, "/reload", StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, "/reload?dry_run=maybe", StatusCode::BAD_REQUEST),
        (Method::GET, "/nowhere", StatusCode::NOT_FOUND),
    ] {
        let response = sender.send_request(request(method, path)).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(serde_json::from_slice::<Value>(&body).unwrap().is_object(), "{path}");
    }
    assert_eq!(administered.served.reloads().unchanged, 1.0);
    // A lookup client is forbidden here too.
    let client = administered.served.client(&administered.served.setup.selector);
    let mut sender = http2(&client, administered.served.service.admin.unwrap()).await.unwrap();
    let response = sender.send_request(request(Method::POST, "/reload")).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

#[test]
fn a_revoked_admin_is_out_at_once() {
    let administered = Administered::new();
    let Administered { served, admin } = &administered;
    let second = Leaf::client("ops-2.example").issued_by(&served.setup.pki.ops);
    let [mut first, mut other] = [admin, &second].map(|identity| administered.connect_as(identity));
    assert_eq!(first.get("/table").unwrap().status, 200);
    served.setup.replace("certs/ops.crl", list(2).revoking(admin).pem_by(&served.setup.pki.ops));
    // Whoever asks for the reload that revokes it is still told what came of that one.
    let reloaded = send(&mut first, "POST", "/reload");
    if reloaded.status == 200 {
        assert_problem(&send(&mut first, "GET", "/table"), 403, "open");
    } else {
        // Its file has been seen to change before.
        assert_problem(&reloaded, 403, "open");
    }
    assert!(first.is_closed_within(PATIENCE));
    let alert = served.client(admin).get(served.service.admin.unwrap(), "/table").unwrap_err();
    assert_eq!(crate::harness::alert(&alert), Some(rustls::AlertDescription::CertificateRevoked));
    assert_eq!(other.get("/table").unwrap().status, 200, "another admin stays");
    assert_eq!(served.generation(), 2.0);
    served.wait_pass();
}
