//! `croupier-loadtest acts`: what happened in a rehearsal, act by act, on one page.
//!
//! The figures come from whoever directs the rehearsal (`deploy/rehearse`): for each act its verdict, what was done and
//! when, the reports of the loads that ran meanwhile, and other values over time. [`document`] is how they are written,
//! [`page`] how they are shown: by the same plots and tables as a single run's.

mod document;
mod page;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use self::document::Document;
use crate::Outcome;
use crate::report::verdict;
use crate::target::in_file;

/// Make one page of all acts of a rehearsal, from what was written down of them.
///
/// Ends as the worst act does: 0 if all was as promised, 1 if something was not, 3 if something was not measured.
#[derive(Debug, Args)]
pub struct Acts {
    /// The acts: JSON, with reports of this program in it.
    #[arg(value_name = "ACTS.json")]
    acts: PathBuf,
    /// The page, complete in itself.
    #[arg(long, value_name = "FILE.html")]
    report: PathBuf,
}

impl Acts {
    pub fn run(self) -> Outcome {
        let text = fs::read(&self.acts).map_err(in_file(&self.acts))?;
        let mut document: Document = serde_json::from_slice(&text).map_err(in_file(&self.acts))?;
        if document.acts.is_empty() {
            return Err(format!("{}: no acts in it", self.acts.display()));
        }
        document.settle();
        fs::write(&self.report, page::page(&document)).map_err(in_file(&self.report))?;
        Ok(ExitCode::from(document.outcome().exit_code()))
    }
}

/// As it is said of acts.
fn said(outcome: verdict::Outcome) -> &'static str {
    match outcome {
        verdict::Outcome::Met => "as promised",
        verdict::Outcome::Missed => "not as promised",
        verdict::Outcome::NotMeasured => "not measured",
    }
}
