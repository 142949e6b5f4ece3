//! How many processors the process may use.

use std::num::NonZero;
use std::thread::available_parallelism;

/// One, if the system does not say.
pub fn processors() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}
