//! Everything that a configuration names, read and checked.

use std::time::SystemTime;

use crate::config::Config;
use crate::file::Watched;
use crate::reload::first::{First, first};
use crate::reload::overriding;
use crate::reload::state::State;
use crate::reload::table;
use crate::table::Problems;
use crate::table::problem::Place;
use crate::trust::{self, Lasting, Trust};

/// All that `serve` needs, read and checked, with nothing bound yet.
pub struct Prepared {
    pub config: Config,
    pub first: First,
    pub state: Option<State>,
    pub trust: Trust,
    pub lasting: Lasting,
    pub trust_files: Vec<Watched>,
    pub overrides: overriding::First,
    pub kept_overrides: Option<overriding::Kept>,
}

/// Loads everything that a configuration names. None, with errors in `problems`, unless all of
/// it is good. With a state, the last good table stands in for a bad one.
pub fn prepare(
    config: Config,
    mut state: Option<State>,
    now: SystemTime,
    problems: &mut Vec<Problems>,
) -> Option<Prepared> {
    let lasting = Lasting::default();
    let settings = trust::Settings::of(&config);
    let of_trust = trust::Gathered::read(&settings);
    let mut own = Problems::new();
    let trust = trust::load(&settings, &of_trust, &lasting, None, now, &mut own);
    problems.push(own);
    let first = first(&table::Settings::of(&config), state.as_mut(), problems);
    let kept_overrides = state.as_ref().map(|state| overriding::Kept::new(state.directory().to_owned()));
    let overrides = overriding::first(&overriding::Settings::of(&config), kept_overrides.as_ref(), now);
    let trust_files = of_trust.watched;
    Some(Prepared { config, first: first?, state, trust: trust?, lasting, trust_files, overrides, kept_overrides })
}

/// Opens the state directory, if there is to be one.
pub fn open_state(config: &Config, problems: &mut Vec<Problems>) -> Option<State> {
    let directory = config.table.state.as_ref()?;
    let opened = State::open(directory.clone(), config.table.keep);
    opened
        .map_err(|error| {
            let mut own = Problems::new();
            let file = own.file(&directory.to_string_lossy());
            own.error(Place::whole_file(file), format!("tables can't be kept here: {error}"))
                .help("choose a directory that the service may write to, or take `state` out of [table]");
            problems.push(own);
        })
        .ok()
}
