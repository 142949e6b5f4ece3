//! Killed at any moment of hundreds of reloads, it comes back with a whole table, and none older than what it
//! had confirmed.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Connection, Leaf, Service, Setup, table};

const RESTARTS: u64 = 40;
const MOST_RELOADS: u64 = 15;

/// Enough to show another table: its own prefix, a file, a mix of many, the default.
const ADDRESSES: [&str; 4] = ["198.18.64.1", "2001:db8:4000::1", "198.18.0.1", "203.0.113.1"];

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// The table of a number, with a file that every third one shares.
fn numbered(number: u64) -> String {
    let mut table = table();
    table["version"] = json!(number.to_string());
    table["ttl"] = json!(number);
    for (_, cdn) in table["cdns"].as_object_mut().unwrap() {
        cdn["url"] = json!(format!("https://cdn-{number}.example/"));
    }
    let file = format!("prefixes-{}.txt", number % 3);
    let more = json!({ "footprint-type": "ipv6cidr", "footprint-file": file, "mix": "solo" });
    table["footprints"].as_array_mut().unwrap().push(more);
    format!("{table:#}\n")
}

/// What the command line says of the table of a number, byte for byte.
fn known(setup: &Setup, number: u64) -> Vec<String> {
    setup.write("known.json", numbered(number));
    let arguments = ["lookup", "--table", "known.json", "--format", "json"];
    let output = setup.command(&[&arguments[..], &ADDRESSES].concat()).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Asks for a reload. None if it is killed over it.
fn reload(connection: &mut Connection) -> Option<u16> {
    connection.send("POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").ok()?;
    connection.read().ok().map(|response| response.status)
}

#[test]
fn it_comes_back_whole_and_no_older_than_confirmed() {
    let mut setup = Setup::new();
    setup.section("listen", "lookup = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"");
    setup.section("table", "source = \"table.json\"\nstate = \"state\"\nkeep = 2");
    for file in 0..3 {
        setup.write(&format!("prefixes-{file}.txt"), format!("2001:db8:4000::/{}\n", 36 + file));
    }
    let admin = setup.client(Some(&Leaf::client("ops-1.example").issued_by(&setup.pki.ops)));
    let client = setup.client(Some(&setup.selector));
    let mut random = Random(11);
    let (mut written, mut confirmed, mut reloads, mut last_good) = (1, 0, 0, 0);
    setup.replace("table.json", numbered(written));
    for restart in 0..=RESTARTS {
        let is_bad = restart > 0 && random.below(3) > 0;
        if is_bad {
            setup.replace("table.json", "{");
        }
        let service = Service::start(&setup);
        let mut connection = client.connect(service.lookup).unwrap();
        let answers = ADDRESSES.map(|ip| connection.get(&format!("/lookup?ip={ip}")).unwrap().text());
        let first: Value = serde_json::from_str(&answers[0]).unwrap();
        let served: u64 = first["version"].as_str().unwrap().parse().unwrap();
        assert!(confirmed <= served && served <= written, "restart {restart}: {confirmed} to {written}, is {served}");
        assert!(is_bad || served == written, "restart {restart}: the source is good");
        assert_eq!(answers.map(|answer| answer.trim_end().to_owned()).as_slice(), known(&setup, served));
        last_good += u64::from(is_bad);
        confirmed = served;

        let mut connection = admin.connect(service.admin.unwrap()).unwrap();
        for _ in 0..random.below(MOST_RELOADS) {
            written += 1;
            setup.replace("table.json", numbered(written));
            assert_eq!(reload(&mut connection), Some(200));
            confirmed = written;
            reloads += 1;
        }
        let (process, delay) = (service.pid().to_string(), Duration::from_micros(random.below(30_000)));
        let killing = std::thread::spawn(move || {
            std::thread::sleep(delay);
            assert!(Command::new("kill").args(["-KILL", &process]).status().unwrap().success());
        });
        loop {
            written += 1;
            setup.replace("table.json", numbered(written));
            let Some(status) = reload(&mut connection) else { break };
            assert_eq!(status, 200);
            confirmed = written;
            reloads += 1;
        }
        killing.join().unwrap();
    }
    assert!(reloads >= 200 && last_good >= RESTARTS / 3, "{reloads} reloads, {last_good} times the last good one");
    println!("{reloads} reloads, {last_good} of {RESTARTS} restarts with the last good table");
}
