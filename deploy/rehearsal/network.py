"""Addresses of a rehearsal's own: on Linux all of 127.0.0.0/8 is this machine.

Each instance has an address, as on a network, and so has the front. Ports are picked by the system. Nobody else uses
these addresses, so a port that is free for a while, as its instance is down, does not become somebody else's.
"""

import random
import socket

FRONT = 250


class Network:
    def __init__(self) -> None:
        # 127.0.0.0/16 is left to everybody else.
        self.prefix = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}"

    def address(self, number: int) -> str:
        return f"{self.prefix}.{number}"

    @property
    def front(self) -> str:
        return self.address(FRONT)


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]
