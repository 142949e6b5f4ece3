//! The cases: what PKITS says of each path, and what this server does with it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A row of `cases.csv`. Its lists are separated by spaces unless said otherwise.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// The section of the PKITS document.
    pub test: String,
    pub name: String,
    pub expected: Verdict,
    /// The path's certificates below the root, the end entity's last.
    path: String,
    /// The revocation lists besides the root's.
    lists: String,
    /// CAs besides the path's, which sign lists. Each with the CAs that lead to the root: `a/b`.
    others: String,
    /// A part of every message with which the configuration does not load, separated by ` | `.
    refused: String,
    /// What a client gets that sends the path, once what was refused is left out: `accepted`, or
    /// the reason to refuse it.
    pub client: String,
    /// Why this verdict is right although it is not the expected one; empty where it is.
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Valid,
    Invalid,
}

impl Case {
    /// All cases, in the document's order.
    pub fn all() -> Vec<Self> {
        let mut reader = csv::Reader::from_reader(include_bytes!("cases.csv").as_slice());
        reader.deserialize().collect::<Result<_, _>>().expect("cases.csv is well formed")
    }

    /// The end entity's certificate file and those of the path's CAs, its issuer first.
    pub fn path(&self) -> (&str, Vec<&str>) {
        let mut upwards = self.path.split_whitespace().rev();
        let end_entity = upwards.next().expect("every path has an end entity");
        (end_entity, upwards.collect())
    }

    pub fn lists(&self) -> impl Iterator<Item = &str> {
        std::iter::once("TrustAnchorRootCRL").chain(self.lists.split_whitespace())
    }

    pub fn others(&self) -> impl Iterator<Item = Vec<&str>> {
        self.others.split_whitespace().map(|chain| chain.split('/').collect())
    }

    pub fn refused(&self) -> Vec<&str> {
        self.refused.split(" | ").filter(|part| !part.is_empty()).collect()
    }
}

/// The folder of the vectors.
pub struct Vectors(PathBuf);

impl Vectors {
    /// None if they were not fetched. A folder that the environment names must be there.
    pub fn find() -> Option<Self> {
        let Some(named) = std::env::var_os("CROUPIER_PKITS").map(PathBuf::from) else {
            let usual = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target/pkits"));
            return usual.is_dir().then(|| Self(usual.to_owned()));
        };
        assert!(named.join("certs").is_dir(), "CROUPIER_PKITS: no vectors in {}", named.display());
        Some(Self(named))
    }

    pub fn certificate(&self, name: &str) -> Vec<u8> {
        let path = self.0.join("certs").join(name).with_added_extension("crt");
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn list(&self, name: &str) -> PathBuf {
        self.0.join("crls").join(name).with_added_extension("crl")
    }
}
