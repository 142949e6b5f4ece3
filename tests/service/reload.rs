//! Reloads: what brings a new table into service, what does not, and what is told of it.

mod bad;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Connection, PATIENCE, Service, Setup, table, wait_until};

/// The harness's table under another version, with a footprint of a file and one of a dataset.
pub fn version(version: &str) -> Value {
    let mut table = table();
    table["version"] = json!(version);
    table["datasets"] = json!({ "asn": ["asn.csv"] });
    let more = [
        json!({ "footprint-type": "ipv6cidr", "footprint-file": "prefixes.txt", "mix": "solo" }),
        json!({ "footprint-type": "asn", "footprint-value": ["as64500"], "mix": "on-net" }),
    ];
    table["footprints"].as_array_mut().unwrap().extend(more);
    table
}

pub fn text(table: &Value) -> String {
    format!("{table:#}\n")
}

/// Every result that a reload of the table can have.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reloads {
    published: f64,
    unchanged: f64,
    failed: f64,
}

impl Reloads {
    fn all(self) -> f64 {
        self.published + self.unchanged + self.failed
    }
}

/// A service whose table is `test.1` and whose health is green.
struct Served {
    setup: Setup,
    service: Service,
    connection: Connection,
}

const PREFIXES: &str = "# IPv6 by file\n2001:db8:4000::/36\n";
const ROWS: &str = "start,end,asn\n198.51.100.0,198.51.100.255,64500\n";

impl Served {
    fn new() -> Self {
        Self::on(Setup::new())
    }

    /// Writes the table and its files where the setup is, and starts.
    fn on(setup: Setup) -> Self {
        setup.write("prefixes.txt", PREFIXES);
        setup.write("asn.csv", ROWS);
        setup.write_table(&version("test.1"));
        Self::of(setup)
    }

    fn of(setup: Setup) -> Self {
        let service = Service::start_green(&setup);
        let connection = setup.client(Some(&setup.selector)).connect(service.lookup).unwrap();
        Self { setup, service, connection }
    }

    /// What an address of each family gets.
    fn answers(&mut self) -> Vec<Value> {
        ["198.18.64.1", "2001:db8:4000::1", "198.51.100.7"]
            .map(|ip| self.connection.get(&format!("/lookup?ip={ip}")).unwrap().json())
            .to_vec()
    }

    fn serves(&mut self, version: &str) -> bool {
        self.answers()[0]["version"] == version
    }

    /// Waits until the version is served, and counted.
    #[track_caller]
    fn wait_version(&mut self, version: &str) {
        wait_until(&format!("version {version} is served"), || self.serves(version));
        wait_until("it is counted", || self.reloads().published + 1.0 == self.generation());
    }

    fn generation(&self) -> f64 {
        self.service.metrics().sum("croupier_table_generation", &[])
    }

    fn reloads_of(&self, what: &str) -> Reloads {
        let metrics = self.service.metrics();
        let count = |result| metrics.sum("croupier_reloads_total", &[("what", what), ("result", result)]);
        Reloads { published: count("published"), unchanged: count("unchanged"), failed: count("failed") }
    }

    fn reloads(&self) -> Reloads {
        self.reloads_of("table")
    }

    /// Status of `/health`, and why it is not `pass`.
    fn health(&self) -> (u16, String, String) {
        let (status, document) = self.service.health();
        let checks = document["checks"].as_object().unwrap().values().flat_map(|entries| entries.as_array().unwrap());
        let outputs = checks.filter_map(|check| check["output"].as_str()).collect::<Vec<_>>().join("\n");
        (status, document["status"].as_str().unwrap().to_owned(), outputs)
    }

    #[track_caller]
    fn wait_pass(&self) {
        wait_until("health passes", || self.health().1 == "pass");
    }

    /// Messages of a level that were logged after `skipped` lines.
    fn logged(&self, level: &str, skipped: usize) -> Vec<String> {
        let lines = self.service.log().into_iter().skip(skipped).filter(|line| line["level"] == level);
        let of = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        lines.map(|line| format!("{} {}", of(&line, "message"), of(&line, "help")).trim_end().to_owned()).collect()
    }
}

