//! `croupier-loadtest capacity`: from what was measured to how many instances it takes.
//!
//! - [`measured`]: what a request and a handshake cost, from this program's reports
//! - [`instances`]: the types of instances there are to choose from, as AWS documents them
//! - [`plan`]: the arithmetic: pure
//! - [`text`]: the same for people, step by step

mod instances;
mod measured;
mod plan;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use self::instances::{INSTANCES, Instance};
use self::measured::Measured;
use self::plan::{Plan, Wanted};
use crate::{Format, Outcome, report_as};

/// Work out how many instances of which size carry what is wanted, from measured reports.
///
/// Of the surviving instances only: a zone is gone, and another instance is out besides, as in an update. `MinSize` is
/// the least number for which every demand is met; what decided it is named, and the arithmetic shown.
///
/// Reports are this program's, as JSON: of `handshakes`, and of `saturate`, `steady` or any other profile with a rate,
/// with --pid. They tell of the machine that they were made on, which is not the one that is planned for: make them
/// on an instance of the type itself, or say with --factor how many times as long a vCPU there takes.
#[derive(Debug, Args)]
pub struct Capacity {
    /// Reports: at least one of requests, and one of full handshakes.
    #[arg(required = true, value_name = "REPORT.json")]
    reports: Vec<PathBuf>,
    #[command(flatten)]
    wanted: Wanted,
    /// Consider this type alone, and show its arithmetic, not that of the one that takes the fewest vCPUs.
    #[arg(long = "type", value_name = "TYPE", value_parser = instances::named)]
    instance: Option<Instance>,
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    format: Format,
}

/// All of it.
#[derive(Debug, Serialize)]
struct Answer {
    measured: Measured,
    wanted: Wanted,
    /// One for each type.
    plans: Vec<Plan>,
    /// The plan that takes the fewest vCPUs in all, of equals the one of the smallest instances.
    chosen: Plan,
}

impl Capacity {
    pub fn run(self) -> Outcome {
        let measured = Measured::read(&self.reports)?;
        let instances = self.instance.map_or(INSTANCES.to_vec(), |instance| vec![instance]);
        let plans = instances.iter().map(|instance| plan::plan(*instance, &measured, &self.wanted));
        let plans = plans.collect::<Result<Vec<_>, _>>()?;
        let chosen = plans.iter().min_by_key(|plan| (plan.vcpus(), plan.instance.memory_gib)).cloned();
        let chosen = chosen.ok_or("no type of instances to choose from")?;
        let answer = Answer { measured, wanted: self.wanted, plans, chosen };
        report_as(&answer, self.format, ExitCode::SUCCESS)
    }
}
