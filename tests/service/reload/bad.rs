//! Bad tables of every kind: told in the log, in the metrics and by health, and without effect.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;

use serde_json::json;

use super::{PREFIXES, ROWS, Served, last_place, text, version};
use crate::harness::{Setup, wait_until};

/// What was done to a table, what is to be told of it, and where: a file, and what stands at the
/// place in it, if there is one.
struct Bad {
    what: &'static str,
    make: fn(&Setup),
    told: &'static str,
    file: &'static str,
    at: Option<&'static str>,
}

fn write_with(setup: &Setup, from: &str, to: &str) {
    let good = text(&version("bad"));
    assert!(good.contains(from), "{from}");
    setup.replace("table.json", good.replacen(from, to, 1));
}

fn cut(setup: &Setup) {
    let whole = text(&version("bad"));
    setup.replace("table.json", &whole[..whole.len() / 2]);
}

/// A new table over an older and longer one whose end still stands.
fn write_half(setup: &Setup) {
    setup.replace("table.json", text(&version("bad")) + "\"default\": \"world\"\n}\n");
}

fn remove(setup: &Setup, name: &str) {
    fs::remove_file(setup.path(name)).unwrap();
}

fn conflict(setup: &Setup) {
    let mut table = version("bad");
    let again = json!({ "footprint-type": "ipv4cidr", "footprint-value": ["192.0.2.0/25"], "mix": "world" });
    table["footprints"].as_array_mut().unwrap().push(again);
    setup.write_table(&table);
}

const fn bad(
    what: &'static str,
    make: fn(&Setup),
    told: &'static str,
    file: &'static str,
    at: Option<&'static str>,
) -> Bad {
    Bad { what, make, told, file, at }
}

const PREFIX: &str = "\"192.0.2.0/25\"";

const BAD_SYNTAX: [Bad; 7] = [
    bad("cut short", cut, "not JSON", "table.json", None),
    bad("half-written", write_half, "after the document's end", "table.json", None),
    bad("empty", |setup| setup.write("table.json", ""), "empty", "table.json:1:1", None),
    bad("not text", |setup| setup.replace("table.json", b"\xff\xfe{}"), "UTF-8", "table.json", None),
    bad("zeros", |setup| setup.replace("table.json", vec![0; 5000]), "not JSON", "table.json:1:1", None),
    bad(
        "an unknown key",
        |setup| write_with(setup, "\"default\"", "\"x\": 1, \"default\""),
        "unknown key",
        "table.json",
        Some("\"x\""),
    ),
    bad("no table", |setup| setup.replace("table.json", "[]\n"), "must be an object", "table.json:1:1", None),
];

const BAD_VALUES: [Bad; 8] = [
    bad("/33", |setup| write_with(setup, PREFIX, "\"10.0.0.0/33\""), "0 to 32", "table.json", Some("\"10.0.0.0/33\"")),
    bad("/08", |setup| write_with(setup, PREFIX, "\"10.0.0.0/08\""), "zeros", "table.json", Some("\"10.0.0.0/08\"")),
    bad("/+8", |setup| write_with(setup, PREFIX, "\"10.0.0.0/+8\""), "sign", "table.json", Some("\"10.0.0.0/+8\"")),
    bad(
        "host bits",
        |setup| write_with(setup, PREFIX, "\"10.0.0.1/8\""),
        "`10.0.0.0/8`",
        "table.json",
        Some("\"10.0.0.1/8\""),
    ),
    bad(
        "a mapped prefix",
        |setup| write_with(setup, "\"2001:db8:1::/48\"", "\"::ffff:10.0.0.0/104\""),
        "`10.0.0.0/8`",
        "table.json",
        Some("\"::ffff:10.0.0.0/104\""),
    ),
    bad(
        "an unknown CDN",
        |setup| write_with(setup, "\"gamma\": 1", "\"gama\": 1"),
        "`gamma`",
        "table.json",
        Some("\"gama\""),
    ),
    bad("two mixes", conflict, "gets mix `world` here but `solo`", "table.json", Some(PREFIX)),
    bad(
        "a failing canary",
        |setup| write_with(setup, "\"203.0.113.1\"", "\"198.18.64.9\""),
        "the canary 198.18.64.9 gets",
        "table.json",
        None,
    ),
];

