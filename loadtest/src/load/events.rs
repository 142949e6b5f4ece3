//! What happened during a run besides requests. Bounded: the same again within a second is counted,
//! not listed, and what is too much is only counted.

use std::time::Duration;

use serde::{Deserialize, Serialize};

const MOST: usize = 500;

/// Within this time the same again is one event.
const TOGETHER: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The profile's command began or ended.
    Reload,
    /// The server asked for a connection's end, as one that drains does.
    Drain,
    /// The server ended a connection, or many clients came back at once.
    Reconnect,
    /// The server's name has other addresses.
    Dns,
    /// An instance of the service began or ended, as was wanted.
    Instance,
    /// Something was broken, or mended.
    Fault,
    /// What the load balancer thinks of an instance.
    Balancer,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub kind: Kind,
    pub seconds: f64,
    pub note: String,
    pub count: u64,
}

#[derive(Debug, Clone, Default)]
pub struct Events {
    pub listed: Vec<Event>,
    /// How many more there were.
    pub unlisted: u64,
}

impl Events {
    pub fn add(&mut self, kind: Kind, at: Duration, note: &str) {
        let seconds = at.as_secs_f64();
        let same = |event: &&mut Event| event.kind == kind && event.note == note;
        let recent = |event: &&mut Event| seconds - event.seconds < TOGETHER.as_secs_f64();
        if let Some(event) = self.listed.iter_mut().rev().take_while(recent).find(same) {
            event.count += 1;
        } else if self.listed.len() < MOST {
            self.listed.push(Event { kind, seconds, note: note.to_owned(), count: 1 });
        } else {
            self.unlisted += 1;
        }
    }
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::Reload, Self::Drain, Self::Reconnect, Self::Dns, Self::Instance, Self::Fault, Self::Balancer];

    pub fn name(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Drain => "drain",
            Self::Reconnect => "reconnect",
            Self::Dns => "DNS",
            Self::Instance => "instance",
            Self::Fault => "fault",
            Self::Balancer => "load balancer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_within_a_second_is_one_event() {
        let mut events = Events::default();
        for milliseconds in [0, 10, 999, 1001] {
            events.add(Kind::Reconnect, Duration::from_millis(milliseconds), "ended by the server");
        }
        events.add(Kind::Dns, Duration::from_millis(1002), "changed");
        let counts: Vec<_> = events.listed.iter().map(|event| (event.kind, event.count)).collect();
        assert_eq!(counts, [(Kind::Reconnect, 3), (Kind::Reconnect, 1), (Kind::Dns, 1)]);
    }

    #[test]
    fn too_many_are_only_counted() {
        let mut events = Events::default();
        for second in 0..MOST as u64 + 7 {
            events.add(Kind::Reload, Duration::from_secs(2 * second), "again");
        }
        assert_eq!((events.listed.len(), events.unlisted), (MOST, 7));
    }
}
