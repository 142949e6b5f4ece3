//! The last good tables, kept in a directory: what a restart serves when its source is bad, and what a
//! rollback goes back to.

mod damaged;
mod full;
mod killed;
mod rollback;

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::harness::{Identity, Leaf, Response, Service, Setup, refused_start, wait_until};
use crate::reload;

const LISTEN: &str = "lookup = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"";

/// What the table's files hold unless a test says otherwise.
const PREFIXES: &str = "2001:db8:4000::/36\n";
const ROWS: &str = "start,end,asn\n198.51.100.0,198.51.100.255,64500\n";

/// The table of the tests of reloads under another version, as it is written.
fn version(version: &str) -> String {
    reload::text(&reload::version(version))
}

/// The same, but with an error far down.
fn bad(name: &str) -> String {
    let bad = version(name).replace("\"default\": \"world\"", "\"default\": \"wolrd\"");
    assert_ne!(bad, version(name));
    bad
}

/// A service with a state directory and an admin. It can be stopped and started again.
struct Keeping {
    setup: Setup,
    admin: Identity,
    running: Option<Service>,
}

impl Keeping {
    /// Not yet started.
    fn with(table: &str) -> Self {
        let mut setup = Setup::new();
        setup.section("listen", LISTEN);
        setup.section("table", &format!("source = \"table.json\"\n{table}"));
        setup.write("prefixes.txt", PREFIXES);
        setup.write("asn.csv", ROWS);
        setup.write("table.json", version("test.1"));
        let admin = Leaf::client("ops-1.example").issued_by(&setup.pki.ops);
        Self { setup, admin, running: None }
    }

    fn new() -> Self {
        let mut keeping = Self::with("state = \"state\"");
        keeping.start();
        keeping
    }

    #[track_caller]
    fn start(&mut self) {
        self.kill();
        self.running = Some(Service::start_green(&self.setup));
    }

    /// No chance to write anything on the way out.
    fn kill(&mut self) {
        self.running = None;
    }

    fn service(&self) -> &Service {
        self.running.as_ref().unwrap()
    }

    fn post(&self, target: &str) -> Response {
        let address = self.service().admin.unwrap();
        let mut connection = self.setup.client(Some(&self.admin)).connect(address).unwrap();
        connection.send(format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")).unwrap();
        connection.read().unwrap()
    }

    fn shown(&self) -> Value {
        self.setup.client(Some(&self.admin)).get(self.service().admin.unwrap(), "/table").unwrap().json()
    }

    fn version(&self) -> String {
        self.shown()["version"].as_str().unwrap().to_owned()
    }

    fn answer(&self, ip: &str) -> Value {
        let client = self.setup.client(Some(&self.setup.selector));
        client.get(self.service().lookup, &format!("/lookup?ip={ip}")).unwrap().json()
    }

    /// Puts the harness's table into place as this version, and has it published.
    #[track_caller]
    fn publish(&self, name: &str) {
        self.setup.replace("table.json", version(name));
        let response = self.post("/reload");
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(self.version(), name);
    }

    /// Has a table refused.
    #[track_caller]
    fn refuse(&self, text: &str) {
        self.setup.replace("table.json", text);
        assert_eq!(self.post("/reload").status, 409);
    }

    /// Goes back, and to this version.
    #[track_caller]
    fn roll_back(&self, to: &str) {
        let generation = self.shown()["generation"].as_u64().unwrap();
        let response = self.post("/rollback");
        assert_eq!(response.status, 200, "{}", response.text());
        let table = &response.json()["table"];
        assert_eq!((&table["result"], &table["generation"]), (&json!("published"), &json!(generation + 1)));
        assert_eq!(table["diff"]["to"]["version"], to);
        let shown = self.shown();
        assert_eq!((&shown["version"], &shown["held"]), (&json!(to), &json!(true)));
        assert_eq!(shown["generation"], generation + 1);
        assert_eq!(self.service().metrics().sum("croupier_table_held", &[]), 1.0);
    }

    /// A rollback that is refused; gives why.
    #[track_caller]
    fn no_way_back(&self) -> String {
        let before = self.shown();
        let response = self.post("/rollback");
        assert_eq!(response.status, 409);
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.shown(), before, "nothing has changed");
        assert_eq!(response.json()["table"]["result"], "refused");
        response.json()["detail"].as_str().unwrap().to_owned()
    }

    fn reloads(&self, result: &str) -> f64 {
        self.service().metrics().sum("croupier_reloads_total", &[("what", "table"), ("result", result)])
    }

    fn logged(&self, level: &str, text: &str) -> bool {
        self.service().log().iter().any(|line| line["level"] == level && line.to_string().contains(text))
    }

    /// Waits until `/health` is 200 of this status, and says this.
    #[track_caller]
    fn wait_health(&self, status: &str, text: &str) {
        wait_until(&format!("health is {status}: {text}"), || {
            let (code, document) = self.service().health();
            code == 200 && document["status"] == status && document.to_string().contains(text)
        });
    }

    fn index(&self) -> Value {
        serde_json::from_slice(&fs::read(self.setup.path("state/index.json")).unwrap()).unwrap()
    }

    /// The versions that the index names, oldest first.
    fn versions(&self) -> Vec<String> {
        let index = self.index();
        let tables = index["tables"].as_array().unwrap().iter();
        tables.map(|table| table["version"].as_str().unwrap().to_owned()).collect()
    }

