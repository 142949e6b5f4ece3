//! Figures as people read them. Shares are [`percent`].

pub use crate::table::summary::percent;

/// Of a digest: enough to tell tables apart.
const DIGEST_SHOWN: usize = 12;

/// `1,234,567`. What is less than one is said to be, not rounded away.
pub fn grouped(size: f64) -> String {
    if size > 0.0 && size < 1.0 {
        return "<1".to_owned();
    }
    let digits = format!("{size:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub fn shortened(digest: &str) -> &str {
    digest.get(..DIGEST_SHOWN).unwrap_or(digest)
}