/// `LINE:COLUMN` of what stands last in a text.
fn last_place(text: &str, wanted: &str) -> String {
    let before = &text[..text.rfind(wanted).unwrap_or_else(|| panic!("no {wanted} in {text}"))];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    format!("{}:{}", before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[test]
fn a_signal_reloads() {
    let mut served = Served::new();
    let before = served.answers();
    served.service.signal("HUP");
    wait_until("the reload is counted", || served.reloads().unchanged == 1.0);
    assert_eq!(served.answers(), before, "an identical table publishes nothing");
    served.setup.write_table(&version("test.2"));
    served.service.signal("HUP");
    served.wait_version("test.2");
    assert_eq!(served.generation(), 2.0);
    let answers = served.answers();
    assert!(answers.iter().all(|answer| answer["generation"] == 2), "{answers:?}");
    assert_eq!(served.reloads().failed, 0.0);
    let info = served.service.metrics();
    assert_eq!(info.sum("croupier_table_info", &[("version", "test.2")]), 1.0);
    assert_eq!(info.named("croupier_table_info").count(), 1);
    assert_eq!(served.service.health().1["table"]["version"], "test.2");
}

#[test]
fn a_changed_file_reloads() {
    let mut served = Served::new();
    served.setup.replace("table.json", text(&version("renamed")));
    served.wait_version("renamed");
    served.setup.write("table.json", text(&version("in place")));
    served.wait_version("in place");
    // A file that the table names counts as the table.
    served.setup.replace("prefixes.txt", "2001:db8:5000::/36\n");
    wait_until("the prefix has moved", || served.answers()[1]["footprint"] == "default");
    served.setup.replace("asn.csv", ROWS.replace("198.51.100", "198.51.101"));
    wait_until("the AS has moved", || served.answers()[2]["footprint"] == "default");
    wait_until("all are counted", || served.reloads().published == 4.0);
    assert_eq!((served.generation(), served.reloads().unchanged), (5.0, 0.0));
}

#[test]
fn an_identical_table_is_not_published() {
    let mut served = Served::new();
    let before = served.answers();
    let again = text(&version("test.1"));
    served.setup.replace("table.json", &again);
    wait_until("a renamed one is seen", || served.reloads().unchanged == 1.0);
    served.setup.write("table.json", &again);
    wait_until("one written in place is seen", || served.reloads().unchanged == 2.0);
    served.setup.replace("prefixes.txt", PREFIXES);
    wait_until("an identical file is seen", || served.reloads().unchanged == 3.0);
    assert_eq!(served.answers(), before);
    assert_eq!((served.generation(), served.reloads().published), (1.0, 0.0));
}

/// A Kubernetes `ConfigMap`: files are symlinks through `..data`, a symlink to a folder of a time.
#[test]
fn a_config_map_reloads() {
    let mut setup = Setup::new();
    setup.section("table", "source = \"mounted/table.json\"");
    fs::create_dir(setup.path("mounted")).unwrap();
    let publish = |setup: &Setup, name: &str, prefix: &str| {
        let folder = format!("mounted/..{name}");
        fs::create_dir(setup.path(&folder)).unwrap();
        let mut table = version(name);
        // Neither file is good without the other.
        let canary = json!({ "ip": format!("{prefix}:4000::1"), "mix": "solo" });
        table["canaries"].as_array_mut().unwrap().push(canary);
        setup.write(&format!("{folder}/table.json"), text(&table));
        setup.write(&format!("{folder}/prefixes.txt"), format!("{prefix}:4000::/36\n"));
        setup.write(&format!("{folder}/asn.csv"), ROWS);
        symlink(format!("..{name}"), setup.path("mounted/..data_tmp")).unwrap();
        fs::rename(setup.path("mounted/..data_tmp"), setup.path("mounted/..data")).unwrap();
    };
    publish(&setup, "first", "2001:db8");
    for name in ["table.json", "prefixes.txt", "asn.csv"] {
        symlink(format!("..data/{name}"), setup.path("mounted").join(name)).unwrap();
    }
    let mut served = Served::of(setup);
    assert!(served.serves("first"));
    for (number, name) in (1..).zip(["second", "third", "fourth"]) {
        publish(&served.setup, name, &format!("2001:db{}", 8 + number % 2));
        served.wait_version(name);
        let reloads = Reloads { published: f64::from(number), unchanged: 0.0, failed: 0.0 };
        assert_eq!(served.reloads(), reloads, "one reload a swap");
    }
    // The kubelet removes the folders before; that changes nothing.
    fs::remove_dir_all(served.setup.path("mounted/..third")).unwrap();
    served.service.signal("HUP");
    wait_until("it is looked at", || served.reloads().unchanged == 1.0);
    // A volume that loses its data: told, and good again when it is back.
    fs::rename(served.setup.path("mounted/..data"), served.setup.path("mounted/gone")).unwrap();
    wait_until("the loss is told", || served.reloads().failed == 1.0);
    assert!(served.serves("fourth"));
    fs::rename(served.setup.path("mounted/gone"), served.setup.path("mounted/..data")).unwrap();
    wait_until("it is back", || served.reloads().unchanged == 2.0);
    served.wait_pass();
    assert_eq!(served.generation(), 4.0);
}

#[test]
fn a_symlinked_folder_reloads() {
    let mut setup = Setup::new();
    setup.section("table", "source = \"current/table.json\"");
    let release = |setup: &Setup, name: &str, version_name: &str| {
        fs::create_dir_all(setup.path(&format!("releases/{name}"))).unwrap();
        setup.write(&format!("releases/{name}/table.json"), text(&version(version_name)));
        setup.write(&format!("releases/{name}/prefixes.txt"), PREFIXES);
        setup.write(&format!("releases/{name}/asn.csv"), ROWS);
    };
    let switch = |setup: &Setup, name: &str| {
        symlink(format!("releases/{name}"), setup.path("next")).unwrap();
        fs::rename(setup.path("next"), setup.path("current")).unwrap();
    };
    release(&setup, "a", "one");
    release(&setup, "b", "two");
    release(&setup, "c", "two");
    switch(&setup, "a");
    let mut served = Served::of(setup);
    assert!(served.serves("one"));
    switch(&served.setup, "b");
    served.wait_version("two");
    switch(&served.setup, "c");
    wait_until("the same in another folder is seen", || served.reloads().unchanged == 1.0);
    switch(&served.setup, "a");
    served.wait_version("one");
    assert_eq!(served.generation(), 3.0, "back is forward");
    fs::remove_dir_all(served.setup.path("releases/b")).unwrap();
    release(&served.setup, "a-new", "three");
    switch(&served.setup, "a-new");
    served.wait_version("three");
    assert_eq!(served.reloads(), Reloads { published: 3.0, unchanged: 1.0, failed: 0.0 });
}

/// Files that only agree with each other, changed one after the other, for two seconds. No pause
/// between two changes is long enough to be taken for the end, or else the try does not count.
#[test]
fn files_that_change_together_are_loaded_together() {
    const LONGEST_PAUSE: Duration = Duration::from_millis(150);
    let pair = |number: u32| {
        let prefix = format!("2001:db8:{:x}000::/36", 1 + number % 14);
        let mut table = version(&format!("pair.{number}"));
        table["footprints"].as_array_mut().unwrap().retain(|footprint| footprint["footprint-type"] != "ipv6cidr");
        table["footprints"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "footprint-type": "ipv6cidr", "footprint-file": "prefixes.txt", "mix": "solo" }));
        table["canaries"] = json!([{ "ip": prefix.replace("/36", "1"), "mix": "solo" }]);
        (text(&table), format!("{prefix}\n"))
    };
    for attempt in 0..10 {
        let setup = Setup::new();
        setup.write("asn.csv", ROWS);
        let (table, prefixes) = pair(0);
        setup.write("prefixes.txt", prefixes);
        setup.write("table.json", table);
        let mut served = Served::of(setup);
        let mut longest = Duration::ZERO;
        let mut changed = Instant::now();
        let mut change = |served: &Served, name: &str, contents: &str| {
            served.setup.replace(name, contents);
            longest = longest.max(changed.elapsed());
            changed = Instant::now();
            std::thread::sleep(Duration::from_millis(40));
        };
        for number in 1..=25 {
            let (table, prefixes) = pair(number);
            change(&served, "table.json", &table);
            change(&served, "prefixes.txt", &prefixes);
        }
        if longest > LONGEST_PAUSE {
            eprintln!("attempt {attempt} does not count: a pause took {longest:?}");
            continue;
        }
        served.wait_version("pair.25");
        let reloads = served.reloads();
        assert_eq!(reloads, Reloads { published: 1.0, unchanged: 0.0, failed: 0.0 });
        assert_eq!(served.generation(), 2.0);
        return;
    }
    panic!("the machine is too busy for files to be changed together");
}

