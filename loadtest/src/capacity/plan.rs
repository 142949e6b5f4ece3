//! How many instances of a type meet every demand. Pure.

use clap::Args;
use serde::Serialize;

use super::instances::Instance;
use super::measured::Measured;

/// More are not looked for.
const MOST: u32 = 10_000;

/// What the fleet must carry.
#[derive(Debug, Clone, Serialize, Args)]
#[command(next_help_heading = "What is wanted")]
pub struct Wanted {
    /// Requests a second, on average over a day.
    #[arg(long, default_value_t = 3000.0, value_name = "N", value_parser = positive)]
    pub average: f64,
    /// Requests a second in a spike.
    #[arg(long, default_value_t = 14_000.0, value_name = "N", value_parser = positive)]
    pub spike: f64,
    /// Minutes that a spike may last: an evening's match.
    #[arg(long, default_value_t = 120.0, value_name = "MINUTES", value_parser = positive)]
    pub spike_minutes: f64,
    /// Connections of all clients together.
    #[arg(long, default_value_t = 5000.0, value_name = "N", value_parser = positive)]
    pub clients: f64,
    /// Seconds within which all of them must be back, with full handshakes, after they were all cut.
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS", value_parser = positive)]
    pub reconnect: f64,
    /// Availability zones that instances are spread over.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=6))]
    pub zones: u32,
    /// So many of them may be gone, with all their instances.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub zones_gone: u32,
    /// So many instances may be out besides: one that is updated, or broke.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub spare: u32,
    /// Percent of a vCPU to plan with at most: above that, latencies grow long before it is full.
    #[arg(long, default_value_t = 60.0, value_name = "PERCENT", value_parser = percent)]
    pub utilization: f64,
    /// How many times as long a vCPU there takes as a core of the machine that was measured.
    #[arg(long, default_value_t = 1.0, value_name = "TIMES", value_parser = positive)]
    pub factor: f64,
    /// Connections that an instance takes: `[limits] connections`, or what the load balancer allows.
    #[arg(long, default_value_t = 9000.0, value_name = "N", value_parser = positive)]
    pub connections: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// One instance in each zone, and one left when what may be gone is gone.
    Spread,
    /// A spike's processor time.
    Spike,
    /// A day's average is no more than the baseline: credits are earned back.
    Average,
    /// A full balance of credits lasts for a spike.
    Credits,
    /// All clients are back in time.
    Reconnect,
    /// There is a connection for each client.
    Connections,
}

impl Demand {
    pub const ALL: [Self; 6] =
        [Self::Spread, Self::Spike, Self::Average, Self::Credits, Self::Reconnect, Self::Connections];

