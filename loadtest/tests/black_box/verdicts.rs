//! The exit code is the verdict.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::run::{begin, run};
use crate::server::{Answer, Server};

const SHORT: &str = "--rate 50 --seconds 0.4 --arrivals constant --connections 2";
const LENIENT: &str = "--slo-mean 9999 --slo-slow 9999";

#[test]
fn kept_missed_and_not_measured() {
    let server = Server::start(Answer::Cdn("bidi"));
    for (options, code, outcome) in [
        (LENIENT, 0, "met"),
        // No answer is as fast.
        ("--slo-slow 9999 --slo-mean 0.0001", 1, "missed"),
        ("--slo-mean 9999 --slo-slow 0.0001", 1, "missed"),
    ] {
        let run = run("steady", &server, &format!("{SHORT} {options}"));
        assert_eq!((run.code, run.text("/verdict/outcome")), (code, outcome), "{}", run.report["verdict"]);
    }
}

#[test]
fn a_generator_that_is_late_blames_nobody() {
    let server = Server::start(Answer::Cdn("bidi"));
    let options = "--rate 500 --seconds 1.5 --arrivals constant --allow-late 1 --slo-mean 0.0001";
    let running = begin("steady", &server, options);
    while server.state.requests.load(Ordering::Relaxed) < 100 {
        thread::sleep(Duration::from_millis(1));
    }
    // As if somebody else had its core.
    running.signal(Signal::STOP);
    thread::sleep(Duration::from_millis(300));
    running.signal(Signal::CONT);
    let run = running.end();
    assert_eq!((run.code, run.text("/verdict/outcome")), (3, "not_measured"), "{}", run.report["verdict"]);
    assert!(run.text("/verdict/reasons/0").contains("the generator sent"), "{}", run.report["verdict"]);
    assert!(run.count("/generator/late") >= 145, "{}", run.report["generator"]);
    assert!(run.count("/generator/lag_microseconds/max") >= 290_000, "{}", run.report["generator"]);
}

#[test]
fn what_can_not_begin_is_wrong_usage() {
    let server = Server::start(Answer::Cdn("bidi"));
    for (options, said) in [
        ("--rate 0", "must be more than 0"),
        ("--path lookup", "is not a path"),
        ("--addresses prefixes:/nowhere", "/nowhere"),
        ("--pid 4294967295", "/proc/4294967295"),
        ("--servers /nowhere", "/nowhere"),
        ("--slo-availability 101", "must be from 0 to 100"),
    ] {
        let run = run("steady", &server, options);
        assert_eq!(run.code, 2, "{options}: {}", run.errors);
        assert!(run.errors.contains(said), "{options}: {}", run.errors);
    }
}
