//! The binary logarithm in whole numbers: the same on every machine and in every language.
//!
//! `-log2(hash / 2^64)` with 32 binary digits after the point. A library's or a platform's
//! floating-point logarithm differs from another's in the last bit, and a client's CDN must not
//! hang on that.

/// Binary digits after the point.
const DIGITS: u32 = 32;

/// `log2(1 + i / 256)` for i from 0 to 256, times 2^32: between these a straight line is drawn.
const TABLE: [u64; 257] = table();

const fn table() -> [u64; 257] {
    let mut table = [0; 257];
    let mut i = 0;
    while i < 256 {
        table[i] = digits((256 + i as u64) << 23);
        i += 1;
    }
    table[256] = 1 << DIGITS;
    table
}

/// The digits of log2(m / 2^31) for m from 2^31 to 2^32, one by one: the square of m is twice its
/// logarithm, so the next digit is whether the square has reached 2.
const fn digits(mut m: u64) -> u64 {
    let mut digits = 0;
    let mut left = DIGITS;
    while left > 0 {
        m = (m * m) >> 31;
        let digit = m >> 32;
        m >>= digit;
        digits = digits << 1 | digit;
        left -= 1;
    }
    digits
}

/// `-log2(hash / 2^64)` times 2^32: from 1 to 2^38. An even hash counts as the odd one above it,
/// so that there is no logarithm of 0.
pub fn minus_log2(hash: u64) -> u64 {
    let hash = hash | 1;
    let zeros = hash.leading_zeros();
    let normal = hash << zeros;
    let (index, rest) = ((normal >> 55 & 0xff) as usize, normal >> 23 & 0xffff_ffff);
    let step = TABLE[index + 1] - TABLE[index];
    let fraction = TABLE[index] + ((step * rest) >> DIGITS);
    (u64::from(zeros + 1) << DIGITS) - fraction
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_logarithm_to_five_digits(hash: u64, shift in 0..64_u32) {
            let hash = hash >> shift;
            let exact = 64.0 - ((hash | 1) as f64).log2();
            let found = minus_log2(hash) as f64 / 2f64.powi(32);
            prop_assert!((found - exact).abs() < 3e-6, "{hash:#x}: {found} {exact}");
        }

        #[test]
        fn it_falls_as_the_hash_grows(hash: u64, more in 1..u64::MAX) {
            prop_assert!(minus_log2(hash.saturating_add(more)) <= minus_log2(hash));
        }
    }

    #[test]
    fn its_ends() {
        assert_eq!(minus_log2(0), 64 << 32);
        assert_eq!(minus_log2(1 << 63), 1 << 32);
        assert_eq!(minus_log2(u64::MAX), 1);
    }
}
