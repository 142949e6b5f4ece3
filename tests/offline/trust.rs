//! `croupier check` on trust: what is wrong with CAs and revocation lists, in which file.

use time::Duration;

use crate::pki::{Authority, Crl, Leaf, Pki};
use crate::program::{Folder, each};

/// A folder with CAs, a server, and a configuration that is good.
pub struct Trust {
    pub folder: Folder,
    pub pki: Pki,
}

impl Trust {
    pub fn new() -> Self {
        let (folder, pki) = (Folder::with_good_table(), Pki::new());
        let server = Leaf::server().issued_by(&pki.ops);
        folder.write("root.pem", pki.root.pem()).write("media-ca.pem", pki.media.pem());
        folder.write("ops-ca.pem", pki.ops.pem());
        folder.write("server.pem", server.chain_pem()).write("server.key", server.key_pem());
        let trust = Self { folder, pki };
        trust.configure(&[], "");
        trust
    }

    /// With these lists, and further keys of the media CA's entry.
    pub fn configure(&self, lists: &[&str], media: &str) {
        self.folder.write(
            "croupier.toml",
            format!(
                r#"[table]
source = "table.json"
[tls]
certificate = "server.pem"
key = "server.key"
[clients]
ca = ["root.pem"]
crls = {lists:?}
[[clients.allow]]
issuer = "media-ca.pem"
role = "lookup"
{media}
[[clients.allow]]
issuer = "ops-ca.pem"
role = "admin"
san = ["ops-*.example"]
[[clients.allow]]
issuer = "ops-ca.pem"
role = "probe"
san = ["probe.example"]
"#
            ),
        );
    }
}

/// The lists, what the media CA's entry says of them, and the problem: severity, file, and words.
type Fault = (fn(&Trust) -> Vec<(&'static str, String)>, &'static str, [&'static str; 3]);

fn run_out() -> Crl {
    Crl::new().valid(-Duration::hours(2), -Duration::hours(1))
}

const FAULTS: [Fault; 9] = [
    (
        |_| vec![("media.crl", Crl::new().pem_by(&Authority::root("Nobody")))],
        "",
        ["error", "media.crl", "`CN=Nobody`, which is no CA of"],
    ),
    (
        |_| vec![("media.crl", Crl::new().pem_by(&Authority::root("Test media CA")))],
        "",
        ["error", "media.crl", "that CA's key did not sign it"],
    ),
    (
        |trust| {
            let [older, newer] = [4, 5].map(|number| Crl::new().number(number).pem_by(&trust.pki.media));
            vec![("older.crl", older), ("newer.crl", newer)]
        },
        "",
        ["warning", "older.crl", "the older, number 4, is not used"],
    ),
    (
        |trust| {
            let [older, newer] = [4, 5].map(|number| Crl::new().number(number).pem_by(&trust.pki.media));
            vec![("newer.crl", newer), ("older.crl", older)]
        },
        "",
        ["warning", "older.crl", "the older, number 4, is not used"],
    ),
    (
        |trust| vec![("media.crl", run_out().pem_by(&trust.pki.media))],
        "crl = \"required\"",
        ["warning", "media.crl", "put a new list in its place"],
    ),
    (
        |trust| vec![("media.crl", Crl::new().valid(Duration::hours(1), Duration::hours(2)).pem_by(&trust.pki.media))],
        "",
        ["error", "media.crl", "is valid only from"],
    ),
    (|_| vec![], "crl = \"required\"", ["error", "media-ca.pem", "put its list into a file of `clients.crls`"]),
    (
        |trust| vec![("ops.crl", Crl::new().pem_by(&trust.pki.ops))],
        "crl = \"required\"",
        ["error", "media-ca.pem", "`CN=Test media CA` has no revocation list, and needs one"],
    ),
    (|_| vec![("media.crl", "?".to_owned())], "", ["error", "media.crl", "no revocation list in it"]),
];

#[test]
fn a_fault_of_a_list_is_told_once_with_its_file() {
    each(FAULTS, |(lists, media, [severity, file, words])| {
        let trust = Trust::new();
        let lists = lists(&trust);
        for (name, pem) in &lists {
            trust.folder.write(name, pem);
        }
        trust.configure(&lists.iter().map(|(name, _)| *name).collect::<Vec<_>>(), media);
        let report = trust.folder.check_config();
        let problem = report.only();
        assert_eq!((problem.severity.as_str(), problem.file.as_str()), (severity, file), "{words}: {problem:?}");
        assert!(problem.text().contains(words), "{words}: {problem:?}");
    });
}

#[test]
fn good_lists_are_no_problem() {
    let trust = Trust::new();
    trust.folder.write("both.crl", Crl::new().pem_by(&trust.pki.media) + &Crl::new().pem_by(&trust.pki.ops));
    trust.folder.write("root.crl", Crl::new().signed_by(&trust.pki.root).der());
    trust.configure(&["both.crl", "root.crl"], "crl = \"required\"");
    assert!(trust.folder.check_config().problems.is_empty());
}

#[test]
fn an_issuer_that_does_not_chain_is_told_once_though_it_has_two_entries() {
    let trust = Trust::new();
    trust.folder.write("ops-ca.pem", Authority::root("Another").issuing("Test ops CA").pem());
    let report = trust.folder.check_config();
    let problem = report.only();
    assert_eq!((problem.severity.as_str(), problem.file.as_str()), ("error", "ops-ca.pem"), "{problem:?}");
    assert!(problem.text().contains("`CN=Test ops CA` was issued neither by"), "{problem:?}");
    assert!(problem.text().contains("its root belongs into `clients.ca`"), "{problem:?}");
}
