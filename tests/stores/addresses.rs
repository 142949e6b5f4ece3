//! What is no address of an object is refused by `check`, in its place.

use crate::site::Site;

#[test]
fn bad_addresses_are_refused_in_their_place() {
    for key in ["source", "overrides"] {
        for (address, said) in [
            ("gs://bucket/table.json", "not supported"),
            ("ftp://host/table.json", "not supported"),
            ("s3://bucket", "names no object"),
            ("s3://bucket/", "names no object"),
            ("s3:///table.json", "no address"),
            ("s3://bucket//table.json", "names no object"),
            ("s3://bucket/a/../table.json", "names no object"),
            ("s3://bucket/table.json?versionId=1", "query"),
            ("https://host/table.json#part", "fragment"),
            ("https://user:word@host/table.json", "credentials"),
            ("https://host/a b", "no address"),
        ] {
            let mut site = Site::at("table.json", "");
            site.setup.write("overrides.json", "{ \"overrides\": [] }");
            let (first, second) = match key {
                "source" => (address, "overrides.json"),
                _ => ("table.json", address),
            };
            site.setup.section("table", &format!("source = \"{first}\"\noverrides = \"{second}\""));
            let text = std::fs::read_to_string(site.setup.path("croupier.toml")).unwrap();
            let line = text.lines().position(|line| line.starts_with(key)).unwrap() + 1;
            let ran = site.run(&["check", "--config", "croupier.toml"]);
            let (told, place) = (ran.output + &ran.errors, format!("croupier.toml:{line}:"));
            assert_eq!(ran.code, Some(1), "{told}");
            for wanted in [&place, &format!("table.{key}"), address, said] {
                assert!(told.contains(wanted), "{wanted}: {told}");
            }
        }
    }
}

#[test]
fn in_the_environment_too() {
    let mut site = Site::at("table.json", "");
    site.setup.environment("CROUPIER_TABLE_SOURCE", "gs://bucket/table.json");
    let ran = site.run(&["check", "--config", "croupier.toml"]);
    let told = ran.output + &ran.errors;
    assert!(ran.code == Some(1) && told.contains("CROUPIER_TABLE_SOURCE") && told.contains("gs://"), "{told}");
}
