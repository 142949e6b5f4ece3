//! SeaweedFS, a store that speaks S3: started on free ports, with keys and a folder of its own, and ended with the
//! tests, however those end.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::required;
use crate::s3::{Bucket, Keys};

/// May do everything.
pub const OPS: Keys = Keys { id: "AKIAOPS", secret: "the secret of ops" };

/// May read.
pub const READER: Keys = Keys { id: "AKIAREADER", secret: "the secret of readers" };

/// It is made of five servers, on a machine that is shared.
const PATIENCE: Duration = Duration::from_mins(1);

/// Ends the server when its own input ends: when the tests say so, or are no more.
const GUARD: &str = r#"
"$@" > "$FOLDER/log" 2>&1 &
weed=$!
cat > /dev/null
kill -9 $weed
wait $weed 2> /dev/null
for port in $PORTS; do rm -f /tmp/seaweedfs-*-grpc-$port.sock; done
if [ "$GOES" ]; then rm -rf "$FOLDER"; fi
"#;

/// A server. It ends with this.
pub struct Weed {
    program: PathBuf,
    folder: PathBuf,
    /// What it keeps goes with it, though nobody tells it when the tests end.
    goes: bool,
    ops: Keys,
    ports: Vec<u16>,
    guard: Option<Child>,
}

impl Weed {
    /// The one that all tests share who do not end it. None if it is not here, which is told.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Weed>> = OnceLock::new();
        SHARED.get_or_init(|| Some(Self::start(program()?, &TempDir::new().unwrap().keep(), true))).as_ref()
    }

    /// One that can be ended and started again, on a folder of the test's own.
    pub fn own(folder: &Path) -> Option<Self> {
        Some(Self::start(program()?, folder, false))
    }

    fn start(program: PathBuf, folder: &Path, goes: bool) -> Self {
        fs::write(folder.join("s3.json"), identities(OPS)).unwrap();
        let mut weed = Self { program, folder: folder.to_owned(), goes, ops: OPS, ports: Vec::new(), guard: None };
        // Somebody else may take a port between its being free and its being used.
        for _ in 0..5 {
            weed.ports = free_ports();
            if weed.is_started() {
                return weed;
            }
        }
        panic!("weed does not start:\n{}", fs::read_to_string(folder.join("log")).unwrap());
    }

    /// The same again after [`stop`](Self::stop), with what it has. Ops have these keys from now on.
    pub fn restart_with(&mut self, keys: Keys) {
        self.ops = keys;
        fs::write(self.folder.join("s3.json"), identities(keys)).unwrap();
        assert!(self.is_started(), "{}", fs::read_to_string(self.folder.join("log")).unwrap());
    }

    /// At once, as if the machine had gone.
    pub fn stop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            guard.wait().unwrap();
        }
    }

    fn is_started(&mut self) -> bool {
        self.spawn();
        let deadline = Instant::now() + PATIENCE;
        // It says that all is well before all is.
        let trial = Bucket { host: self.address(), keys: self.ops, name: "trial".to_owned() };
        while Instant::now() < deadline {
            if trial.is_made() && trial.try_put("object", b"bytes") == Some(200) {
                return true;
            }
            if self.log().contains("address already in use") {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.stop();
        false
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn spawn(&mut self) {
        let names =
            ["master", "volume", "filer", "s3"].map(|name| [format!("{name}.port"), format!("{name}.port.grpc")]);
        let ports = names.as_flattened().iter().zip(&self.ports).map(|(name, port)| format!("-{name}={port}"));
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "sh"]).arg(&self.program).args([
            "server",
            "-s3",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
        ]);
        command.args([
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.telemetry=false",
            "-master.electionTimeout=1s",
        ]);
        command.args(["-master.volumeSizeLimitMB=64", "-volume.max=500", "-s3.config=s3.json"]).args(ports);
        command.arg(format!("-dir={}", self.folder.display())).current_dir(&self.folder);
        let listed: Vec<String> = self.ports.iter().map(ToString::to_string).collect();
        command.env("FOLDER", &self.folder).env("PORTS", listed.join(" ")).env("HOME", &self.folder);
        // Of each bucket one volume, not seven.
        command.env("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1");
        command.env("GOES", if self.goes { "yes" } else { "" });
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.guard = Some(command.spawn().unwrap());
    }

    /// Where it speaks S3.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[6]))
    }

    /// A new bucket, for ops.
    pub fn bucket(&self) -> Bucket {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tables-{}", MADE.fetch_add(1, Ordering::Relaxed));
        let bucket = Bucket { host: self.address(), keys: self.ops, name };
        assert!(bucket.is_made());
        bucket
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where `tests/stores/fetch` puts it.
fn program() -> Option<PathBuf> {
    let usual = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/stores"));
    let program = std::env::var_os("CROUPIER_STORES").map_or_else(usual, PathBuf::from).join("weed");
    if program.is_file() {
        return Some(program);
    }
    required::skip("weed", "SeaweedFS is not here, so no store is tested with. Get it with tests/stores/fetch");
    None
}

fn identities(ops: Keys) -> String {
    let identity = |name: &str, keys: Keys, actions: &str| {
        format!(
            r#"{{"name": "{name}", "credentials": [{{"accessKey": "{}", "secretKey": "{}"}}], "actions": [{actions}]}}"#,
            keys.id, keys.secret
        )
    };
    let ops = identity("ops", ops, r#""Admin", "Read", "Write", "List", "Tagging""#);
    let reader = identity("reader", READER, r#""Read", "List""#);
    format!(r#"{{"identities": [{ops}, {reader}]}}"#)
}

/// Ports that the system gives to no client: while the server is down, someone's connection could have one of them.
fn free_ports() -> Vec<u16> {
    const LEAST: u16 = 10_000;
    const HOW_MANY: usize = 8;
    let given = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let most = given.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(32_768);
    assert!(most > LEAST + 1000, "the system gives clients nearly every port: {given}");
    // Held until all are found, so that none is found twice.
    let free = std::iter::repeat_with(|| TcpListener::bind(("127.0.0.1", fastrand::u16(LEAST..most))));
    let held: Vec<TcpListener> = free.filter_map(Result::ok).take(HOW_MANY).collect();
    held.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}
