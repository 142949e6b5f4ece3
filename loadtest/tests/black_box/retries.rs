//! What failed is asked once more, if that is wanted; and a run that is interrupted tells what came of it so far.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::run::{begin, run};
use crate::server::{Answer, Server};

const SHORT: &str = "--rate 50 --seconds 0.4 --arrivals constant --connections 1 --slo-mean 9999 --slo-slow 9999";

#[test]
fn what_failed_is_asked_once_more_and_counted_apart() {
    let server = Server::start(Answer::Busy);
    // One connection, so that each request is over before the next is sent.
    let run = run("steady", &server, &format!("{SHORT} --max-connections 1 --retry failed"));
    assert_eq!((run.count("/requests/answered"), run.count("/requests/failed")), (20, 0), "{}", run.report["failures"]);
    assert_eq!((run.count("/requests/retried"), server.state.requests.load(Ordering::Relaxed)), (20, 40));
    assert_eq!((run.text("/retried_after/0/kind"), run.count("/retried_after/0/count")), ("status 503", 20));
    let retried: u64 =
        run.report["timeline"].as_array().unwrap().iter().map(|it| it["retried"].as_u64().unwrap()).sum();
    assert_eq!((retried, run.code), (20, 0), "{}", run.report["verdict"]);
}

#[test]
fn it_is_asked_on_a_connection_that_is_opened_for_it() {
    let server = Server::start(Answer::Busy);
    let run = run("steady", &server, &format!("{SHORT} --max-connections 50 --retry failed"));
    let retried = run.count("/requests/retried");
    assert!(retried > 0);
    assert!(server.state.connections.load(Ordering::Relaxed) as u64 > retried, "{retried} sent again");
}

#[test]
fn it_is_given_a_moment_if_that_is_wanted() {
    let server = Server::start(Answer::Busy);
    // Seldom, so that each is over before the next is sent.
    let seldom = SHORT.replace("--rate 50 --seconds 0.4", "--rate 2 --seconds 1.5");
    let run = run("steady", &server, &format!("{seldom} --max-connections 50 --retry failed --retry-after 0.1"));
    assert_eq!((run.count("/requests/answered"), run.count("/requests/retried")), (3, 3), "{}", run.report["failures"]);
    assert!(run.count("/latency_microseconds/p50") >= 100_000, "{}", run.report["latency_microseconds"]);
}

#[test]
fn what_fails_twice_has_failed() {
    let server = Server::start(Answer::Cut);
    let cut = run("steady", &server, &format!("{SHORT} --retry failed"));
    assert_eq!(
        (cut.failed("cut"), cut.count("/requests/retried"), cut.code),
        (20, 20, 1),
        "{}",
        cut.report["failures"]
    );
    assert_eq!(server.state.requests.load(Ordering::Relaxed), 40);

    *server.state.answer.write().unwrap() = Answer::Status(403);
    let refused = run("steady", &server, &format!("{SHORT} --retry failed"));
    // Another server would say the same.
    assert_eq!((refused.failed("status 403"), refused.count("/requests/retried")), (20, 0));
}

#[test]
fn what_a_closed_connection_did_not_answer_is_not_asked_again_if_that_is_not_wanted() {
    let server = Server::start(Answer::Once);
    let run = run("steady", &server, &format!("{SHORT} --max-connections 1 --retry nothing"));
    // Every second request finds its connection closed.
    assert_eq!((run.failed("cut"), run.count("/requests/retried")), (10, 0), "{}", run.report["failures"]);
}

#[test]
fn an_interrupted_run_tells_what_came_of_it_so_far() {
    let server = Server::start(Answer::Cdn("bidi"));
    for (profile, more, code) in [("steady", "", 0), ("reload", "--run true --every 50", 3)] {
        let before = server.state.requests.load(Ordering::Relaxed);
        let options = format!("--rate 100 --seconds 60 --slo-mean 9999 --slo-slow 9999 {more}");
        let running = begin(profile, &server, &options);
        while server.state.requests.load(Ordering::Relaxed) < before + 50 {
            thread::sleep(Duration::from_millis(5));
        }
        running.signal(Signal::INT);
        let run = running.end();
        assert_eq!(run.code, code, "{}: {}", run.errors, run.report["verdict"]);
        assert_eq!(run.report["interrupted"], true);
        assert!(run.report["seconds"].as_f64().unwrap() < 60.0);
        // Every request that came due was answered, and no other is told of.
        assert_eq!(run.count("/requests/due"), run.count("/requests/answered"));
        assert!(run.count("/requests/due") >= 50);
    }
}