#[test]
fn a_table_that_is_taken_away_and_put_back_is_unchanged() {
    let mut served = Served::new();
    let before = served.answers();
    for name in ["table.json", "prefixes.txt", "asn.csv"] {
        let Reloads { unchanged, failed, .. } = served.reloads();
        fs::rename(served.setup.path(name), served.setup.path("away")).unwrap();
        wait_until("it is missed", || served.reloads().failed > failed && served.health().1 == "warn");
        assert_eq!(served.answers(), before);
        fs::rename(served.setup.path("away"), served.setup.path(name)).unwrap();
        wait_until("it is found", || served.reloads().unchanged > unchanged);
        served.wait_pass();
    }
    assert_eq!(served.answers(), before);
    assert_eq!(served.reloads().published, 0.0);
}

/// A signal takes far longer to act on than to send: a thousand cost a handful of reloads.
#[test]
fn a_thousand_signals_are_a_few_reloads() {
    let mut served = Served::new();
    let pid = served.service.pid().to_string();
    let burst = || {
        let sent = Command::new("sh").args(["-c", "kill -HUP $(yes \"$0\" | head -n 500)", &pid]).status();
        assert!(sent.unwrap().success());
    };
    served.setup.write_table(&version("test.2"));
    burst();
    served.setup.write_table(&version("test.3"));
    burst();
    served.wait_version("test.3");
    assert!(served.service.is_running());
    let mut last = -1.0;
    wait_until("it is quiet", || {
        std::thread::sleep(Duration::from_millis(500));
        std::mem::replace(&mut last, served.reloads().all()) == served.reloads().all()
    });
    let reloads = served.reloads();
    assert!(reloads.all() <= 200.0, "{reloads:?}");
    assert_eq!(reloads.failed, 0.0);
    assert!(served.serves("test.3") && served.generation() <= 3.0);
    assert!(served.reloads_of("config").all() <= 500.0);
}

