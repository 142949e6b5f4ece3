//! A real HAProxy in TCP mode in front, that says who its clients are and asks for the service's health.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{PROXY, TARGET, TRUSTED, connect, failed, headers};
use crate::harness::{Service, Setup, wait_until};
use crate::required;

/// Where HAProxy listens: no other test does, so a port that was free a moment ago is still.
const FRONT: &str = "127.0.87.1";

struct Haproxy {
    child: Child,
    commands: PathBuf,
}

impl Haproxy {
    fn start(program: &Path, setup: &Setup, configuration: &str) -> Self {
        let (file, commands, log) = (setup.path("haproxy.cfg"), setup.path("haproxy.sock"), setup.path("haproxy.log"));
        fs::write(&file, configuration).unwrap();
        let output = File::create(&log).unwrap();
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(file).stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut haproxy = Self { child: command.spawn().unwrap(), commands };
        wait_until("HAProxy listens", || {
            let ended = haproxy.child.try_wait().unwrap();
            assert!(ended.is_none(), "{}", fs::read_to_string(&log).unwrap());
            UnixStream::connect(&haproxy.commands).is_ok()
        });
        haproxy
    }

    /// What its health checks of the server in this section last found.
    fn check(&self, section: &str) -> String {
        let mut commands = UnixStream::connect(&self.commands).unwrap();
        commands.write_all(b"show stat\n").unwrap();
        let mut table = String::new();
        commands.read_to_string(&mut table).unwrap();
        let mut lines = table.lines().map(|line| line.trim_start_matches("# ").split(',').collect::<Vec<_>>());
        let names = lines.next().unwrap();
        let column = names.iter().position(|name| *name == "check_status").unwrap();
        lines.find(|fields| fields[..2] == [section, "croupier"]).map(|fields| fields[column].to_owned()).unwrap()
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join("haproxy")).find(|file| file.is_file());
    if found.is_none() {
        required::skip("haproxy", "haproxy is not installed, so its PROXY headers are not tested with");
    }
    found
}

/// A port that is free at [`FRONT`].
fn free() -> SocketAddr {
    TcpListener::bind((FRONT, 0)).unwrap().local_addr().unwrap()
}

#[test]
fn haproxy_says_who_its_clients_are_and_finds_the_service_well() {
    let Some(program) = find() else { return };
    let mut setup = Setup::new();
    setup.section("proxy", &format!("{TRUSTED}\nhealth = true"));
    let service = Service::start_green(&setup);
    let fronts = [("one", "send-proxy", free()), ("two", "send-proxy-v2", free())];
    let mut configuration = format!(
        "global\n  nbthread 1\n  stats socket {}\ndefaults\n  mode tcp\n  timeout client 1m\n  timeout server 1m\n  \
         timeout connect 10s\n  timeout check 10s\n",
        setup.path("haproxy.sock").display()
    );
    for (name, sends, front) in fronts {
        let (lookup, health) = (service.lookup, service.health.port());
        configuration.push_str(&format!(
            "listen {name}\n  bind {front}\n  option httpchk GET /readyz\n  \
             server croupier {lookup} source {PROXY} {sends} check port {health} check-send-proxy inter 100ms\n"
        ));
    }
    let haproxy = Haproxy::start(&program, &setup, &configuration);
    for (number, (name, sends, front)) in fronts.into_iter().enumerate() {
        wait_until("its health checks are answered", || haproxy.check(name) == "L7OK");
        let client = setup.client(Some(&setup.selector));
        let from = format!("127.0.{}.1", 90 + number);
        let mut connection = client.over(connect(&from, front)).unwrap();
        for _ in 0..20 {
            assert_eq!(connection.get(TARGET).unwrap().status, 200, "{sends}");
        }
        let refused = setup.client(None).over(connect(&from, front)).and_then(|mut refused| refused.get(TARGET));
        assert!(refused.is_err(), "{sends}");
        wait_until("it is told whose handshake failed", || failed(&service).len() > number);
        assert_eq!(failed(&service)[number], format!("127.0.{}.0/24", 90 + number), "{sends}");
    }
    // Its own checks say with version 2 that they are for no client, and name HAProxy with version 1.
    wait_until("all are counted", || headers(&service, "proxied") >= 5.0 && headers(&service, "local") >= 1.0);
    assert_eq!(headers(&service, "refused"), 0.0, "{}", service.metrics_text());
}
