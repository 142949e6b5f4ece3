//! Too few descriptors for all who come: those who are in are answered, health is, and the others are told at once.

use std::fs;
use std::net::TcpStream;

use crate::harness::{CONFIGURED, Connection, Service, Setup, wait_until};
use crate::health::{limit_descriptors, usual_limit};

const TARGET: &str = "/lookup?ip=192.0.2.1";

fn shed(service: &Service, reason: &str) -> f64 {
    service.metrics().sum("croupier_requests_shed_total", &[("reason", reason)])
}

fn assert_answered(connections: &mut [Connection]) {
    for connection in connections {
        assert_eq!(connection.get(TARGET).unwrap().status, 200);
    }
}

#[test]
fn what_may_be_open_is_shared_out_beforehand() {
    let setup = Setup::new();
    let command = setup.shell("ulimit -n 128; exec \"$@\"", &CONFIGURED);
    let service = Service::start_by(&setup, command).0;
    wait_until("health turns green", || service.health().0 == 200);
    assert!(service.errors().contains("the limit of open files is too low"), "{}", service.errors());
    let client = setup.client(Some(&setup.selector));
    let come = || client.connect(service.lookup).and_then(|mut connection| connection.get(TARGET).map(|_| connection));
    let mut open: Vec<Connection> = (0..100).filter_map(|_| come().ok()).collect();
    // 64 are the process's own, and 16 for health.
    assert_eq!(open.len(), 48);
    assert_eq!(shed(&service, "connections"), 52.0);
    // Whoever else wants a share of health's has it from others who want no more than to be there.
    let silent: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(service.health).unwrap()).collect();
    for _ in 0..10 {
        assert_answered(&mut open);
        let (status, document) = service.health();
        assert_eq!(status, 200, "{document}");
    }
    setup.write_table(&crate::harness::table());
    service.signal("HUP");
    let reloads = |what| service.metrics().sum("croupier_reloads_total", &[("what", what), ("result", "unchanged")]);
    wait_until("there are some left to reload with", || reloads("table") + reloads("trust") == 2.0);
    assert_eq!(shed(&service, "descriptors"), 0.0);
    drop(silent);
    open.truncate(10);
    wait_until("there is room again", || come().is_ok());
    assert_answered(&mut open);
}

/// The lowest number that no descriptor of the process has: with that as the limit, not one more can be opened.
fn lowest_free(service: &Service) -> u32 {
    let path = format!("/proc/{}/fd", service.pid());
    (0..10_000).find(|number| fs::symlink_metadata(format!("{path}/{number}")).is_err()).unwrap()
}

#[test]
fn when_there_are_none_left_all_the_same_clients_are_told_and_health_answers() {
    let setup = Setup::new();
    let service = Service::start_green(&setup);
    let client = setup.client(Some(&setup.selector));
    let mut open: Vec<Connection> = (0..5).map(|_| client.connect(service.lookup).unwrap()).collect();
    assert_answered(&mut open);
    limit_descriptors(&service, &lowest_free(&service).to_string());
    let mut strangers = Vec::new();
    wait_until("those for whom there is none are turned away", || {
        strangers.push(TcpStream::connect(service.lookup).unwrap());
        shed(&service, "descriptors") >= 5.0
    });
    for _ in 0..20 {
        assert_answered(&mut open);
        let (status, document) = service.health();
        assert!([200, 503].contains(&status), "{document}");
    }
    limit_descriptors(&service, &usual_limit());
    wait_until("health recovers", || service.health().0 == 200);
    assert_eq!(client.get(service.lookup, TARGET).unwrap().status, 200);
    assert_answered(&mut open);
}
