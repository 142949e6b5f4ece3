//! The answer for people: a row for each type, and the arithmetic of one.

use std::fmt::{self, Display, Formatter};

use super::Answer;
use super::measured::{Handshakes, Measured, Requests};
use super::plan::{Plan, Wanted};

const NOTE: &str = "These are figures of the machine that was measured, not of AWS: nothing was measured there.";

impl Display for Answer {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{NOTE}")?;
        let factor = self.wanted.factor;
        writeln!(formatter, "A vCPU there is taken to need {factor} times as long as a core here (--factor).\n")?;
        of_measured(formatter, &self.measured)?;
        of_wanted(formatter, &self.wanted)?;
        writeln!(
            formatter,
            "{:<12}{:>6}{:>10}{:>9}  {:<12}{:>8}{:>14}{:>12}{:>11}",
            "type", "vCPUs", "baseline", "MinSize", "decided by", "spike", "credits last", "average of", "all back"
        )?;
        writeln!(
            formatter,
            "{:<12}{:>6}{:>10}{:>9}  {:<12}{:>8}{:>14}{:>12}{:>11}",
            "", "", "", "", "", "CPU", "in a spike", "baseline", "after"
        )?;
        for plan in &self.plans {
            row(formatter, plan)?;
        }
        arithmetic(formatter, &self.chosen, &self.measured, &self.wanted)
    }
}

fn of_measured(formatter: &mut Formatter<'_>, measured: &Measured) -> fmt::Result {
    writeln!(formatter, "measured, processor time of the server")?;
    for Requests { report, profile, per_second, cpu_microseconds } in &measured.requests {
        let (at, cost) = (whole(*per_second), format!("{cpu_microseconds:.1} µs"));
        writeln!(formatter, "  a request        {cost:>10}  {profile}, {at}/s  ({})", report.display())?;
    }
    for Handshakes { report, kind, cpu_microseconds } in &measured.handshakes {
        let cost = format!("{cpu_microseconds:.0} µs");
        writeln!(formatter, "  a handshake      {cost:>10}  {kind}  ({})", report.display())?;
    }
    writeln!(formatter)
}

fn of_wanted(formatter: &mut Formatter<'_>, wanted: &Wanted) -> fmt::Result {
    let Wanted { average, spike, spike_minutes, clients, reconnect, zones, zones_gone, spare, utilization, .. } =
        wanted;
    writeln!(
        formatter,
        "wanted\n  {}/s on average, {}/s for {spike_minutes} min; {} clients back within {reconnect} s,",
        whole(*average),
        whole(*spike),
        whole(*clients)
    )?;
    writeln!(
        formatter,
        "  with {zones_gone} of {zones} zones gone and {spare} more out, vCPUs used to {utilization} % at most\n"
    )
}

fn row(formatter: &mut Formatter<'_>, plan: &Plan) -> fmt::Result {
    let Plan { instance, min_size, decided_by, .. } = plan;
    let credits = plan.spike_minutes_of_full_balance.map_or("for ever".to_owned(), minutes);
    writeln!(
        formatter,
        "{:<12}{:>6}{:>10}{min_size:>9}  {:<12}{:>8}{credits:>14}{:>12}{:>11}",
        instance.name,
        instance.vcpus,
        format!("{:.0} %", instance.baseline * 100.0),
        decided_by.name(),
        format!("{:.0} %", plan.spike_percent),
        format!("{:.0} %", plan.average_percent_of_baseline),
        format!("{:.1} s", plan.reconnect_seconds),
    )
}

/// Each step of one plan, with its figures.
fn arithmetic(formatter: &mut Formatter<'_>, plan: &Plan, measured: &Measured, wanted: &Wanted) -> fmt::Result {
    let (min_size, name) = (plan.min_size, plan.instance.name);
    writeln!(formatter, "\n{min_size} × {name}: MinSize {min_size}; MaxSize is that and MaxBatchSize, or more\n")?;
    let steps = [costs(plan, measured, wanted), demands(plan, wanted), credits(plan, wanted), sums(plan)];
    let steps: Vec<_> = steps.into_iter().flatten().map(|(what, sum)| format!("  {what:<12}{sum}")).collect();
    formatter.write_str(&steps.join("\n"))
}

