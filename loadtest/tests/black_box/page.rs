//! The page with plots.

use std::fs;

use crate::run::run;
use crate::server::{Answer, Server};

#[test]
fn a_page_tells_all_and_needs_nothing_from_elsewhere() {
    let server = Server::start(Answer::Status(503));
    let file = server.file("report.html");
    let pid = std::process::id();
    let options = format!(
        "--rate 100 --seconds 2.5 --every 1 --settling 0.5 --run true --connections 2 --pid {pid} --report {}",
        file.display()
    );
    let run = run("reload", &server, &options);
    assert_eq!(run.code, 1);
    let page = fs::read_to_string(&file).unwrap();
    for part in [
        "<!doctype html>",
        "reload: <strong>SLO missed</strong>",
        "0.000 % were answered within 100 ms: less than 99.5 %",
        "Requests a second",
        "The server's processor time",
        "status 503",
        "done in",
        "Poisson",
        "prefers-color-scheme: dark",
        "--settling 0.5",
        "class=\"event reload\"",
    ] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    for elsewhere in ["http://", "https://", "src=", "href=", "url(", "@import", "<script", "<link", "<iframe"] {
        assert!(!page.contains(elsewhere), "{elsewhere} is in the page");
    }
}

#[test]
fn answers_are_plotted() {
    let server = Server::start(Answer::Cdn("bidi"));
    let file = server.file("report.html");
    run("steady", &server, &format!("--rate 100 --seconds 2.5 --connections 2 --report {}", file.display()));
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.contains("Latency, from when a request was due"));
    // A line through each of three seconds, for each percentile.
    let lines: Vec<_> = page.split("<path class=\"").skip(1).map(|path| path.split("/>").next().unwrap()).collect();
    for class in ["one", "two", "three", "four", "five"] {
        let line = lines.iter().find(|line| line.starts_with(&format!("{class}\""))).unwrap();
        assert_eq!((line.matches('M').count(), line.matches('L').count()), (1, 2), "{line}");
    }
    assert!(page.contains("<rect"), "no histogram");
}
