//! What the commands make of answers: from a server that gives any answer, and notes what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, mpsc};

use rustls::crypto::aws_lc_rs;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::{Ran, run_as};
use crate::drawn;
use crate::harness::{Identity, Leaf, Setup};

const TRIAL: &str = include_str!("../../../../src/cli/admin/samples/reload-trial.json");
const REFUSED: &str = include_str!("../../../../src/cli/admin/samples/reload-refused.json");
const HISTORY: &str = include_str!("../../../../src/cli/admin/samples/history.json");
const WELL: &str = include_str!("../../../../src/cli/admin/samples/well.json");
const ILL: &str = include_str!("../../../../src/cli/admin/samples/ill.json");

/// A TLS server that lets anyone in, and answers each request on a connection of its own.
pub struct Canned {
    pub address: String,
    asked: mpsc::Receiver<String>,
}

impl Canned {
    /// An empty answer closes the connection.
    pub fn new(identity: &Identity, answer: Vec<u8>) -> Self {
        Self::answering(identity, move |out| _ = out.write_all(&answer))
    }

    pub fn answering(identity: &Identity, answer: impl Fn(&mut dyn Write) + Send + 'static) -> Self {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(identity.chain.clone(), identity.key())
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (noted, asked) = mpsc::channel();
        std::thread::spawn(move || {
            for tcp in listener.incoming() {
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(tls, tcp.unwrap()));
                let mut first = String::new();
                if stream.read_line(&mut first).is_err() {
                    continue;
                }
                let mut line = first.clone();
                while !line.trim_end().is_empty() {
                    line.clear();
                    stream.read_line(&mut line).unwrap();
                }
                _ = noted.send(first.trim_end().to_owned());
                let stream = stream.get_mut();
                answer(stream);
                stream.conn.send_close_notify();
                _ = stream.flush();
            }
        });
        Self { address, asked }
    }
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

fn setup() -> (Setup, Identity) {
    let setup = Setup::new();
    setup.write_identity("ops-1", &Leaf::client("ops-1.example").issued_by(&setup.pki.ops));
    let server = Leaf::server().issued_by(&setup.pki.ops);
    (setup, server)
}

/// A command, whatever is asked answered so; and what was asked.
fn told(arguments: &[&str], status: &str, body: &str) -> (Ran, Vec<String>) {
    let (setup, server) = setup();
    let canned = Canned::new(&server, answer(status, body));
    let ran = run_as(&setup, "ops-1", &canned.address, arguments);
    (ran, canned.asked.try_iter().collect())
}

#[test]
fn each_command_asks_for_its_own() {
    let nothing = "{}";
    for (arguments, body, expected) in [
        (&["reload"][..], nothing, &["POST /reload HTTP/1.1"][..]),
        (&["reload", "--dry-run"], nothing, &["POST /reload?dry_run=true HTTP/1.1"]),
        (&["reload", "--force"], nothing, &["POST /reload?force=true HTTP/1.1"]),
        (&["reload", "--force", "--dry-run"], nothing, &["POST /reload?dry_run=true&force=true HTTP/1.1"]),
        (&["rollback", "--format", "json"], nothing, &["GET /table HTTP/1.1", "POST /rollback HTTP/1.1"]),
        (&["history"], "[]", &["GET /history HTTP/1.1"]),
        (&["history", "--limit", "3"], "[]", &["GET /history?limit=3 HTTP/1.1"]),
        (&["status"], WELL, &["GET /status HTTP/1.1"]),
    ] {
        let (ran, asked) = told(arguments, "200 OK", body);
        assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{arguments:?}: {ran:?}");
        assert_eq!(asked, expected, "{arguments:?}");
    }
}

#[test]
fn a_trial_prints_the_diff_as_diff_does() {
    let (ran, _) = told(&["reload", "--dry-run"], "200 OK", TRIAL);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.output.starts_with("table      would be published\ntrust      nothing would change"), "{ran:?}");
    assert!(ran.output.contains("\nnew  2026-11-22.2  (248a0b00ba4f)\n"), "{ran:?}");
    assert!(ran.output.contains("  cloudfront -> bidi         2,066,720   0.05%"), "{ran:?}");
    assert!(drawn::told(&ran.errors).starts_with("data/asn-ipv4.csv.gz:399117:1: warning: "), "{ran:?}");
}

