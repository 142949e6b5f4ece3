"""One instance: a Croupier process at a place, with a configuration and a state directory of its own."""

import http.client
import json
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from .network import free_port
from .processes import signal_to

METRIC = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass
class Place:
    """Where an instance may be: an address, with ports that stay."""

    number: int
    address: str
    directory: Path
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        while len(set(self.ports.values())) < 3:
            self.ports = {name: free_port(self.address) for name in ("lookup", "health", "admin")}

    @property
    def name(self) -> str:
        return f"croupier-{self.number}"


class Instance:
    def __init__(self, place: Place, build: Path, configuration: str, environment: dict, processes, *, fresh: bool) -> None:
        """A fresh one is a new machine: it has no state."""
        self.place = place
        self.build = build
        if fresh:
            shutil.rmtree(place.directory / "state", ignore_errors=True)
        place.directory.mkdir(exist_ok=True)
        file = place.directory / "croupier.toml"
        file.write_text(configuration)
        self.process: subprocess.Popen = processes.start(
            [build, "serve", "--config", file], output=place.directory / "output", log=place.directory / "log",
            environment=environment, directory=place.directory)

    @property
    def name(self) -> str:
        return self.place.name

    def is_running(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        signal_to(self.process, number)

    def get(self, path: str) -> tuple[int, bytes] | None:
        """From the health listener; nothing if it does not answer."""
        connection = http.client.HTTPConnection(self.place.address, self.place.ports["health"], timeout=1.0)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def health(self) -> dict:
        answer = self.get("/health")
        return json.loads(answer[1]) if answer else {"status": "silent"}

    def metrics(self) -> list[tuple[str, dict[str, str], float]]:
        answer = self.get("/metrics")
        lines = answer[1].decode().splitlines() if answer else []
        found = (METRIC.match(line) for line in lines)
        return [(each[1], dict(LABEL.findall(each[2] or "")), float(each[3])) for each in found if each]

    def digest(self) -> str | None:
        """Of the table that it serves."""
        of = [labels.get("digest") for name, labels, value in self.metrics() if name == "croupier_table_info" and value == 1]
        return of[0] if of else None

    def refused_tables(self) -> float:
        return sum(value for name, labels, value in self.metrics()
                   if name == "croupier_reloads_total" and labels == {"what": "table", "result": "failed"})


def configuration(place: Place, *, trust: Path, source: str, options, front: str, healthy: bool) -> str:
    """As deploy/croupier.toml has it, with what a rehearsal changes.

    One that is not healthy listens, and would do lookups; but it wants a PROXY header of health checks, too, which they
    don't have: a slip that nobody sees on the instance itself."""
    broken = set(options.broken)

    def listener(name: str) -> str:
        return json.dumps(f"{place.address}:{place.ports[name]}")

    def file(name: str) -> str:
        return json.dumps(str(trust / name))

    lists = [file("ops-ca.crl")] if "crl" in broken else [file("media-ca.crl"), file("ops-ca.crl")]
    return f"""\
[listen]
lookup = {listener("lookup")}
health = {listener("health")}
admin  = {listener("admin")}

[table]
source = {json.dumps(source)}
poll = {options.poll}
{"" if "state" in broken else 'state = "state"'}

[tls]
certificate = {file("server.pem")}
key = {file("server.key")}

[clients]
ca = [{file("root.pem")}]
crls = [{", ".join(lists)}]

[[clients.allow]]
issuer = {file("media-ca.pem")}
role = "lookup"
san = ["media-selector-*.example"]

[[clients.allow]]
issuer = {file("ops-ca.pem")}
role = "admin"
san = ["ops-*.example"]

[[clients.allow]]
issuer = {file("ops-ca.pem")}
role = "probe"
san = ["probe.example"]

[guards]
{"max_moved = 1.0" if "guards" in broken else ""}

[proxy]
trusted = ["{front}/32"]
health = {"false" if healthy else "true"}

[limits]
# In the short form other programs keep the processor busy: 50 ms are soon over.
{"wait = 1.0" if options.short else ""}

[drain]
wait = {options.drain}

[health]
certificate = {file("probe.pem")}
key = {file("probe.key")}
"""
