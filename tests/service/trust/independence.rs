//! Table and trust never wait for each other, and what is unchanged is published by neither.

use rustls::AlertDescription::CertificateRevoked;
use serde_json::json;

use crate::harness::{Leaf, Setup, table, wait_until};
use crate::trusted::{Reloads, TARGET, Trusted, clients, list, selector};

fn start() -> Trusted {
    let mut setup = Setup::new();
    setup.write("certs/media.crl", list(1).pem_by(&setup.pki.media));
    setup.section("clients", &clients(&["media.crl"], "", ""));
    Trusted::start(setup)
}

fn version(version: &str) -> String {
    let mut table = table();
    table["version"] = json!(version);
    format!("{table:#}\n")
}

#[test]
fn a_bad_table_does_not_hold_back_a_revocation() {
    let served = start();
    let leaving = selector(&served.setup);
    assert_eq!(served.status(&leaving), 200);
    let revoking = list(2).revoking(&leaving).pem_by(&served.setup.pki.media);
    served.published(|served| {
        served.setup.replace("table.json", "{");
        served.setup.replace("certs/media.crl", revoking);
    });
    assert_eq!(served.alert(&leaving), Some(CertificateRevoked));
    wait_until("the table is refused", || served.reloads_of("table").failed > 0.0);
    assert_eq!((served.table_generation(), served.reloads_of("table").published), (1.0, 0.0));
    served.wait_warning("reload", &["table.json"]);
    assert_eq!(served.check("trust_reload").0, "pass");
    // The bad table stands, and the next revocation comes through all the same.
    let another = selector(&served.setup);
    let revoking = list(3).revoking(&leaving).revoking(&another).pem_by(&served.setup.pki.media);
    served.published(|served| served.setup.replace("certs/media.crl", revoking));
    assert_eq!(served.alert(&another), Some(CertificateRevoked));
}

#[test]
fn a_bad_list_does_not_hold_back_a_table() {
    let served = start();
    let mut open = served.connect(&served.setup.selector);
    let reloads = served.reloads();
    served.setup.replace("certs/media.crl", "");
    served.setup.replace("table.json", version("test.2"));
    wait_until("the table is served", || open.get(TARGET).unwrap().json()["version"] == "test.2");
    wait_until("the list is refused", || served.reloads().failed > reloads.failed);
    served.wait_warning("trust_reload", &["certs/media.crl"]);
    assert_eq!((served.generation(), served.check("reload").0.as_str()), (1.0, "pass"));
    served.setup.replace("table.json", version("test.3"));
    wait_until("the next table is served", || open.get(TARGET).unwrap().json()["version"] == "test.3");
}

#[test]
fn what_is_unchanged_is_not_published() {
    let served = start();
    let list = std::fs::read(served.setup.path("certs/media.crl")).unwrap();
    served.setup.replace("certs/media.crl", &list);
    wait_until("a renamed file is looked at", || served.reloads().unchanged == 1.0);
    served.setup.write("certs/media.crl", &list);
    wait_until("one written in place is looked at", || served.reloads().unchanged == 2.0);
    served.hang_up();
    wait_until("a signal is followed", || served.reloads().unchanged == 3.0);
    assert_eq!(served.reloads(), Reloads { published: 0.0, unchanged: 3.0, failed: 0.0 });
    assert_eq!(served.generation(), 1.0);
    wait_until("so is the table's", || served.reloads_of("table").unchanged == 1.0);
    served.wait_pass();
}

/// Lists are not watched by what the configuration said once, but by what it says.
#[test]
fn a_signal_brings_another_list_and_another_certificate() {
    let mut served = start();
    let leaving = selector(&served.setup);
    let revoking = list(1).revoking(&leaving).pem_by(&served.setup.pki.media);
    served.setup.write("certs/other.crl", list(2).pem_by(&served.setup.pki.media));
    served.setup.section("clients", &clients(&["other.crl"], "", ""));
    let next = Leaf::server().issued_by(&served.setup.pki.ops);
    served.setup.write_identity("next", &next);
    served.setup.section("tls", "certificate = \"certs/next.pem\"\nkey = \"certs/next.key\"");
    let before = served.shown();
    assert!(before != next.chain[0]);
    served.published(Trusted::hang_up);
    assert!(served.shown() == next.chain[0]);
    assert_eq!(served.reloads_of("config").published, 1.0);
    assert_eq!(served.reloads_of("table").published, 0.0);
    // The old list's file is nobody's any more; going back from number 2 to 1 is still refused.
    let reloads = served.reloads();
    served.setup.replace("certs/media.crl", &revoking);
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(served.reloads(), reloads);
    served.refused(|served| served.setup.replace("certs/other.crl", &revoking));
    let revoking = list(3).revoking(&leaving).pem_by(&served.setup.pki.media);
    served.published(|served| served.setup.replace("certs/other.crl", revoking));
    assert_eq!(served.alert(&leaving), Some(CertificateRevoked));
    served.wait_pass();
}