    pub fn name(self) -> &'static str {
        match self {
            Self::Spread => "spread",
            Self::Spike => "spike",
            Self::Average => "average",
            Self::Credits => "credits",
            Self::Reconnect => "reconnect",
            Self::Connections => "connections",
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Needed {
    pub demand: Demand,
    pub instances: u32,
}

/// What it comes to for one type.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    pub instance: Instance,
    pub min_size: u32,
    /// The demand that takes the most, the first of equals.
    pub decided_by: Demand,
    pub needed: Vec<Needed>,
    /// Instances left when what may be gone is gone.
    pub surviving: u32,
    /// vCPUs in use there, and seconds of a vCPU.
    pub load: Load,
    /// Of the vCPUs left, in percent.
    pub spike_percent: f64,
    pub average_percent: f64,
    /// The average as percent of the baseline.
    pub average_percent_of_baseline: f64,
    pub reconnect_seconds: f64,
    /// How long a full balance lasts in a spike; none if the spike is below the baseline.
    pub spike_minutes_of_full_balance: Option<f64>,
    /// How long it takes at the average until what a spike of the wanted length costs is earned; none if it costs nothing,
    /// or nothing is earned.
    pub hours_to_earn_a_spike: Option<f64>,
    /// Requests a second that the baseline carries for ever.
    pub baseline_per_second: f64,
    /// Requests a second if all vCPUs are used wholly, as the cheapest request says.
    pub most_per_second: f64,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Load {
    pub request_seconds: f64,
    pub cheapest_request_seconds: f64,
    pub handshake_seconds: f64,
    pub spike_vcpus: f64,
    pub average_vcpus: f64,
    pub reconnect_vcpu_seconds: f64,
}

impl Plan {
    pub fn vcpus(&self) -> u32 {
        self.min_size * self.instance.vcpus
    }
}

impl Wanted {
    /// Of so many instances, evenly spread.
    pub fn surviving(&self, instances: u32) -> u32 {
        let gone = instances.div_ceil(self.zones) * self.zones_gone;
        instances.saturating_sub(gone).saturating_sub(self.spare)
    }

    fn load(&self, measured: &Measured) -> Result<Load, String> {
        let (Some(dearest), Some(cheapest), Some(handshake)) =
            (measured.dearest(), measured.cheapest(), measured.full_handshake())
        else {
            return Err("requests and handshakes must both be measured".to_owned());
        };
        let there = |microseconds: f64| microseconds / 1e6 * self.factor;
        let (request, handshake) = (there(dearest.cpu_microseconds), there(handshake.cpu_microseconds));
        Ok(Load {
            request_seconds: request,
            cheapest_request_seconds: there(cheapest.cpu_microseconds),
            handshake_seconds: handshake,
            spike_vcpus: self.spike * request,
            average_vcpus: self.average * request,
            reconnect_vcpu_seconds: self.clients * handshake,
        })
    }

    /// vCPUs that a number of instances may use.
    fn usable(&self, instance: Instance, surviving: u32) -> f64 {
        f64::from(surviving * instance.vcpus) * self.utilization / 100.0
    }

    fn is_met(&self, demand: Demand, instance: Instance, instances: u32, load: &Load) -> bool {
        let surviving = self.surviving(instances);
        let (left, usable) = (f64::from(surviving), self.usable(instance, surviving));
        match demand {
            Demand::Spread => instances >= self.zones && surviving >= 1,
            _ if surviving == 0 => false,
            Demand::Spike => load.spike_vcpus <= usable,
            Demand::Average => load.average_vcpus <= left * instance.baseline_vcpus(),
            Demand::Credits => spike_minutes(instance, left, load).is_none_or(|minutes| minutes >= self.spike_minutes),
            Demand::Reconnect => reconnect_seconds(usable, load).is_some_and(|seconds| seconds <= self.reconnect),
            Demand::Connections => self.clients <= left * self.connections,
        }
    }
}

/// How long a full balance lasts, if a spike costs credits at all.
fn spike_minutes(instance: Instance, left: f64, load: &Load) -> Option<f64> {
    let above = load.spike_vcpus / left - instance.baseline_vcpus();
    (above > 0.0).then(|| instance.most_credits() / above)
}

/// How long all handshakes take beside the average, if that leaves anything.
fn reconnect_seconds(usable: f64, load: &Load) -> Option<f64> {
    let free = usable - load.average_vcpus;
    (free > 0.0).then(|| load.reconnect_vcpu_seconds / free)
}

pub fn plan(instance: Instance, measured: &Measured, wanted: &Wanted) -> Result<Plan, String> {
    if wanted.zones_gone >= wanted.zones {
        return Err(format!("of {} zones {} can't be gone: nothing would be left", wanted.zones, wanted.zones_gone));
    }
    let load = wanted.load(measured)?;
    let mut needed = Vec::new();
    for demand in Demand::ALL {
        let enough = (1..=MOST).find(|instances| wanted.is_met(demand, instance, *instances, &load));
        let instances = enough
            .ok_or_else(|| format!("{MOST} instances of {} are too few for: {}", instance.name, demand.name()))?;
        needed.push(Needed { demand, instances });
    }
    let most = needed.iter().map(|needed| needed.instances).max().unwrap_or(1);
    let decided_by = needed.iter().find(|needed| needed.instances == most).map_or(Demand::Spread, |it| it.demand);
    // One more may leave fewer: when two zones are gone, the larger ones are.
    let meets_all = |instances: &u32| Demand::ALL.iter().all(|it| wanted.is_met(*it, instance, *instances, &load));
    let min_size = (most..=MOST).find(meets_all).ok_or_else(|| format!("{MOST} instances are too few"))?;
    let surviving = wanted.surviving(min_size);
    let (left, vcpus) = (f64::from(surviving), f64::from(surviving * instance.vcpus));
    let baseline = left * instance.baseline_vcpus();
    let spike_credits = (load.spike_vcpus / left - instance.baseline_vcpus()) * wanted.spike_minutes;
    let earned_an_hour = (instance.baseline_vcpus() - load.average_vcpus / left) * 60.0;
    Ok(Plan {
        instance,
        min_size,
        decided_by,
        needed,
        surviving,
        load,
        spike_percent: load.spike_vcpus / vcpus * 100.0,
        average_percent: load.average_vcpus / vcpus * 100.0,
        average_percent_of_baseline: load.average_vcpus / baseline * 100.0,
        reconnect_seconds: reconnect_seconds(wanted.usable(instance, surviving), &load).unwrap_or_default(),
        spike_minutes_of_full_balance: spike_minutes(instance, left, &load),
        hours_to_earn_a_spike: (spike_credits > 0.0 && earned_an_hour > 0.0).then(|| spike_credits / earned_an_hour),
        baseline_per_second: baseline / load.request_seconds,
        most_per_second: vcpus / load.cheapest_request_seconds,
    })
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number")?;
    if number > 0.0 && number <= 1e9 { Ok(number) } else { Err("must be more than 0, at most 1000000000".to_owned()) }
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = positive(text)?;
    if percent <= 100.0 { Ok(percent) } else { Err("must be at most 100".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::super::instances::named;
    use super::super::measured::{Handshakes, Requests};
    use super::*;
    use crate::connection::Kind;

    /// A request costs 100 µs, a handshake 1 ms.
    fn measured() -> Measured {
        let requests = |profile: &str, cpu_microseconds| Requests {
            report: "r".into(),
            profile: profile.to_owned(),
            per_second: 1000.0,
            cpu_microseconds,
        };
        Measured {
            requests: vec![requests("steady", 100.0), requests("saturate", 50.0)],
            handshakes: vec![Handshakes { report: "h".into(), kind: Kind::Full, cpu_microseconds: 1000.0 }],
        }
    }

    fn wanted() -> Wanted {
        Wanted {
            average: 1000.0,
            spike: 10_000.0,
            spike_minutes: 60.0,
            clients: 1000.0,
            reconnect: 5.0,
            zones: 3,
            zones_gone: 1,
            spare: 0,
            utilization: 50.0,
            factor: 1.0,
            connections: 9000.0,
        }
    }

    fn needed(plan: &Plan, demand: Demand) -> u32 {
        plan.needed.iter().find(|needed| needed.demand == demand).unwrap().instances
    }

    #[test]
    fn a_zone_that_is_gone_takes_the_larger_part_with_it() {
        let surviving = |instances| wanted().surviving(instances);
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(surviving), [0, 1, 2, 2, 3, 4, 4]);
        assert_eq!(Wanted { spare: 1, ..wanted() }.surviving(3), 1);
        assert_eq!(Wanted { zones: 1, zones_gone: 0, ..wanted() }.surviving(3), 3);
    }

    #[test]
    fn each_demand_is_the_arithmetic_that_it_is_said_to_be() {
        let instance = named("t4g.small").unwrap();
        let found = plan(instance, &measured(), &wanted()).unwrap();
        // 10,000 × 100 µs are 1 vCPU, and each instance may use half of 2: one, that survives of two.
        assert_eq!(needed(&found, Demand::Spike), 2);
        // 1000 × 100 µs are 0.1 vCPU; the baseline of one is 0.4.
        assert_eq!(needed(&found, Demand::Average), 2);
        // One of two survives, and uses 0.6 vCPU above its baseline: 576 credits last for 960 minutes.
        assert_eq!(needed(&found, Demand::Credits), 2);
        // 1000 × 1 ms on 0.9 vCPU: 1.1 s.
        assert_eq!(needed(&found, Demand::Reconnect), 2);
        assert_eq!((found.min_size, found.surviving, found.decided_by), (3, 2, Demand::Spread));
        // Two survive: 0.5 vCPU each in a spike, 0.1 above the baseline.
        assert!((found.spike_percent - 25.0).abs() < 1e-9);
        assert!((found.spike_minutes_of_full_balance.unwrap() - 5760.0).abs() < 1e-6);
        // A spike of an hour costs 6 credits; 21 are earned in an hour.
        assert!((found.hours_to_earn_a_spike.unwrap() - 6.0 / 21.0).abs() < 1e-9);
        assert!((found.baseline_per_second - 8000.0).abs() < 1e-6);
        assert!((found.most_per_second - 80_000.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_wanted_more_of_decides() {
        let instance = named("t3.small").unwrap();
        let decided = |wanted: &Wanted| {
            let found = plan(instance, &measured(), wanted).unwrap();
            (found.decided_by, found.min_size)
        };
        // 4 vCPU, of instances that may use 1 each: four survive of six.
        assert_eq!(decided(&Wanted { spike: 40_000.0, ..wanted() }), (Demand::Spike, 6));
        assert_eq!(decided(&Wanted { factor: 4.0, ..wanted() }), (Demand::Spike, 6));
        // 1.6 vCPU: the baseline of four.
        assert_eq!(decided(&Wanted { average: 16_000.0, spike: 16_000.0, ..wanted() }), (Demand::Average, 6));
        // 1 s of handshakes in 0.25 s.
        assert_eq!(decided(&Wanted { reconnect: 0.25, average: 1.0, ..wanted() }), (Demand::Reconnect, 8));
        assert_eq!(decided(&Wanted { connections: 250.0, ..wanted() }), (Demand::Connections, 6));
        // 576 credits in less than two days: 0.2 vCPU above the baseline, so 0.6 each; 1.8 vCPU take three.
        let long = Wanted { spike: 18_000.0, spike_minutes: 2800.0, utilization: 100.0, ..wanted() };
        assert_eq!(decided(&long), (Demand::Credits, 5));
        // With two of three zones gone, four instances leave none for certain, five one.
        assert_eq!(
            [3, 4, 5, 6].map(|instances| Wanted { zones_gone: 2, ..wanted() }.surviving(instances)),
            [1, 0, 1, 2]
        );
    }

    #[test]
    fn what_can_not_be_is_told() {
        let instance = named("t3.small").unwrap();
        let error = plan(instance, &measured(), &Wanted { zones_gone: 3, ..wanted() }).unwrap_err();
        assert!(error.contains("nothing would be left"), "{error}");
        let error = plan(instance, &measured(), &Wanted { spike: 1e9, ..wanted() }).unwrap_err();
        assert!(error.contains("too few for: spike"), "{error}");
    }
}
