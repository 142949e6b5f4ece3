//! Where values lie on an axis, and which of them are named. Pure.

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Axis {
    /// From nought.
    Linear {
        most: f64,
    },
    Log {
        least: f64,
        most: f64,
    },
}

impl Axis {
    /// With some room above.
    pub fn linear(most: f64) -> Self {
        Self::Linear { most: if most > 0.0 { most * 1.05 } else { 1.0 } }
    }

    /// From a round value below to a round one above.
    pub fn log(least: f64, most: f64) -> Self {
        let least = least.max(1.0);
        let rounded = |value: f64, up: bool| {
            let decade = 10_f64.powf(value.log10().floor());
            let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
            let above = steps.into_iter().find(|step| *step >= value);
            let below = steps.into_iter().rev().find(|step| *step <= value);
            (if up { above } else { below }).unwrap_or(value)
        };
        Self::Log { least: rounded(least, false), most: rounded(most.max(least * 2.0), true) }
    }

    /// From 0 at the beginning to 1 at the end.
    pub fn place(self, value: f64) -> f64 {
        let place = match self {
            Self::Linear { most } => value / most,
            Self::Log { least, most } => (value.max(least) / least).ln() / (most / least).ln(),
        };
        place.clamp(0.0, 1.0)
    }

    /// Values to be named, few enough to be read.
    pub fn ticks(self) -> Vec<f64> {
        match self {
            Self::Linear { most } => {
                let step = nice_step(most / 6.0);
                up_to(most, step)
            }
            Self::Log { least, most } => {
                let decades = (most / least).log10();
                let steps: &[f64] = if decades > 2.9 { &[1.0] } else { &[1.0, 2.0, 5.0] };
                let first = least.log10().floor() as i32;
                let last = most.log10().ceil() as i32;
                let ticks = (first..=last).flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)));
                // Powers of ten are not exact.
                ticks.filter(|tick| *tick >= least * 0.999 && *tick <= most * 1.001).collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, at least this.
fn nice_step(least: f64) -> f64 {
    let decade = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * decade);
    steps.into_iter().find(|step| *step >= least).unwrap_or(10.0 * decade)
}

/// Seconds, in steps that people count in.
pub fn time_ticks(most: f64) -> Vec<f64> {
    const STEPS: [f64; 15] =
        [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0];
    let step = STEPS
        .into_iter()
        .find(|step| *step >= most / 8.0)
        .unwrap_or_else(|| nice_step(most / 8.0 / 86_400.0) * 86_400.0);
    up_to(most, step)
}

/// Every so many from nought.
fn up_to(most: f64, step: f64) -> Vec<f64> {
    std::iter::successors(Some(0_u32), |number| Some(number + 1))
        .map(|number| f64::from(number) * step)
        .take_while(|tick| *tick <= most)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(Axis::linear(14_000.0).ticks(), [0.0, 5000.0, 10_000.0]);
        assert_eq!(Axis::linear(0.0).ticks(), [0.0, 0.2, 0.4, 0.600_000_000_000_000_1, 0.8, 1.0]);
    }

    #[test]
    fn log_axes_begin_and_end_with_round_values() {
        let axis = Axis::log(130.0, 4200.0);
        assert_eq!(axis, Axis::Log { least: 100.0, most: 5000.0 });
        assert_eq!(axis.ticks().len(), 6);
        assert_eq!((axis.place(100.0), axis.place(5000.0), axis.place(1.0)), (0.0, 1.0, 0.0));
        assert!((Axis::log(100.0, 10_000.0).place(1000.0) - 0.5).abs() < 1e-9);
        assert_eq!(Axis::log(10.0, 1e6).ticks().len(), 6);
    }

    #[test]
    fn times_are_in_steps_that_people_count_in() {
        assert_eq!(time_ticks(60.0), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
        assert_eq!(time_ticks(14_400.0).len(), 9);
        assert!(time_ticks(30.0 * 86_400.0).len() < 10);
    }
}
