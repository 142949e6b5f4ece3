"""One run of croupier-loadtest: what clients ask through the front, and what came of it."""

import json
import signal
import subprocess
from functools import cache
from pathlib import Path

from .processes import signal_to, wait_for

# The generator comes before all else, where that is allowed: a request that it sends late is nobody's fault.
REALTIME = ["chrt", "--reset-on-fork", "--rr", "10"]

# Percent of all requests that the generator may send more than 1 ms late. Latency counts from when a request was due, and
# is held against 100 ms: a few milliseconds are no reason to say nothing, where the service runs on the same processors.
ALLOW_LATE = 5

# Seconds before a client asks again. The system closes the sockets of a process that is killed one by one, those that it
# listens on last, and lets others run between: who is back at once is taken by it once more, and lost.
RETRY_AFTER = 0.1

# After it was told to end it waits for answers that are outstanding, for as long as a request may take.
ENDS_WITHIN = 20.0


class Load:
    def __init__(self, name: str, profile: str, arguments: list, *, connections: int, programs, processes,
                 directory: Path) -> None:
        self.name = name
        self.connections = connections
        self.result = directory / "report.json"
        self.log = directory / "log"
        directory.mkdir(parents=True)
        first = REALTIME if may_be_first() else []
        self.process = processes.start(
            [*first, programs.loadtest, profile, *arguments, "--connections", connections, "--format", "json"],
            output=self.result, log=self.log)
        self.report: dict = {}

    def last_line(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return lines[-1].strip() if lines else ""

    def end(self) -> None:
        """Before its time, unless it has ended."""
        signal_to(self.process, signal.SIGINT)
        self.wait(ENDS_WITHIN)

    def wait(self, seconds: float) -> None:
        wait_for(f"the load of {self.name} ends", lambda: self.process.poll() is not None, seconds)
        text = self.result.read_text()
        if not text:
            raise RuntimeError(f"the load of {self.name} could not begin: {self.last_line()}")
        self.report = json.loads(text)


@cache
def may_be_first() -> bool:
    try:
        return subprocess.run([*REALTIME, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
