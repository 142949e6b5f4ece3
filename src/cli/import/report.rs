//! What an import made, and what it changed on the way.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::cli::Format;
use crate::cli::figures::grouped;
use crate::import::document::Document;
use crate::import::{Kind, Listing};
use crate::table::problem::Shown;

/// More names than this are for programs.
const NAMED: usize = 10;

/// All of it, as programs get it.
#[derive(Serialize)]
pub struct Report<'r> {
    table: String,
    files: Vec<&'r str>,
    mixes: usize,
    cdns: usize,
    prefixes: usize,
    /// How many prefix files of the table before are gone.
    pub gone: usize,
    /// How many prefixes each thing happened to.
    counts: BTreeMap<&'static str, usize>,
    /// CDNs whose URLs are to be filled in.
    placeholders: &'r [String],
    /// The file does not say what unmatched addresses get.
    default_is_made_up: bool,
    problems: Vec<Shown>,
}

impl<'r> Report<'r> {
    pub fn new(table: &Path, document: &'r Document, listing: &Listing, made_up: bool, problems: Vec<Shown>) -> Self {
        Self {
            table: table.to_string_lossy().into_owned(),
            files: document.files.iter().map(|(path, _)| path.as_str()).collect(),
            mixes: document.mixes,
            cdns: document.cdns.len(),
            prefixes: document.prefixes,
            gone: 0,
            counts: Kind::ALL.into_iter().map(|kind| (kind.name(), listing.counted(kind))).collect(),
            placeholders: &document.cdns,
            default_is_made_up: made_up,
            problems,
        }
    }

    pub fn write(&self, out: &mut impl Write, format: Format) -> io::Result<()> {
        if format == Format::Json {
            serde_json::to_writer_pretty(&mut *out, self)?;
            return writeln!(out);
        }
        let number = |count: usize| grouped(count as f64);
        let (prefixes, files) = (number(self.prefixes), number(self.files.len()));
        writeln!(out, "{}: {} mixes, {prefixes} prefixes in {files} files", self.table, number(self.mixes))?;
        for kind in Kind::ALL {
            let count = self.counts.get(kind.name()).copied().unwrap_or_default();
            if count > 0 {
                writeln!(out, "{:>9}  {}", number(count), kind.words())?;
            }
        }
        if self.gone > 0 {
            writeln!(out, "{:>9}  prefix files of the table before are gone", number(self.gone))?;
        }
        writeln!(out, "\nTo be filled in before it serves:")?;
        let more = if self.cdns > NAMED { ", …" } else { "" };
        let named = self.placeholders[..self.cdns.min(NAMED)].join(", ");
        writeln!(out, "  the URLs of {} CDNs, now https://NAME.example/: {named}{more}", number(self.cdns))?;
        if self.default_is_made_up {
            writeln!(
                out,
                "  what addresses get that the file does not list: mix `default` is made up, --default names another"
            )?;
        }
        Ok(())
    }
}
