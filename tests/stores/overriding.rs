//! Overrides in a store: edited there by several at once, in force everywhere, and in force still when they vanish.

use serde_json::{Value, json};

use crate::harness::wait_until;
use crate::s3::{Bucket, Keys};
use crate::site::{CURRENT, FILED, Instance, Ran, Site, table};
use crate::weed::{OPS, READER, Weed};

const OVERRIDES: &str = "cdn/overrides.json";

/// In the mix `world`: beta, then gamma by weight; alpha as a fallback.
const WORLD: &str = "203.0.113.1";

fn override_at(site: &Site, bucket: &Bucket, arguments: &[&str]) -> Ran {
    let place = bucket.url(OVERRIDES);
    site.run(&[&["override", "--file", place.as_str()], arguments].concat())
}

fn cdns(instance: &Instance<'_>, ip: &str) -> Vec<String> {
    let answer = instance.answer(ip);
    answer["cdns"].as_array().unwrap().iter().map(|cdn| cdn["name"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn wait_down(instance: &Instance<'_>, cdn: &str, is_down: bool) {
    wait_until(&format!("{cdn} is down: {is_down}"), || cdns(instance, WORLD).contains(&cdn.to_owned()) != is_down);
}

fn list(bucket: &Bucket) -> Vec<Value> {
    let document: Value = serde_json::from_str(&bucket.text(OVERRIDES)).unwrap();
    document["overrides"].as_array().unwrap().clone()
}

#[test]
fn an_override_in_a_store_reaches_instances() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = Site::of(&bucket);
    site.publish(&bucket, &table("one")).good();
    let instance = site.serve_version("one");
    assert_eq!(instance.asked().failed, 0.0, "there need not be overrides");
    override_at(&site, &bucket, &["cdn", "beta", "down", "--for", "2h", "--reason", "INC-123"]).good();
    wait_down(&instance, "beta", true);
    // The configuration says the same place, and which names there are.
    let by_config = ["override", "--config", "croupier.toml"];
    site.run(&[&by_config[..], &["cdn", "bta", "down"]].concat()).bad(&["bta", "beta"]);
    site.run(&[&by_config[..], &["cdn", "alpha", "down"]].concat()).good();
    wait_down(&instance, "alpha", true);
    let listed = site.run(&[&by_config[..], &["list"]].concat()).good();
    assert!(listed.output.contains("INC-123") && listed.output.contains("alpha"), "{listed:?}");
    site.run(&[&by_config[..], &["cdn", "beta", "up"]].concat()).good();
    wait_down(&instance, "beta", false);
    assert_eq!(list(&bucket), [json!({ "cdn": "alpha", "state": "down" })]);
    // Nothing is written where nothing changes.
    let before = bucket.objects();
    site.run(&[&by_config[..], &["cdn", "beta", "up"]].concat()).good();
    assert_eq!(bucket.objects(), before);
    let read = instance.asked().read;
    instance.wait_unchanged(6.0);
    assert_eq!(instance.asked().read, read);
    site.run(&[&by_config[..], &["clear", "--all"]].concat()).good();
    wait_down(&instance, "alpha", false);
    instance.wait_pass();
}

#[test]
fn of_several_who_edit_at_once_nobody_is_lost() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = Site::of(&bucket);
    let names: Vec<String> = (0..8).map(|index| format!("cdn-{index}")).collect();
    for _ in 0..3 {
        std::thread::scope(|scope| {
            let edit = |name| override_at(&site, &bucket, &["cdn", name, "down"]).good();
            let editing: Vec<_> = names.iter().map(|name| scope.spawn(move || edit(name))).collect();
            for editing in editing {
                editing.join().unwrap();
            }
        });
        let mut listed: Vec<String> =
            list(&bucket).iter().map(|given| given["cdn"].as_str().unwrap().to_owned()).collect();
        listed.sort_unstable();
        assert_eq!(listed, names);
        override_at(&site, &bucket, &["clear", "--all"]).good();
        assert!(list(&bucket).is_empty());
    }
}

#[test]
fn what_is_in_force_stays_when_the_object_vanishes() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let mut site = Site::of(&bucket);
    site.publish(&bucket, &table("one")).good();
    override_at(&site, &bucket, &["cdn", "beta", "down"]).good();
    let instance = site.serve_version("one");
    wait_down(&instance, "beta", true);
    bucket.delete(OVERRIDES);
    instance.wait_warning(&["overrides are gone", "stay in force"]);
    assert!(!cdns(&instance, WORLD).contains(&"beta".to_owned()));
    let refused = instance.reload("overrides");
    assert_eq!(refused["result"], "refused", "{refused}");
    // A table is none of their business.
    site.publish(&bucket, &table("two")).good();
    instance.wait_version("two");
    assert!(!cdns(&instance, WORLD).contains(&"beta".to_owned()));
    drop(instance);
    // Over a restart, too.
    let instance = site.serve_version("two");
    instance.wait_warning(&["overrides are gone"]);
    assert!(!cdns(&instance, WORLD).contains(&"beta".to_owned()));
    let listed = override_at(&site, &bucket, &["list"]).good();
    assert!(listed.errors.contains("there is no list; instances may still hold"), "{listed:?}");
    for arguments in [&["cdn", "beta", "up"][..], &["clear", "cdn", "beta"]] {
        override_at(&site, &bucket, arguments).bad(&["nothing was changed", "there is no list", "clear --all"]);
    }
    let cleared = override_at(&site, &bucket, &["clear", "--all"]).good();
    assert!(cleared.errors.contains("this begins a new list; instances may still hold"), "{cleared:?}");
    // There was nothing to clear: say that there is nothing.
    wait_down(&instance, "beta", false);
    instance.wait_pass();
    override_at(&site, &bucket, &["cdn", "gamma", "down"]).good();
    wait_down(&instance, "gamma", true);
    drop(instance);

    // With the whole bucket gone.
    let other = weed.bucket();
    site.source(&bucket.url(CURRENT), &format!("overrides = \"{}\"", other.url("overrides.json")));
    let at_other = other.url("overrides.json");
    site.run(&["override", "--file", &at_other, "cdn", "beta", "down"]).good();
    let instance = site.serve_version("two");
    wait_down(&instance, "beta", true);
    other.remove();
    instance.wait_warning(&["no such bucket"]);
    assert!(!cdns(&instance, WORLD).contains(&"beta".to_owned()));
    site.run(&["override", "--file", &at_other, "cdn", "beta", "up"]).bad(&["no such bucket"]);
}