    /// The path of a version's document as it is kept.
    fn document(&self, version: &str) -> String {
        let index = self.index();
        let mut tables = index["tables"].as_array().unwrap().iter();
        let table = tables.find(|table| table["version"] == version).unwrap();
        format!("state/files/{}", table["files"][0]["sha256"].as_str().unwrap())
    }

    /// The names of all kept files, each found to hold what it is named for.
    #[track_caller]
    fn files(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.setup.path("state/files")).unwrap().map(|entry| entry.unwrap().path());
        entries
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                assert_eq!(croupier::file::sha256(&fs::read(path).unwrap()), name);
                name
            })
            .collect()
    }

    /// Nothing is kept but what the index names, and all of that.
    #[track_caller]
    fn assert_tidy(&self) {
        let index = self.index();
        let tables = index["tables"].as_array().unwrap().iter();
        let files = tables.flat_map(|table| table["files"].as_array().unwrap());
        let named: BTreeSet<String> = files.map(|file| file["sha256"].as_str().unwrap().to_owned()).collect();
        assert_eq!(self.files(), named);
        assert!(!self.setup.path("state/unfinished").exists());
    }
}

/// Makes the source what its name says.
fn spoil(setup: &Setup, how: &str) {
    let path = setup.path("table.json");
    match how {
        "bad" => setup.replace("table.json", bad("bad.1")),
        "empty" => setup.replace("table.json", ""),
        "missing" => fs::remove_file(path).unwrap(),
        // What root could not read either.
        "unreadable" => {
            fs::remove_file(&path).unwrap();
            fs::create_dir(path).unwrap();
        }
        "without its dataset" => fs::remove_file(setup.path("asn.csv")).unwrap(),
        _ => unreachable!(),
    }
}

#[test]
fn a_restart_with_a_bad_source_serves_the_last_good_table() {
    let mut keeping = Keeping::new();
    keeping.publish("test.2");
    let mut answer = keeping.answer("2001:db8:4000::1");
    answer["generation"] = json!(1);
    for (number, how) in ["bad", "empty", "missing", "unreadable", "without its dataset"].into_iter().enumerate() {
        spoil(&keeping.setup, how);
        keeping.start();
        keeping.wait_health("warn", if how == "without its dataset" { "asn.csv" } else { "table.json" });
        assert_eq!(keeping.answer("2001:db8:4000::1"), answer, "{how}");
        let shown = keeping.shown();
        assert_eq!((&shown["generation"], &shown["held"]), (&json!(1), &json!(false)), "{how}");
        let error = shown["last_error"].as_str().unwrap();
        assert!(error.contains("table.json") || error.contains("asn.csv"), "{how}: {error}");
        assert!(keeping.logged("ERROR", "serving the last good table"), "{how}");
        let check = keeping.setup.command(&["check", "--config", "croupier.toml"]).output().unwrap();
        assert_eq!(check.status.code(), Some(1), "{how}: the source is bad all the same");

        // Mended: as it was, and as a new one; seen, or asked for.
        _ = fs::remove_dir(keeping.setup.path("table.json"));
        keeping.setup.write("asn.csv", ROWS);
        let mended = if number % 2 == 0 { "test.2" } else { "test.3" };
        keeping.setup.replace("table.json", version(mended));
        if number >= 3 {
            keeping.service().signal("HUP");
        }
        keeping.wait_health("pass", "");
        assert_eq!((keeping.version(), &keeping.shown()["last_error"]), (mended.to_owned(), &Value::Null), "{how}");
        let generation = if mended == "test.2" { 1 } else { 2 };
        assert_eq!(keeping.shown()["generation"], generation, "{how}: the same table is not published twice");
        keeping.publish("test.2");
    }
}

#[test]
fn without_a_table_kept_a_bad_source_is_no_start() {
    for table in ["", "state = \"state\""] {
        for how in ["bad", "empty", "missing", "unreadable"] {
            let keeping = Keeping::with(table);
            spoil(&keeping.setup, how);
            let ended = refused_start(&keeping.setup);
            assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{how}");
            assert!(ended.errors.contains("table.json"), "{how}: {}", ended.errors);
            assert!(ended.errors.contains("not started"), "{how}: {}", ended.errors);
        }
    }
}

#[test]
fn trust_has_no_stand_in() {
    let mut keeping = Keeping::new();
    keeping.kill();
    keeping.setup.write("certs/root.pem", "");
    assert_eq!(refused_start(&keeping.setup).code, Some(1));
}

#[test]
fn a_table_refused_while_running_is_not_the_last_good_one() {
    let mut keeping = Keeping::new();
    keeping.publish("test.2");
    keeping.refuse("{");
    keeping.start();
    keeping.wait_health("warn", "table.json");
    assert_eq!(keeping.version(), "test.2");
    assert_eq!(keeping.versions(), ["test.1", "test.2"]);
}

#[test]
fn refused_tables_do_not_pile_up() {
    let keeping = Keeping::new();
    let good = keeping.files();
    assert_eq!(good.len(), 3);
    for number in 0..10 {
        // Each with a dataset of its own, as much as would be wanted to fill a disk.
        keeping.setup.replace("asn.csv", format!("{ROWS}203.0.113.0,203.0.113.{number},64501\n"));
        keeping.refuse(&bad(&format!("bad.{number}")));
        let files = keeping.files();
        assert!(good.is_subset(&files) && files.len() <= good.len() + 2, "{number}: {files:?}");
    }
    keeping.publish("test.2");
    keeping.assert_tidy();
    assert_eq!(keeping.files().len(), 5, "what the tables share is kept once");
}
