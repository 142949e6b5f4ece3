//! Which service a command talks to, and as whom.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::client::Client;
use super::failure::Failure;
use crate::config::variables::{ADMIN_ADDRESS, ADMIN_CA, ADMIN_CERTIFICATE, ADMIN_KEY};

const DEFAULT_ADDRESS: &str = "127.0.0.1:9443";

const HEADING: &str = "Whom to ask, and as whom";

/// What is not given is taken from the environment.
#[derive(Debug, Args)]
pub struct Access {
    /// The service's admin listener [env: `CROUPIER_ADMIN_ADDRESS`] [default: 127.0.0.1:9443].
    #[arg(long, value_name = "HOST:PORT", help_heading = HEADING)]
    address: Option<String>,
    /// Who asks: a certificate with the role `admin`, PEM, its chain after it [env: `CROUPIER_ADMIN_CERTIFICATE`].
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    certificate: Option<PathBuf>,
    /// The key of that certificate [env: `CROUPIER_ADMIN_KEY`].
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    key: Option<PathBuf>,
    /// The roots that the service's own certificate must chain to, PEM [env: `CROUPIER_ADMIN_CA`].
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    ca: Option<PathBuf>,
    /// With certificate, key and CA that `serve --dev` made in this directory.
    #[arg(long, conflicts_with_all = ["certificate", "key", "ca"], help_heading = HEADING)]
    dev: bool,
}

/// Everything that a client needs.
pub struct Resolved {
    pub address: String,
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub ca: PathBuf,
    pub is_development: bool,
}

impl Access {
    pub fn client(&self) -> Result<Client, Failure> {
        Client::new(self.resolve(|name| std::env::var_os(name))?)
    }

    /// Flags go before the environment. An empty variable is none.
    fn resolve(&self, environment: impl Fn(&str) -> Option<OsString>) -> Result<Resolved, Failure> {
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let address = match (&self.address, variable(ADMIN_ADDRESS)) {
            (Some(address), _) => address.clone(),
            (None, Some(address)) => address.to_string_lossy().into_owned(),
            (None, None) => DEFAULT_ADDRESS.to_owned(),
        };
        if self.dev {
            let made = |name| PathBuf::from("certs/dev").join(name);
            let [certificate, key, ca] = ["ops.pem", "ops.key", "root.pem"].map(made);
            return Ok(Resolved { address, certificate, key, ca, is_development: true });
        }
        let mut missing = Vec::new();
        let mut file = |given: &Option<PathBuf>, flag: &str, name: &str| {
            let found = given.clone().or_else(|| variable(name).map(PathBuf::from));
            if found.is_none() {
                missing.push(format!("--{flag} FILE (or {name})"));
            }
            found.unwrap_or_default()
        };
        let resolved = Resolved {
            address,
            certificate: file(&self.certificate, "certificate", ADMIN_CERTIFICATE),
            key: file(&self.key, "key", ADMIN_KEY),
            ca: file(&self.ca, "ca", ADMIN_CA),
            is_development: false,
        };
        if missing.is_empty() {
            return Ok(resolved);
        }
        let are = if missing.len() == 1 { "is" } else { "are" };
        Err(Failure::Usage(format!(
            "croupier: {} {are} missing\n    help: --dev takes what `croupier serve --dev` made",
            missing.join(", ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access { address: None, certificate: None, key: None, ca: None, dev: false }
    }

    const ENVIRONMENT: fn(&str) -> Option<OsString> = |name| Some(format!("by {name}").into());

    #[test]
    fn flags_go_before_the_environment() {
        let given = Access { key: Some("my.key".into()), ..access() };
        let Ok(Resolved { address, certificate, key, ca, .. }) = given.resolve(ENVIRONMENT) else { panic!() };
        assert_eq!(address, "by CROUPIER_ADMIN_ADDRESS");
        let files = [certificate, key, ca].map(|path| path.to_string_lossy().into_owned());
        assert_eq!(files, ["by CROUPIER_ADMIN_CERTIFICATE", "my.key", "by CROUPIER_ADMIN_CA"]);
    }

    #[test]
    fn development_goes_before_the_environment_but_not_for_the_address() {
        let Ok(resolved) = Access { dev: true, ..access() }.resolve(ENVIRONMENT) else { panic!() };
        assert_eq!(resolved.address, "by CROUPIER_ADMIN_ADDRESS");
        assert_eq!(resolved.certificate.to_string_lossy(), "certs/dev/ops.pem");
    }

    #[test]
    fn all_that_is_missing_is_named() {
        let empty = |_: &str| Some(OsString::new());
        let Err(Failure::Usage(message)) = (Access { ca: Some("ca".into()), ..access() }).resolve(empty) else {
            panic!()
        };
        let expected = "croupier: --certificate FILE (or CROUPIER_ADMIN_CERTIFICATE), --key FILE (or CROUPIER_ADMIN_KEY) \
                        are missing";
        assert!(message.starts_with(expected), "{message}");
    }
}
