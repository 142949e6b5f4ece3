//! Publishers: several at once, back again, trials that change nothing, and what is not published.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::relay::{Break, Gate, Relay};
use crate::s3::{Bucket, sha256};
use crate::site::{CURRENT, Ran, Site, table};
use crate::weed::{OPS, READER, Weed};

fn pointer(bucket: &Bucket) -> Value {
    serde_json::from_str(&bucket.text(CURRENT)).unwrap()
}

/// That the pointer names a table all of whose files are there, and gives its version.
#[track_caller]
fn whole(bucket: &Bucket) -> String {
    let pointer = pointer(bucket);
    let prefix = pointer["prefix"].as_str().unwrap();
    for (path, expected) in pointer["files"].as_object().unwrap() {
        let bytes = bucket.object(&format!("cdn/{prefix}{path}")).unwrap();
        assert_eq!(sha256(&bytes), *expected, "{path}");
    }
    pointer["version"].as_str().unwrap().to_owned()
}

/// Has all of them publish at once, each its own table.
fn race(publishers: &[Site], bucket: &Bucket, round: usize) -> Vec<(String, Ran)> {
    std::thread::scope(|scope| {
        let publish = |(index, publisher): (usize, &'_ Site)| {
            let version = format!("{round}.{index}");
            let ran = publisher.publish(bucket, &table(&version));
            (version, ran)
        };
        let racing: Vec<_> =
            publishers.iter().enumerate().map(|publisher| scope.spawn(move || publish(publisher))).collect();
        racing.into_iter().map(|racing| racing.join().unwrap()).collect()
    })
}

#[test]
fn of_several_who_publish_at_once_one_wins_and_the_others_are_told() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let mut before: Option<String> = None;
    for round in 0..20 {
        let count = 2 + round % 3;
        // All have read what is current, before anybody moves it.
        let gate = Gate::new(&format!("PUT /{}/{CURRENT}", bucket.name), count);
        let publishers: Vec<Site> = (0..count)
            .map(|_| {
                let mut publisher = Site::of(&bucket);
                let relay = Relay::through(bucket.host, Break::Closes, &gate);
                publisher.speak_to(&Bucket { host: relay.address, ..bucket.clone() }, OPS);
                publisher
            })
            .collect();
        let mut winners = Vec::new();
        for (version, ran) in race(&publishers, &bucket, round) {
            match ran.code {
                Some(0) => winners.push(version),
                _ => _ = ran.bad(&["somebody else has published meanwhile", "nothing was changed"]),
            }
        }
        assert_eq!(winners, [whole(&bucket)], "in round {round}");
        let pointer = pointer(&bucket);
        assert_eq!(pointer.get("previous").and_then(Value::as_str), before.as_deref());
        before = Some(pointer["digest"].as_str().unwrap().to_owned());
    }
}

#[test]
fn who_publishes_when_others_do_gets_a_whole_table_or_is_told() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let publishers: Vec<Site> = (0..3).map(|_| Site::of(&bucket)).collect();
    let mut published = BTreeSet::new();
    for round in 0..5 {
        for (version, ran) in race(&publishers, &bucket, round) {
            match ran.code {
                Some(0) => _ = published.insert(version),
                _ => _ = ran.bad(&["somebody else has published meanwhile"]),
            }
        }
        let current = whole(&bucket);
        assert!(published.contains(&current) && current.starts_with(&format!("{round}.")), "{current}");
    }
}

#[test]
fn back_and_forth() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = Site::of(&bucket);
    let depot = bucket.url("cdn");
    site.run(&["publish", "--back", &depot]).bad(&["nothing was ever published"]);
    site.publish(&bucket, &table("one")).good();
    site.run(&["publish", "--back", &depot]).bad(&["none to go back to"]);
    let first = pointer(&bucket)["digest"].as_str().unwrap().to_owned();
    let instance = site.serve_version("one");
    for version in ["two", "three"] {
        site.publish(&bucket, &table(version)).good();
        instance.wait_version(version);
    }
    let third = pointer(&bucket)["digest"].as_str().unwrap().to_owned();
    let ran = site.run(&["publish", "--back", &depot]).good();
    let again = format!("three again: croupier publish --to {third} {depot}");
    assert!(ran.output.contains("back to two") && ran.output.contains(&again), "{ran:?}");
    instance.wait_version("two");
    assert_eq!(whole(&bucket), "two");
    // Once more is one further back, up to the first.
    site.run(&["publish", "--back", &depot]).good();
    instance.wait_version("one");
    site.run(&["publish", "--back", &depot]).bad(&["none to go back to"]);
    site.run(&["publish", "--to", &third, &depot]).good();
    instance.wait_version("three");
    let ran = site.run(&["publish", "--to", &first, &depot]).good();
    assert!(ran.output.contains("back to one"), "{ran:?}");
    instance.wait_version("one");
    // Of a table that somebody chose, back is where they came from.
    site.run(&["publish", "--back", &depot]).good();
    instance.wait_version("three");
    site.run(&["publish", "--to", &first, &depot]).good();
    let ran = site.run(&["publish", "--to", &first, &depot]).good();
    assert!(ran.output.contains("already"), "{ran:?}");
    let before = bucket.objects();
    site.run(&["publish", "--to", &"0".repeat(64), &depot]).bad(&["there is no such table"]);
    for no_digest in ["current", "../current", "", "ABCDEF", "0"] {
        let ran = site.run(&["publish", "--to", no_digest, &depot]);
        assert!(matches!(ran.code, Some(1 | 2)), "{ran:?}");
        assert!(ran.errors.contains("digest"), "{ran:?}");
    }
    assert_eq!(bucket.objects(), before);
    // A table that is whole no more is not gone back to.
    site.publish(&bucket, &table("four")).good();
    let before = bucket.objects();
    let spoilt = format!("cdn/tables/{first}/prefixes/solo.txt");
    bucket.put(&spoilt, "192.0.2.0/24\n");
    site.run(&["publish", "--to", &first, &depot]).bad(&["nothing changed", &sha256(b"192.0.2.0/24\n")]);
    assert_eq!(bucket.objects()[CURRENT], before[CURRENT]);
}

