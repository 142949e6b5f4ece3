//! Every byte that trust is made of, read and not yet looked at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::{Clients, Config, Health, Tls};
use crate::file::{self, Watched, digest_of_all, sha256};

/// A trust file is a few kilobytes; a bundle of every public root is 200.
pub const LARGEST: u64 = 4 << 20;

/// A list of a million entries is 40 MB, a third more as PEM.
pub const LARGEST_LIST: u64 = 256 << 20;

/// What the configuration says of trust.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub tls: Tls,
    pub clients: Clients,
    pub health: Health,
}

impl Settings {
    pub fn of(config: &Config) -> Self {
        Self { tls: config.tls.clone(), clients: config.clients.clone(), health: config.health.clone() }
    }
}

pub struct Gathered {
    files: BTreeMap<PathBuf, Result<Vec<u8>, String>>,
    /// The files that were looked at, for who watches them.
    pub watched: Vec<Watched>,
    /// Names settings and files together.
    pub digest: String,
}

impl Gathered {
    /// Reads every file that the settings name.
    pub fn read(settings: &Settings) -> Self {
        let Settings { tls, clients, health } = settings;
        let small = [&tls.certificate, &tls.key]
            .into_iter()
            .chain(&clients.ca)
            .chain(clients.allow.iter().map(|allow| &allow.issuer))
            .chain(&health.certificate)
            .chain(&health.key)
            .map(|path| (path, LARGEST));
        let paths = small.chain(clients.crls.iter().map(|path| (path, LARGEST_LIST)));
        let mut gathered = Self { files: BTreeMap::new(), watched: Vec::new(), digest: String::new() };
        let mut digests = vec![(String::new(), sha256(format!("{settings:?}").as_bytes()))];
        for (path, limit) in paths {
            if gathered.files.contains_key(path) {
                continue;
            }
            gathered.watched.push(Watched::now(path.clone()));
            let bytes = file::read(path, limit);
            let digest = bytes.as_ref().map(|bytes| sha256(bytes)).unwrap_or_default();
            digests.push((path.to_string_lossy().into_owned(), digest));
            gathered.files.insert(path.clone(), bytes);
        }
        gathered.digest = digest_of_all(digests);
        gathered
    }

    /// # Errors
    /// Why the file can't be read.
    pub fn file(&self, path: &Path) -> Result<&[u8], String> {
        match self.files.get(path) {
            Some(Ok(bytes)) => Ok(bytes),
            Some(Err(error)) => Err(error.clone()),
            None => Err("the file was not read".to_owned()),
        }
    }
}
