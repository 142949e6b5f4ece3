//! Numbers that many threads add to without getting in each other's way.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::processors::processors;

/// `N` numbers that are added to together. Each thread has its own, as long as there are no more threads than
/// processors; reading takes the sum.
pub struct Striped<const N: usize> {
    stripes: Box<[Stripe<N>]>,
}

/// In cache lines that nobody else writes to. Processors fetch two lines of 64 bytes at a time.
#[repr(align(128))]
struct Stripe<const N: usize>([AtomicU64; N]);

/// A power of two.
static STRIPES: LazyLock<usize> = LazyLock::new(|| processors().next_power_of_two());

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Threads are counted as they first add something: those that serve.
    static OWN: usize = THREADS.fetch_add(1, Ordering::Relaxed);
}

impl<const N: usize> Default for Striped<N> {
    fn default() -> Self {
        let stripe = || Stripe(std::array::from_fn(|_| AtomicU64::new(0)));
        Self { stripes: std::iter::repeat_with(stripe).take(*STRIPES).collect() }
    }
}

impl<const N: usize> Striped<N> {
    /// Adds to some of the numbers, by index.
    pub fn add(&self, amounts: impl IntoIterator<Item = (usize, u64)>) {
        let Stripe(own) = &self.stripes[OWN.with(|own| own & (self.stripes.len() - 1))];
        for (index, amount) in amounts {
            own[index].fetch_add(amount, Ordering::Relaxed);
        }
    }

    pub fn sums(&self) -> [u64; N] {
        std::array::from_fn(|index| self.stripes.iter().map(|stripe| stripe.0[index].load(Ordering::Relaxed)).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost() {
        let striped = Striped::<2>::default();
        std::thread::scope(|scope| {
            for thread in 1..=20 {
                let striped = &striped;
                scope.spawn(move || (0..1000).for_each(|_| striped.add([(0, 1), (1, thread)])));
            }
        });
        assert_eq!(striped.sums(), [20_000, 210_000]);
    }
}
