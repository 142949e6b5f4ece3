"""Prometheus, with deploy/prometheus as it is shipped: it scrapes every place all the time, and at last deploy/grafana is
asked whether each of its queries has data."""

import signal
import subprocess
import time
from pathlib import Path

from .processes import wait_for
from .programs import REPOSITORY

SCRAPE = REPOSITORY / "deploy" / "prometheus" / "scrape"
QUERIES = REPOSITORY / "deploy" / "grafana" / "queries"

# On a busy machine.
READY_WITHIN = 40.0


class Monitoring:
    def __init__(self, directory: Path, fleet, programs, processes) -> None:
        self.process: subprocess.Popen | None = None
        if not programs.prometheus:
            return
        directory.mkdir()
        targets = [f"{place.address}:{place.ports['health']}" for place in fleet.places]
        output, log = directory / "output", directory / "log"
        # It ends what it has started when it is asked to end, which a kill would not.
        self.process = processes.start([SCRAPE, directory, *targets], output=output, log=log, tied_by="TERM")

        def address() -> str:
            if self.process.poll() is not None:
                raise RuntimeError(f"Prometheus does not start: {log.read_text().strip()[-500:]}")
            return output.read_text().strip()
        said = wait_for("Prometheus is ready", address, READY_WITHIN)
        self.url = said.removeprefix("prometheus ")
        self.begun = time.monotonic()

    def dashboards(self) -> dict | None:
        """An act of its own: whether every query of the dashboard and every rule had data."""
        if not self.process:
            return None
        seconds = str(int(time.monotonic() - self.begun))
        ran = subprocess.run([QUERIES, self.url, "--seconds", seconds], capture_output=True, text=True, timeout=300)
        said = [line.strip() for line in ran.stdout.splitlines()]
        errors = [line for line in ran.stderr.splitlines() if line.strip()]
        # Places that are empty now, and what fires: no surprise after such an evening.
        expected = [line for line in said if not line.startswith(("down:", "fires:"))]
        outcome = "missed" if ran.returncode else "met"
        return {"title": "The dashboard has data", "verdict": {"outcome": outcome, "reasons": errors[:20] + expected},
                "promises": ["every query of deploy/grafana, and every rule of deploy/prometheus, has data of these acts"]}

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10.0)
