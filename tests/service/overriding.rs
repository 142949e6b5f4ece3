//! Overrides in service: what they do to answers, and that a bad file undoes nothing.

mod timed;

use serde_json::{Value, json};

use crate::harness::{Connection, Identity, Leaf, Service, Setup, table, wait_until};

const LISTEN: &str = "lookup = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"";

/// In the mix `on-net`, `solo` and `world` of the harness's table.
const ON_NET: &str = "198.18.0.1";
const SOLO: &str = "198.18.64.1";
const WORLD: &str = "203.0.113.1";

/// A service with overrides beside its table, and an admin.
struct Overriding {
    setup: Setup,
    service: Service,
    admin: Identity,
}

impl Overriding {
    fn new() -> Self {
        Self::on(Setup::new())
    }

    fn on(mut setup: Setup) -> Self {
        setup.section("listen", LISTEN);
        let admin = Leaf::client("ops-1.example").issued_by(&setup.pki.ops);
        let service = Service::start_green(&setup);
        Self { setup, service, admin }
    }

    fn write(&self, overrides: &Value) {
        self.setup.replace("overrides.json", json!({ "overrides": overrides }).to_string());
    }

    /// Has the service read everything, whatever comes of it.
    fn reload(&self) -> Value {
        let mut connection = self.connect_as_admin();
        connection.send("POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
        connection.read().unwrap().json()
    }

    /// Puts these in the place of those before, and has them in force.
    #[track_caller]
    fn set(&self, overrides: &Value) {
        self.write(overrides);
        let outcome = self.reload();
        assert!(outcome["overrides"]["problems"].is_null(), "{outcome}");
        assert_eq!(self.status()["overrides"]["in_force"], *overrides);
    }

    fn connect_as_admin(&self) -> Connection {
        self.setup.client(Some(&self.admin)).connect(self.service.admin.unwrap()).unwrap()
    }

    fn status(&self) -> Value {
        self.connect_as_admin().get("/status").unwrap().json()
    }

    fn answer(&self, ip: &str) -> Value {
        let client = self.setup.client(Some(&self.setup.selector));
        client.get(self.service.lookup, &format!("/lookup?ip={ip}")).unwrap().json()
    }

    /// The mix and the names of the CDNs that an address gets.
    fn order(&self, ip: &str) -> (String, Vec<String>) {
        let answer = self.answer(ip);
        let name = |value: &Value| value.as_str().unwrap().to_owned();
        let cdns = answer["cdns"].as_array().unwrap().iter().map(|cdn| name(&cdn["name"]));
        (name(&answer["mix"]), cdns.collect())
    }

    fn generation(&self) -> u64 {
        self.answer(WORLD)["generation"].as_u64().unwrap()
    }

    fn active(&self) -> f64 {
        self.service.metrics().sum("croupier_overrides_active", &[])
    }

    #[track_caller]
    fn wait_health(&self, status: &str, text: &str) {
        wait_until(&format!("health is {status}: {text}"), || {
            let (code, document) = self.service.health();
            code == 200 && document["status"] == status && document.to_string().contains(text)
        });
    }
}

fn down(cdn: &str) -> Value {
    json!({ "cdn": cdn, "state": "down" })
}

#[test]
fn a_cdn_that_is_down_is_left_out_and_the_rest_keeps_its_order() {
    let served = Overriding::new();
    let before = [ON_NET, SOLO, WORLD].map(|ip| served.order(ip));
    let (scope, digest) = (served.answer(ON_NET)["scope"].clone(), served.status()["table"]["digest"].clone());
    served.set(&json!([down("beta")]));
    assert_eq!((served.generation(), served.active()), (2, 1.0));
    for (ip, (mix, mut cdns)) in [ON_NET, SOLO, WORLD].into_iter().zip(before.clone()) {
        cdns.retain(|cdn| cdn != "beta");
        assert_eq!(served.order(ip), (mix, cdns));
    }
    assert_eq!(served.answer(ON_NET)["scope"], scope);
    assert_eq!(served.answer(WORLD)["scope"], "200.0.0.0/5", "one CDN has a weight now");
    assert_eq!(served.status()["table"]["digest"], digest, "overrides are no part of the digest");
    served.set(&json!([]));
    assert_eq!([ON_NET, SOLO, WORLD].map(|ip| served.order(ip)), before);
    assert_eq!((served.generation(), served.active()), (3, 0.0));
}

#[test]
fn weights_replace_a_mix_whole() {
    let served = Overriding::new();
    served.set(&json!([{ "mix": "solo", "weights": { "beta": 1, "alpha": 0 }, "reason": "cup final" }, down("gamma")]));
    assert_eq!(served.order(SOLO), ("solo".to_owned(), vec!["beta".to_owned(), "alpha".to_owned()]));
    let explained = served.connect_as_admin().get(&format!("/explain?ip={SOLO}")).unwrap().json();
    assert_eq!(explained["overrides"][0]["reason"], "cup final");
    assert_eq!(explained["overrides"][0]["effect"], "its weights are those of mix `solo`");
    assert_eq!(
        (&explained["cdn"], &explained["overrides"][1]["effect"]),
        (&json!("beta"), &json!("none on this answer"))
    );
}

#[test]
fn when_all_is_down_somebody_is_answered_all_the_same() {
    let served = Overriding::new();
    let before = [ON_NET, SOLO, WORLD].map(|ip| served.order(ip));
    served.set(&json!([down("gamma")]));
    served.wait_health("warn", "every CDN of mix `solo` is down: its clients get the default mix `world`");
    let answer = served.answer(SOLO);
    assert_eq!((&answer["mix"], &answer["footprint"]), (&json!("world"), &json!("ipv4cidr:198.18.64.0/18")));
    assert_eq!(served.order(SOLO).1, ["beta", "alpha"]);
    assert_eq!(served.service.metrics().sum("croupier_health", &[("check", "canaries")]), 1.0, "no override fails one");
    let mixes_down = |instead| served.service.metrics().sum("croupier_mixes_down", &[("instead", instead)]);
    assert_eq!((mixes_down("default"), mixes_down("table")), (1.0, 0.0));

    served.set(&json!([down("alpha"), down("beta"), down("gamma")]));
    assert_eq!([ON_NET, SOLO, WORLD].map(|ip| served.order(ip)), before, "overrides are ignored");
    served.wait_health("warn", "the default, is down: overrides are ignored for it");
    assert_eq!(served.active(), 3.0);
    assert_eq!(mixes_down("default"), 0.0);
    assert!(mixes_down("table") > 1.0);
    served.set(&json!([]));
    served.wait_health("pass", "");
    assert_eq!(mixes_down("table"), 0.0);
}

#[test]
fn a_bad_file_keeps_those_in_force_and_holds_back_no_table() {
    let mut served = Overriding::new();
    served.set(&json!([down("beta")]));
    served.setup.replace("overrides.json", "{ \"overrides\": [ { \"cdn\": \"beta\", \"state\": \"dwon\" } ] }");
    served.wait_health("warn", "unknown state `dwon`");
    let mut new = table();
    new["version"] = "test.2".into();
    served.setup.write_table(&new);
    let outcome = served.reload();
    assert_eq!((&outcome["status"], &outcome["table"]["result"]), (&json!(409), &json!("published")));
    assert!(outcome["detail"].as_str().unwrap().starts_with("the new overrides were refused: "), "{outcome}");
    assert_eq!(served.answer(WORLD)["version"], "test.2");
    assert_eq!((served.order(WORLD).1, served.active()), (vec!["gamma".to_owned(), "alpha".to_owned()], 1.0));
    assert!(served.status()["overrides"]["last_error"].as_str().unwrap().contains("dwon"));
    assert!(served.status()["table"]["last_error"].is_null());

    served.service = Service::start_green(&served.setup);
    served.wait_health("warn", "dwon");
    assert_eq!(served.active(), 0.0, "none are kept");
    served.set(&json!([]));
    served.wait_health("pass", "");
}

#[test]
fn what_could_not_be_kept_is_kept_by_the_next_reload() {
    let mut setup = Setup::new();
    setup.section("table", "source = \"table.json\"\nstate = \"state\"");
    let mut served = Overriding::on(setup);
    std::fs::create_dir(served.setup.path("state/kept-overrides.unfinished")).unwrap();
    served.set(&json!([down("beta")]));
    std::fs::remove_dir(served.setup.path("state/kept-overrides.unfinished")).unwrap();
    assert_eq!(served.reload()["overrides"]["result"], "unchanged");
    served.setup.replace("overrides.json", "{");
    served.service = Service::start_green(&served.setup);
    assert_eq!(served.active(), 1.0);
}

#[test]
fn a_link_to_nowhere_keeps_those_in_force() {
    let served = Overriding::new();
    served.set(&json!([down("beta")]));
    let path = served.setup.path("overrides.json");
    std::fs::rename(&path, served.setup.path("elsewhere.json")).unwrap();
    std::os::unix::fs::symlink("gone.json", &path).unwrap();
    served.wait_health("warn", "the file does not exist");
    assert_eq!((served.reload()["overrides"]["result"].as_str(), served.active()), (Some("refused"), 1.0));
    std::fs::rename(served.setup.path("elsewhere.json"), served.setup.path("gone.json")).unwrap();
    served.wait_health("pass", "");
    std::fs::remove_file(&path).unwrap();
    wait_until("without a file there are none", || served.active() == 0.0);
}

#[test]
fn a_restart_on_a_bad_file_goes_on_with_those_that_were_kept() {
    let mut setup = Setup::new();
    setup.section("table", "source = \"table.json\"\nstate = \"state\"");
    let mut served = Overriding::on(setup);
    served.set(&json!([down("beta")]));
    for damaged in [false, true] {
        served.setup.replace("overrides.json", "{");
        if damaged {
            served.setup.replace("state/kept-overrides.json", "{");
        }
        served.service = Service::start_green(&served.setup);
        served.wait_health("warn", "overrides.json");
        assert_eq!(served.active(), if damaged { 0.0 } else { 1.0 });
        assert_eq!(served.order(WORLD).1.contains(&"beta".to_owned()), damaged);
    }
    served.set(&json!([down("gamma")]));
    std::fs::remove_file(served.setup.path("overrides.json")).unwrap();
    served.service = Service::start_green(&served.setup);
    assert_eq!(served.active(), 0.0, "no file is none, and no bad one");
}

#[test]
fn what_the_table_does_not_know_is_told_and_ignored_until_it_does() {
    let served = Overriding::new();
    served.write(&json!([down("delta"), { "mix": "moon", "weights": { "beta": 1 } }, down("beta")]));
    let outcome = served.reload();
    let warnings = outcome["overrides"]["problems"].to_string();
    assert!(warnings.contains("unknown CDN `delta`") && warnings.contains("unknown mix `moon`"), "{outcome}");
    let overrides = &served.status()["overrides"];
    assert_eq!(
        (&overrides["in_force"], &overrides["ignored"][0]["why"]),
        (&json!([down("beta")]), &json!("unknown CDN `delta`"))
    );

    let mut new = table();
    new["cdns"]["delta"] = json!({ "url": "https://delta.example/" });
    new["mixes"]["solo"]["delta"] = 1.into();
    served.setup.write_table(&new);
    assert!(served.reload()["table"]["problems"].is_null());
    assert_eq!(served.order(SOLO).1, ["gamma"], "the new CDN is down");
    served.setup.write_table(&table());
    assert!(served.reload()["table"]["problems"].to_string().contains("unknown CDN `delta`"), "void again");
}

#[test]
fn only_what_clients_see_is_a_generation() {
    let served = Overriding::new();
    served.set(&json!([down("beta")]));
    for same in [
        json!([{ "cdn": "beta", "state": "down", "reason": "INC-1" }]),
        json!([{ "cdn": "beta", "state": "down", "from": "2001-01-01T00:00:00Z" }]),
    ] {
        served.set(&same);
        assert_eq!(served.generation(), 2);
    }
    let far = json!({ "mix": "world", "weights": { "beta": 1 }, "from": "9999-01-01T00:00:00Z" });
    served.write(&json!([down("beta"), far]));
    assert_eq!(served.reload()["overrides"]["result"], "published");
    assert_eq!((served.generation(), &served.status()["overrides"]["scheduled"]), (2, &json!([far])));
    assert_eq!(served.reload()["overrides"]["result"], "unchanged");
    std::fs::remove_file(served.setup.path("overrides.json")).unwrap();
    wait_until("without a file there are none", || served.generation() == 3 && served.active() == 0.0);
}

#[test]
fn the_file_can_be_elsewhere_and_move() {
    let mut setup = Setup::new();
    setup.section("table", "source = \"table.json\"\noverrides = \"ops/one.json\"");
    std::fs::create_dir(setup.path("ops")).unwrap();
    let one = json!({ "overrides": [down("beta")] }).to_string();
    setup.write("ops/one.json", &one);
    setup.write("ops/two.json", one.replace("beta", "gamma"));
    let mut served = Overriding::on(setup);
    assert_eq!(served.order(WORLD).1, ["gamma", "alpha"], "from the start");
    assert_eq!(served.generation(), 1);
    served.setup.section("table", "source = \"table.json\"\noverrides = \"ops/two.json\"");
    served.service.signal("HUP");
    wait_until("the other file is read", || served.order(WORLD).1 == ["beta", "alpha"]);
    assert!(served.status()["overrides"]["file"].as_str().unwrap().ends_with("ops/two.json"));
}
