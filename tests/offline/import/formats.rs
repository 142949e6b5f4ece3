//! One file a format, as the format's own documents write it.

use serde_json::json;

use super::{import, imported, mixes, table, tells};
use crate::program::Folder;

#[test]
fn csv_names_prefixes_and_mixes() {
    let folder = Folder::new();
    let written = "prefix,mix\n# ours\n192.0.2.0/24,near\n192.0.2.128/25, near\n198.51.100.9/24,uk west # masked\n\
                   2001:db8::/32,\"near\"\r\n203.0.113.7,uk\n192.0.2.0/24,far\n::ffff:10.0.0.0/104,uk\n192.0.2.0/24,near\n";
    folder.write("in.csv", written);
    let report = imported(&folder, "csv", "in.csv", &[]);
    tells(&report, "in.csv:5 `198.51.100.9/24` has host bits set: `198.51.100.0/24` is taken");
    tells(&report, "in.csv:8 `192.0.2.0/24` is `far` here but `near` before: the first wins");
    tells(&report, "in.csv:9 `::ffff:10.0.0.0/104` is IPv4-mapped: `10.0.0.0/8` is taken");
    tells(&report, "in.csv:5 `uk west` can't be a name: mix `uk-west`");
    let counts = json!({ "masked": 1, "mapped": 1, "contradictory": 1, "repeated": 1, "merged": 1, "left_out": 0,
        "renamed": 1, "noted": 0 });
    assert_eq!((&report["counts"], &report["prefixes"]), (&counts, &json!(5)));
    let expected = ["near", "near", "uk-west", "near", "uk", "uk", "default", "default"];
    let addresses =
        ["192.0.2.1", "192.0.2.200", "198.51.100.1", "2001:db8::1", "203.0.113.7", "10.9.9.9", "203.0.113.8", "::1"];
    assert_eq!(mixes(&folder, addresses), expected);
    assert_eq!(table(&folder)["cdns"]["uk-west"]["url"], json!("https://uk-west.example/"));
    let prefixes = std::fs::read_to_string(folder.path("out/prefixes/near-ipv4.txt")).unwrap();
    assert_eq!(prefixes, "192.0.2.0/24\n");
}

#[test]
fn a_geofeed_has_a_mix_a_country_region_or_city() {
    let feed = "# A feed\n192.0.2.0/24,GB,GB-ENG,London,\n192.0.2.64/26,,,,\n198.51.100.0/25,us,US-CA,Mountain View,\n\
                2001:db8::/32,GB,GB-SCT,,\n203.0.113.0/24,GBR,,,\nx,GB,,,\n192.0.2.0/24,FR,,,\n";
    for (picked, expected) in [
        ("country", ["gb", "default", "us", "gb", "default"]),
        ("region", ["gb-eng", "default", "us-ca", "gb-sct", "default"]),
        ("city", ["london", "default", "mountain-view", "default", "default"]),
    ] {
        let folder = Folder::new();
        folder.write("feed.csv", feed);
        let report = imported(&folder, "geofeed", "feed.csv", &["--pick", picked]);
        tells(&report, "feed.csv:6 `GBR` is not a country of two letters: the line is left out");
        tells(&report, "feed.csv:7 `x` is not a prefix");
        tells(&report, "feed.csv:8 `192.0.2.0/24` is");
        let addresses = ["192.0.2.1", "192.0.2.65", "198.51.100.1", "2001:db8::1", "203.0.113.1"];
        assert_eq!(mixes(&folder, addresses), expected, "{picked}");
    }
}

#[test]
fn haproxy_has_the_first_of_equals_and_ipv4_before_ipv6() {
    let folder = Folder::new();
    let map = "# a comment\n   192.0.2.0/24  near edge  \n192.0.2.0/24 far\n10.0.0.0/255.0.0.0\tten\n10.1.2.3 one\n\
               10.0.0.0/255.0.255.0 gaps\n203.0.113.4/+32\n::ffff:10.2.0.0/112 mapped\n::ffff:172.16.0.0/108 mapped\n\
               ::/0 six\n2001:db8::/32 near edge\n";
    folder.write("geo.map", map);
    let report = imported(&folder, "haproxy-map", "geo.map", &["--default", "world"]);
    tells(&report, "geo.map:3 `192.0.2.0/24` is `far` here but `near edge` before: the first wins");
    tells(&report, "geo.map:6 the mask of `10.0.0.0/255.0.255.0` has gaps");
    tells(&report, "geo.map:8 `10.2.0.0/16` is never reached: an IPv4 prefix around it is asked first");
    tells(&report, "geo.map:10 `::/0` is also for IPv4 addresses that no IPv4 prefix matches");
    let addresses = ["192.0.2.1", "10.2.0.1", "10.1.2.3", "172.16.0.1", "203.0.113.1", "2001:db8::1", "2001:db9::1"];
    let expected = ["near-edge", "ten", "one", "mapped", "six", "near-edge", "six"];
    assert_eq!(mixes(&folder, addresses), expected);
    // A key alone has the empty value, which is one.
    assert_eq!(mixes(&folder, ["203.0.113.4", "203.0.113.5"]), ["empty", "six"]);
}

