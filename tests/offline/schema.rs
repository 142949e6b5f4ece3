//! `croupier schema`: what it prints is what is committed.

use std::fs;
use std::path::Path;

use crate::program::Folder;

#[test]
fn the_committed_schemas_are_those_that_are_printed() {
    let folder = Folder::new();
    for document in ["table", "overrides", "pointer"] {
        let ran = folder.run(&["schema", document]);
        assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{document}");
        let path = format!("data/schema/{document}.json");
        let committed = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path)).unwrap();
        assert!(committed == ran.output, "{path} is out of date: run `croupier schema {document} > {path}`");
    }
    for wrong in [&["schema"][..], &["schema", "tables"]] {
        assert_eq!(folder.run(wrong).code, Some(2), "{wrong:?}");
    }
}
