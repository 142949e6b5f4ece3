"""An instance: this machine's root with everything that is written to it thrown away."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


class Machine:
    def __init__(self, scratch, instance):
        """A root of its own under `scratch`, which an instance of that name finds at its first boot."""
        self.root = scratch / "root"
        for directory in ("root", "written"):
            (scratch / directory).mkdir(parents=True)
        # Not on the machine's own file system, which may be an overlay itself.
        mount("-t", "tmpfs", "tmpfs", scratch / "written")
        for directory in ("upper", "work"):
            (scratch / "written" / directory).mkdir()
        layers = f"lowerdir=/,upperdir={scratch}/written/upper,workdir={scratch}/written/work"
        mount("-t", "overlay", "overlay", "-o", layers, self.root)
        mount("--bind", "/proc", self.root / "proc")
        mount("--rbind", "/dev", self.root / "dev")
        for kept in {sys.prefix, sys.base_prefix}:
            if not (self.root / kept[1:] / "bin").exists():
                (self.root / kept[1:]).mkdir(parents=True, exist_ok=True)
                mount("--bind", kept, self.root / kept[1:])
        self.write("var/lib/cloud/data/instance-id", instance + "\n")
        self.write("usr/local/bin/systemctl", (HERE / "systemctl").read_text(), 0o755)
        self.write("usr/local/bin/aws", (HERE / "aws").read_text().replace("@PYTHON@", sys.executable), 0o755)
        shutil.rmtree(self.root / "etc/croupier", ignore_errors=True)

    def write(self, path, text, mode=0o644):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def started(self, *command, **more):
        environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run(["chroot", self.root, *command], env=environment, stdin=subprocess.DEVNULL, **more)

    def run(self, *command):
        """Runs a command that must end well; what it says on stderr."""
        ended = self.started(*command, stderr=subprocess.PIPE, text=True)
        assert ended.returncode == 0, f"{' '.join(command)}: {ended.returncode}: {ended.stderr}"
        return ended.stderr

    def boot(self, script):
        """Runs the user data, as cloud-init does; its exit status."""
        self.write("var/lib/cloud/instance/user-data", script.decode(), 0o700)
        with open(self.root / "var/log/cloud-init-output.log", "wb") as log:
            status = self.started("/var/lib/cloud/instance/user-data", stdout=log, stderr=log).returncode
        told = self.text("var/log/cloud-init-output.log") + self.text("var/log/croupier.log")
        print("   " + "   ".join(told.splitlines(keepends=True)[-25:]), flush=True)
        return status

    def text(self, path):
        return (self.root / path).read_text() if (self.root / path).exists() else ""

    def signals(self):
        return self.text("var/log/signals").splitlines()

    def signalled_at(self):
        return (self.root / "var/log/signals").stat().st_mtime

    def terminate(self):
        os.kill(int(self.text("tmp/croupier.pid")), signal.SIGTERM)

    def ended(self, within):
        end = time.monotonic() + within
        while Path(f"/proc/{self.text('tmp/croupier.pid')}/exe").exists():
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)
