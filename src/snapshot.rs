//! The table in service: one pointer that readers load and one publisher stores.
//!
//! Everything that must agree within a request hangs on the one [`Snapshot`]; a request loads it
//! once. The generation grows only when a different table is published.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use arc_swap::{ArcSwap, Guard};
use http::HeaderValue;

use crate::table::answer::Renderer;
use crate::table::{Decision, Table};
use crate::telemetry;

/// A table as it is served.
pub struct Snapshot {
    pub table: Table,
    /// Counts the tables published in this process, from 1.
    pub generation: u64,
    pub loaded_at: SystemTime,
    /// Where it came from.
    pub source: String,
    renderer: Renderer,
    cache_control: HeaderValue,
    /// Decisions for each CDN, by id.
    decided: Vec<metrics::Counter>,
}

impl Snapshot {
    fn new(table: Table, generation: u64, source: String, loaded_at: SystemTime) -> Self {
        let renderer = Renderer::new(&table, generation);
        let decided = table.cdns.iter().map(|cdn| telemetry::decisions(&cdn.name)).collect();
        let max_age = format!("private, max-age={}", table.ttl);
        let cache_control = HeaderValue::from_str(&max_age).unwrap_or(HeaderValue::from_static("no-store"));
        Self { table, generation, loaded_at, source, renderer, cache_control, decided }
    }

    fn tell(&self) {
        telemetry::table_published(self.generation, self.table.trie.len(), self.loaded_at);
    }

    /// A decision as clients get it.
    pub fn render(&self, decision: &Decision<'_>) -> Vec<u8> {
        self.renderer.json(decision, self.table.ttl)
    }

    /// For how long a client may keep an answer, as a header says it.
    pub fn cache_control(&self) -> HeaderValue {
        self.cache_control.clone()
    }

    /// Counts a decision that was given to a client.
    pub fn count(&self, decision: &Decision<'_>) {
        if let Some(counter) = decision.cdns.first().and_then(|cdn| self.decided.get(usize::from(*cdn))) {
            counter.increment(1);
        }
    }
}

/// Begins with the first table, generation 1.
pub fn publish_first(table: Table, source: String, now: SystemTime) -> (Publisher, Reader) {
    let current = Arc::new(ArcSwap::from_pointee(Snapshot::new(table, 1, source, now)));
    let held = Arc::new(AtomicBool::new(false));
    let publisher = Publisher { current: Arc::clone(&current), held: Arc::clone(&held) };
    current.load().tell();
    telemetry::table_held(false);
    (publisher, Reader { current, held })
}

/// What serving holds: it can look, not change.
#[derive(Clone)]
pub struct Reader {
    current: Arc<ArcSwap<Snapshot>>,
    held: Arc<AtomicBool>,
}

impl Reader {
    /// The snapshot of this moment. It stays whole while it is held.
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// Whether a rollback holds the table in service.
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }
}

/// What reloading holds. There is one.
pub struct Publisher {
    current: Arc<ArcSwap<Snapshot>>,
    held: Arc<AtomicBool>,
}

impl Publisher {
    /// What is in service.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    pub fn generation(&self) -> u64 {
        self.current.load().generation
    }

    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Holds the table in service, or ends that.
    pub fn hold(&mut self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
        telemetry::table_held(held);
    }

    /// Puts the table into service and gives its generation.
    pub fn publish(&mut self, table: Table, source: String, now: SystemTime) -> u64 {
        let generation = self.generation() + 1;
        let snapshot = Arc::new(Snapshot::new(table, generation, source, now));
        snapshot.tell();
        self.current.store(snapshot);
        generation
    }
}