/// What a step is about, and how it is reckoned.
type Step = (&'static str, String);

fn costs(plan: &Plan, measured: &Measured, wanted: &Wanted) -> Vec<Step> {
    let Plan { instance, min_size, surviving, load, .. } = plan;
    let Wanted { zones, zones_gone, spare, utilization, factor, .. } = wanted;
    let gone = min_size.div_ceil(*zones) * zones_gone;
    let there = |cost: Option<f64>, seconds: f64| {
        format!("{:.1} µs × {factor} = {:.1} µs", cost.unwrap_or_default(), seconds * 1e6)
    };
    let request = there(measured.dearest().map(|it| it.cpu_microseconds), load.request_seconds);
    let handshake = there(measured.full_handshake().map(|it| it.cpu_microseconds), load.handshake_seconds);
    let left = format!("{min_size} - {gone} (of {zones} zones, {zones_gone} gone) - {spare} out = {surviving}");
    let usable = usable(plan, wanted);
    vec![
        ("left", left),
        ("a request", request + ", the dearest measured"),
        ("a handshake", handshake),
        ("an instance", format!("{} vCPUs × {utilization} % = {usable:.2} vCPU that may be used", instance.vcpus)),
    ]
}

fn demands(plan: &Plan, wanted: &Wanted) -> Vec<Step> {
    let Plan { instance, surviving, load, .. } = plan;
    let (left, usable) = (f64::from(*surviving), usable(plan, wanted));
    let (request, handshake) = (load.request_seconds * 1e6, load.handshake_seconds * 1e6);
    let (spike, average, clients) = (whole(wanted.spike), whole(wanted.average), whole(wanted.clients));
    let all = left * usable;
    let spike =
        format!("{spike}/s × {request:.1} µs = {:.2} vCPU, of {surviving} × {usable:.2} = {all:.2}", load.spike_vcpus);
    let average = format!(
        "{average}/s × {request:.1} µs = {:.2} vCPU, of a baseline of {surviving} × {} × {:.0} % = {:.2}",
        load.average_vcpus,
        instance.vcpus,
        instance.baseline * 100.0,
        left * instance.baseline_vcpus()
    );
    let reconnect = format!(
        "{clients} × {handshake:.0} µs = {:.2} s of a vCPU, beside the average on {all:.2}: {:.1} s",
        load.reconnect_vcpu_seconds, plan.reconnect_seconds
    );
    let connections = format!("{clients} of {surviving} × {}", whole(wanted.connections));
    vec![("spike", spike), ("average", average), ("reconnect", reconnect), ("connections", connections)]
}

fn credits(plan: &Plan, wanted: &Wanted) -> Vec<Step> {
    let each = plan.load.spike_vcpus / f64::from(plan.surviving);
    let baseline = plan.instance.baseline_vcpus();
    let Some(lasts) = plan.spike_minutes_of_full_balance else {
        let none = format!("a spike takes {each:.2} vCPU of each, no more than the baseline of {baseline:.2}: none");
        return vec![("credits", none)];
    };
    let (above, most, lasts) = (each - baseline, plan.instance.most_credits(), minutes(lasts));
    let spent = format!(
        "a spike takes {each:.2} vCPU of each, {above:.2} above the baseline: {most:.0} credits last for {lasts}"
    );
    let mut steps = vec![("credits", spent)];
    if let Some(hours) = plan.hours_to_earn_a_spike {
        let earned = format!("what one of {} min costs is earned in {hours:.1} h at the average", wanted.spike_minutes);
        let none = "a new instance has none: unless it is `unlimited`, it has the baseline and no more until then";
        steps.extend([("", earned), ("", none.to_owned())]);
    }
    steps
}

fn sums(plan: &Plan) -> Vec<Step> {
    let needed = plan.needed.iter().map(|needed| format!("{} {}", needed.demand.name(), needed.instances));
    let needed: Vec<_> = needed.collect();
    let most = format!(
        "{}/s for ever at the baseline; {}/s on all vCPUs, were each request as cheap as the cheapest",
        whole(plan.baseline_per_second),
        whole(plan.most_per_second)
    );
    let instances = format!("{} → {}, by {}", needed.join(", "), plan.min_size, plan.decided_by.name());
    vec![("at most", most), ("instances", instances)]
}

/// vCPUs of an instance that may be used.
fn usable(plan: &Plan, wanted: &Wanted) -> f64 {
    f64::from(plan.instance.vcpus) * wanted.utilization / 100.0
}

/// With commas between thousands.
fn whole(number: f64) -> String {
    let digits = format!("{:.0}", number.round());
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn minutes(minutes: f64) -> String {
    if minutes < 120.0 { format!("{minutes:.0} min") } else { format!("{:.1} h", minutes / 60.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!(
            [0.0, 999.4, 1000.0, 14_000.0, 1_234_567.0].map(whole),
            ["0", "999", "1,000", "14,000", "1,234,567"]
        );
        assert_eq!([90.0, 600.0].map(minutes), ["90 min", "10.0 h"]);
    }
}
