"""From the command line to the page. Whatever happens, everything that was started is ended."""

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from . import options as command_line
from . import programs
from .director import Director
from .processes import Processes
from .refuse import refuse

NOT_BEGUN, INTERRUPTED = 2, 130


class OutOfTime(Exception):
    pass


def main(arguments: list[str] | None = None) -> int:
    options = command_line.read(arguments)
    options.report = options.report.resolve()
    try:
        found = programs.find(options)
    except subprocess.CalledProcessError as error:
        print(f"rehearse: not built: {error}", file=sys.stderr)
        return NOT_BEGUN
    with directory(options.keep) as work:
        processes = Processes()
        director = Director(options, found, work, processes)
        listen(options.minutes * 60)
        try:
            return play(director)
        finally:
            # From here on nothing comes between.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
                signal.signal(number, signal.SIG_IGN)
            director.strike()
            processes.end_all()


def play(director: Director) -> int:
    try:
        director.set_up()
        director.play_all()
        return director.finish()
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        print(f"rehearse: {error}", file=sys.stderr)
        return NOT_BEGUN
    except OutOfTime:
        print(f"rehearse: not over after {director.options.minutes:g} minutes; --minutes gives it more", file=sys.stderr)
        return NOT_BEGUN
    except KeyboardInterrupt:
        print("rehearse: interrupted", file=sys.stderr)
        return INTERRUPTED


def listen(seconds: float) -> None:
    def interrupt(*_arguments) -> None:
        raise KeyboardInterrupt

    def give_up(*_arguments) -> None:
        raise OutOfTime

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)


@contextlib.contextmanager
def directory(keep: Path | None):
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            refuse(f"{keep} is not empty")
        yield keep.resolve()
        return
    work = Path(tempfile.mkdtemp(prefix="croupier-rehearsal-"))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
