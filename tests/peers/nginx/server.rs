//! nginx in one process, in a folder of its own, with everything that it writes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ask::Asker;
use crate::folder::Folder;
use crate::program::{Running, find, run};

pub struct Nginx {
    program: PathBuf,
    /// With the modules that it has.
    built: String,
}

impl Nginx {
    pub fn find() -> Option<Self> {
        let program = find("nginx")?;
        let mut command = Command::new(&program);
        command.arg("-V");
        Some(Self { built: run(command).errors, program })
    }

    /// A configuration with these blocks, whose variables `/NAME` answers with.
    pub fn configuration(&self, root: &Path, blocks: &str, variables: &[&str]) -> String {
        let mut text = "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log;\n".to_owned();
        text.push_str(
            "events { worker_connections 64; }\nhttp {\n    access_log off;\n    keepalive_requests 1000000;\n",
        );
        for folder in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            if !self.built.contains(&format!("--without-http_{folder}_module")) {
                _ = writeln!(text, "    {folder}_temp_path {folder};");
            }
        }
        _ = writeln!(text, "{blocks}\n    server {{\n        listen unix:{}/socket;", root.display());
        for variable in variables {
            _ = writeln!(text, "        location = /{variable} {{ return 200 \"${variable}\"; }}");
        }
        text + "    }\n}\n"
    }

    pub fn command(&self, root: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-p", &format!("{}/", root.display()), "-e", "error.log", "-c", "nginx.conf"]).args(more);
        command
    }

    /// Starts it on the folder's `nginx.conf`, which its own check must find good.
    #[track_caller]
    pub fn start(&self, folder: &Folder) -> (Running, Asker) {
        let checked = run(self.command(folder.root(), &["-t"]));
        assert_eq!(checked.code, Some(0), "{}", checked.errors);
        let socket = folder.path("socket");
        let running = Running::start(self.command(folder.root(), &[]), &socket, &folder.path("output"));
        (running, Asker::new(&socket))
    }
}
