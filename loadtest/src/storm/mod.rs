//! `croupier-loadtest storm`: what established clients feel while thousands reconnect.
//!
//! - [`established`]: the connections that are there all along, and their requests
//! - [`pace`]: when each of those requests is due
//! - [`reconnects`]: the connections that come all at once
//! - [`report`]: what came of it

mod established;
mod pace;
mod reconnects;
mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::process::setpriority_process;
use tokio::runtime::{Builder, Runtime};

use self::pace::{AFTER, BEFORE, DURING, OVER};
use self::report::{Load, Report};
use crate::target::Options;
use crate::{Format, Outcome, processor, seconds, sockets};

/// Nice value of the threads that reconnect, so that their cryptography does not hold up the
/// established connections' requests where both share a core.
const NICE: i32 = 10;

/// Have thousands of clients reconnect at once, and watch the established ones meanwhile.
///
/// The latency of an established connection's request counts from when it was due, whether or not
/// its connection was free by then. What the server closes is not opened again: its requests fail.
///
/// The server must be allowed as many connections and file descriptors as this opens.
#[derive(Debug, Args)]
pub struct Storm {
    #[command(flatten)]
    target: Options,
    /// Connections that are kept alive all the time.
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    established: u32,
    /// Requests a second on these, in total.
    #[arg(long, default_value_t = 3000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Connections that are opened at once, with full handshakes, and kept open.
    #[arg(long, default_value_t = 5000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    reconnects: u32,
    /// Seconds before the storm.
    #[arg(long, default_value = "3", value_name = "SECONDS", value_parser = seconds)]
    before: Duration,
    /// Seconds after the storm's last connection was answered.
    #[arg(long, default_value = "5", value_name = "SECONDS", value_parser = seconds)]
    after: Duration,
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    format: Format,
}

impl Storm {
    pub fn run(self) -> Outcome {
        let target = self.target.load()?;
        sockets::make_room(u64::from(self.established) + u64::from(self.reconnects), target.address.ip())?;
        let calm = runtime(Builder::new_multi_thread().enable_all())?;
        let wild = runtime(Builder::new_multi_thread().enable_all().on_thread_start(step_back))?;

        let phase = Arc::new(AtomicUsize::new(BEFORE));
        let (established, due) = calm.block_on(established::open(&target, self.established))?;
        let pacer = thread::spawn({
            let (rate, phase) = (self.rate, Arc::clone(&phase));
            move || pace::keep(rate, &phase, &due)
        });
        thread::sleep(self.before);

        phase.store(DURING, Ordering::Relaxed);
        let (begun, cpu_before) = (Instant::now(), own_processor_time()?);
        let reconnected = wild.block_on(reconnects::all(&target, self.reconnects));
        let load = Load::new(begun.elapsed(), own_processor_time()?.saturating_sub(cpu_before));

        phase.store(AFTER, Ordering::Relaxed);
        thread::sleep(self.after);
        phase.store(OVER, Ordering::Relaxed);
        pacer.join().map_err(|_| "the thread that paces requests broke off")?;
        let carried = calm.block_on(established.join_all());

        let report = Report::new(&carried, &reconnected, load)?;
        let good = report.is_good();
        crate::report(&report, self.format, good)
    }
}

fn runtime(builder: &mut Builder) -> Result<Runtime, String> {
    builder.build().map_err(|error| error.to_string())
}

/// On Linux a priority is a thread's own.
fn step_back() {
    // Without it, the storm is a little rougher.
    _ = setpriority_process(None, NICE);
}

fn own_processor_time() -> Result<Duration, String> {
    processor::used(&[std::process::id()])
}