const BAD_FILES: [Bad; 9] = [
    bad(
        "gigantic",
        |setup| File::options().write(true).open(setup.path("table.json")).unwrap().set_len(1 << 40).unwrap(),
        "larger than",
        "table.json",
        None,
    ),
    bad(
        "a gigantic prefix file",
        |setup| {
            setup.write_table(&version("bad"));
            File::options().write(true).open(setup.path("prefixes.txt")).unwrap().set_len(1 << 40).unwrap();
        },
        "prefixes.txt: the file is larger than",
        "table.json",
        Some("\"prefixes.txt\""),
    ),
    bad(
        "unreadable",
        |setup| {
            symlink("/proc/self/mem", setup.path("unreadable")).unwrap();
            fs::rename(setup.path("unreadable"), setup.path("table.json")).unwrap();
        },
        "can't be read",
        "table.json",
        None,
    ),
    bad("deleted", |setup| remove(setup, "table.json"), "does not exist", "table.json", None),
    bad(
        "a directory",
        |setup| {
            remove(setup, "table.json");
            fs::create_dir(setup.path("table.json")).unwrap();
        },
        "not a regular file",
        "table.json",
        None,
    ),
    bad(
        "a prefix file deleted",
        |setup| remove(setup, "prefixes.txt"),
        "prefixes.txt: the file does not exist",
        "table.json",
        Some("\"prefixes.txt\""),
    ),
    bad(
        "a prefix file without its last newline",
        |setup| setup.replace("prefixes.txt", PREFIXES.trim_end()),
        "newline",
        "prefixes.txt",
        None,
    ),
    bad(
        "a fault in a prefix file",
        |setup| setup.replace("prefixes.txt", "# two\n  2001:db8:4000::/36 # good\n  2001:db8::/129\n"),
        "0 to 128",
        "prefixes.txt:3:3",
        None,
    ),
    bad("a dataset cut short", |setup| setup.replace("asn.csv", &ROWS[..40]), "newline", "asn.csv", None),
];

/// Each bad table is told everywhere, and the one before serves on as if nothing had been.
fn the_old_table_serves_on(bad_tables: &[Bad]) {
    let mut setup = Setup::new();
    setup.section("guards", "max_input = 1000000");
    let mut served = Served::on(setup);
    for (number, Bad { what, make, told, file, at }) in (2..).zip(bad_tables) {
        eprintln!("{what}");
        let (before, generation, reloads) = (served.answers(), served.generation(), served.reloads());
        let lines = served.service.log().len();
        make(&served.setup);
        wait_until(what, || served.reloads().failed > reloads.failed);
        assert_eq!(served.answers(), before, "{what}");
        assert_eq!(served.generation(), generation, "{what}");
        let place = match at {
            Some(at) => format!("{file}:{}", last_place(&fs::read_to_string(served.setup.path(file)).unwrap(), at)),
            None => (*file).to_owned(),
        };
        let is_told = |message: &str| message.starts_with(&place) && message.contains(told);
        wait_until("it is logged", || served.logged("ERROR", lines).iter().any(|message| is_told(message)));
        wait_until("health warns", || served.health().1 == "warn");
        let (status, _, outputs) = served.health();
        assert_eq!(status, 200, "{what}");
        assert!(outputs.contains(&place) && outputs.contains(told), "{what}: {outputs}");

        if served.setup.path("table.json").is_dir() {
            fs::remove_dir(served.setup.path("table.json")).unwrap();
        }
        served.setup.replace("prefixes.txt", PREFIXES);
        served.setup.replace("asn.csv", ROWS);
        let good = format!("test.{number}");
        served.setup.replace("table.json", text(&version(&good)));
        served.wait_version(&good);
        assert!(served.generation() > generation, "{what}");
        served.wait_pass();
    }
}

#[test]
fn bad_syntax_changes_nothing() {
    the_old_table_serves_on(&BAD_SYNTAX);
}

#[test]
fn bad_values_change_nothing() {
    the_old_table_serves_on(&BAD_VALUES);
}

#[test]
fn bad_files_change_nothing() {
    the_old_table_serves_on(&BAD_FILES);
}

/// However deep a document nests, the service lives.
#[test]
fn a_table_that_nests_deep_changes_nothing() {
    let mut served = Served::new();
    for (number, depth) in [200, 5_000, 100_000].into_iter().enumerate() {
        let failed = served.reloads().failed;
        served.setup.replace("table.json", format!("{}{}\n", "[".repeat(depth), "]".repeat(depth)));
        wait_until("it is refused", || {
            assert!(served.service.is_running(), "it died of {depth} brackets: {}", served.service.errors());
            served.reloads().failed > failed
        });
        let good = format!("after.{number}");
        served.setup.write_table(&version(&good));
        served.wait_version(&good);
    }
}

#[test]
fn a_table_that_is_written_slowly_is_published_when_it_is_whole() {
    let mut served = Served::new();
    let whole = text(&version("slow"));
    let (first, second) = whole.split_at(whole.len() / 2);
    served.setup.write("table.json", first);
    wait_until("half of it is refused", || served.reloads().failed > 0.0);
    assert!(served.serves("test.1"));
    File::options().append(true).open(served.setup.path("table.json")).unwrap().write_all(second.as_bytes()).unwrap();
    served.wait_version("slow");
    served.wait_pass();
}
