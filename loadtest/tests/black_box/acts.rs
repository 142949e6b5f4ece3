//! The acts of a rehearsal on one page.

use std::fs;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::run;
use crate::server::{Answer, Server};

fn acts(directory: &TempDir, acts: &Value) -> Output {
    let file = directory.path().join("acts.json");
    fs::write(&file, json!({ "title": "A <rehearsal>", "about": [["instances", "4"]], "acts": acts }).to_string())
        .unwrap();
    let mut command = Command::new(cargo_bin("croupier-loadtest"));
    command.current_dir(directory.path()).args(["acts", "acts.json", "--report", "acts.html"]).output().unwrap()
}

fn act(title: &str, outcome: &str) -> Value {
    json!({ "title": title, "verdict": { "outcome": outcome, "reasons": [format!("{title} came about")] } })
}

#[test]
fn each_act_has_its_verdict_its_plots_and_what_happened() {
    let server = Server::start(Answer::Cdn("bidi"));
    let options = "--rate 100 --seconds 2.5 --connections 2 --slo-mean 9999 --slo-slow 9999";
    let report = run("steady", &server, options).report;
    let began = report["began"].as_f64().unwrap();
    let mut killed = act("An instance is killed", "missed");
    killed["promises"] = json!(["nobody notices"]);
    killed["loads"] = json!([{ "name": "the media selector", "report": report }]);
    killed["events"] = json!([
        { "at": began - 1.0, "kind": "instance", "note": "beforehand" },
        { "at": began + 1.25, "kind": "fault", "note": "SIGKILL of <b>2</b>" },
        { "at": began + 1.5, "kind": "balancer", "note": "2: UP, then DOWN" },
    ]);
    killed["series"] = json!([{ "title": "Instances in service", "limit": 3, "lines": [
        { "name": "UP", "points": [[began, 4], [began + 1.4, 4], [began + 1.5, 3], [began + 2.0, null], [began + 900.0, 9]] },
    ] }]);
    let output = acts(&server.directory, &json!([act("Nothing is done", "met"), killed]));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let page = fs::read_to_string(server.file("acts.html")).unwrap();
    for part in [
        "A &lt;rehearsal&gt;: <strong>not as promised</strong>",
        "1 of 2 acts",
        "<th>instances</th><td>4</td>",
        "<a href=\"#act-2\">An instance is killed</a>",
        "id=\"act-2\"",
        "1. Nothing is done: <strong>as promised</strong>",
        "nobody notices",
        "An instance is killed came about",
        "1.25 s</td><td>fault</td><td>SIGKILL of &lt;b&gt;2&lt;/b&gt;",
        "-1.00 s</td><td>instance</td>",
        "1.25 s: SIGKILL of &lt;b&gt;2&lt;/b&gt;</title>",
        "class=\"event balancer\"",
        "Instances in service",
        "Latency, from when a request was due",
        "More of the media selector",
    ] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    for elsewhere in ["http://", "https://", "src=", "url(", "@import", "<script", "<link", "<iframe"] {
        assert!(!page.contains(elsewhere), "{elsewhere} is in the page");
    }
    assert_eq!(page.matches("href=").count(), page.matches("href=\"#act-").count());
}

#[test]
fn the_worst_act_is_the_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    for (outcomes, code) in [(&["met", "met"][..], 0), (&["met", "not_measured"], 3), (&["not_measured", "missed"], 1)]
    {
        let listed: Vec<_> = outcomes.iter().map(|outcome| act("an act", outcome)).collect();
        assert_eq!(acts(&directory, &json!(listed)).status.code(), Some(code), "{outcomes:?}");
    }
}

#[test]
fn what_can_not_be_read_is_told() {
    let directory = tempfile::tempdir().unwrap();
    for (listed, said) in [
        (json!([]), "acts.json: no acts in it"),
        (json!([{ "title": "an act" }]), "acts.json: missing field `verdict`"),
        (
            json!([{ "title": "an act", "verdict": { "outcome": "met", "reasons": [] }, "event": [] }]),
            "unknown field `event`",
        ),
    ] {
        let output = acts(&directory, &listed);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(said), "{errors}");
        assert!(!directory.path().join("acts.html").exists());
    }
}
