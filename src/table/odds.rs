//! The share of subnets that a change of weights moves from one CDN to another, worked out rather
//! than counted.
//!
//! Over a uniform hash every CDN k of a subnet has a draw `E_k`, exponentially distributed, and the
//! same in both mixes; its scores are `E_k / w_k` under the old weights and `E_k / v_k` under the
//! new, and the lowest wins (see [`mix`](super::mix)). Let i win under the old weights and another,
//! j, under the new, and let `t = E_j / E_i`. That i beats j at first means `t >= w_j / w_i`; that j
//! beats i then means `t <= v_j / v_i`. Every other k loses both times if
//! `E_k >= E_i * max(w_k / w_i, v_k * t / v_j)`. With `E_i` and the `E_k` integrated out, what is left is
//!
//! ```text
//! P(i, j) = integral over t from w_j / w_i to v_j / v_i of dt / A(t)^2
//!    A(t) = 1 + t + sum over k of max(w_k / w_i, v_k * t / v_j)
//! ```
//!
//! A is made of straight pieces, and over a piece from a to b the integral is
//! `(b - a) / (A(a) * A(b))`. If `v_i` is 0 the last piece has no end and is `1 / (slope * A(a))`.

/// A CDN's weight in the old mix and in the new. 0 where it has none.
pub type Weights = (u16, u16);

/// The share of subnets whose first CDN was the one and becomes the other, for every two CDNs
/// between which any move, by their places in `cdns`.
pub fn odds(cdns: &[Weights]) -> Vec<(usize, usize, f64)> {
    let mut odds = Vec::new();
    for from in 0..cdns.len() {
        for to in 0..cdns.len() {
            if from != to
                && let Some(share) = share(cdns, from, to)
            {
                odds.push((from, to, share));
            }
        }
    }
    odds
}

fn share(cdns: &[Weights], from: usize, to: usize) -> Option<f64> {
    let weights = |cdn: usize| (f64::from(cdns[cdn].0), f64::from(cdns[cdn].1));
    let ((old_from, new_from), (old_to, new_to)) = (weights(from), weights(to));
    if old_from == 0.0 || new_to == 0.0 {
        return None;
    }
    let begin = old_to / old_from;
    let end = if new_from == 0.0 { f64::INFINITY } else { new_to / new_from };
    if begin >= end {
        return None;
    }
    // What every other CDN adds to A: the larger of a constant and a slope.
    let others = || (0..cdns.len()).filter(|cdn| ![from, to].contains(cdn)).map(weights);
    let others: Vec<(f64, f64)> = others().map(|(old, new)| (old / old_from, new / new_to)).collect();
    let a = |t: f64| 1.0 + t + others.iter().map(|(constant, slope)| constant.max(slope * t)).sum::<f64>();
    let bends = others.iter().filter(|(_, slope)| *slope > 0.0).map(|(constant, slope)| constant / slope);
    let mut ends: Vec<f64> = bends.filter(|bend| begin < *bend && *bend < end).chain([end]).collect();
    ends.sort_by(f64::total_cmp);
    let (mut share, mut at) = (0.0, begin);
    for end in ends {
        share += if end.is_finite() {
            (end - at) / (a(at) * a(end))
        } else {
            let slope = 1.0 + others.iter().map(|(_, slope)| slope).sum::<f64>();
            1.0 / (slope * a(at))
        };
        at = end;
    }
    Some(share)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-12
    }

    #[test]
    fn cases_that_can_be_worked_out_by_hand() {
        for (cdns, expected) in [
            // The weight of one of two rises threefold: its share from 1/2 to 3/4.
            (&[(1, 1), (1, 3)][..], &[(0, 1, 0.25)][..]),
            // One goes: its clients go to the others by weight.
            (&[(2, 0), (1, 1), (1, 1)], &[(0, 1, 0.25), (0, 2, 0.25)]),
            // One comes: it takes from each its part.
            (&[(1, 1), (3, 3), (0, 4)], &[(0, 2, 0.125), (1, 2, 0.375)]),
            // None in common: as if drawn twice.
            (&[(1, 0), (3, 0), (0, 1), (0, 1)], &[(0, 2, 0.125), (0, 3, 0.125), (1, 2, 0.375), (1, 3, 0.375)]),
            // The same in other numbers.
            (&[(1, 2), (3, 6), (5, 10)], &[]),
            (&[(7, 0), (0, 9)], &[(0, 1, 1.0)]),
        ] {
            let found = odds(cdns);
            assert_eq!(found.len(), expected.len(), "{cdns:?}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert_eq!((found.0, found.1), (expected.0, expected.1), "{cdns:?}");
                assert!(close(found.2, expected.2), "{cdns:?}: {found:?}, not {expected:?}");
            }
        }
    }

    proptest! {
        /// A CDN's share of subnets is its weight's, before and after: who leaves and who comes
        /// must make up the difference.
        #[test]
        fn each_cdn_gains_what_its_weight_gains(
            cdns in prop::collection::vec((prop_oneof![Just(0_u16), 1..100_u16], prop_oneof![Just(0_u16), any::<u16>()]), 2..7)
        ) {
            let sum = |weights: &dyn Fn(&Weights) -> u16| cdns.iter().map(|cdn| f64::from(weights(cdn))).sum::<f64>();
            let (old, new) = (sum(&|cdn| cdn.0), sum(&|cdn| cdn.1));
            prop_assume!(old > 0.0 && new > 0.0);
            let odds = odds(&cdns);
            for (place, cdn) in cdns.iter().enumerate() {
                let come: f64 = odds.iter().filter(|odds| odds.1 == place).map(|odds| odds.2).sum();
                let leave: f64 = odds.iter().filter(|odds| odds.0 == place).map(|odds| odds.2).sum();
                let gain = f64::from(cdn.1) / new - f64::from(cdn.0) / old;
                prop_assert!(close(come - leave, gain), "{place}: {come} - {leave}, not {gain}");
            }
            prop_assert!(odds.iter().all(|odds| odds.2 > 0.0));
        }
    }
}
