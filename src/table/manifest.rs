//! What a CDN table's document says, with its names resolved to places in sorted lists.
//!
//! Footprint values are parsed; the files that the document names are only listed. See
//! [`document`](super::document) for how it is read.

use std::net::IpAddr;

use super::footprint::{Footprint, FootprintType};
use super::mix::Mix;
use super::problem::{FileId, Place};

/// A mix by its place in the manifest's list, which is in byte order of name.
pub type MixId = u16;

/// The document with its names resolved. Only meaningful if no error was found in it.
#[derive(Debug)]
pub struct Manifest {
    /// The document itself.
    pub file: FileId,
    pub version: String,
    /// Seconds for which an answer may be kept.
    pub ttl: u32,
    /// In byte order of name.
    pub cdns: Vec<Cdn>,
    /// In byte order of name.
    pub mixes: Vec<Mix>,
    pub footprints: Vec<FootprintEntry>,
    pub default: MixId,
    pub asn_files: Vec<FileRef>,
    pub country_files: Vec<FileRef>,
    pub canaries: Vec<Canary>,
}

#[derive(Debug, Clone)]
pub struct Cdn {
    pub name: String,
    pub url: String,
}

#[derive(Debug)]
pub struct FootprintEntry {
    pub kind: FootprintType,
    /// Of its type.
    pub place: Place,
    pub mix: MixId,
    pub values: Vec<(Footprint, Place)>,
    pub file: Option<FileRef>,
}

/// A file that the document names, and where it does so.
#[derive(Debug, Clone)]
pub struct FileRef {
    /// As written: relative to the document, or absolute.
    pub path: String,
    /// The path as people see it, from where the document itself was named.
    pub name: String,
    /// Lower case hexadecimal, if the file is pinned.
    pub sha256: Option<String>,
    pub place: Place,
    /// Of the pin, if there is one; else of the file.
    pub pinned_at: Place,
}

/// An address whose mix is known.
#[derive(Debug, Clone)]
pub struct Canary {
    pub address: IpAddr,
    pub mix: MixId,
    pub place: Place,
}

impl Manifest {
    /// Every file that the table needs, in the document's order.
    pub fn files(&self) -> impl Iterator<Item = &FileRef> {
        let needed = |kind| self.footprints.iter().any(|entry| entry.kind == kind);
        let asn = self.asn_files.iter().filter(move |_| needed(FootprintType::Asn));
        let country = self.country_files.iter().filter(move |_| needed(FootprintType::CountryCode));
        asn.chain(country).chain(self.footprints.iter().filter_map(|entry| entry.file.as_ref()))
    }

    /// The files that hold the address ranges of a footprint type.
    pub fn dataset(&self, kind: FootprintType) -> &[FileRef] {
        match kind {
            FootprintType::Asn => &self.asn_files,
            FootprintType::CountryCode => &self.country_files,
            FootprintType::Ipv4Cidr | FootprintType::Ipv6Cidr => &[],
        }
    }
}
