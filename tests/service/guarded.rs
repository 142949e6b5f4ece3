//! The guards: tables that move or lose too much are refused and told of, unless somebody means them; what would
//! come of a table, what was tried, and when.

mod cut;
mod forced;
mod history;
mod interval;
mod lost;
mod moved;
mod parameters;
mod remembered;
mod slips;
mod starting;
mod tables;
mod trial;
mod viewers;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use tables::{MOST, PARTS, parted, sole, text};

use crate::harness::{Connection, Identity, Leaf, Response, Service, Setup, wait_until};

const LISTEN: &str = "lookup = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"";

/// A service with an admin. It can be stopped and started again.
struct Guarded {
    setup: Setup,
    admin: Identity,
    running: Option<Service>,
}

impl Guarded {
    /// Not yet started: the `[table]` section beside the source, the `[guards]` section, and the first table.
    fn with(table: &str, guards: &str, first: &Value) -> Self {
        let mut setup = Setup::new();
        setup.section("listen", LISTEN).section("guards", guards);
        setup.section("table", &format!("source = \"table.json\"\n{table}"));
        setup.write_table(first);
        let admin = Leaf::client("ops-1.example").issued_by(&setup.pki.ops);
        Self { setup, admin, running: None }
    }

    /// Running, with nothing kept.
    #[track_caller]
    fn new(guards: &str, first: &Value) -> Self {
        let mut guarded = Self::with("", guards, first);
        guarded.start();
        guarded
    }

    /// Running, with a state directory.
    #[track_caller]
    fn keeping(guards: &str, first: &Value) -> Self {
        let mut guarded = Self::with("state = \"state\"", guards, first);
        guarded.start();
        guarded
    }

    #[track_caller]
    fn start(&mut self) {
        self.running = None;
        self.running = Some(Service::start_green(&self.setup));
    }

    fn service(&self) -> &Service {
        self.running.as_ref().unwrap()
    }

    fn connect_as(&self, identity: &Identity) -> Connection {
        self.setup.client(Some(identity)).connect(self.service().admin.unwrap()).unwrap()
    }

    fn connect(&self) -> Connection {
        self.connect_as(&self.admin)
    }

    fn post(&self, target: &str) -> Response {
        post(&mut self.connect(), target)
    }

    fn post_with(&self, target: &str, body: &str) -> Response {
        let mut connection = self.connect();
        let length = body.len();
        connection
            .send(format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}"))
            .unwrap();
        connection.read().unwrap()
    }

    fn get(&self, target: &str) -> Response {
        self.connect().get(target).unwrap()
    }

    fn shown(&self) -> Value {
        self.get("/table").json()
    }

    fn version(&self) -> String {
        self.shown()["version"].as_str().unwrap().to_owned()
    }

    /// The attempts of a subject, newest first.
    fn history_of(&self, what: &str) -> Vec<Value> {
        let response = self.get("/history?limit=1000");
        assert_eq!(response.status, 200, "{}", response.text());
        let entries = response.json().as_array().unwrap().clone();
        entries.into_iter().filter(|entry| entry["what"] == what).collect()
    }

    fn history(&self) -> Vec<Value> {
        self.history_of("table")
    }

    fn answers(&self) -> Vec<Value> {
        let mut connection = self.setup.client(Some(&self.setup.selector)).connect(self.service().lookup).unwrap();
        ["0.0.0.1", "1.2.3.4", "99.0.0.1", "198.51.100.7", "::1", "2001:db8:4000::1", "fd00::1"]
            .map(|ip| connection.get(&format!("/lookup?ip={ip}")).unwrap().json())
            .to_vec()
    }

    fn counted(&self, result: &str) -> f64 {
        self.service().metrics().sum("croupier_reloads_total", &[("what", "table"), ("result", result)])
    }

    fn counted_in_all(&self) -> f64 {
        self.service().metrics().sum("croupier_reloads_total", &[("what", "table")])
    }

    /// Puts a table into place and has it published.
    #[track_caller]
    fn publish(&self, table: &Value) {
        self.setup.write_table(table);
        let response = self.post("/reload");
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(self.version(), table["version"].as_str().unwrap());
    }

    /// What is in service: if this stays the same, nothing was published.
    fn in_service(&self) -> (Value, Value, Vec<Value>) {
        let shown = self.shown();
        (shown["generation"].clone(), shown["digest"].clone(), self.answers())
    }

    /// Waits until `/health` is 200 of this status, and says this.
    #[track_caller]
    fn wait_health(&self, status: &str, text: &str) {
        wait_until(&format!("health is {status}: {text}"), || {
            let (code, document) = self.service().health();
            code == 200 && document["status"] == status && document.to_string().contains(text)
        });
    }

    /// Asks for a reload that is refused, with nothing changed by that; everybody is told why. Gives the reason.
    #[track_caller]
    fn refused(&self, target: &str) -> String {
        let before = self.in_service();
        let failed = self.counted("failed");
        let response = self.post(target);
        assert_eq!((response.status, response.header("content-type")), (409, Some("application/problem+json")));
        let problem = response.json();
        let error = first_error(&problem["table"]);
        assert_eq!((&problem["table"]["result"], &problem["table"]["generation"]), (&json!("refused"), &before.0));
        assert_eq!(self.in_service(), before, "the table serves on");
        let reason = self.shown()["last_error"].as_str().unwrap().to_owned();
        assert!(reason.contains(error["message"].as_str().unwrap()), "{reason}\n{error:#}");
        assert!(problem["detail"].as_str().unwrap().contains(&reason), "{problem:#}");
        assert!(self.counted("failed") > failed);
        let latest = &self.history()[0];
        assert_eq!((&latest["result"], &latest["reason"]), (&json!("refused"), &json!(reason)), "{latest:#}");
        assert_eq!((&latest["trigger"], &latest["by"]), (&json!("admin"), &json!("ops-1.example")));
        assert_eq!(latest["generation"], before.0);
        assert!(latest["errors"].as_u64().unwrap() > 0);
        reason
    }

    /// Checks that the reason has all of these in it.
    #[track_caller]
    fn refused_for(&self, target: &str, told: &[&str]) {
        let reason = self.refused(target);
        for told in told {
            assert!(reason.contains(told), "no {told:?} in:\n{reason}");
        }
    }
}

fn post(connection: &mut Connection, target: &str) -> Response {
    connection.send(format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")).unwrap();
    connection.read().unwrap()
}

fn problems(of: &Value, severity: &str) -> Vec<Value> {
    let all = of["problems"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|problem| problem["severity"] == severity).collect()
}

#[track_caller]
fn first_error(of: &Value) -> Value {
    problems(of, "error").first().unwrap_or_else(|| panic!("no error: {of:#}")).clone()
}

/// Every file below a directory, by its path, with its bytes.
fn files_below(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.insert(path.to_string_lossy().into_owned(), fs::read(&path).unwrap());
        }
    }
    found
}
