//! A table in numbers, for people.

use serde::{Deserialize, Serialize};

use super::Table;

/// What is in a good table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub cdns: usize,
    pub mixes: usize,
    pub footprints: usize,
    pub prefixes_ipv4: usize,
    pub prefixes_ipv6: usize,
    pub canaries: usize,
}

impl Counts {
    pub fn of(table: &Table) -> Self {
        let (prefixes_ipv4, prefixes_ipv6) = table.trie.len();
        Self {
            cdns: table.cdns.len(),
            mixes: table.mixes.len(),
            footprints: table.footprints.len() - 1,
            prefixes_ipv4,
            prefixes_ipv6,
            canaries: table.canaries.len(),
        }
    }
}
