//! Burstable instances as AWS documents them: Amazon EC2 User Guide, "Key concepts for burstable performance instances".
//!
//! An instance earns credits all the time: as many as its baseline uses. One credit is one vCPU, used wholly, for one
//! minute; what it earns in 24 hours is the most that it keeps. T3 and T4g begin without any ("Launch credits" in the
//! same guide).

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Instance {
    pub name: &'static str,
    pub vcpus: u32,
    pub memory_gib: u32,
    /// Of each vCPU, what it can use for ever.
    pub baseline: f64,
}

/// A vCPU of a T4g is a core; of a T3 it is a thread, two of which share a core.
pub const INSTANCES: [Instance; 8] = [
    instance("t4g.small", 2, 2, 0.2),
    instance("t4g.medium", 2, 4, 0.2),
    instance("t4g.large", 2, 8, 0.3),
    instance("t4g.xlarge", 4, 16, 0.4),
    instance("t3.small", 2, 2, 0.2),
    instance("t3.medium", 2, 4, 0.2),
    instance("t3.large", 2, 8, 0.3),
    instance("t3.xlarge", 4, 16, 0.4),
];

const fn instance(name: &'static str, vcpus: u32, memory_gib: u32, baseline: f64) -> Instance {
    Instance { name, vcpus, memory_gib, baseline }
}

impl Instance {
    /// vCPUs in use at the baseline.
    pub fn baseline_vcpus(self) -> f64 {
        f64::from(self.vcpus) * self.baseline
    }

    pub fn credits_an_hour(self) -> f64 {
        self.baseline_vcpus() * 60.0
    }

    pub fn most_credits(self) -> f64 {
        self.credits_an_hour() * 24.0
    }
}

/// Reads a type's name.
pub fn named(name: &str) -> Result<Instance, String> {
    let names = || INSTANCES.map(|instance| instance.name).join(", ");
    let known = INSTANCES.into_iter().find(|instance| instance.name == name);
    known.ok_or_else(|| format!("not one of {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the guide's table has.
    #[test]
    fn credits_follow_from_the_baseline() {
        for (name, an_hour, most) in [
            ("t3.small", 24.0, 576.0),
            ("t3.medium", 24.0, 576.0),
            ("t3.large", 36.0, 864.0),
            ("t3.xlarge", 96.0, 2304.0),
            ("t4g.small", 24.0, 576.0),
            ("t4g.xlarge", 96.0, 2304.0),
        ] {
            let instance = named(name).unwrap();
            assert!((instance.credits_an_hour() - an_hour).abs() < 1e-9, "{name}");
            assert!((instance.most_credits() - most).abs() < 1e-9, "{name}");
        }
        assert!(named("t2.micro").unwrap_err().contains("t4g.small"));
    }
}
