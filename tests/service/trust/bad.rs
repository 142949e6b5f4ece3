//! Bad trust files of every kind: told in the log, in the metrics and by health, and without effect.

use std::fs;

use rcgen::KeyUsagePurpose;
use rustls::AlertDescription::CertificateRevoked;
use time::Duration;

use super::forged;
use crate::harness::{Authority, Crl, Identity, Leaf, Setup, refused_start, wait_until};
use crate::trusted::{TARGET, Trusted, clients, list, selector};

/// What the bad files are made of: a service whose media CA has list number 5, which revokes one.
struct Case {
    served: Trusted,
    revoked: Identity,
    /// A CA that may issue certificates but no lists, and one of the same name that may.
    lame: Authority,
    namesake: Authority,
}

/// What was done to a file, and what is to be told of it.
type Bad = (&'static str, fn(&Case), &'static str);

const LIST: &str = "certs/media.crl";

impl Case {
    fn new() -> Self {
        let mut setup = Setup::new();
        let revoked = selector(&setup);
        let lame = setup.pki.root.below("Test lame CA", |parameters| {
            parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        });
        setup.write("certs/lame.pem", lame.pem());
        setup.write(LIST, list(5).revoking(&revoked).pem_by(&setup.pki.media));
        let lame_entry = "[[clients.allow]]\nissuer = \"certs/lame.pem\"\nrole = \"lookup\"\n";
        setup.section("clients", &(clients(&["media.crl"], "", "") + lame_entry));
        Self { served: Trusted::start(setup), revoked, lame, namesake: Authority::root("Test lame CA") }
    }

    fn media(&self) -> &Authority {
        &self.served.setup.pki.media
    }

    fn put(&self, bytes: impl AsRef<[u8]>) {
        self.served.setup.replace(LIST, bytes);
    }

    /// A list that would be good, and revokes nobody.
    fn next(&self) -> String {
        list(6).pem_by(self.media())
    }

    fn put_by(&self, forge: impl FnOnce(&Crl, &Authority) -> Vec<u8>) {
        self.put(forge(&list(6).revoking(&self.revoked), self.media()));
    }
}

const BAD_PEM: [Bad; 9] = [
    ("empty", |case| case.put(""), "no revocation list"),
    ("zero blocks", |case| case.put("# none today\n"), "no revocation list"),
    ("a byte order mark", |case| case.put("\u{feff}".to_owned() + &case.next() + &case.next()), "byte order mark"),
    ("only behind a byte order mark", |case| case.put("\u{feff}".to_owned() + &case.next()), "no revocation list"),
    (
        "indented",
        |case| {
            let indented: String = case.next().lines().map(|line| format!("  {line}\n")).collect();
            case.put(case.next() + &indented);
        },
        "unindented",
    ),
    ("no newline between", |case| case.put(case.next().trim_end().to_owned() + &case.next()), "PEM"),
    ("a certificate", |case| case.put(case.media().pem()), "no revocation list"),
    ("a certificate among lists", |case| case.put(case.next() + &case.media().pem()), "BEGIN line"),
    (
        "half of a PEM block",
        |case| {
            let whole = case.next();
            case.put(&whole[..whole.len() / 2]);
        },
        "PEM",
    ),
];

const BAD_SIGNERS: [Bad; 6] = [
    ("an impostor's", |case| case.put(list(6).pem_by(&Authority::root("Test media CA"))), "did not sign it"),
    (
        "another CA's of the service",
        |case| {
            case.put(forged::signed_by_another(&list(6), case.media(), &case.served.setup.pki.ops));
        },
        "did not sign it",
    ),
    ("a stranger's", |case| case.put(list(6).pem_by(&Authority::root("Nobody"))), "`CN=Nobody`, which is no CA"),
    (
        "a good one and an impostor's",
        |case| case.put(case.next() + &list(7).pem_by(&Authority::root("Test media CA"))),
        "did not sign it",
    ),
    (
        "by a CA without cRLSign",
        |case| case.put(forged::signed_by_another(&list(6), &case.namesake, &case.lame)),
        "lacks cRLSign",
    ),
    (
        "the signature damaged",
        |case| {
            let mut whole = list(6).signed_by(case.media()).der().to_vec();
            *whole.last_mut().unwrap() ^= 1;
            case.put(whole);
        },
        "did not sign it",
    ),
];

