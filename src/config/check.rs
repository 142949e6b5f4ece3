//! Values that can be read but make no sense: of each the key, and what is wrong with it.

use tracing_subscriber::EnvFilter;

use super::Config;

/// What must not be served with.
pub fn errors(config: &Config) -> Vec<(&'static str, String)> {
    let Config { limits, clients, guards, health, connections, .. } = config;
    let mut errors = Vec::new();
    for (zero, key) in [
        (limits.connections == 0, "limits.connections"),
        (limits.header_count == 0, "limits.header_count"),
        (limits.streams == 0, "limits.streams"),
        (limits.handshake.duration().is_zero(), "limits.handshake"),
        (limits.header.duration().is_zero(), "limits.header"),
        (limits.write.duration().is_zero(), "limits.write"),
        (connections.idle.duration().is_zero(), "connections.idle"),
        (guards.max_input == 0, "guards.max_input"),
        (clients.ca.is_empty(), "clients.ca"),
        (clients.allow.is_empty(), "clients.allow"),
    ] {
        if zero {
            errors.push((key, "is empty or 0: nobody could be served".to_owned()));
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
    match (&health.certificate, &health.key) {
        (Some(_), None) => errors.push(("health.certificate", "needs `key` beside it".to_owned())),
        (None, Some(_)) => errors.push(("health.key", "needs `certificate` beside it".to_owned())),
        _ => {}
    }
    if let Err(error) = EnvFilter::try_new(&config.log.level) {
        errors.push(("log.level", format!("{error}; write error, warn, info, debug or trace")));
    }
    if config.table.source.contains("://") {
        errors.push(("table.source", "must be a path in this version: fetch the table to a file".to_owned()));
    }
    errors
}
