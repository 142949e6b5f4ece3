//! `serve --dev` needs nothing prepared, and the line it prints works as pasted.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::harness::{Client, Identity, PATIENCE, Service, Setup, table, wait_until};

/// The word that follows an option on the printed line.
fn after<'l>(words: &[&'l str], option: &str) -> &'l str {
    let place = words.iter().position(|word| *word == option).unwrap();
    words[place + 1]
}

#[test]
fn it_makes_what_it_needs_and_says_how_to_ask() {
    let mut setup = Setup::new();
    fs::remove_file(setup.path("croupier.toml")).unwrap();
    fs::create_dir(setup.path("data")).unwrap();
    setup.write("data/cdn-table.json", table().to_string());
    for listener in ["LOOKUP", "HEALTH", "ADMIN"] {
        setup.environment(&format!("CROUPIER_LISTEN_{listener}"), "127.0.0.1:0");
    }
    for round in ["made", "found"] {
        let before = fs::read(setup.path("certs/dev/root.pem")).ok();
        let (service, lines) = Service::start_as(&setup, &["serve", "--dev"]);
        let line = lines.recv_timeout(PATIENCE).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], "curl", "{line}");
        let file = |option| fs::read_to_string(setup.path(after(&words, option))).unwrap();
        let origin = format!("https://localhost:{}", service.lookup.port());
        let url = words.last().unwrap().trim_matches('\'');
        let target = url.strip_prefix(&origin).unwrap_or_else(|| panic!("{line}"));
        let root = CertificateDer::from_pem_slice(file("--cacert").as_bytes()).unwrap();
        let identity = Identity::from_pem(&file("--cert"), &file("--key"));
        let client = Client::new(root.clone(), Some(&identity), rustls::ALL_VERSIONS);
        assert_eq!(client.get(service.lookup, target).unwrap().status, 200, "{round}");
        let stranger = Client::new(root, None, rustls::ALL_VERSIONS);
        assert!(stranger.alert(service.lookup).is_some(), "mTLS all the same");
        wait_until("health turns green", || service.health().0 == 200);
        let admin = service.admin.unwrap().to_string();
        let explained = setup.command(&["explain", "--dev", "--address", &admin, "198.18.64.7"]).output().unwrap();
        assert!(explained.status.success() && explained.stdout.starts_with(b"198.18.64.7  gamma"), "{explained:?}");
        assert!(setup.path("state/index.json").exists(), "a rollback has somewhere to go back to");
        let mode = fs::metadata(setup.path(after(&words, "--key"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "the key is its owner's only");
        let now = fs::read(setup.path("certs/dev/root.pem")).unwrap();
        assert!(before.is_none_or(|before| before == now), "nothing is overwritten");
    }
}
