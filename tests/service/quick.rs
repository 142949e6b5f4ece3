//! Requests however they arrive: cut in two, several at once, too many.

use std::time::Duration;

use crate::harness::{Connection, Service, Setup, wait_until};
use crate::lookup::{connect, start};

fn request(address: &str, fields: &str) -> String {
    format!("GET /lookup?ip={address} HTTP/1.1\r\nHost: x\r\n{fields}\r\n")
}

fn assert_answers(connection: &mut Connection, address: &str) {
    let answer = connection.read().unwrap();
    assert_eq!((answer.status, answer.json()["ip"].as_str()), (200, Some(address)));
}

#[test]
fn a_request_may_be_cut_anywhere() {
    let (setup, service) = start();
    let request = request("198.18.1.2", "");
    for cut in (1..request.len()).step_by(5).chain([request.len() - 1]) {
        let mut connection = connect(&setup, &service);
        // Twice: at the connection's first request, and at one that follows on another.
        for _ in 0..2 {
            connection.send(&request[..cut]).unwrap();
            std::thread::sleep(Duration::from_millis(2));
            connection.send(&request[cut..]).unwrap();
            assert_answers(&mut connection, "198.18.1.2");
        }
    }
}

#[test]
fn requests_that_come_together_are_answered_in_order() {
    let (setup, service) = start();
    let mut connection = connect(&setup, &service);
    // The third of each five is one that needs all of HTTP.
    let addresses: Vec<String> = (1..=50).map(|last| format!("198.18.0.{last}")).collect();
    for five in addresses.chunks(5) {
        let fields = |place| if place == 2 { "TE: trailers\r\n" } else { "" };
        let requests = five.iter().enumerate().map(|(place, address)| request(address, fields(place)));
        connection.send(requests.collect::<String>()).unwrap();
        for address in five {
            assert_answers(&mut connection, address);
        }
    }
}

#[test]
fn there_is_no_time_for_all() {
    let mut setup = Setup::new();
    setup.environment("CROUPIER_LIMITS_WAIT", "0.002");
    let service = Service::start_green(&setup);
    let mut connections: Vec<_> = (0..200).map(|_| connect(&setup, &service)).collect();
    // Every second one asks what needs all of HTTP.
    let many = ["", "TE: trailers\r\n"].map(|fields| request("198.18.1.2", fields).repeat(20));
    let (mut answered, mut shed) = (0, [0, 0]);
    wait_until("some are answered and some turned away", || {
        for (place, connection) in connections.iter_mut().enumerate() {
            connection.send(&many[place % 2]).unwrap();
        }
        assert_eq!(service.health().0, 200, "health comes before all");
        for (place, connection) in connections.iter_mut().enumerate() {
            for _ in 0..20 {
                let answer = connection.read().unwrap();
                if answer.status == 200 {
                    answered += 1;
                    continue;
                }
                assert_eq!((answer.status, answer.header("content-type")), (503, Some("application/problem+json")));
                let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=5).contains(&seconds));
                shed[place % 2] += 1;
            }
        }
        answered > 0 && shed.iter().all(|shed| *shed > 0)
    });
    let metrics = service.metrics();
    let counted = metrics.sum("croupier_requests_shed_total", &[("reason", "overload")]);
    let shed: u32 = shed.iter().sum();
    assert_eq!(counted.to_string(), shed.to_string(), "each is counted");
    let within =
        |bound| metrics.sum("croupier_request_duration_seconds_bucket", &[("listener", "lookup"), ("le", bound)]);
    assert!(within("+Inf") - within("0.001") >= counted, "with the time that it has waited");
    let last = connections.last_mut().unwrap();
    wait_until("all are answered again", || last.get("/lookup?ip=198.18.1.2").unwrap().status == 200);
}
