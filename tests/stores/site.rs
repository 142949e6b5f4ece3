//! A place where tables are published from and served: a directory with a configuration, the program run in it.

use std::fs::{self, File};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{self, Connection, Identity, Leaf, Metrics, PATIENCE, Response, Service, Setup, wait_until};
use crate::s3::{Bucket, Keys};

const LISTEN: &str = "lookup = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"";

/// The pointer that instances read.
pub const CURRENT: &str = "cdn/current.json";

/// An address in the mix that [`table`] has in a file.
pub const FILED: &str = "100.64.3.1";

/// A table of this version: the harness's, and a file of prefixes beside it.
pub fn table(version: &str) -> Value {
    let mut table = harness::table();
    table["version"] = version.into();
    let filed = json!({ "footprint-type": "ipv4cidr", "footprint-file": "prefixes/solo.txt", "mix": "solo" });
    table["footprints"].as_array_mut().unwrap().push(filed);
    table
}

/// The text of a table of this version that names no other file.
pub fn plain_table(version: &str) -> String {
    let mut table = harness::table();
    table["version"] = version.into();
    let filed = json!({ "footprint-type": "ipv4cidr", "footprint-value": ["100.64.0.0/16"], "mix": "solo" });
    table["footprints"].as_array_mut().unwrap().push(filed);
    format!("{table:#}\n")
}

/// The file that [`table`] names, many times as large as the table.
pub fn prefixes() -> String {
    (0..1000).map(|line| format!("100.64.{}.{}/28\n", line / 16, line % 16 * 16)).collect()
}

/// How the program ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

impl Ran {
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// That it was refused, and says all of this.
    #[track_caller]
    pub fn bad(self, said: &[&str]) -> Self {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert!(said.iter().all(|words| self.errors.contains(words)), "{said:?}: {self:?}");
        self
    }
}

/// A directory with a configuration and a table to publish. In `table/` are the files of [`table`].
pub struct Site {
    pub setup: Setup,
    admin: Identity,
}

impl Site {
    /// That serves and publishes from and to a bucket.
    pub fn of(bucket: &Bucket) -> Self {
        let mut site = Self::at(&bucket.url(CURRENT), "");
        site.speak_to(bucket, bucket.keys);
        site
    }

    /// That serves what lies at an address, with more of the section `[table]`.
    pub fn at(source: &str, more: &str) -> Self {
        let mut setup = Setup::new();
        setup.section("listen", LISTEN);
        let admin = Leaf::client("ops-1.example").issued_by(&setup.pki.ops);
        fs::create_dir_all(setup.path("table/prefixes")).unwrap();
        setup.write("table/prefixes/solo.txt", prefixes());
        let mut site = Self { setup, admin };
        site.source(source, more);
        site
    }

    /// Asks often, and keeps tables, unless `more` says otherwise.
    pub fn source(&mut self, source: &str, more: &str) {
        let said = |key: &str| more.lines().any(|line| line.starts_with(key));
        let mut text = format!("source = \"{source}\"\n{more}\n");
        for (key, line) in [("poll", "poll = 0.2\n"), ("state", "state = \"state\"\n"), ("timeout", "timeout = 5\n")] {
            if !said(key) {
                text += line;
            }
        }
        self.setup.section("table", &text);
    }

    /// The bucket's server, as the environment names it.
    pub fn speak_to(&mut self, bucket: &Bucket, keys: Keys) {
        for (name, value) in [
            ("AWS_ENDPOINT_URL", format!("http://{}", bucket.host).as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", keys.id),
            ("AWS_SECRET_ACCESS_KEY", keys.secret),
        ] {
            self.setup.environment(name, value);
        }
    }

    /// Puts a table into `table/`.
    pub fn write(&self, table: &Value) {
        self.setup.write("table/cdn-table.json", format!("{table:#}\n"));
    }

    /// Puts it into `table/` and publishes it to a bucket.
    pub fn publish(&self, bucket: &Bucket, table: &Value) -> Ran {
        self.write(table);
        self.run(&["publish", "table", &bucket.url("cdn")])
    }

    /// The program with arguments, to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        end(&mut self.setup.command(arguments))
    }

