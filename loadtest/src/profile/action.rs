//! What a profile does besides requests, and what came of it.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::time::{sleep_until, timeout};

use super::reconnects::{self, Reconnects};
use crate::load::events::Kind;
use crate::load::recorder::{Shared, locked};
use crate::target::Target;

/// A command that takes longer is ended, and has failed.
const LONGEST: Duration = Duration::from_mins(5);

#[derive(Debug)]
pub enum Action {
    None,
    Reload(Reloads),
    Storm(Storming),
}

#[derive(Debug)]
pub struct Reloads {
    pub steps: Vec<Step>,
    pub every: Duration,
    /// How long a reload's phase lasts after its step.
    pub settling: Duration,
}

#[derive(Debug)]
pub enum Step {
    Run(String),
    Replace { file: PathBuf, with: PathBuf },
}

#[derive(Debug)]
pub struct Storming {
    pub count: u32,
    pub before: Duration,
    pub timeout: Duration,
}

/// Where an action takes place.
#[derive(Debug)]
pub struct Stage {
    pub recorder: Shared,
    /// The phase of the moment.
    pub shift: Arc<AtomicUsize>,
    pub begun: Instant,
    pub length: Duration,
    pub target: Target,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Came {
    /// Why the run is worthless.
    pub problems: Vec<String>,
    /// Why the server has failed.
    pub misses: Vec<String>,
    pub reconnects: Option<Reconnects>,
    /// How long each reload that was done took.
    pub reload_seconds: Vec<f64>,
}

impl Came {
    pub fn interrupted() -> Self {
        Self { problems: vec!["interrupted before all was done".to_owned()], ..Self::default() }
    }
}

impl Action {
    /// How many connections it opens at once.
    pub fn connections(&self) -> u64 {
        if let Self::Storm(storm) = self { storm.count.into() } else { 0 }
    }

    pub async fn act(self, stage: Stage) -> Came {
        match self {
            Self::None => Came::default(),
            Self::Reload(reloads) => reloads.act(&stage).await,
            Self::Storm(storm) => storm.act(stage).await,
        }
    }
}

impl Reloads {
    async fn act(self, stage: &Stage) -> Came {
        let (mut done, mut failed) = (0_u32, Vec::new());
        let mut came = Came::default();
        for step in self.steps.iter().cycle() {
            let at = self.every * (done + 1);
            if at >= stage.length {
                break;
            }
            sleep_until((stage.begun + at).into()).await;
            stage.shift.store(1, Ordering::Relaxed);
            let begun = Instant::now();
            let lasts = matches!(step, Step::Run(_));
            stage.note(Kind::Reload, &if lasts { format!("begun: {step}") } else { step.to_string() });
            let outcome = step.take().await;
            let seconds = begun.elapsed().as_secs_f64();
            match outcome {
                Ok(()) if lasts => {
                    stage.note(Kind::Reload, &format!("done in {seconds:.2} s: {step}"));
                    came.reload_seconds.push(seconds);
                }
                Ok(()) => {}
                Err(error) => {
                    stage.note(Kind::Reload, &format!("failed: {step}: {error}"));
                    failed.push(error);
                }
            }
            done += 1;
            let settled = Instant::now() + self.settling;
            sleep_until(settled.min(stage.begun + stage.length).into()).await;
            stage.shift.store(0, Ordering::Relaxed);
        }
        if done == 0 {
            came.problems.push("nothing was reloaded: the run was too short".to_owned());
        }
        if let Some(first) = failed.first() {
            came.problems.push(format!("{} of {done} reloads were not done: {first}", failed.len()));
        }
        came
    }
}

impl Step {
    async fn take(&self) -> Result<(), String> {
        match self {
            Self::Run(command) => run(command).await,
            Self::Replace { file, with } => {
                replace(file, with).await.map_err(|error| format!("{} as {}: {error}", with.display(), file.display()))
            }
        }
    }
}

async fn run(command: &str) -> Result<(), String> {
    let mut shell = Command::new("sh");
    let shell = shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let ran = timeout(LONGEST, shell.output()).await.map_err(|_| "not done in five minutes")?;
    let ran = ran.map_err(|error| format!("not run: {error}"))?;
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    Err(format!("{}: {}", ran.status, said.lines().last().unwrap_or("it said nothing")))
}

/// A copy beside the file takes its place at once.
async fn replace(file: &Path, with: &Path) -> std::io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".next");
    tokio::fs::copy(with, &beside).await?;
    tokio::fs::rename(&beside, file).await
}

impl Storming {
    async fn act(self, stage: Stage) -> Came {
        sleep_until((stage.begun + self.before).into()).await;
        stage.shift.store(1, Ordering::Relaxed);
        stage.note(Kind::Reconnect, &format!("{} clients at once", self.count));
        let target = Target { timeout: self.timeout, ..stage.target.clone() };
        let (over, until_over) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let count = self.count;
        std::thread::spawn(move || {
            // Fails only if nobody waits any longer.
            reconnects::at_once(&target, count, |came| _ = tell.send(came), until_over);
        });
        let mut came = Came::default();
        match told.await {
            Ok(Ok(reconnects)) => {
                stage.note(Kind::Reconnect, &format!("{} of them are back", reconnects.succeeded));
                if reconnects.failed > 0 {
                    came.misses.push(format!("{} of {count} reconnects failed", reconnects.failed));
                }
                came.reconnects = Some(reconnects);
            }
            Ok(Err(error)) => came.problems.push(error),
            Err(_) => came.problems.push("the clients that reconnect broke off".to_owned()),
        }
        stage.shift.store(2, Ordering::Relaxed);
        sleep_until((stage.begun + stage.length).into()).await;
        drop(over);
        came
    }
}

impl Stage {
    fn note(&self, kind: Kind, note: &str) {
        locked(&self.recorder).event(kind, note);
    }
}

impl Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(command) => formatter.write_str(command),
            Self::Replace { file, with } => write!(formatter, "{} becomes {}", file.display(), with.display()),
        }
    }
}
