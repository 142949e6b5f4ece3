//! What each profile does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;

use crate::run::run;
use crate::server::{Answer, Server};

const LENIENT: &str = "--slo-mean 9999 --slo-slow 9999";

#[test]
fn a_spike_goes_up_and_down_again() {
    let server = Server::start(Answer::Cdn("bidi"));
    let shape = "--low 10 --high 500 --ramp 0.2 --hold 0.4 --rest 0.3 --spikes 2 --arrivals constant";
    let run = run("spike", &server, &format!("{shape} {LENIENT}"));
    // Three rests of 3, two spikes of 51 + 200 + 51.
    assert_eq!((run.text("/phases/0/name"), run.count("/phases/0/due")), ("rest", 9));
    assert_eq!((run.text("/phases/1/name"), run.count("/phases/1/due")), ("spike", 604));
    assert_eq!(run.code, 0, "{}", run.report["verdict"]);
}

#[test]
fn all_clients_of_a_storm_come_and_stay() {
    let server = Server::start(Answer::Cdn("bidi"));
    let run = run(
        "storm",
        &server,
        &format!("--rate 100 --reconnects 40 --before 0.3 --seconds 1 --connections 2 {LENIENT}"),
    );
    assert_eq!((run.count("/reconnects/succeeded"), run.count("/reconnects/failed")), (40, 0));
    assert_eq!(server.state.connections.load(Ordering::Relaxed), 42);
    assert_eq!(run.notes("reconnect"), ["40 clients at once", "40 of them are back"]);
    assert_eq!(run.code, 0, "{}", run.report["verdict"]);
}

#[test]
fn a_storm_that_is_not_weathered_is_a_miss() {
    let server = Server::start(Answer::Never);
    let options = "--rate 1 --arrivals constant --reconnects 5 --before 0.1 --seconds 1 --connections 2 --reconnect-timeout 0.3 --timeout 0.3";
    let run = run("storm", &server, &format!("{options} --slo-availability 0"));
    assert_eq!(run.count("/reconnects/failed"), 5);
    assert_eq!(run.text("/verdict/reasons/0"), "5 of 5 reconnects failed");
    assert_eq!(run.code, 1);
}

#[test]
fn files_are_replaced_and_commands_run_in_turn() {
    let server = Server::start(Answer::Cdn("bidi"));
    let (file, one, two) = (server.file("table"), server.file("one"), server.file("two"));
    for (path, text) in [(&file, "before"), (&one, "one"), (&two, "two")] {
        fs::write(path, text).unwrap();
    }
    let (shown, one, two) = (file.display(), one.display(), two.display());
    let options = format!(
        "--rate 50 --seconds 1 --every 0.3 --settling 0.1 --connections 2 --replace {shown} --with {one} {two} --run true"
    );
    let run = run("reload", &server, &format!("{options} {LENIENT}"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "two");
    let notes = run.notes("reload");
    assert_eq!(notes.len(), 4, "{notes:?}");
    assert_eq!((notes[0], notes[2]), ("begun: true", &*format!("{shown} becomes {one}")));
    assert!(notes[1].starts_with("done in") && notes[1].ends_with("true"), "{notes:?}");
    // Of replacing a file nothing is known but that it was done.
    assert_eq!(run.report["reload_seconds"].as_array().unwrap().len(), 1, "{}", run.report["reload_seconds"]);
    assert_eq!(run.code, 0, "{}", run.report["verdict"]);
}

#[test]
fn a_reload_that_was_not_done_is_no_measurement() {
    let server = Server::start(Answer::Cdn("bidi"));
    let run = run("reload", &server, "--rate 50 --seconds 1 --every 0.4 --settling 0.1 --connections 2 --run false");
    assert_eq!(run.code, 3);
    assert!(run.text("/verdict/reasons/0").starts_with("2 of 2 reloads were not done"), "{}", run.report["verdict"]);
}

#[test]
fn saturated_connections_ask_again_at_once_and_what_it_costs_is_told() {
    let server = Server::start(Answer::Cdn("bidi"));
    let pid = std::process::id();
    let run = run("saturate", &server, &format!("--seconds 0.5 --connections 3 --pid {pid} --slo-slow 0.0001"));
    assert_eq!(run.count("/requests/due"), run.count("/requests/answered"));
    assert!(run.count("/requests/due") > 3);
    assert_eq!(run.count("/connections/most_open"), 3);
    assert!(run.report["server"]["cpu_microseconds_per_request"].as_f64().unwrap() > 0.0);
    // Its latencies are not judged.
    assert_eq!(run.code, 0, "{}", run.report["verdict"]);
}

#[test]
fn a_long_soak_closes_connections_at_random() {
    let server = Server::start(Answer::Cdn("bidi"));
    let run =
        run("soak", &server, &format!("--rate 100 --hours 0.0003 --connection-life 0.1 --connections 4 {LENIENT}"));
    assert!(run.count("/connections/ended_by_client") > 0, "{}", run.report["connections"]);
    assert_eq!((run.count("/requests/failed"), run.code), (0, 0));
}

#[test]
fn a_soak_reloads_meanwhile_and_counts_descriptors() {
    let server = Server::start(Answer::Cdn("bidi"));
    let done = server.file("done");
    let options = format!(
        "--rate 100 --hours 0.0004 --run {}/add --every 0.3 --connections 4 --pid {} {LENIENT}",
        done.parent().unwrap().display(),
        std::process::id()
    );
    fs::write(done.with_file_name("add"), format!("#!/bin/sh\necho >>{}\n", done.display())).unwrap();
    fs::set_permissions(done.with_file_name("add"), fs::Permissions::from_mode(0o755)).unwrap();
    let run = run("soak", &server, &options);
    assert_eq!(run.code, 0, "{}", run.report["verdict"]);
    assert!(fs::read_to_string(done).unwrap().lines().count() >= 3);
    assert!(run.count("/server/descriptors/most") >= run.count("/server/descriptors/at_first"));
    assert!(run.count("/server/descriptors/at_first") > 3);
}

#[test]
fn new_connections_go_where_the_server_is_now() {
    let (before, after) = (Server::start(Answer::Last), Server::start(Answer::Last));
    // The same certificates for both would be another test: whom the second refuses has still come.
    let list = before.file("servers");
    fs::write(&list, format!("{}\n", before.address)).unwrap();
    let next = before.file("next");
    fs::write(&next, format!("{}\n", after.address)).unwrap();
    let options = format!(
        "--servers {list} --dns-every 0.1 --replace {list} --with {next} --every 0.4 --settling 0.1 --rate 50 --seconds 1.2 --connections 2",
        list = list.display(),
        next = next.display()
    );
    let run = run("reload", &before, &options);
    let change = format!("new: {}; gone: {}", after.address, before.address);
    assert_eq!(run.notes("dns"), [change]);
    assert!(after.state.connections.load(Ordering::Relaxed) > 0);
    assert!(run.failed("tls") > 0, "{}", run.report["failures"]);
}