const BAD_TIMES: [Bad; 6] = [
    ("number going back", |case| case.put(list(4).pem_by(case.media())), "is older than the one in service, number 5"),
    (
        "number going back, though made later",
        |case| {
            let later = list(4).valid(Duration::seconds(-1), Duration::days(7));
            case.put(later.pem_by(case.media()));
        },
        "is older than the one in service",
    ),
    (
        "made earlier at one number",
        |case| case.put(list(5).valid(-Duration::hours(3), Duration::days(7)).pem_by(case.media())),
        "is older than the one in service",
    ),
    (
        "of the future",
        |case| case.put(list(6).valid(Duration::hours(1), Duration::days(7)).pem_by(case.media())),
        "is valid only from",
    ),
    (
        "expired",
        |case| case.put(list(6).valid(-Duration::hours(2), -Duration::hours(1)).pem_by(case.media())),
        "ran out at",
    ),
    ("deleted", |case| fs::remove_file(case.served.setup.path(LIST)).unwrap(), "does not exist"),
];

const BAD_DER: [Bad; 9] = [
    (
        "truncated",
        |case| {
            let whole = list(6).signed_by(case.media()).der().to_vec();
            case.put(&whole[..whole.len() - 40]);
        },
        "well-formed",
    ),
    (
        "something after it",
        |case| case.put([list(6).signed_by(case.media()).der().as_ref(), b"\n"].concat()),
        "well-formed",
    ),
    ("delta", |case| case.put_by(forged::delta), "delta list"),
    ("indirect", |case| case.put_by(forged::indirect), "indirect list"),
    ("indirect by an entry", |case| case.put_by(forged::foreign_entry), "indirect list"),
    ("for some reasons", |case| case.put_by(forged::for_a_reason), "some reasons"),
    ("an unknown extension", |case| case.put_by(forged::unknown_extension), "critical extension"),
    ("an entry's unknown extension", |case| case.put_by(forged::unknown_entry_extension), "critical extension"),
    ("without an end", |case| case.put_by(forged::without_end), "nextUpdate"),
];

/// Each bad list is told everywhere, and the one before stays in force.
fn the_last_good_list_stays(bad: &[Bad]) {
    let case = Case::new();
    let Case { served, revoked, .. } = &case;
    let mut open = served.connect(&served.setup.selector);
    for (what, make, told) in bad {
        eprintln!("{what}");
        let lines = served.service.log().len();
        served.refused(|_| make(&case));
        assert_eq!(served.alert(revoked), Some(CertificateRevoked), "{what}");
        assert_eq!(open.get(TARGET).unwrap().status, 200, "{what}");
        assert_eq!(served.status(&selector(&served.setup)), 200, "{what}");
        let is_told = |message: &String| message.contains(LIST) && message.contains(told);
        wait_until(&format!("{what}: `{told}` is logged"), || served.logged("ERROR", lines).iter().any(is_told));
        served.wait_warning("trust_reload", &[LIST, told]);
    }
    // As it was: nothing new to publish.
    let (generation, before) = (served.generation(), served.reloads());
    case.put(list(5).revoking(revoked).pem_by(case.media()));
    served.wait_pass();
    assert!(served.reloads().published + served.reloads().unchanged > before.published + before.unchanged);
    assert!(served.generation() <= generation + 1.0);
    assert_eq!(served.alert(revoked), Some(CertificateRevoked));
}

