//! The commands that talk to a running service, at its admin listener.
//!
//! They print what the service says: as text, or as the JSON that it answered, unchanged. They decide
//! nothing by themselves.

mod access;
mod answers;
mod client;
mod explain;
mod failure;
mod history;
mod reload;
mod rollback;
mod rows;
mod status;

use std::process::ExitCode;

use super::{BAD, Outcome, say};

pub use explain::Explain;
pub use history::History;
pub use reload::Reload;
pub use rollback::Rollback;
pub use status::Status;

use failure::Failure;

/// How a command ends that was carried out, or was not.
fn ended(result: Result<ExitCode, Failure>) -> Outcome {
    const USAGE: u8 = 2;
    match result {
        Ok(code) => Ok(code),
        Err(Failure::Output(error)) => Err(error),
        Err(Failure::Usage(message)) => {
            say(format_args!("{message}"));
            Ok(ExitCode::from(USAGE))
        }
        Err(Failure::Service(message)) => {
            say(format_args!("{message}"));
            Ok(ExitCode::from(BAD))
        }
    }
}
