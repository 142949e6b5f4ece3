//! Sockets that somebody else has opened and passed on: they are served, whatever the configuration says of
//! addresses, and connections that come while the service is restarted wait for it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{CONFIGURED, Ended, PATIENCE, Service, Setup, refused, wait_until};
use crate::required;

const TARGET: &str = "/lookup?ip=192.0.2.1";

/// Two sockets become the first that are passed. They come as those that every process has three of.
const PASS_TWO: &str = r#"export LISTEN_PID=$$; exec 3<&0 4<&2 0</dev/null 2>>"$ERRORS"; exec "$@""#;

fn held() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn given(socket: &TcpListener) -> Stdio {
    Stdio::from(OwnedFd::from(socket.try_clone().unwrap()))
}

/// The command that passes both under these names, and where its errors are.
fn passing(
    setup: &Setup,
    script: &str,
    [first, second]: [&TcpListener; 2],
    names: Option<&str>,
) -> (Command, std::path::PathBuf) {
    let (_, errors) = setup.errors();
    let mut command = setup.shell(script, &CONFIGURED);
    command.stdin(given(first)).stderr(given(second)).env("ERRORS", &errors).env("LISTEN_FDS", "2");
    if let Some(names) = names {
        command.env("LISTEN_FDNAMES", names);
    }
    (command, errors)
}

fn start(setup: &Setup, sockets: [&TcpListener; 2], names: Option<&str>) -> Service {
    let (command, errors) = passing(setup, PASS_TWO, sockets, names);
    Service::start_told(command, errors).0
}

fn assert_serves(setup: &Setup, service: &Service) {
    let client = setup.client(Some(&setup.selector));
    assert_eq!(client.get(service.lookup, TARGET).unwrap().status, 200);
    wait_until("health turns green", || service.health().0 == 200);
}

#[test]
fn sockets_are_taken_by_their_names() {
    let setup = Setup::new();
    let ((one, at_one), (two, at_two)) = (held(), held());
    let service = start(&setup, [&one, &two], Some("lookup:health"));
    assert_eq!((service.lookup, service.health), (at_one, at_two));
    assert_serves(&setup, &service);
    drop(service);
    let service = start(&setup, [&one, &two], Some("health:lookup"));
    assert_eq!((service.health, service.lookup), (at_one, at_two));
    assert_serves(&setup, &service);
}

#[test]
fn sockets_without_a_name_that_means_something_are_taken_by_their_addresses() {
    for names in [None, Some("croupier.socket:croupier.socket"), Some("unknown:unknown")] {
        let mut setup = Setup::new();
        let ((one, at_one), (two, at_two)) = (held(), held());
        setup.section("listen", &format!("lookup = \"{at_two}\"\nhealth = \"{at_one}\""));
        let service = start(&setup, [&one, &two], names);
        assert_eq!((service.health, service.lookup), (at_one, at_two));
        assert_serves(&setup, &service);
    }
}

