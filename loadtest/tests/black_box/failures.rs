//! What can go wrong is counted as what it is.

use std::net::TcpListener;
use std::sync::atomic::Ordering;

use crate::run::{run, run_as};
use crate::server::{Answer, Server};

const SHORT: &str = "--rate 50 --seconds 0.4 --arrivals constant --connections 2 --max-connections 2";

#[test]
fn a_refused_connection() {
    let server = Server::start(Answer::Cdn("bidi"));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = run_as("steady", nobody, server.directory.path(), SHORT);
    assert_eq!((run.failed("connect"), run.count("/requests/due")), (20, 20), "{}", run.report["failures"]);
    assert!(run.text("/failures/0/example").contains("refused"));
    assert_eq!(run.code, 1);
    // Who would ask as soon as answered has nobody to ask.
    let saturating = run_as("saturate", nobody, server.directory.path(), "--seconds 0.3 --connections 2");
    assert!(saturating.failed("connect") > 0, "{}", saturating.report["failures"]);
    assert_eq!((saturating.code, saturating.count("/requests/answered")), (1, 0));
}

#[test]
fn a_server_that_this_client_does_not_trust() {
    let server = Server::start(Answer::Cdn("bidi"));
    let run = run_as("steady", server.address, &server.strangers(), SHORT);
    assert_eq!(run.failed("tls"), 20, "{}", run.report["failures"]);
    assert_eq!(run.code, 1);
}

#[test]
fn a_client_that_the_server_does_not_trust() {
    let server = Server::start(Answer::Cdn("bidi"));
    let strange = server.strangers();
    std::fs::copy(server.file("root.pem"), strange.join("root.pem")).unwrap();
    let run = run_as("steady", server.address, &strange, SHORT);
    // The alert comes after the handshake, as far as this side is concerned: with the first answer.
    assert_eq!(run.failed("tls") + run.failed("cut"), 20, "{}", run.report["failures"]);
    assert!(run.failed("tls") > 0, "{}", run.report["failures"]);
}

#[test]
fn another_status_and_another_answer() {
    let server = Server::start(Answer::Status(503));
    let run_503 = run("steady", &server, SHORT);
    assert_eq!(run_503.failed("status 503"), 20, "{}", run_503.report["failures"]);
    assert_eq!(run_503.count("/connections/full_handshakes"), 2);

    *server.state.answer.write().unwrap() = Answer::Cdn("akamai");
    let expected = run("steady", &server, &format!("{SHORT} --expect-cdn bidi,akamai --slo-mean 9999 --slo-slow 9999"));
    assert_eq!((expected.count("/requests/failed"), expected.code), (0, 0));
    let unexpected = run("steady", &server, &format!("{SHORT} --expect-cdn bidi"));
    assert_eq!((unexpected.failed("answer"), unexpected.code), (20, 1));
}

#[test]
fn an_answer_that_is_cut() {
    let server = Server::start(Answer::Cut);
    let run = run("steady", &server, SHORT);
    assert_eq!(run.failed("cut"), 20, "{}", run.report["failures"]);
    // An answer had begun: it is not asked for again.
    assert_eq!((run.count("/requests/retried"), server.state.requests.load(Ordering::Relaxed)), (0, 20));
}

#[test]
fn no_answer_at_all() {
    let server = Server::start(Answer::Never);
    let run = run("steady", &server, &format!("{SHORT} --timeout 0.3"));
    assert_eq!((run.failed("timeout"), run.count("/requests/answered")), (20, 0), "{}", run.report["failures"]);
    assert_eq!(run.code, 1);
}
