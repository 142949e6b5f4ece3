//! Twenty instances on one bucket: all get what is published, and nobody asks for more than is needed. The figures
//! are printed; none of time is held to anything.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::harness::wait_until;
use crate::relay::{Break, Relay};
use crate::required::tell;
use crate::s3::Bucket;
use crate::site::{Asked, CURRENT, Instance, Site, table};
use crate::weed::{OPS, Weed};

const INSTANCES: usize = 20;

/// Instances that read from a bucket through a relay, and who publishes to it.
struct Fleet {
    bucket: Bucket,
    publisher: Site,
    relay: Relay,
    sites: Vec<Site>,
}

impl Fleet {
    fn new(weed: &Weed, poll: &str) -> Self {
        let bucket = weed.bucket();
        let relay = Relay::to(bucket.host, Break::Closes);
        let site = |_| {
            let mut site = Site::of(&bucket);
            site.source(&bucket.url(CURRENT), &format!("poll = {poll}\ntimeout = 30"));
            site.speak_to(&Bucket { host: relay.address, ..bucket.clone() }, OPS);
            site.setup.section("log", "level = \"warn\"");
            site
        };
        let sites = (0..INSTANCES).map(site).collect();
        Self { publisher: Site::of(&bucket), bucket, relay, sites }
    }

    fn start(&self) -> Vec<Instance<'_>> {
        let instances: Vec<_> = self.sites.iter().map(Site::start).collect();
        for instance in &instances {
            wait_until("health turns green", || instance.service.health().0 == 200);
        }
        instances
    }

    fn pointer(&self) -> Value {
        serde_json::from_str(&self.bucket.text(CURRENT)).unwrap()
    }
}

fn asked(instances: &[Instance<'_>]) -> Vec<Asked> {
    instances.iter().map(Instance::asked).collect()
}

/// The first, the middle and the last, in seconds.
fn spread(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    let [first, middle, last] = [times[0], times[times.len() / 2], times[times.len() - 1]];
    format!("first {first:.2} s, median {middle:.2} s, last {last:.2} s")
}

/// The most that came within 100 ms.
fn most_at_once(times: &[Instant]) -> usize {
    let within = |from: &Instant| {
        times.iter().filter(|time| *time >= from && time.duration_since(*from) < Duration::from_millis(100)).count()
    };
    times.iter().map(within).max().unwrap_or_default()
}

/// Publishes what is in a directory, waits until everybody has it, and gives what each has asked for meanwhile.
fn converge(fleet: &Fleet, instances: &[Instance<'_>], folder: &Path, patience: Duration) -> Vec<(Asked, Asked)> {
    let before = asked(instances);
    fleet.relay.clear();
    let ran = fleet.publisher.run(&["publish", folder.to_str().unwrap(), &fleet.bucket.url("cdn")]).good();
    let (published, at) = (Instant::now(), SystemTime::now());
    let digest = fleet.pointer()["digest"].as_str().unwrap().to_owned();
    let has_it = |instance: &Instance<'_>| {
        instance.service.metrics().named("croupier_table_info").any(|sample| sample.labels["digest"] == digest)
    };
    while !instances.iter().all(has_it) {
        assert!(published.elapsed() < patience, "not everybody has it within {patience:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    let requests = fleet.relay.requests();
    let after = asked(instances);
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let loaded = instances
        .iter()
        .map(|instance| instance.service.metrics().sum("croupier_table_loaded_timestamp_seconds", &[]) - since);
    let begins = format!("GET /{}/cdn/tables/{digest}/cdn-table.json", fleet.bucket.name);
    let noticed = requests.iter().filter(|(_, line)| line.starts_with(&begins));
    let noticed = noticed.map(|(at, _)| at.saturating_duration_since(published).as_secs_f64()).collect();
    let times: Vec<Instant> = requests.iter().map(|(at, _)| *at).collect();
    let bytes: f64 = after.iter().zip(&before).map(|(after, before)| after.bytes - before.bytes).sum();
    tell(&format!("{}, to {} instances:", ran.output.lines().next().unwrap(), instances.len()));
    tell(&format!("  noticed  {}", spread(noticed)));
    tell(&format!("  serving  {}", spread(loaded.collect())));
    tell(&format!(
        "  {} requests in {:.1} s, up to {} within 100 ms; {bytes} bytes in all",
        times.len(),
        times.last().unwrap().duration_since(times[0]).as_secs_f64(),
        most_at_once(&times)
    ));
    before.into_iter().zip(after).collect()
}

#[test]
fn all_converge_and_read_what_is_new_once() {
    let Some(weed) = Weed::shared() else { return };
    let fleet = Fleet::new(weed, "2");
    fleet.publisher.publish(&fleet.bucket, &table("one")).good();
    let instances = fleet.start();
    let folder = fleet.publisher.setup.path("table");
    // Only the document is new.
    fleet.publisher.write(&table("two"));
    let asked = converge(&fleet, &instances, &folder, Duration::from_mins(1));
    let (pointer, document) = (fleet.bucket.text(CURRENT).len(), format!("{:#}\n", table("two")).len());
    for (before, after) in asked {
        assert_eq!(after.bytes - before.bytes, (pointer + document) as f64);
        let count = (after.read - before.read, after.changed - before.changed, after.failed);
        assert_eq!(count, (2.0, 1.0, 0.0), "{after:?}");
    }
    assert!(instances.iter().all(|instance| instance.version() == "two"));
    // Then nothing is.
    let before = self::asked(&instances);
    for (instance, before) in instances.iter().zip(&before) {
        wait_until("it asks, and nothing is new", || instance.asked().unchanged >= before.unchanged + 2.0);
    }
    for (before, after) in before.iter().zip(self::asked(&instances)) {
        assert_eq!((before.read, before.bytes, before.changed), (after.read, after.bytes, after.changed));
    }
    // And back, which is the pointer alone.
    fleet.publisher.run(&["publish", "--back", &fleet.bucket.url("cdn")]).good();
    for instance in &instances {
        instance.wait_version("one");
    }
    let pointer = fleet.bucket.text(CURRENT).len() as f64;
    for (before, after) in before.iter().zip(self::asked(&instances)) {
        assert_eq!((after.read - before.read, after.bytes - before.bytes), (1.0, pointer));
    }
}

#[test]
#[ignore = "takes minutes and the whole machine: for the figures, with `--ignored --nocapture`"]
fn the_default_table_as_the_readme_has_it() {
    let Some(weed) = Weed::shared() else { return };
    let fleet = Fleet::new(weed, "10");
    let folder = fleet.publisher.setup.path("data");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    assert!(std::process::Command::new("cp").arg("-r").args([&data, &folder]).status().unwrap().success());
    let publish = ["publish", "data", &fleet.bucket.url("cdn")];
    fleet.publisher.run(&publish).good();
    let instances = fleet.start();
    let first: f64 = asked(&instances).iter().map(|asked| asked.bytes).sum();
    tell(&format!("started: {first} bytes"));
    let document = folder.join("cdn-table.json");
    let mut table: Value = serde_json::from_slice(&std::fs::read(&document).unwrap()).unwrap();
    for round in 0..3 {
        table["version"] = format!("round {round}").into();
        std::fs::write(&document, format!("{table:#}\n")).unwrap();
        converge(&fleet, &instances, &folder, Duration::from_mins(5));
    }
}