#[test]
fn coverage_zones_are_mixes() {
    let folder = Folder::new();
    let zones = r#"{ "revision": "2026:01:01", "customerName": "CDN", "coverageZones": {
        "cache-group-01": { "coordinates": { "latitude": 40.0, "longitude": -75.0 },
            "network6": ["1234:5678::/64", "1234:567a::1/64"], "network": ["192.168.8.0/24", "192.168.9.0/24", "192.168.8.0/25"] },
        "cache group 02": { "network": ["192.168.4.0/24", "192.168.8.0/24"] },
        "empty": {} } }"#;
    folder.write("czf.json", zones);
    let report = imported(&folder, "czf", "czf.json", &[]);
    tells(&report, "czf.json:3 `1234:567a::1/64` has host bits set");
    tells(&report, "czf.json:4 `192.168.8.0/24` is `cache group 02` here but `cache-group-01` before: the first wins");
    tells(&report, "czf.json:4 `cache group 02` can't be a name");
    tells(&report, "czf.json:5 the zone `empty` has no networks");
    let expected = ["cache-group-01", "cache-group-01", "cache-group-02", "default"];
    assert_eq!(mixes(&folder, ["192.168.8.200", "1234:567a::9", "192.168.4.1", "192.0.2.1"]), expected);

    let folder = Folder::new();
    let deep = r#"{ "deepCoverageZones": { "deep-01": { "network": ["192.0.2.0/24"], "caches": ["edge-01"] } } }"#;
    folder.write("dczf.json", deep);
    let report = imported(&folder, "czf", "dczf.json", &[]);
    tells(&report, "dczf.json:1 the caches of zone `deep-01` are left out");
    assert_eq!(mixes(&folder, ["192.0.2.9"]), ["deep-01"]);
}

#[test]
fn gdnsd_nets_are_ordered_lists() {
    let folder = Folder::new();
    let config = "plugins => { geoip => { maps => {\n prod => {\n  datacenters = [dc1, dc2, dc3],\n  map => { EU => [dc2] }\n\
                  nets => {\n 10.0.0.0/8 => [ dc1, dc2 ],\n 192.0.2.128/25 => dc3 ; no comma\n 192.0.2.129/25 => dc1\n\
                  2001:DB8::/32 => [ dc3, dc2, dc1 ],\n ::ac10:0/108 => dc2,\n 2001:DB8:1::/48 => [],\n }\n },\n\
                  other => { nets => nets.conf }\n } } }\n";
    folder.write("gdnsd.conf", config);
    folder.write("nets.conf", "# external\n203.0.113.0/24 => [dc9]\n");
    let report = imported(&folder, "gdnsd", "gdnsd.conf", &["--pick", "prod"]);
    tells(&report, "gdnsd.conf:4 the map of places is left out");
    tells(&report, "gdnsd.conf:8 `192.0.2.129/25` has host bits set");
    tells(&report, "gdnsd.conf:8 `192.0.2.128/25` is `dc1` here but `dc3` before: which one wins is arbitrary");
    tells(&report, "gdnsd.conf:9 after `dc3` the others stand by in order of name");
    tells(&report, "gdnsd.conf:11 an empty list is no answer");
    let expected = ["dc1_dc2", "dc3", "dc3_dc2_dc1", "dc2", "dc1_dc2_dc3"];
    assert_eq!(mixes(&folder, ["10.1.1.1", "192.0.2.200", "2001:db8::1", "172.16.0.9", "203.0.113.9"]), expected);
    assert_eq!(table(&folder)["mixes"]["dc3_dc2_dc1"], json!({ "dc3": 1, "dc2": 0, "dc1": 0 }));

    for (file, more) in [("gdnsd.conf", &["--pick", "other", "--force"][..]), ("nets.conf", &["--force"])] {
        imported(&folder, "gdnsd", file, more);
        assert_eq!(mixes(&folder, ["203.0.113.9", "10.1.1.1"]), ["dc9", "default"], "{file}");
    }
    // Where gdnsd itself looks, first.
    std::fs::create_dir(folder.path("geoip")).unwrap();
    folder.write("geoip/nets.conf", "$include{more}\n").write("geoip/more", "203.0.113.0/24 => [dc8]\n");
    imported(&folder, "gdnsd", "gdnsd.conf", &["--pick", "other", "--force"]);
    assert_eq!(mixes(&folder, ["203.0.113.9"]), ["dc8"]);
    let ran = import(&folder, "gdnsd", "gdnsd.conf", &["--force"]);
    assert!(ran.code == Some(1) && ran.errors.contains("say which with --pick: prod, other"), "{ran:?}");
}
