//! `croupier override`: what ops switch in an incident or plan for an event, edited in its file.
//!
//! - [`arguments`]: what is asked for, as typed
//! - [`subject`]: which file, and the names that it may use
//! - [`edit`]: the file as it is to be; [`place`]: how it gets there, be it a [`file`] or an object in a store
//! - [`list`]: what the file says

mod arguments;
mod edit;
mod file;
mod list;
mod place;
mod subject;

use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Args, Subcommand, ValueEnum};

use super::{Format, Outcome, say};
use crate::table::Override;
use crate::table::overrides::{Change, Target};
use arguments::{Period, Weights};
use edit::Wish;
use subject::Which;

const EXAMPLES: &str = "\
Examples:
  croupier override cdn akamai down --for 2h --reason INC-123
  croupier override cdn akamai up
  croupier override mix uk bidi=60,akamai=40 --from 2026-11-28T14:00:00Z --for 4h
  croupier override list";

/// Wrong usage.
const USAGE: u8 = 2;

/// Take a CDN out, or give a mix other weights, for a time.
///
/// Edits the file of overrides, which the service reloads by itself, within a second; or the object in a store, which
/// every service asks for on its own, see `[table] poll`. Times are RFC 3339, as
/// 2026-11-28T14:00:00Z.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Overriding {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Command {
    Cdn(Cdn),
    Mix(Mix),
    List(List),
    Clear(Clear),
}

/// Say that a CDN is down, or up again: `cdn akamai down --for 2h --reason INC-123`.
#[derive(Debug, Args)]
struct Cdn {
    /// As the table calls it.
    name: String,
    state: State,
    #[command(flatten)]
    period: Period,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    /// Left out of every answer.
    Down,
    /// No longer down. What is planned for later stays: see `clear`.
    Up,
}

/// Give a mix other weights: `mix uk bidi=60,akamai=40 --for 4h`. CDNs that are not named are left out. An override
/// of the same mix that overlaps with it is replaced whole.
#[derive(Debug, Args)]
struct Mix {
    /// As the table calls it.
    name: String,
    /// CDNs with their weights. Weight 0 is a fallback.
    #[arg(value_name = "CDN=WEIGHT,...")]
    weights: Weights,
    #[command(flatten)]
    period: Period,
}

/// Show the overrides: in force, scheduled, over, or ignored and why.
#[derive(Debug, Args)]
struct List {
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Take overrides away, whether in force or planned: of one CDN, of one mix, or all.
#[derive(Debug, Args)]
#[command(override_usage = "croupier override clear <cdn NAME|mix NAME|--all> [OPTIONS]")]
struct Clear {
    #[arg(requires = "name", conflicts_with = "all")]
    kind: Option<Kind>,
    name: Option<String>,
    /// Every override.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Cdn,
    Mix,
}

impl Overriding {
    pub fn run(self) -> Outcome {
        let (which, now) = (&self.which, SystemTime::now());
        match self.command {
            Command::Cdn(Cdn { name, state: State::Up, period, .. }) if period.is_given() => Ok(usage(&format!(
                "a CDN is up from now on: `croupier override cdn {name} up` takes no time and no reason"
            ))),
            Command::Cdn(Cdn { name, state: State::Up, .. }) => edit::run(&Wish::End(&name), which, now),
            Command::Cdn(Cdn { name, period, .. }) => put(Change::Down { cdn: name }, period, which, now),
            Command::Mix(Mix { name, weights: Weights(weights), period }) => {
                put(Change::Weights { mix: name, weights }, period, which, now)
            }
            Command::List(List { format }) => list::run(which, format, now),
            Command::Clear(Clear { all: true, .. }) => edit::run(&Wish::TakeAway(None), which, now),
            Command::Clear(Clear { kind: Some(kind), name: Some(name), .. }) => {
                let target = if kind == Kind::Cdn { Target::Cdn(&name) } else { Target::Mix(&name) };
                edit::run(&Wish::TakeAway(Some(target)), which, now)
            }
            Command::Clear(_) => Ok(usage("say what to clear: `cdn NAME`, `mix NAME`, or `--all` for every override")),
        }
    }
}

fn put(change: Change, period: Period, which: &Which, now: SystemTime) -> Outcome {
    match period.resolve(now) {
        Ok((from, until)) => edit::run(&Wish::Put(Override { change, reason: period.reason, from, until }), which, now),
        Err(message) => Ok(usage(&message)),
    }
}

/// Tells it as the parser of arguments tells what it finds itself.
fn usage(message: &str) -> ExitCode {
    say(format_args!("error: {message}\n\nFor more information, try '--help'."));
    ExitCode::from(USAGE)
}
