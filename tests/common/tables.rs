//! Tables compiled in memory, as the service compiles them.
#![allow(dead_code, reason = "each test uses its own part of this")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]
#![allow(clippy::format_collect, clippy::format_push_string, reason = "allocations cost nothing here")]

use std::collections::HashMap;
use std::path::Path;

use croupier::table::problem::{Severity, Shown};
use croupier::table::{Inputs, Manifest, Problems, Table, compile};

/// What a packed dataset may unpack to here.
pub const LIMIT: u64 = 64 << 20;

/// A compiled table, if it was good, and what there was to say of it.
pub struct Built {
    pub table: Option<Table>,
    pub shown: Vec<Shown>,
}

impl Built {
    pub fn good(self) -> Table {
        let told = self.told();
        self.table.unwrap_or_else(|| panic!("the table is bad: {told}"))
    }

    /// Every problem as people read it.
    pub fn told(&self) -> String {
        self.shown.iter().map(|shown| format!("{shown}\n")).collect()
    }

    pub fn errors(&self) -> impl Iterator<Item = &Shown> {
        self.shown.iter().filter(|shown| shown.severity == Severity::Error)
    }
}

/// Compiles a manifest; `file` gives the bytes of each file that it names.
pub fn build(name: &str, manifest: &str, limit: u64, file: impl Fn(&str) -> Vec<u8>) -> Built {
    let mut problems = Problems::new();
    let table = Manifest::parse(name, manifest, &mut problems).and_then(|manifest| {
        let files: HashMap<_, _> = manifest.files().map(|named| (named.path.clone(), file(&named.path))).collect();
        compile(manifest, Inputs { files, digest: "test".to_owned(), limit }, &mut problems)
    });
    Built { table, shown: problems.shown() }
}

/// Compiles the table in a folder.
pub fn read(dir: &Path, manifest_name: &str) -> Built {
    let bytes = |path: &str| std::fs::read(dir.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let manifest = String::from_utf8(bytes(manifest_name)).expect("a manifest is text");
    build(manifest_name, &manifest, LIMIT, bytes)
}

/// The folder of the default table.
pub fn data() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data"))
}
