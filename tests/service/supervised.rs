//! What the process tells a service manager that asked to be told.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::harness::{PATIENCE, Service, Setup, refused_start, wait_until};

/// A service manager's end of the line.
struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    fn of(setup: &mut Setup) -> Self {
        let path = setup.path("notify.sock");
        let socket = UnixDatagram::bind(&path).unwrap();
        setup.environment("NOTIFY_SOCKET", path.to_str().unwrap());
        Self { socket }
    }

    /// What it is told next, one line for each thing.
    fn next(&self) -> Vec<String> {
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).unwrap();
        std::str::from_utf8(&buffer[..length]).unwrap().lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_service_manager_is_told_how_things_stand() {
    let mut setup = Setup::new();
    let manager = Manager::of(&mut setup);
    let mut service = Service::start(&setup);
    assert_eq!(manager.next(), ["READY=1"]);
    service.signal("HUP");
    let reloading = manager.next();
    assert_eq!(reloading[0], "RELOADING=1");
    let began = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap();
    assert!(began.parse::<u64>().unwrap() > 0);
    assert_eq!(manager.next(), ["READY=1"], "the reload is over");
    service.signal("TERM");
    assert_eq!(manager.next(), ["STOPPING=1"]);
    assert_eq!(service.wait_exit(PATIENCE).code(), Some(0));
}

#[test]
fn what_does_not_start_is_never_ready() {
    let mut setup = Setup::new();
    let manager = Manager::of(&mut setup);
    setup.write("table.json", "{}");
    assert_eq!(refused_start(&setup).code, Some(1));
    manager.socket.set_nonblocking(true).unwrap();
    assert_eq!(manager.socket.recv(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_watchdog_is_reassured_as_long_as_the_process_turns_over() {
    let mut setup = Setup::new();
    let manager = Manager::of(&mut setup);
    setup.environment("WATCHDOG_USEC", "10000000");
    let service = Service::start(&setup);
    let wait = |what: &str| wait_until(what, || manager.next() == ["WATCHDOG=1"]);
    for _ in 0..3 {
        wait("the watchdog is reassured");
    }
    service.signal("STOP");
    manager.socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    // What was sent before may still be there.
    while manager.socket.recv(&mut [0; 64]).is_ok() {}
    service.signal("CONT");
    wait("it is again");
}

#[test]
fn a_service_manager_that_is_not_there_is_no_hindrance() {
    let mut setup = Setup::new();
    setup.environment("NOTIFY_SOCKET", "/nowhere/notify.sock").environment("WATCHDOG_USEC", "rubbish");
    let mut service = Service::start_green(&setup);
    assert!(service.errors().contains("the service manager can't be told"));
    service.signal("TERM");
    assert_eq!(service.wait_exit(PATIENCE).code(), Some(0));
}
