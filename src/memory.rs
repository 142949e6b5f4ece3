//! Memory of a replaced table goes back to the system.
//!
//! glibc's `malloc` takes large blocks from the system one by one, and gives them back when they
//! are freed, but moves the line between large and small up to 32 MiB as it goes. Then the tries of
//! two tables share one heap, its holes are never given back, and with a table of 1,200,000 prefixes
//! the process grew by 100 MB a reload. A line that is fixed from the start keeps it flat; it can
//! only be fixed in the environment, before the process begins, so `serve` begins itself again.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What glibc reads, and its own default to begin with: in bytes. Being set is what fixes it.
const THRESHOLD: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "131072");

/// Replaces the process by itself with the threshold set, unless it is. The process id stays.
/// Goes on as it is if that can't be done: it costs memory, not answers.
pub fn fix_threshold() {
    let (name, value) = THRESHOLD;
    if env::var_os(name).is_some() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let mut again = Command::new(program);
    if let Some(own_name) = arguments.next() {
        again.arg0(own_name);
    }
    let error = again.args(arguments).env(name, value).exec();
    // Before there are logs.
    eprintln!("croupier: can't set {name} ({error}): large tables will cost more memory");
}