#[test]
fn what_is_not_passed_is_bound() {
    let mut setup = Setup::new();
    let ((one, at_one), (two, at_two)) = (held(), held());
    setup.section("listen", "lookup = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"");
    let service = start(&setup, [&one, &two], Some("admin:health"));
    assert_eq!((service.admin, service.health), (Some(at_one), at_two));
    assert_serves(&setup, &service);
}

#[test]
fn sockets_that_are_meant_for_another_process_are_left_alone() {
    let setup = Setup::new();
    let ((one, at_one), (two, _two_at)) = (held(), held());
    let script = PASS_TWO.replace("LISTEN_PID=$$", "LISTEN_PID=1");
    let (command, errors) = passing(&setup, &script, [&one, &two], Some("lookup:health"));
    let service = Service::start_told(command, errors).0;
    assert_ne!(service.lookup, at_one);
    assert_serves(&setup, &service);
}

#[test]
fn a_socket_that_belongs_nowhere_is_no_start() {
    let setup = Setup::new();
    let ((one, at_one), (two, _)) = (held(), held());
    let refused = |names: Option<&str>| -> Ended {
        let (command, errors) = passing(&setup, PASS_TWO, [&one, &two], names);
        refused(command, errors)
    };
    for (names, said) in [
        (None, format!("bound to {at_one}, which is not in [listen]")),
        (Some("lookup:helth"), "the socket `helth` that was passed".to_owned()),
        (Some("lookup:lookup"), "there is another for the same listener".to_owned()),
        (Some("lookup:admin"), "there is no admin listener".to_owned()),
    ] {
        let ended = refused(names);
        assert_eq!(ended.code, Some(1), "{names:?}: {}", ended.errors);
        assert!(ended.errors.contains(&said), "{names:?}: {}", ended.errors);
        assert!(!ended.output.contains("listening"));
    }
    // A file, where a socket should be.
    let script = PASS_TWO.replace("4<&2", "4</dev/null");
    let (command, errors) = passing(&setup, &script, [&one, &two], Some("lookup:health"));
    let ended = crate::harness::refused(command, errors);
    assert_eq!(ended.code, Some(1), "{}", ended.errors);
    assert!(ended.errors.contains("the socket `health` that was passed"), "{}", ended.errors);
}

/// Clients that connect anew for each request, all the time: each connects, and is answered.
#[test]
fn a_restart_refuses_nobody() {
    let mut setup = Setup::new();
    setup.section("drain", "wait = 0\ndeadline = 60");
    let ((one, at_one), (two, _)) = (held(), held());
    let mut service = start(&setup, [&one, &two], Some("lookup:health"));
    let (is_over, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..6)
        .map(|_| {
            let (is_over, answers) = (Arc::clone(&is_over), Arc::clone(&answers));
            let client = setup.client(Some(&setup.selector));
            std::thread::spawn(move || {
                let mut longest = Duration::ZERO;
                while !is_over.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    match client.get(at_one, TARGET) {
                        Ok(response) if response.status == 200 => _ = answers.fetch_add(1, Ordering::Relaxed),
                        other => return Err(format!("{other:?}")),
                    }
                    longest = longest.max(begun.elapsed());
                }
                Ok(longest)
            })
        })
        .collect();
    for _ in 0..3 {
        let before = answers.load(Ordering::Relaxed);
        wait_until("all ask", || answers.load(Ordering::Relaxed) > before + 100);
        service.signal("TERM");
        assert_eq!(service.wait_exit(PATIENCE).code(), Some(0));
        service = start(&setup, [&one, &two], Some("lookup:health"));
    }
    is_over.store(true, Ordering::Relaxed);
    let longest = clients.into_iter().map(|client| client.join().unwrap().unwrap_or_else(|lost| panic!("{lost}")));
    println!("{} answers, the slowest after {:?}", answers.load(Ordering::Relaxed), longest.max().unwrap());
}

/// The first client has the service started, and is answered.
#[test]
fn systemd_starts_it_for_the_first_client() {
    const PROGRAM: &str = "systemd-socket-activate";
    if Command::new(PROGRAM).arg("--version").output().is_err() {
        required::skip("systemd", &format!("{PROGRAM} is not installed, so no socket is passed by it"));
        return;
    }
    let setup = Setup::new();
    // No other test listens there, so a port that was free a moment ago is still.
    let address = TcpListener::bind("127.0.86.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", &address.to_string(), "--fdname", "lookup", env!("CARGO_BIN_EXE_croupier")]);
    command.args(CONFIGURED);
    setup.surround(&mut command);
    let client = setup.client(Some(&setup.selector));
    let first = std::thread::spawn(move || {
        let deadline = Instant::now() + PATIENCE;
        let stream = loop {
            match TcpStream::connect(address) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        client.over(stream).unwrap().get(TARGET).unwrap().status
    });
    let (service, _lines) = Service::start_by(&setup, command);
    assert_eq!(service.lookup, address);
    assert_eq!(first.join().unwrap(), 200);
    assert_serves(&setup, &service);
}
