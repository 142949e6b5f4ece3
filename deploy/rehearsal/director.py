"""Sets the stage, plays the acts one after another, and clears up."""

import sys
import time
from pathlib import Path

from . import acts, calibration, report
from .fleet import Fleet
from .front import Front
from .monitoring import Monitoring
from .network import Network
from .processes import Processes
from .programs import REPOSITORY
from .stage import Stage
from .store import Store
from .tables import Tables
from .trust import Trust
from .watch import Watch


class Director:
    def __init__(self, options, programs, directory: Path, processes: Processes) -> None:
        self.options, self.programs, self.directory, self.processes = options, programs, directory, processes
        self.begun = time.monotonic()
        self.stage: Stage | None = None
        self.played: list[dict] = []
        # What the fleet runs now.
        self.version = programs.old
        self.rate = self.spike = 0.0
        self.carried = ""

    def set_up(self) -> None:
        self.say("setting up")
        network = Network()
        self.trust = Trust(self.directory / "trust", self.programs)
        self.store = Store(network.front)
        self.tables = Tables(self.directory / "tables", REPOSITORY / "data", self.programs, self.store)
        self.tables.publish("first")
        self.fleet = Fleet(self.directory, network, self.options, self.processes, self.trust, self.store)
        self.front = Front(self.directory / "front", network, self.fleet, self.options, self.programs, self.processes)
        self.watch = Watch(self.front, self.noticed)
        self.watch.start()
        self.monitoring = Monitoring(self.directory / "prometheus", self.fleet, self.programs, self.processes)
        self.make_whole(Stage(self, "setting-up"))
        self.rate, self.spike, self.carried = calibration.rates(self)

    def play_all(self) -> None:
        for number, name in enumerate(self.options.acts, 1):
            act = acts.MODULES[name]
            self.say(f"act {number} of {len(self.options.acts)}: {act.TITLE}")
            stage = self.stage = Stage(self, name)
            try:
                self.make_whole(stage)
                stage.begun = time.time()
                act.play(stage)
            except (RuntimeError, TimeoutError, OSError) as error:
                stage.verdict.missed.append(f"the act broke off: {error}")
                self.clear(stage)
            document = stage.document(act.TITLE, act.promises(stage))
            self.played.append(document)
            self.say(f"          {document['verdict']['outcome']}: {document['verdict']['reasons'][0]}")
        self.stage = None

    def make_whole(self, stage: Stage) -> None:
        """As many instances as there should be, all in service: whatever the act before left behind is made good."""
        running = self.fleet.running()
        for instance in running[self.options.instances:]:
            self.fleet.end(instance)
        for _ in range(self.options.instances - len(running)):
            self.fleet.start(self.version)
        if not stage.wait_up(self.fleet.running()) or len(self.fleet.running()) < self.options.instances:
            last = "; ".join(f"{place.name}: {last_line(place.directory / 'log')}" for place in self.fleet.places)
            raise RuntimeError(f"the front does not have {self.options.instances} instances in service: {last}")

    def clear(self, stage: Stage) -> None:
        """After an act that broke off: nothing of it goes on, and the fleet begins anew."""
        for load in stage.loads:
            load.process.kill()
        if self.store.server is None:
            self.store.open()
        for instance in self.fleet.running():
            self.fleet.end(instance)

    def noticed(self, kind: str, note: str) -> None:
        if self.stage:
            self.stage.note(kind, note)

    def say(self, line: str) -> None:
        print(f"{time.monotonic() - self.begun:6.1f} s  {line}", file=sys.stderr, flush=True)

    def finish(self) -> int:
        """Asks for the dashboard's data, if there is any, and writes the page. Returns the exit code."""
        dashboards = self.monitoring.dashboards()
        if dashboards:
            self.played.append(dashboards)
        return report.write(self)

    def strike(self) -> None:
        if hasattr(self, "monitoring"):
            self.monitoring.stop()
        if hasattr(self, "watch"):
            self.watch.stop()
        if hasattr(self, "store"):
            self.store.close()


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1][:200] if lines else "nothing in its log"
