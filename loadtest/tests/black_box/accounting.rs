//! Every request that came due is counted, and from when it was due.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::run::run;
use crate::server::{Answer, Server};

#[test]
fn a_stall_is_charged_for_all_that_came_due_meanwhile() {
    let server = Server::start(Answer::Cdn("bidi"));
    server.stall_after(200, Duration::from_millis(500));
    let options = "--rate 1000 --seconds 2 --arrivals constant --connections 2 --max-connections 4 --slo-slow 200";
    let run = run("steady", &server, options);
    assert_eq!(run.count("/requests/due"), 2000);
    assert_eq!(run.count("/requests/answered"), 2000);
    // Of half a second the first 300 ms came due at least 200 ms before its end: one each millisecond.
    // Four connections alone, asking one by one, would have told of four slow answers.
    assert!(run.count("/requests/slow") >= 290, "{}", run.report["requests"]);
    assert!(run.count("/latency_microseconds/max") >= 490_000);
    assert_eq!(run.code, 1, "{}", run.report["verdict"]);
}

#[test]
fn every_request_is_answered_once_and_counted_in_each_figure() {
    let server = Server::start(Answer::Cdn("bidi"));
    let run = run("steady", &server, "--rate 500 --seconds 1 --arrivals constant --slo-slow 60000 --slo-mean 60000");
    assert_eq!(server.state.requests.load(Ordering::Relaxed), 500);
    let sum = |list: &str, what: &str| -> u64 {
        run.report[list].as_array().unwrap().iter().map(|entry| entry[what].as_u64().unwrap()).sum()
    };
    assert_eq!(run.count("/requests/due"), 500);
    assert_eq!((sum("timeline", "due"), sum("phases", "due"), sum("histogram", "count")), (500, 500, 500));
    assert_eq!(run.count("/requests/failed"), 0);
    assert_eq!(run.code, 0, "{}", run.report["verdict"]);
}

#[test]
fn connections_are_no_more_than_allowed_and_resume_if_told() {
    let server = Server::start(Answer::Last);
    let options = "--rate 200 --seconds 1 --connections 2 --max-connections 3 --handshakes resumed";
    let run = run("steady", &server, options);
    assert!(run.count("/connections/most_open") <= 3);
    assert_eq!(run.count("/requests/failed"), 0);
    // Each answer ends its connection, and each connection but the first of each client resumes.
    assert!(run.count("/connections/resumed_handshakes") > 100, "{}", run.report["connections"]);
    assert!(run.count("/connections/full_handshakes") <= 3);
    assert_eq!(run.notes("drain").first(), Some(&"connections closed at the server's request"));
}

/// As when a server closes an idle connection just as a request comes.
#[test]
fn what_a_used_connection_did_not_answer_is_asked_again_on_another() {
    let server = Server::start(Answer::Once);
    let run = run("steady", &server, "--rate 50 --seconds 1 --arrivals constant --connections 1 --max-connections 1");
    assert_eq!((run.count("/requests/answered"), run.count("/requests/failed")), (50, 0), "{}", run.report["failures"]);
    // Every connection answers one request and is asked another, but for the last.
    assert_eq!(run.count("/requests/retried"), 49);
}

#[test]
fn connections_are_closed_after_their_life() {
    let server = Server::start(Answer::Cdn("bidi"));
    let run = run("steady", &server, "--rate 50 --seconds 1 --connection-life 0.05 --connections 2");
    assert!(run.count("/connections/ended_by_client") > 1, "{}", run.report["connections"]);
    assert_eq!((run.count("/requests/failed"), run.count("/connections/ended_by_server")), (0, 0));
}
