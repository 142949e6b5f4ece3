"""The instances: as many as run, each at a place, and some places more for an update."""

import signal
from pathlib import Path

from .instance import Instance, Place, configuration
from .processes import wait_for
from .tables import POINTER

# Croupier's own `[drain] deadline` is 30 s, and a handshake gets 5 s more.
ENDS_WITHIN = 40.0


class Fleet:
    def __init__(self, directory: Path, network, options, processes, trust, store) -> None:
        self.options, self.processes, self.trust, self.store = options, processes, trust, store
        self.front = network.front
        self.places = [Place(number, network.address(number), directory / f"instance-{number}")
                       for number in range(1, options.maximum + 1)]
        self.instances: dict[int, Instance] = {}

    def running(self) -> list[Instance]:
        """Those that were started and have not ended."""
        return [each for each in self.instances.values() if each.is_running()]

    def free_place(self) -> Place:
        taken = {each.place.number for each in self.running()}
        return next(place for place in self.places if place.number not in taken)

    def start(self, build: Path, *, place: Place | None = None, fresh: bool = True, healthy: bool = True) -> Instance:
        place = place or self.free_place()
        written = configuration(place, trust=self.trust.directory, source=POINTER, options=self.options,
                                front=self.front, healthy=healthy)
        instance = Instance(place, build, written, self.store.environment, self.processes, fresh=fresh)
        self.instances[place.number] = instance
        return instance

    def drain(self, instance: Instance) -> int:
        """As a supervisor ends it. Returns its exit code."""
        instance.signal(signal.SIGTERM)
        wait_for(f"{instance.name} ends", lambda: not instance.is_running(), ENDS_WITHIN)
        return instance.process.returncode

    def end(self, instance: Instance) -> None:
        instance.signal(signal.SIGCONT)
        instance.signal(signal.SIGKILL)
        instance.process.wait()
