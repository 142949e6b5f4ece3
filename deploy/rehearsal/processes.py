"""Everything that was started, so that everything can be ended: by its id, whatever happens."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

# What is started by this ends with this program, even if that is killed.
TIE = shutil.which("setpriv")


class Processes:
    def __init__(self) -> None:
        self.started: list[subprocess.Popen] = []

    def start(self, command: list, *, output: Path, log: Path, environment: dict | None = None,
              directory: Path | None = None, tied_by: str = "KILL") -> subprocess.Popen:
        """Standard output and error go to files. The process has a session of its own: a stopped one would have the
        system hang up on all others of its session, and Ctrl-C is for this program to deal with."""
        tied = [TIE, "--pdeathsig", tied_by, "--"] if TIE else []
        with output.open("ab") as out, log.open("ab") as err:
            process = subprocess.Popen(
                [*tied, *map(str, command)], stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=directory,
                env={**os.environ, **(environment or {})}, start_new_session=True)
        self.started.append(process)
        return process

    def end_all(self, patience: float = 5.0) -> None:
        left = [process for process in self.started if process.poll() is None]
        for process in left:
            signal_to(process, signal.SIGCONT)
            signal_to(process, signal.SIGTERM)
            # Whoever is draining ends at once when asked twice.
            signal_to(process, signal.SIGTERM)
        deadline = time.monotonic() + patience
        for process in left:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                signal_to(process, signal.SIGKILL)
                process.wait()


def signal_to(process: subprocess.Popen, number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)


def wait_for(what: str, is_so, seconds: float, every: float = 0.05):
    """Asks again and again until the answer is true, and returns it; gives up after some time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = is_so()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(every)
