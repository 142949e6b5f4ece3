//! `croupier-loadtest compare`: what `loadtest/compare` needs to measure Croupier beside others.
//!
//! - [`tables`]: one table as Croupier, nginx and HAProxy read it
//! - [`echo`]: TLS and nothing else, the least that a server on this system can cost
//! - [`alike`]: whether servers give the same answers
//! - [`awaited`]: when a server answers by another table
//! - [`summary`]: what came of all runs, as a table; [`rows`]: which figures it has
//! - [`lookup`]: an answer as all of this reads it

mod alike;
mod awaited;
mod echo;
mod lookup;
mod rows;
mod summary;
mod tables;

use clap::{Args, Subcommand};

use crate::Outcome;

/// Parts of the script `loadtest/compare`, which measures Croupier beside nginx and HAProxy.
#[derive(Debug, Args)]
pub struct Compare {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    Tables(tables::Tables),
    Echo(echo::Echo),
    Alike(alike::Alike),
    Await(awaited::Await),
    Summary(summary::Summary),
}

impl Compare {
    pub fn run(self) -> Outcome {
        match self.part {
            Part::Tables(part) => part.run(),
            Part::Echo(part) => part.run(),
            Part::Alike(part) => part.run(),
            Part::Await(part) => part.run(),
            Part::Summary(part) => part.run(),
        }
    }
}