    /// Starts it.
    #[track_caller]
    pub fn start(&self) -> Instance<'_> {
        Instance { site: self, service: Service::start(&self.setup) }
    }

    /// Starts it and waits until it serves.
    #[track_caller]
    pub fn serve(&self) -> Instance<'_> {
        Instance { site: self, service: Service::start_green(&self.setup) }
    }

    /// Starts it and waits until this is in service.
    #[track_caller]
    pub fn serve_version(&self, version: &str) -> Instance<'_> {
        let instance = self.serve();
        assert_eq!(instance.version(), version);
        instance
    }
}

/// Runs it to its end.
#[track_caller]
pub fn end(command: &mut Command) -> Ran {
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str| File::create(folder.path().join(name)).unwrap();
    let mut child = command.stdout(file("output")).stderr(file("errors")).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE * 3;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("stuck: {command:?}");
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    Ran { code: status.code(), output: text("output"), errors: text("errors") }
}

/// The program serving.
pub struct Instance<'s> {
    pub site: &'s Site,
    pub service: Service,
}

impl Instance<'_> {
    pub fn answer(&self, ip: &str) -> Value {
        let client = self.site.setup.client(Some(&self.site.setup.selector));
        client.get(self.service.lookup, &format!("/lookup?ip={ip}")).unwrap().json()
    }

    pub fn version(&self) -> String {
        self.answer(FILED)["version"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn wait_version(&self, version: &str) {
        wait_until(&format!("{version} is in service"), || self.version() == version);
        // All of it.
        assert_eq!(self.answer(FILED)["mix"], "solo");
    }

    fn connect(&self) -> Connection {
        self.site.setup.client(Some(&self.site.admin)).connect(self.service.admin.unwrap()).unwrap()
    }

    pub fn get(&self, target: &str) -> Value {
        self.connect().get(target).unwrap().json()
    }

    pub fn post(&self, target: &str) -> Response {
        let mut connection = self.connect();
        connection.send(format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")).unwrap();
        connection.read().unwrap()
    }

    /// Has everything read now, and gives what came of the table, or of what else is named.
    pub fn reload(&self, what: &str) -> Value {
        self.post("/reload").json()[what].clone()
    }

    /// Waits until health warns, for all of these reasons.
    #[track_caller]
    pub fn wait_warning(&self, said: &[&str]) {
        wait_until(&format!("health warns of {said:?}"), || {
            let (code, health) = self.service.health();
            let health_text = health.to_string();
            code == 200 && health["status"] == "warn" && said.iter().all(|words| health_text.contains(words))
        });
    }

    #[track_caller]
    pub fn wait_pass(&self) {
        wait_until("health passes", || self.service.health().1["status"] == "pass");
    }

    /// What it has asked of stores.
    pub fn asked(&self) -> Asked {
        Asked::of(&self.service.metrics())
    }

    /// Waits until it has asked so many times more for something that was not new.
    #[track_caller]
    pub fn wait_unchanged(&self, more: f64) {
        let before = self.asked().unchanged;
        wait_until("it asks and nothing is new", || self.asked().unchanged >= before + more);
    }

    /// Waits for two rounds of looks at everything, whatever comes of them.
    #[track_caller]
    pub fn wait_looks(&self) {
        let total = |asked: Asked| asked.read + asked.unchanged + asked.failed + asked.missing + asked.changed;
        let before = total(self.asked());
        wait_until("it asks", || total(self.asked()) >= before + 6.0);
    }
}

/// `croupier_source_requests_total`, and the bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    pub read: f64,
    pub unchanged: f64,
    pub changed: f64,
    pub missing: f64,
    pub failed: f64,
    pub bytes: f64,
}

impl Asked {
    pub fn of(metrics: &Metrics) -> Self {
        let of = |result: &str| metrics.sum("croupier_source_requests_total", &[("result", result)]);
        Self {
            read: of("read"),
            unchanged: of("unchanged"),
            changed: of("changed"),
            missing: of("missing"),
            failed: of("failed"),
            bytes: metrics.sum("croupier_source_bytes_total", &[]),
        }
    }
}
