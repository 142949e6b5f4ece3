//! The CIDR prefixes that a CDN table names, with those in its files. Its datasets are not read.

use std::fs;
use std::path::{Path, PathBuf};

use ip_network::IpNetwork;
use serde::Deserialize;

use crate::load::addresses::{Prefix, lines};

#[derive(Deserialize)]
struct Table {
    footprints: Vec<Footprint>,
}

#[derive(Deserialize)]
struct Footprint {
    #[serde(rename = "footprint-type")]
    kind: String,
    #[serde(rename = "footprint-value", default)]
    values: Vec<String>,
    #[serde(rename = "footprint-file")]
    file: Option<File>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Path(PathBuf),
    Pinned { path: PathBuf },
}

/// Of a table's JSON document.
pub fn prefixes(table: &Path) -> Result<Vec<IpNetwork>, String> {
    let of_table = |error: &dyn std::fmt::Display| format!("{}: {error}", table.display());
    let document = fs::read(table).map_err(|error| of_table(&error))?;
    let document: Table = serde_json::from_slice(&document).map_err(|error| of_table(&error))?;
    let beside = table.parent().unwrap_or(Path::new("."));
    let mut values = Vec::new();
    for footprint in document.footprints {
        if !matches!(footprint.kind.as_str(), "ipv4cidr" | "ipv6cidr") {
            continue;
        }
        values.extend(footprint.values);
        if let Some(File::Path(path) | File::Pinned { path }) = footprint.file {
            values.extend(lines::<String>(&beside.join(path))?);
        }
    }
    let mut prefixes = Vec::new();
    for value in values {
        let prefix: Prefix = value.parse().map_err(|error| of_table(&format!("'{value}': {error}")))?;
        prefixes.push(prefix.0);
    }
    if prefixes.is_empty() {
        return Err(of_table(&"no ipv4cidr or ipv6cidr footprint in it"));
    }
    Ok(prefixes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_come_from_the_document_and_its_files() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("more.txt"), "2001:db8::/32\n192.0.2.7\n").unwrap();
        let table = directory.path().join("table.json");
        let document = r#"{ "version": "1", "footprints": [
            { "footprint-type": "ipv4cidr", "footprint-value": ["10.0.0.0/8"], "mix": "a" },
            { "footprint-type": "asn", "footprint-value": ["as2856"], "mix": "a" },
            { "footprint-type": "ipv6cidr", "footprint-file": { "path": "more.txt", "sha256": "00" }, "mix": "a" } ] }"#;
        fs::write(&table, document).unwrap();
        let found: Vec<_> = prefixes(&table).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"]);
    }
}