#[test]
fn bad_lists_change_nothing() {
    std::thread::scope(|scope| {
        for bad in [BAD_PEM.as_slice(), &BAD_SIGNERS, &BAD_TIMES, &BAD_DER].iter().flat_map(|bad| bad.chunks(3)) {
            scope.spawn(|| the_last_good_list_stays(bad));
        }
    });
}

/// What the forger makes is refused for what is forged, not for how it is put together.
#[test]
fn a_list_put_together_by_hand_is_taken() {
    let case = Case::new();
    let other = selector(&case.served.setup);
    case.served.published(|_| case.put(forged::same(&list(6).revoking(&other), case.media())));
    assert_eq!(case.served.alert(&other), Some(CertificateRevoked));
    assert_eq!(case.served.alert(&case.revoked), None);
    case.served.refused(|_| case.put_by(forged::two_numbers));
    case.served.wait_warning("trust_reload", &[LIST, "twice"]);
}

/// A bad file that is no list: what is done, which is told of, and what.
type BadFile = (&'static str, fn(&Setup), &'static str, &'static str);

const BAD_FILES: [BadFile; 14] = [
    ("garbage", |setup| setup.replace("certs/media-ca.pem", [0xff; 900]), "certs/media-ca.pem", "no certificate"),
    ("empty", |setup| setup.replace("certs/media-ca.pem", ""), "certs/media-ca.pem", "no certificate"),
    (
        "a leaf",
        |setup| setup.replace("certs/media-ca.pem", setup.selector.with(&[]).chain_pem()),
        "certs/media-ca.pem",
        "may not issue others",
    ),
    (
        "a stranger",
        |setup| setup.replace("certs/media-ca.pem", Authority::root("Nobody").pem()),
        "certs/media-ca.pem",
        "issued neither by",
    ),
    ("garbage", |setup| setup.replace("certs/root.pem", "?"), "certs/root.pem", "no certificate"),
    ("gone", |setup| fs::remove_file(setup.path("certs/root.pem")).unwrap(), "certs/root.pem", "does not exist"),
    (
        "another root",
        |setup| setup.replace("certs/root.pem", Authority::root("Test root").pem()),
        "certs/media-ca.pem",
        "issued neither by",
    ),
    (
        "expired",
        |setup| {
            let expired = Leaf::server().valid(-Duration::hours(2), -Duration::hours(1)).issued_by(&setup.pki.ops);
            setup.write_identity("server", &expired);
        },
        "certs/server.pem",
        "expired at",
    ),
    (
        "not yet valid",
        |setup| {
            let early = Leaf::server().valid(Duration::hours(1), Duration::hours(2)).issued_by(&setup.pki.ops);
            setup.write_identity("server", &early);
        },
        "certs/server.pem",
        "valid only from",
    ),
    ("gone", |setup| fs::remove_file(setup.path("certs/server.key")).unwrap(), "certs/server.key", "does not exist"),
    (
        "half-written",
        |setup| {
            let key = fs::read(setup.path("certs/server.key")).unwrap();
            setup.write("certs/server.key", &key[..key.len() / 2]);
        },
        "certs/server.key",
        "no private key",
    ),
    (
        "of another",
        |setup| setup.replace("certs/probe.key", setup.selector.key_pem()),
        "certs/probe.key",
        "not the key of",
    ),
    (
        "of a stranger",
        |setup| setup.write_identity("probe", &Leaf::client("x.example").issued_by(&setup.pki.ops)),
        "certs/probe.pem",
        "would be refused",
    ),
    (
        "another CA's",
        |setup| setup.replace(LIST, list(6).pem_by(&setup.pki.ops)),
        "certs/media-ca.pem",
        "has no revocation list, and needs one",
    ),
];

#[test]
fn bad_files_change_nothing() {
    std::thread::scope(|scope| {
        for bad in BAD_FILES.chunks(3) {
            scope.spawn(|| the_last_good_trust_stays(bad));
        }
    });
}

fn the_last_good_trust_stays(bad: &[BadFile]) {
    let case = Case::new();
    let Case { served, revoked, .. } = &case;
    let mut open = served.connect(&served.setup.selector);
    let shown = served.shown();
    let names = ["root.pem", "media-ca.pem", "server.pem", "server.key", "probe.pem", "probe.key", "media.crl"];
    let names = names.map(|name| format!("certs/{name}"));
    let good = names.each_ref().map(|name| fs::read(served.setup.path(name)).unwrap());
    for (what, make, file, told) in bad {
        eprintln!("{file}: {what}");
        served.refused(|served| make(&served.setup));
        assert_eq!(open.get(TARGET).unwrap().status, 200, "{file}: {what}");
        assert_eq!(served.status(&selector(&served.setup)), 200, "{file}: {what}");
        assert_eq!(served.alert(revoked), Some(CertificateRevoked), "{file}: {what}");
        assert!(served.shown() == shown, "{file}: {what}");
        served.wait_warning("trust_reload", &[file, told]);
        for (name, bytes) in names.iter().zip(&good) {
            served.setup.replace(name, bytes);
        }
        served.wait_pass();
        assert_eq!(served.generation(), 1.0, "what is as it was is not published");
    }
}

#[test]
fn a_bad_list_stops_the_start() {
    let mut setup = Setup::new();
    let media = &setup.pki.media;
    let good = list(1).signed_by(media);
    let early = list(1).valid(Duration::hours(1), Duration::days(1));
    let files = [
        ("empty", vec![], "no revocation list"),
        ("strange", list(1).pem_by(&Authority::root("Nobody")).into_bytes(), "is no CA of"),
        ("forged", list(1).pem_by(&Authority::root("Test media CA")).into_bytes(), "did not sign it"),
        ("cut", good.der()[..good.der().len() / 2].to_vec(), "well-formed"),
        ("early", early.pem_by(media).into_bytes(), "valid only from"),
        ("delta", forged::delta(&list(1), media), "delta list"),
    ];
    for (name, bytes, _) in &files {
        setup.write(&format!("certs/{name}.crl"), bytes);
    }
    let names: Vec<String> = files.iter().map(|(name, ..)| format!("{name}.crl")).collect();
    setup.section("clients", &clients(&names.iter().map(String::as_str).collect::<Vec<_>>(), "", ""));
    let ended = refused_start(&setup);
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{ended:?}");
    for (name, _, told) in &files {
        let line = ended.errors.lines().find(|line| line.contains(&format!("certs/{name}.crl: error: ")));
        assert!(line.is_some_and(|line| line.contains(told)), "{name}: {}", ended.errors);
    }
}

#[test]
fn a_list_that_is_required_must_be_there() {
    let mut setup = Setup::new();
    setup.section("clients", &clients(&[], "", "crl = \"required\""));
    let ended = refused_start(&setup);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.errors.contains("certs/media-ca.pem") && ended.errors.contains("needs one"), "{ended:?}");
    // A list of another CA is none of this one's.
    setup.section("clients", &clients(&["ops.crl"], "", "crl = \"required\""));
    setup.write("certs/ops.crl", list(1).pem_by(&setup.pki.ops));
    assert!(refused_start(&setup).errors.contains("needs one"));
    setup.section("clients", &clients(&["ops.crl", "media.crl"], "", "crl = \"required\""));
    assert!(refused_start(&setup).errors.contains("certs/media.crl"), "the file does not exist");

    setup.write(LIST, list(1).pem_by(&setup.pki.media));
    let mut served = Trusted::start(setup);
    served.setup.section("clients", &clients(&["ops.crl"], "", "crl = \"required\""));
    served.refused(Trusted::hang_up);
    served.wait_warning("trust_reload", &["certs/media-ca.pem", "needs one"]);
    assert_eq!(served.status(&served.setup.selector), 200);
    // An operator who takes the list out of the configuration means it.
    served.setup.section("clients", &clients(&["ops.crl"], "", ""));
    served.published(Trusted::hang_up);
    served.wait_pass();
}
