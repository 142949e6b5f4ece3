//! The other systems' programs: found or skipped, run to their end, started and ended.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::required;
pub use crate::required::tell;

/// How long a program may take before it counts as stuck. Generous: tests share the machine.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Where a program is. None skips the test, unless the environment requires the program.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        let package = name.split('_').next().unwrap_or(name);
        required::skip(package, &format!("{name} is not installed, so nothing is compared with it"));
    }
    found
}

/// How a program ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

/// Runs a program to its end.
#[track_caller]
pub fn run(mut command: Command) -> Ran {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| File::create(folder.path().join(name)).unwrap();
    let mut running = Running(command.stdout(file("output")).stderr(file("errors")).spawn().unwrap());
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = running.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "stuck: {command:?}");
        std::thread::sleep(Duration::from_millis(2));
    };
    let text = |name: &str| String::from_utf8_lossy(&fs::read(folder.path().join(name)).unwrap()).into_owned();
    Ran { code: status.code(), output: text("output"), errors: text("errors") }
}

/// A process that ends with this.
pub struct Running(Child);

impl Running {
    /// Starts a server that keeps to the foreground, and waits until it listens.
    #[track_caller]
    pub fn start(mut command: Command, socket: &Path, log: &Path) -> Self {
        let output = File::create(log).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut running = Self(command.spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(socket).is_err() {
            let ended = running.0.try_wait().unwrap();
            let said = || fs::read_to_string(log).unwrap_or_default();
            assert!(ended.is_none() && Instant::now() < deadline, "it does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(5));
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