#[test]
fn a_bad_configuration_changes_nothing() {
    let mut served = Served::new();
    let before = served.answers();
    let good = fs::read_to_string(served.setup.path("croupier.toml")).unwrap();
    let unknown = format!("{good}[drian]\n");
    for (number, (text, told)) in (1..).zip([
        (unknown.as_str(), format!("croupier.toml:{}: error: unknown section `drian`", last_place(&unknown, "drian"))),
        ("[table\n", "croupier.toml:1:".to_owned()),
        ("", "croupier.toml".to_owned()),
    ]) {
        let lines = served.service.log().len();
        served.setup.write("croupier.toml", text);
        served.service.signal("HUP");
        wait_until("it is counted", || served.reloads_of("config").failed == f64::from(number));
        wait_until("it is told", || served.logged("ERROR", lines).iter().any(|message| message.starts_with(&told)));
        assert_eq!(served.answers(), before);
    }
    fs::remove_file(served.setup.path("croupier.toml")).unwrap();
    served.service.signal("HUP");
    wait_until("its loss is counted", || served.reloads_of("config").failed == 4.0);
    assert_eq!(served.answers(), before);
    // The table is reloaded all the same, and a good configuration is taken again.
    served.setup.write_table(&version("test.2"));
    served.wait_version("test.2");
    served.setup.write("croupier.toml", good);
    served.service.signal("HUP");
    wait_until("it is taken", || served.reloads_of("config").unchanged == 1.0);
}

