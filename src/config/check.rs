//! Values that can be read but make no sense: of each the key, and what is wrong with it.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::{Config, Seconds};
use crate::store::ObjectUrl;

/// A level, or a module's. To the filter, a word that is none would be a module's name, of which everything is told, and
/// nothing of any other.
fn is_level(directive: &str) -> bool {
    directive.rsplit('=').next().is_some_and(|level| !level.is_empty() && level.trim().parse::<LevelFilter>().is_ok())
}

/// What must not be served with.
pub fn errors(config: &Config) -> Vec<(&'static str, String)> {
    let Config { table, limits, clients, guards, health, connections, proxy, .. } = config;
    let mut errors = Vec::new();
    for (zero, key) in [
        (limits.connections == 0, "limits.connections"),
        (limits.header_count == 0, "limits.header_count"),
        (limits.streams == 0, "limits.streams"),
        (limits.handshake.duration().is_zero(), "limits.handshake"),
        (limits.header.duration().is_zero(), "limits.header"),
        (limits.write.duration().is_zero(), "limits.write"),
        (connections.idle.duration().is_zero(), "connections.idle"),
        (connections.age.duration().is_zero(), "connections.age"),
        (connections.keepalive < Seconds::from_secs(1), "connections.keepalive"),
        (guards.max_input == 0, "guards.max_input"),
        (table.poll.duration().is_zero(), "table.poll"),
        (table.timeout.duration().is_zero(), "table.timeout"),
        (clients.ca.is_empty(), "clients.ca"),
        (clients.allow.is_empty(), "clients.allow"),
    ] {
        if zero {
            errors.push((key, "is empty or too small: give it a value above 0".to_owned()));
        }
    }
    for (share, key) in [(guards.max_moved, "guards.max_moved"), (guards.max_shrunk, "guards.max_shrunk")] {
        if !(0.0..=1.0).contains(&share) {
            errors.push((key, format!("{share} is not a share from 0 to 1")));
        }
    }
    if config.drain.wait >= config.drain.deadline {
        errors.push(("drain.deadline", "must be longer than `wait`, or nothing is drained".to_owned()));
    }
    if proxy.health && proxy.trusted.is_empty() {
        errors
            .push(("proxy.health", "needs `trusted` beside it: headers are read from those networks only".to_owned()));
    }
    match (&health.certificate, &health.key) {
        (Some(_), None) => errors.push(("health.certificate", "needs `key` beside it".to_owned())),
        (None, Some(_)) => errors.push(("health.key", "needs `certificate` beside it".to_owned())),
        _ => {}
    }
    if EnvFilter::try_new(&config.log.level).is_err() || !config.log.level.split(',').all(is_level) {
        let message = format!("can't be `{}`: write error, warn, info, debug, trace or off", config.log.level);
        errors.push(("log.level", message));
    }
    let places = [("table.source", Some(&table.source)), ("table.overrides", table.overrides.as_ref())];
    for (key, place) in places {
        if let Some(place) = place.filter(|place| ObjectUrl::is_meant(place))
            && let Err(message) = place.parse::<ObjectUrl>()
        {
            errors.push((key, format!("can't be `{place}`: {message}")));
        }
    }
    if let Some(state) = table.state.as_ref().filter(|state| ObjectUrl::is_meant(&state.to_string_lossy())) {
        errors.push(("table.state", format!("can't be `{}`: it is a directory of this machine", state.display())));
    }
    errors
}
