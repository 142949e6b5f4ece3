"""What the front thinks of each instance, looked at twenty times a second."""

import threading
import time

EVERY = 0.05


class Watch(threading.Thread):
    def __init__(self, front, note) -> None:
        super().__init__(daemon=True)
        self.front = front
        self.note = note
        self.stopped = threading.Event()
        # When, and of each instance.
        self.samples: list[tuple[float, dict]] = [(time.time(), front.servers())]

    def run(self) -> None:
        while not self.stopped.wait(EVERY):
            try:
                servers = self.front.servers()
            except OSError:
                # It has ended, or ends: somebody else sees to that.
                continue
            _, before = self.samples[-1]
            self.samples.append((time.time(), servers))
            for name, server in servers.items():
                if server.state != before[name].state:
                    self.note("balancer", f"{name}: {before[name].state}, then {server.state} ({server.check})")

    def stop(self) -> None:
        self.stopped.set()
        self.join()

    def server(self, instance):
        return self.samples[-1][1][instance.name]

    def in_service(self) -> int:
        return in_service(self.samples[-1][1])

    def connections(self) -> int:
        return sum(server.connections for server in self.samples[-1][1].values())

    def since(self, begun: float) -> list[tuple[float, dict]]:
        return [sample for sample in self.samples if sample[0] >= begun]

    def fewest_in_service(self, begun: float) -> int:
        return min(in_service(servers) for _, servers in self.since(begun))

    def reached(self, instance, state: str, begun: float) -> float | None:
        """When it was first seen so."""
        return next((at for at, servers in self.since(begun) if servers[instance.name].state == state), None)


def in_service(servers: dict) -> int:
    return sum(server.state == "UP" for server in servers.values())
