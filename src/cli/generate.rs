//! `croupier completions` and `croupier man`: what packages install beside the binary.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory};

use super::{Cli, Outcome};

/// Print a shell's completion script.
#[derive(Debug, Args)]
pub struct Completions {
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

impl Completions {
    pub fn run(self) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "croupier", &mut script);
        io::stdout().lock().write_all(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Print the man page, or write one for each command.
#[derive(Debug, Args)]
pub struct Man {
    /// Write `croupier.1` and a page for each command into this directory.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Man {
    pub fn run(self) -> Outcome {
        match self.directory {
            Some(directory) => {
                std::fs::create_dir_all(&directory)?;
                clap_mangen::generate_to(Cli::command(), directory)?;
            }
            None => {
                let mut page = Vec::new();
                clap_mangen::Man::new(Cli::command()).render(&mut page)?;
                io::stdout().lock().write_all(&page)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