#[test]
fn a_refusal_says_why() {
    let (ran, _) = told(&["reload"], "409 Conflict", REFUSED);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.output.starts_with("table      refused: generation 8 stays\n"), "{ran:?}");
    assert!(ran.output.contains("trust      published as generation 4\n"), "{ran:?}");
    assert!(ran.output.contains("\nmoves                        2,447,136"), "{ran:?}");
    for part in [
        "data/cdn-table.json: error: 63.00%",
        "croupier: the new table was refused for 1 error; what was in service before serves on",
    ] {
        assert!(drawn::told(&ran.errors).contains(part), "{part}: {ran:?}");
    }
    let (ran, _) = told(&["reload", "--format", "json"], "409 Conflict", REFUSED);
    assert_eq!((ran.code, ran.output), (Some(1), format!("{REFUSED}\n")));
    // On trial the status is 200, and the end is the same.
    let trial = REFUSED.replace("\"detail\"", "\"dry_run\": true, \"_\"");
    let (ran, _) = told(&["reload", "--dry-run"], "200 OK", &trial);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.output.starts_with("table      would be refused\n"), "{ran:?}");
    assert!(ran.errors.contains("croupier: the new table would be refused for 1 error"), "{ran:?}");
}

#[test]
fn a_rollback_says_what_moves() {
    let body = TRIAL.replace("accepted", "published").replace("\"dry_run\": true,", "");
    let (ran, _) = told(&["rollback"], "200 OK", &body);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.output.starts_with("rolled back from 2026-11-22.1 to 2026-11-22.2, generation 8\n"), "{ran:?}");
    assert!(ran.output.contains("\nmoves                        2,447,136"), "{ran:?}");
}

#[test]
fn history_is_a_line_an_attempt() {
    let attempts: Vec<Value> = serde_json::from_str(HISTORY).unwrap();
    for format in ["text", "json"] {
        let (ran, _) = told(&["history", "--format", format], "200 OK", &Value::from(attempts.clone()).to_string());
        assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
        assert_eq!(ran.output.lines().count(), attempts.len(), "{ran:?}");
        if format == "json" {
            let read: Vec<Value> = ran.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(read, attempts);
        }
    }
    let (ran, _) = told(&["history", "--limit", "2"], "200 OK", HISTORY);
    assert_eq!(ran.output.lines().count(), 2, "{ran:?}");
}

#[test]
fn status_ends_as_health_is() {
    for (body, code) in [
        (WELL, 0),
        (ILL, 0),
        (&ILL.replace("\"status\": \"warn\",\n  \"checks\"", "\"status\": \"fail\",\n  \"checks\""), 1),
    ] {
        let (ran, _) = told(&["status"], "200 OK", body);
        assert_eq!((ran.code, ran.errors.as_str()), (Some(code), ""), "{ran:?}");
        assert!(
            ran.output.lines().count() <= 24 && ran.output.lines().all(|line| line.chars().count() <= 100),
            "{ran:?}"
        );
        let (ran, _) = told(&["status", "--format", "json"], "200 OK", body);
        assert_eq!((ran.code, ran.output), (Some(code), format!("{body}\n")));
    }
}

#[test]
fn what_is_no_answer_is_told() {
    let problem = |detail| format!(r#"{{"type":"about:blank","title":"T","status":1,"detail":"{detail}"}}"#);
    for (status, body, said) in [
        ("200 OK", "<html>".to_owned(), "what answers there is not Croupier: 200 OK"),
        ("404 Not Found", "<html>".to_owned(), "what answers there is not Croupier: 404 Not Found"),
        ("200 OK", "[1]".to_owned(), "its answer is not understood"),
        ("503 Service Unavailable", problem("about to end"), "the service is draining: about to end"),
        ("501 Not Implemented", problem("not yet"), "the service answers 501 Not Implemented: not yet"),
        ("500 Internal Server Error", problem("oh"), "the service answers 500 Internal Server Error: oh"),
        ("404 Not Found", problem("nothing"), "the service has no /"),
    ] {
        for arguments in [&["reload"][..], &["status", "--format", "json"], &["explain", "192.0.2.1"]] {
            let (ran, _) = told(arguments, status, &body);
            assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{status}: {ran:?}");
            assert!(ran.errors.contains(": error: ") && ran.errors.contains(said), "{said}: {ran:?}");
        }
    }
    let (setup, server) = setup();
    for (bytes, said) in [
        (&b""[..], "it closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "it closed the connection without an answer"),
        (b"220 mail.example ESMTP\r\n\r\n", "what it says is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xff", "what answers there is not Croupier"),
    ] {
        let canned = Canned::new(&server, bytes.to_vec());
        let ran = run_as(&setup, "ops-1", &canned.address, &["reload"]);
        assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.errors.contains(said), "{said}: {ran:?}");
    }
}
