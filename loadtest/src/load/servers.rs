//! Where the server is: one address or several, looked up again and again, as they may change.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::addresses::lines;
use super::events::Kind;
use super::recorder::{Shared, locked};

/// Where addresses are found.
#[derive(Debug, Clone)]
pub enum Source {
    /// `HOST:PORT`, by way of DNS if it is a name.
    Name(String),
    /// A file of `IP:PORT`, one a line.
    File(PathBuf),
}

impl Source {
    pub async fn look_up(&self) -> Result<Vec<SocketAddr>, String> {
        match self {
            Self::Name(name) => {
                let found = tokio::net::lookup_host(name).await.map_err(|error| format!("{name}: {error}"))?;
                Ok(found.collect())
            }
            Self::File(file) => lines(file),
        }
    }
}

/// The addresses of the moment. New connections take turns.
#[derive(Debug)]
pub struct Servers(Mutex<Turns>);

#[derive(Debug)]
struct Turns {
    first: SocketAddr,
    others: Vec<SocketAddr>,
    turn: usize,
}

impl Servers {
    pub fn new(found: Vec<SocketAddr>) -> Result<Self, String> {
        let turns = Turns::new(found).ok_or("the server's name has no address")?;
        Ok(Self(Mutex::new(turns)))
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the next connection.
    pub fn next(&self) -> SocketAddr {
        let mut turns = self.turns();
        turns.turn = (turns.turn + 1) % (turns.others.len() + 1);
        match turns.turn {
            0 => turns.first,
            other => turns.others[other - 1],
        }
    }

    /// Says what is different, if anything is. Nothing found changes nothing.
    fn replace(&self, found: Vec<SocketAddr>) -> Option<String> {
        let mut turns = self.turns();
        let new = Turns::new(found)?;
        let (before, after) = (turns.all(), new.all());
        if before == after {
            return None;
        }
        let only_in = |these: &[SocketAddr], those: &[SocketAddr]| {
            let only: Vec<_> = these.iter().filter(|one| !those.contains(one)).map(ToString::to_string).collect();
            only.join(", ")
        };
        let (gone, come) = (only_in(&before, &after), only_in(&after, &before));
        *turns = new;
        Some(match (gone.is_empty(), come.is_empty()) {
            (true, _) => format!("new: {come}"),
            (_, true) => format!("gone: {gone}"),
            _ => format!("new: {come}; gone: {gone}"),
        })
    }
}

impl Turns {
    fn new(mut found: Vec<SocketAddr>) -> Option<Self> {
        found.sort_unstable();
        found.dedup();
        let first = *found.first()?;
        Some(Self { first, others: found.split_off(1), turn: 0 })
    }

    fn all(&self) -> Vec<SocketAddr> {
        std::iter::once(self.first).chain(self.others.iter().copied()).collect()
    }
}

/// Looks the addresses up again every so often, for ever. What changes is an event.
pub async fn keep_up<Found>(servers: &Servers, recorder: &Shared, every: Duration, mut look_up: impl FnMut() -> Found)
where
    Found: Future<Output = Result<Vec<SocketAddr>, String>>,
{
    loop {
        tokio::time::sleep(every).await;
        let note = match look_up().await {
            Ok(found) => servers.replace(found),
            Err(error) => Some(format!("not looked up: {error}")),
        };
        if let Some(note) = note {
            locked(recorder).event(Kind::Dns, &note);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::recorder::Recorder;
    use super::*;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 443))
    }

    #[test]
    fn connections_take_turns() {
        let servers = Servers::new(vec![address(2), address(1), address(1)]).unwrap();
        let found: Vec<_> = (0..4).map(|_| servers.next()).collect();
        assert_eq!(found, [address(2), address(1), address(2), address(1)]);
        assert!(Servers::new(Vec::new()).is_err());
    }

    #[test]
    fn a_change_is_noted_once_and_failures_change_nothing() {
        let servers = Servers::new(vec![address(1)]).unwrap();
        let recorder = Arc::new(Mutex::new(Recorder::new(Duration::from_millis(100), &[]).unwrap()));
        let mut answers =
            vec![Ok(vec![address(1)]), Ok(vec![]), Ok(vec![address(2)]), Ok(vec![address(2)]), Err("no".to_owned())]
                .into_iter();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (asked, mut all_asked) = tokio::sync::mpsc::unbounded_channel();
            let look_up = || {
                let answer = answers.next();
                let asked = asked.clone();
                async move {
                    match answer {
                        Some(answer) => answer,
                        None => {
                            asked.send(()).unwrap();
                            std::future::pending().await
                        }
                    }
                }
            };
            tokio::select! {
                () = keep_up(&servers, &recorder, Duration::from_millis(1), look_up) => {}
                _ = all_asked.recv() => {}
            }
        });
        let notes: Vec<_> = locked(&recorder).events.listed.iter().map(|event| event.note.clone()).collect();
        assert_eq!(notes, ["new: 192.0.2.2:443; gone: 192.0.2.1:443", "not looked up: no"]);
        assert_eq!(servers.next(), address(2));
    }
}
