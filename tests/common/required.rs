//! Other people's programs that tests need: who has them tests, who has not is told, and where they must be there
//! the environment says so.

use std::io::Write;

/// Says past the capture of test output that something is not tested: what was skipped must not look like what
/// passed.
///
/// # Panics
/// If `CROUPIER_TESTS_REQUIRE` has the program's name, among others and commas.
pub fn skip(program: &str, why: &str) {
    let required = std::env::var("CROUPIER_TESTS_REQUIRE").unwrap_or_default();
    assert!(required.split(',').all(|one| one.trim() != program), "{program} is required: {why}");
    tell(&format!("SKIPPED: {why}"));
}

/// Past the capture of test output.
pub fn tell(text: &str) {
    _ = writeln!(std::io::stderr(), "{text}");
}