#[test]
fn a_trial_changes_nothing() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = Site::of(&bucket);
    let depot = bucket.url("cdn");
    site.write(&table("one"));
    let ran = site.run(&["publish", "table", &depot, "--dry-run"]).good();
    assert!(ran.output.contains("would be the first"), "{ran:?}");
    assert!(bucket.objects().is_empty());
    site.publish(&bucket, &table("one")).good();
    let mut two = table("two");
    two["mixes"]["world"]["beta"] = 10.into();
    site.publish(&bucket, &two).good();
    let before = bucket.objects();
    let mut three = table("three");
    three["mixes"]["solo"]["alpha"] = 1000.into();
    site.write(&three);
    for (arguments, said) in [
        (vec!["publish", "table", &depot, "--dry-run"], "gamma -> alpha"),
        (vec!["publish", "--back", &depot, "--dry-run"], "gamma -> beta"),
    ] {
        let ran = site.run(&arguments).good();
        assert!(ran.output.contains(said), "{ran:?}");
        assert_eq!(bucket.objects(), before, "{arguments:?}");
    }
}

#[test]
fn what_is_no_good_table_is_not_published() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let mut site = Site::of(&bucket);
    site.publish(&bucket, &table("one")).good();
    let before = bucket.objects();
    let mut unknown = table("two");
    unknown["footprints"][0]["mix"] = "wordl".into();
    unknown["canaries"][0]["mix"] = "solo".into();
    let ran = site.publish(&bucket, &unknown).bad(&["nothing published", "unknown mix `wordl`"]);
    assert!(ran.errors.contains("table/cdn-table.json:"), "{ran:?}");
    let mut canary = table("two");
    canary["canaries"][0]["mix"] = "solo".into();
    site.publish(&bucket, &canary).bad(&["nothing published", "canar"]);
    site.setup.write("solo.txt", "100.64.0.0/24\n");
    let absolute = site.setup.path("solo.txt");
    for path in ["../solo.txt", absolute.to_str().unwrap(), "prefixes/../prefixes/solo.txt"] {
        let mut outside = table("two");
        outside["footprints"][4]["footprint-file"] = path.into();
        site.publish(&bucket, &outside).bad(&[path, "beside it"]);
    }
    let mut missing = table("two");
    missing["footprints"][4]["footprint-file"] = "prefixes/none.txt".into();
    site.publish(&bucket, &missing).bad(&["nothing published", "prefixes/none.txt"]);
    site.setup.write("table/cdn-table.json", "no JSON");
    site.run(&["publish", "table", &bucket.url("cdn")]).bad(&["nothing published", "cdn-table.json:1:"]);
    site.run(&["publish", "nowhere", &bucket.url("cdn")]).bad(&["nothing published", "nowhere"]);
    assert_eq!(bucket.objects(), before);

    site.write(&table("two"));
    site.run(&["publish", "table", "s3://no-such-bucket/cdn"]).bad(&["no such bucket", "s3://no-such-bucket/cdn"]);
    site.run(&["publish", "table", "gs://bucket/cdn"]).bad(&["gs://", "s3://BUCKET/PREFIX"]);
    site.run(&["publish", "table", "elsewhere"]).bad(&["s3://BUCKET/PREFIX"]);
    // The place of the pointer itself is where it points from.
    let ran = site.run(&["publish", "table", &bucket.url(CURRENT), "--dry-run"]).good();
    assert!(!ran.output.contains("would be the first"), "{ran:?}");
    // What is there is no pointer, and may be somebody's.
    bucket.put("plain/current.json", "{}");
    site.run(&["publish", "table", &bucket.url("plain")]).bad(&["this is no pointer", "nothing was changed"]);
    assert_eq!(bucket.text("plain/current.json"), "{}");
    // Who may only read can see what would change, no more.
    let before = bucket.objects();
    site.speak_to(&bucket, READER);
    site.run(&["publish", "table", &bucket.url("cdn"), "--dry-run"]).good();
    site.publish(&bucket, &table("two")).bad(&["access is denied", "may not write", &bucket.url("cdn")]);
    site.run(&["publish", "--to", pointer(&bucket)["digest"].as_str().unwrap(), &bucket.url("cdn")]).good();
    assert_eq!(bucket.objects(), before);
}

#[test]
fn an_http_server_is_not_published_to() {
    let web = crate::web::Web::start();
    let site = Site::at("table.json", "");
    site.write(&table("one"));
    site.run(&["publish", "table", &web.url("cdn")]).bad(&["s3://BUCKET/PREFIX"]);
}
