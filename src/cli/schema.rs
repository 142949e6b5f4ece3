//! `croupier schema`: what editors complete and check documents by.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::Outcome;
use crate::table::schema;

/// Print the JSON Schema of a document, for editors to complete and check it.
#[derive(Debug, Args)]
#[command(after_help = "Put it beside your document and name it there:

  croupier schema table > table.schema.json

  { \"$schema\": \"table.schema.json\", \"version\": … }

A schema sees shapes, ranges and missing keys. For names, files and contradictions there is
`croupier check`.")]
pub struct Schema {
    /// Of which document.
    #[arg(value_enum)]
    document: Document,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Document {
    /// The CDN table.
    Table,
    /// What ops switch for a time.
    Overrides,
    /// Which table in a store is the current one.
    Pointer,
}

impl Schema {
    pub fn run(self) -> Outcome {
        let schema = match self.document {
            Document::Table => schema::of_table(),
            Document::Overrides => schema::of_overrides(),
            Document::Pointer => schema::of_pointer(),
        };
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &schema)?;
        writeln!(out)?;
        Ok(ExitCode::SUCCESS)
    }
}
