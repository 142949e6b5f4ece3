//! What is in service: one pointer that readers load and publishers store.
//!
//! Everything that must agree within a request hangs on the one [`Snapshot`]; a request loads it
//! once. Tables and overrides come each from a publisher of its own, and take turns. The generation
//! grows only when what clients get is different.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, Guard};

use crate::table::answer::Renderer;
use crate::table::effective::Instead;
use crate::table::problem::Shown;
use crate::table::{Decision, Effective, Overrides, Table};
use crate::telemetry::{self, requests::Decisions};

/// A table as it is served, with the overrides that are in force.
pub struct Snapshot {
    pub table: Arc<Table>,
    pub effective: Effective,
    /// Counts the effective tables published in this process, from 1.
    pub generation: u64,
    /// When the table was loaded.
    pub loaded_at: SystemTime,
    /// Where the table came from.
    pub source: String,
    renderer: Renderer,
    /// Decisions for each CDN, by id.
    decided: Vec<Decisions>,
}

impl Snapshot {
    fn new(table: Arc<Table>, effective: Effective, generation: u64, source: String, loaded_at: SystemTime) -> Self {
        let renderer = Renderer::new(&table, generation);
        let decided = table.cdns.iter().map(|cdn| Decisions::of(&cdn.name)).collect();
        Self { table, effective, generation, loaded_at, source, renderer, decided }
    }

    fn tell(&self) {
        telemetry::table_published(self.generation, self.table.trie.len(), self.loaded_at);
        telemetry::overrides_active(self.effective.in_force().count());
        let all_down = &self.effective.all_down;
        let ignored = all_down.iter().filter(|mix| matches!(mix.instead, Instead::OfTable(_))).count();
        telemetry::mixes_down(all_down.len() - ignored, ignored);
    }

    /// What clients get. Every address gets a decision.
    pub fn decide(&self, address: std::net::IpAddr) -> Decision<'_> {
        self.effective.decide(&self.table, address)
    }

    /// Seconds for which an answer of this moment may be kept.
    pub fn ttl(&self) -> u32 {
        match self.effective.next_change {
            None => self.table.ttl,
            Some(_) => self.effective.ttl(self.table.ttl, SystemTime::now()),
        }
    }

    /// A decision as clients get it.
    pub fn render(&self, decision: &Decision<'_>, ttl: u32) -> Vec<u8> {
        self.renderer.json(decision, ttl)
    }

    /// Counts a decision that was given to a client.
    pub fn count(&self, decision: &Decision<'_>) {
        if let Some(counter) = decision.cdns.first().and_then(|cdn| self.decided.get(usize::from(*cdn))) {
            counter.count();
        }
    }
}

struct Shared {
    current: ArcSwap<Snapshot>,
    held: AtomicBool,
    /// Who publishes holds this.
    overrides: Mutex<AsOf>,
}

/// Overrides, and the moment of which they are in force.
#[derive(Clone)]
struct AsOf {
    overrides: Overrides,
    now: SystemTime,
}

impl Shared {
    fn overrides(&self) -> MutexGuard<'_, AsOf> {
        self.overrides.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wants the overrides to be held.
    fn store(&self, snapshot: Arc<Snapshot>) {
        snapshot.tell();
        self.current.store(snapshot);
    }
}

/// Begins with the first table, generation 1.
pub fn publish_first(
    table: Table,
    source: String,
    overrides: Overrides,
    now: SystemTime,
) -> (Publisher, OverridesPublisher, Reader) {
    let effective = Effective::new(&table, &overrides, now);
    let first = Snapshot::new(Arc::new(table), effective, 1, source, now);
    first.tell();
    telemetry::table_held(false);
    let shared = Arc::new(Shared {
        current: ArcSwap::from_pointee(first),
        held: AtomicBool::new(false),
        overrides: Mutex::new(AsOf { overrides, now }),
    });
    let publisher = Publisher { shared: Arc::clone(&shared) };
    (publisher, OverridesPublisher { shared: Arc::clone(&shared) }, Reader { shared })
}

/// What serving holds: it can look, not change.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

impl Reader {
    /// The snapshot of this moment. It stays whole while it is held.
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.shared.current.load()
    }

    /// Whether a rollback holds the table in service.
    pub fn is_held(&self) -> bool {
        self.shared.held.load(Ordering::Relaxed)
    }
}

/// What reloading tables holds. There is one.
pub struct Publisher {
    shared: Arc<Shared>,
}

impl Publisher {
    /// What is in service.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.current.load_full()
    }

    pub fn is_held(&self) -> bool {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// Holds the table in service, or ends that.
    pub fn hold(&mut self, held: bool) {
        self.shared.held.store(held, Ordering::Relaxed);
        telemetry::table_held(held);
    }

    /// Puts the table into service, under the overrides. Gives its generation, and warnings of overrides that it
    /// makes void.
    pub fn publish(&mut self, table: Table, source: &str, now: SystemTime) -> (u64, Vec<Shown>) {
        let table = Arc::new(table);
        loop {
            // This thread may be of idle priority, and others wait for the lock: it is held for a moment only.
            let before = self.shared.current.load_full();
            let AsOf { overrides, now: last } = self.shared.overrides().clone();
            let as_of = now.max(last);
            let effective = Effective::new(&table, &overrides, as_of);
            let known: Vec<String> = before.effective.warnings.iter().map(ToString::to_string).collect();
            let warnings = effective.warnings.iter().filter(|warning| !known.contains(&warning.to_string()));
            let warnings = warnings.cloned().collect();
            let generation = before.generation + 1;
            let snapshot = Arc::new(Snapshot::new(Arc::clone(&table), effective, generation, source.to_owned(), now));
            let mut overriding = self.shared.overrides();
            if Arc::ptr_eq(&before, &self.shared.current.load()) {
                overriding.now = as_of;
                self.shared.store(snapshot);
                return (generation, warnings);
            }
            // Overrides have changed meanwhile.
        }
    }
}

/// What reloading overrides holds. There is one.
pub struct OverridesPublisher {
    shared: Arc<Shared>,
}

impl OverridesPublisher {
    /// What is in service.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.current.load_full()
    }

    /// Those in service, whether or not they are in force yet.
    pub fn overrides(&self) -> Overrides {
        self.shared.overrides().overrides.clone()
    }

    /// Whether these say what those in service do.
    pub fn has(&self, overrides: &Overrides) -> bool {
        self.shared.overrides().overrides == *overrides
    }

    /// Time until another is in force, or one no longer; none, if the clock was set back since it was last asked.
    pub fn due(&self, now: SystemTime) -> Option<Duration> {
        if now < self.shared.overrides().now {
            return Some(Duration::ZERO);
        }
        let change = self.shared.current.load().effective.next_change?;
        Some(change.duration_since(now).unwrap_or_default())
    }

    /// Puts overrides into service; none, those that are there by what they say of another moment.
    pub fn publish(&mut self, overrides: Option<Overrides>, now: SystemTime) {
        let mut overriding = self.shared.overrides();
        if let Some(overrides) = overrides {
            overriding.overrides = overrides;
        }
        overriding.now = now;
        let before = self.shared.current.load_full();
        let effective = Effective::new(&before.table, &overriding.overrides, now);
        let differs = effective.mixes != before.effective.mixes;
        let generation = before.generation + u64::from(differs);
        let (table, source) = (Arc::clone(&before.table), before.source.clone());
        let snapshot = Snapshot::new(table, effective, generation, source, before.loaded_at);
        self.shared.store(Arc::new(snapshot));
    }
}