/// What a start would refuse, a running service refuses as well.
#[test]
fn a_configuration_that_could_not_start_changes_nothing() {
    let mut served = Served::new();
    let before = served.answers();
    served.setup.section("limits", "connections = 0");
    served.service.signal("HUP");
    wait_until("it is counted", || {
        let Reloads { published, unchanged, failed } = served.reloads_of("config");
        assert_eq!((published, unchanged), (0.0, 0.0), "it is not taken");
        failed == 1.0
    });
    wait_until("it is told", || served.logged("ERROR", 0).iter().any(|message| message.contains("limits.connections")));
    assert_eq!(served.answers(), before);
}

#[test]
fn a_configuration_with_another_source_brings_its_table() {
    let mut served = Served::new();
    fs::create_dir(served.setup.path("other")).unwrap();
    served.setup.write("other/table.json", text(&version("other.1")));
    served.setup.write("other/prefixes.txt", PREFIXES);
    served.setup.write("other/asn.csv", ROWS);
    served.setup.section("table", "source = \"other/table.json\"");
    std::thread::sleep(Duration::from_millis(600));
    assert!(served.serves("test.1"), "the configuration is not watched");
    served.service.signal("HUP");
    served.wait_version("other.1");
    assert_eq!(served.reloads_of("config").published, 1.0);
    // What is watched is the new table, no longer the old one.
    let before = served.reloads();
    served.setup.write_table(&version("test.2"));
    std::thread::sleep(Duration::from_millis(600));
    served.setup.replace("other/table.json", text(&version("other.2")));
    served.wait_version("other.2");
    assert_eq!(served.reloads().all(), before.all() + 1.0);
    // A source without a table: the last good one serves on, and the loss is told.
    served.setup.section("table", "source = \"nowhere/table.json\"");
    served.service.signal("HUP");
    // What lies beside it is gone as well, and told by itself.
    wait_until("it is told", || served.health().1 == "warn" && served.health().2.contains("nowhere/table.json"));
    assert!(served.serves("other.2"));
    let warns = || served.service.metrics().sum("croupier_health_warning", &[("check", "reload")]);
    assert_eq!(warns(), 1.0);
    fs::rename(served.setup.path("other"), served.setup.path("nowhere")).unwrap();
    wait_until("it is found when it comes", || served.health().1 == "pass");
    assert_eq!(warns(), 0.0);
}

#[test]
fn what_needs_a_restart_is_told() {
    let mut served = Served::new();
    let before = served.answers();
    served.service.signal("HUP");
    wait_until("it is read", || served.reloads_of("config").unchanged == 1.0);
    let restarts = |served: &Served| {
        served.logged("WARN", 0).into_iter().filter(|message| message.contains("restart")).collect::<Vec<_>>()
    };
    assert_eq!(restarts(&served), [""; 0]);
    served.setup.section("listen", "lookup = \"127.0.0.1:1\"\nhealth = \"127.0.0.1:0\"");
    served.service.signal("HUP");
    wait_until("it is told", || restarts(&served).len() == 1);
    assert_eq!(served.answers(), before, "the old address answers");
    assert!(served.setup.client(Some(&served.setup.selector)).connect(served.service.lookup).is_ok());
}

/// A service that has been told to end and goes on answering until it is told again.
fn draining() -> Served {
    let mut setup = Setup::new();
    setup.section("drain", "wait = 60\ndeadline = 120");
    let served = Served::on(setup);
    served.service.signal("TERM");
    wait_until("it drains", || served.service.health().0 == 503);
    served
}

#[test]
fn a_signal_while_draining_is_ignored() {
    let mut served = draining();
    let before = (served.reloads(), served.reloads_of("config"));
    (0..3).for_each(|_| served.service.signal("HUP"));
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!((served.reloads(), served.reloads_of("config")), before);
    assert!(served.serves("test.1"));
    served.service.signal("TERM");
    assert_eq!(served.service.wait_exit(PATIENCE).code(), Some(0), "told twice, it ends at once");
}

#[test]
fn a_change_while_draining_is_ignored() {
    let mut served = draining();
    let before = served.reloads();
    served.setup.write_table(&version("test.2"));
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(served.reloads(), before);
    assert!(served.serves("test.1"));
}
