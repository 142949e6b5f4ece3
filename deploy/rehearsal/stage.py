"""What an act works with: the fleet and the front, clients that ask meanwhile, and its verdict."""

import contextlib
import time
from itertools import pairwise

from .load import ALLOW_LATE, RETRY_AFTER, Load
from .processes import wait_for
from .verdict import Verdict

# Until an instance is up as the front sees it: a debug build on a busy machine takes some seconds to compile a table.
UP_WITHIN = 60.0

# Over HTTP/2, on each connection.
STREAMS = 8

# A load ends by itself, should nobody end it.
LONGEST = 900


class Stage:
    def __init__(self, company, name: str) -> None:
        self.company = company
        self.name = name
        self.options, self.programs = company.options, company.programs
        self.fleet, self.front, self.watch = company.fleet, company.front, company.watch
        self.trust, self.tables, self.store = company.trust, company.tables, company.store
        self.verdict = Verdict(short=self.options.short)
        self.begun = time.time()
        self.events: list[dict] = []
        self.loads: list[Load] = []

    def note(self, kind: str, note: str) -> None:
        self.events.append({"at": time.time(), "kind": kind, "note": note})
        self.company.say(f"{kind:<9} {note}")

    @property
    def spare(self) -> float:
        """Seconds more than there should be, for this program to see what happens; and in the short form for a busy
        machine."""
        return 2.0 if self.options.short else 0.5

    def hold(self, share: float = 1.0) -> None:
        """Nothing is done for a while, so that what was done can show."""
        until = time.monotonic() + self.options.hold * share
        told = ""
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(1.0, left))
            line = self.loads[-1].last_line() if self.loads else ""
            if line != told:
                told = line
                self.company.say(f"          {line}")

    # Clients.

    @contextlib.contextmanager
    def clients(self, name: str = "the Media Selector", *, identity: str = "client", retry: bool = True,
                rate: float | None = None, connections: int | None = None, measured: list | None = None):
        """Keeps a rate meanwhile. What instances use that are `measured` is in its report."""
        arguments = ["--rate", rate or self.company.rate, "--seconds", LONGEST]
        if measured:
            arguments += ["--pid", *(each.process.pid for each in measured)]
        load = self.load(name, "steady", arguments, identity=identity, retry=retry, connections=connections)
        yield load
        load.end()

    def load(self, name: str, profile: str, arguments: list, *, identity: str = "client", retry: bool = True,
             connections: int | None = None) -> Load:
        """Begins one, and returns when its connections are open."""
        connections = connections or self.options.connections
        expected = connections + sum(load.connections for load in self.loads if load.process.poll() is None)
        arguments = [*arguments, *self.trust.identity(identity), "--address", self.front.address,
                     "--http", self.options.http, "--streams", STREAMS]
        if retry:
            arguments += ["--retry", "nothing" if "retry" in self.options.broken else "failed",
                          "--retry-after", RETRY_AFTER]
        arguments += ["--allow-late", 100 if self.options.short else ALLOW_LATE]
        directory = self.company.directory / "loads" / f"{self.name}-{len(self.loads) + 1}"
        load = Load(name, profile, arguments, connections=connections, programs=self.programs,
                    processes=self.company.processes, directory=directory)
        self.loads.append(load)
        # Those of the act before are gone by then.
        time.sleep(0.2)
        with contextlib.suppress(TimeoutError):
            wait_for("clients connect", lambda: load.process.poll() is not None
                     or self.watch.connections() >= expected, 10.0)
        return load

    def requests_of(self, connections: int) -> int:
        """As many as may be under way on so many connections."""
        return connections * (STREAMS if self.options.http == "2" else 1)

    # Instances, as the front sees them.

    def wait_up(self, instances: list, seconds: float = UP_WITHIN) -> bool:
        """Whether all of them are; no instance gets there that has ended."""
        def settled() -> bool:
            return self.all_up(instances) or not all(each.is_running() for each in instances)
        with contextlib.suppress(TimeoutError):
            wait_for("instances are up", settled, seconds)
        return self.all_up(instances)

    def all_up(self, instances: list) -> bool:
        return all(each.is_running() and self.watch.server(each).state == "UP" for each in instances)

    def wait_state(self, instance, state: str, begun: float, seconds: float) -> float | None:
        """Seconds until the front said so, if it did in time."""
        with contextlib.suppress(TimeoutError):
            wait_for(f"{instance.name} is {state}", lambda: self.watch.reached(instance, state, begun), seconds)
        reached = self.watch.reached(instance, state, begun)
        return None if reached is None else reached - begun

    def wait_all(self, is_so, seconds: float) -> bool:
        """Whether it becomes so of all that run."""
        with contextlib.suppress(TimeoutError):
            wait_for("all instances", lambda: all(is_so(each) for each in self.fleet.running()), seconds, every=0.1)
        return all(is_so(each) for each in self.fleet.running())

    def expect_in_service(self, fewest: int) -> None:
        seen = self.watch.fewest_in_service(self.begun)
        self.verdict.expect(seen >= fewest, f"never fewer than {fewest} instances were in service: {seen} at the fewest")

    # What the page shows.

    def document(self, title: str, promises: list[str]) -> dict:
        return {
            "title": title, "promises": promises, "verdict": self.verdict.document(), "events": self.events,
            "loads": [{"name": load.name, "report": load.report} for load in self.loads if load.report],
            "series": self.series(),
        }

    def series(self) -> list[dict]:
        samples = self.watch.since(self.begun)
        up = [(at, sum(server.state == "UP" for server in servers.values())) for at, servers in samples]
        # Once a second will do for those.
        seconds = samples[::20]
        lines = [{"name": place.name,
                  "points": [(at, servers[place.name].connections) for at, servers in seconds]}
                 for place in self.fleet.places]
        return [
            {"title": "Instances in service, as the load balancer sees them",
             "lines": [{"name": "in service", "points": steps(up)}]},
            {"title": "Connections of each instance, through the load balancer", "lines": lines},
        ]


def steps(points: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """The corners of a line that goes in steps."""
    corners = points[:1]
    for before, point in pairwise(points):
        if point[1] != before[1]:
            corners += [before, point]
    return corners + points[-1:]