#[test]
fn bad_overrides_keep_those_in_force_and_can_be_begun_anew() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let site = Site::of(&bucket);
    site.publish(&bucket, &table("one")).good();
    override_at(&site, &bucket, &["cdn", "beta", "down"]).good();
    let instance = site.serve_version("one");
    wait_down(&instance, "beta", true);
    let large = " ".repeat((1 << 20) + 1).into_bytes();
    let cases: [(&[u8], &str); 4] = [
        (b"{ \"overrides\": [ { \"cdn\": \"beta\" } ] }", "overrides.json"),
        (b"no JSON", "overrides.json:1:"),
        (b"\xff\xfe", "not UTF-8"),
        (&large, "larger than"),
    ];
    for (bytes, said) in cases {
        bucket.put(OVERRIDES, bytes);
        instance.wait_warning(&["overrides_reload", said]);
        assert!(!cdns(&instance, WORLD).contains(&"beta".to_owned()));
        override_at(&site, &bucket, &["cdn", "gamma", "down"]).bad(&["nothing was changed", "clear --all", said]);
        assert_eq!(bucket.object(OVERRIDES).unwrap(), bytes);
        let ran = override_at(&site, &bucket, &["clear", "--all"]).good();
        assert!(ran.output.contains(&bucket.url("cdn/overrides.json.bad")), "{ran:?}");
        assert_eq!(bucket.object("cdn/overrides.json.bad").unwrap(), bytes);
        wait_down(&instance, "beta", false);
        instance.wait_pass();
        override_at(&site, &bucket, &["cdn", "beta", "down"]).good();
        wait_down(&instance, "beta", true);
    }
}

#[test]
fn what_cant_be_read_is_not_called_bad() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let mut site = Site::of(&bucket);
    override_at(&site, &bucket, &["cdn", "beta", "down"]).good();
    let before = bucket.objects();
    let wrong = Keys { secret: "wrong", ..OPS };
    for (endpoint, keys, said) in [
        ("http://127.0.0.1:1".to_owned(), OPS, "from http://127.0.0.1:1 (AWS_ENDPOINT_URL)"),
        ("127.0.0.1:1".to_owned(), OPS, "AWS_ENDPOINT_URL is `127.0.0.1:1`: write it with http:// or https://"),
        (format!("http://{}", bucket.host), wrong, "AWS_SECRET_ACCESS_KEY"),
    ] {
        site.speak_to(&bucket, keys);
        site.setup.environment("AWS_ENDPOINT_URL", &endpoint);
        for arguments in [&["cdn", "alpha", "down"][..], &["clear", "--all"]] {
            let ran = override_at(&site, &bucket, arguments).bad(&["nothing was changed", "can't be read", said]);
            assert!(!ran.errors.contains("begin anew"), "{ran:?}");
        }
    }
    assert_eq!(bucket.objects(), before);
}

#[test]
fn who_may_not_write_is_told_and_changes_nothing() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let mut site = Site::of(&bucket);
    override_at(&site, &bucket, &["cdn", "beta", "down"]).good();
    let before = bucket.objects();
    site.speak_to(&bucket, READER);
    for arguments in [&["cdn", "alpha", "down"][..], &["cdn", "beta", "up"], &["clear", "--all"]] {
        override_at(&site, &bucket, arguments).bad(&["can't be written", "access is denied", &bucket.url(OVERRIDES)]);
    }
    assert_eq!(bucket.objects(), before);
    let listed = override_at(&site, &bucket, &["list"]).good();
    assert!(listed.output.contains("beta"), "{listed:?}");
}

#[test]
fn overrides_may_lie_elsewhere_than_the_table() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket();
    let mut site = Site::of(&bucket);
    site.setup.write_table(&table("file"));
    std::fs::create_dir(site.setup.path("prefixes")).unwrap();
    site.setup.write("prefixes/solo.txt", crate::site::prefixes());
    site.source("table.json", &format!("overrides = \"{}\"", bucket.url(OVERRIDES)));
    let instance = site.serve_version("file");
    override_at(&site, &bucket, &["cdn", "beta", "down"]).good();
    wait_down(&instance, "beta", true);
    assert_eq!(instance.answer(FILED)["version"], "file");
}
