//! A run from its first connection to its last answer, on one thread.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::task::{JoinHandle, yield_now};

use super::alarm::Alarm;
use super::interrupt::Interrupt;
use super::options::Options;
use super::pool::Pool;
use super::recorder::{Recorder, Shared, locked};
use super::schedule::Schedule;
use super::servers::{self, Servers};
use super::watch::Watch;
use crate::profile::action::{Action, Came, Stage};
use crate::report::{Ended, Report};
use crate::{processor, sockets};

/// How often what waits too long is looked for.
const HOUSEKEEPING: Duration = Duration::from_millis(50);

/// Before the first request is due, when all connections are open.
const START: Duration = Duration::from_millis(20);

/// After so many requests at once, other work gets its turn.
const BURST: u32 = 16;

/// What a profile does.
#[derive(Debug)]
pub struct Plan {
    pub profile: &'static str,
    pub pace: Pace,
    /// Names of the phases that requests are counted under.
    pub phases: Vec<&'static str>,
    pub action: Action,
    /// The profile's own settings, as people read them.
    pub shown: Vec<(&'static str, String)>,
}

#[derive(Debug)]
pub enum Pace {
    /// Requests come at their times.
    Open(Schedule),
    /// Each connection asks again as soon as it is answered, for so long.
    Closed(Duration),
}

pub fn play(options: &Options, plan: Plan) -> Result<Report, String> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let report = runtime.block_on(run(options, plan));
    // Connections are dropped, look-ups are not waited for.
    runtime.shutdown_background();
    report
}

async fn run(options: &Options, plan: Plan) -> Result<Report, String> {
    let source = options.source();
    let servers = Arc::new(Servers::new(source.look_up().await?)?);
    let extra = plan.action.connections();
    sockets::make_room(u64::from(options.most_connections()) + extra, servers.next().ip())?;
    let slow_after = options.limits.slow_after(&plan.pace);
    let recorder: Shared = Arc::new(Mutex::new(Recorder::new(slow_after, &plan.phases)?));
    let pool =
        Arc::new(Pool::new(options.settings()?, Arc::clone(&servers), Arc::clone(&recorder), options.addresses()?));
    let alarm = Alarm::new(options.spin)?;
    let interrupt = Interrupt::new()?;
    let target = options.target(servers.next())?;
    pool.warm_up().await;

    let begun = Instant::now() + START;
    locked(&recorder).begin(begun);
    let length = match &plan.pace {
        Pace::Open(schedule) => schedule.length(),
        Pace::Closed(time) => *time,
    };
    let server_before = processor::used(&options.pid)?;
    let own_before = processor::used(&[std::process::id()])?;
    let waited_before = processor::waited_for_core();
    let watch = Watch::begin(Arc::clone(&recorder), options.pid.clone(), length);
    let shift = Arc::new(AtomicUsize::new(0));
    let stage = Stage { recorder: Arc::clone(&recorder), shift: Arc::clone(&shift), begun, length, target };
    let acting: JoinHandle<Came> = tokio::spawn(plan.action.act(stage));
    let outcome = tokio::select! {
        outcome = pace(&pool, &alarm, plan.pace, begun, &shift, &interrupt) => outcome,
        () = servers::keep_up(&servers, &recorder, options.dns_every, || source.look_up()) => pending().await,
        () = keep_house(&pool) => pending().await,
    };
    let seconds = outcome.saturating_duration_since(begun).as_secs_f64();
    let interrupted = interrupt.has_come();
    if interrupted {
        acting.abort();
    }
    let came = match acting.await {
        Err(error) if error.is_cancelled() => Came::interrupted(),
        came => came.map_err(|error| format!("the profile's action broke off: {error}"))?,
    };
    // Connections end with the program: that is nobody's doing.
    pool.finish();
    let watched = watch.end();
    let ended = Ended {
        seconds,
        interrupted,
        server_cpu: processor::used(&options.pid).unwrap_or(watched.cpu_at_last).saturating_sub(server_before),
        waited_for_core: processor::waited_for_core().saturating_sub(waited_before),
        own_cpu: processor::used(&[std::process::id()])?.saturating_sub(own_before),
        watched,
        came,
    };
    let mut shown = plan.shown;
    shown.extend(options.shown());
    Ok(Report::new(plan.profile, shown, &locked(&recorder), ended, options))
}

/// Sends what is due, and returns when all of it is answered or has failed. Says when the last was due or,
/// in a closed loop, when no more were sent.
async fn pace(
    pool: &Arc<Pool>,
    alarm: &Alarm,
    pace: Pace,
    begun: Instant,
    shift: &AtomicUsize,
    interrupt: &Interrupt,
) -> Instant {
    // Whether it came before that.
    let interrupted_until = async |moment: Instant| {
        tokio::select! {
            biased;
            () = interrupt.come() => true,
            () = alarm.wait_until(moment) => false,
        }
    };
    let end = match pace {
        Pace::Open(schedule) => {
            let end = begun + schedule.length();
            let mut at_once = 0;
            for arrival in schedule {
                let due = begun + arrival.at;
                if interrupt.has_come() {
                    break;
                }
                if Instant::now() < due {
                    if interrupted_until(due).await {
                        break;
                    }
                    at_once = 0;
                } else {
                    at_once += 1;
                    if at_once % BURST == 0 {
                        yield_now().await;
                    }
                }
                pool.offer(due, arrival.phase + shift.load(Ordering::Relaxed));
            }
            if interrupted_until(end).await { Instant::now().min(end).max(begun + START) } else { end }
        }
        Pace::Closed(time) => {
            alarm.wait_until(begun).await;
            pool.close_loop();
            let end = begun + time;
            let interrupted = interrupted_until(end).await;
            pool.stop_loop();
            if interrupted { Instant::now().min(end).max(begun + START) } else { end }
        }
    };
    // Every request ends, if only by its timeout.
    while !locked(&pool.recorder).is_complete() {
        alarm.wait_until(Instant::now() + Duration::from_millis(1)).await;
    }
    end
}

async fn keep_house(pool: &Arc<Pool>) {
    loop {
        tokio::time::sleep(HOUSEKEEPING).await;
        pool.expire_waiting();
        pool.try_again();
    }
}
