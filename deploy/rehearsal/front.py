"""HAProxy, with deploy/haproxy/haproxy.cfg as it is shipped, and a list of this rehearsal's instances."""

import csv
import io
import re
import resource
import socket
from dataclasses import dataclass
from pathlib import Path

from .network import free_port
from .processes import wait_for
from .programs import REPOSITORY

SHIPPED = REPOSITORY / "deploy" / "haproxy" / "haproxy.cfg"

# Milliseconds of what HAProxy's durations are written in.
UNITS = {"ms": 1, "s": 1000, "m": 60_000}


@dataclass(frozen=True)
class Server:
    """What HAProxy says of one instance."""

    # UP, DOWN, NOLB (it drains), or how many checks it is from another of these.
    status: str
    check: str
    connections: int
    connections_in_all: int
    redispatched: int

    @property
    def state(self) -> str:
        """Whom nobody checks is taken to be well."""
        return "UP" if self.status == "no check" else self.status.split()[0]


class Front:
    def __init__(self, directory: Path, network, fleet, options, programs, processes) -> None:
        directory.mkdir()
        self.directory = directory
        self.address = f"{network.front}:{free_port(network.front)}"
        self.socket = directory / "haproxy.sock"
        listed = directory / "instances.cfg"
        listed.write_text(instances(fleet, network.front, set(options.broken)))
        self.process = processes.start(
            [programs.haproxy, "-f", SHIPPED, "-f", listed], output=directory / "output", log=directory / "log",
            environment={"CROUPIER_FRONT": self.address, "CROUPIER_FRONT_SOCKET": str(self.socket)})
        wait_for("HAProxy starts", self.has_started, 10.0)

    def has_started(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"HAProxy does not start: {(self.directory / 'log').read_text().strip()}")
        return self.socket.exists()

    def servers(self) -> dict[str, Server]:
        rows = csv.DictReader(io.StringIO(self.ask("show stat instances 4 -1").lstrip("# ")))
        return {row["svname"]: read(row) for row in rows}

    def ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5.0)
            connection.connect(str(self.socket))
            connection.sendall(command.encode() + b"\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        return answer.decode()


def read(row: dict[str, str]) -> Server:
    # A star is before a check that is under way.
    check = " ".join(part for part in (row["check_status"].lstrip("* "), row["last_chk"]) if part)
    return Server(status=row["status"], check=check, connections=int(row["scur"]), connections_in_all=int(row["stot"]),
                  redispatched=int(row["wredis"]))


def instances(fleet, front: str, broken: set[str]) -> str:
    """The part that depends on the site: see deploy/haproxy/instances.cfg."""
    _, most_descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 20_000 if most_descriptors < 0 else min(20_000, (most_descriptors - 200) // 2)
    lines = ["global", f"    maxconn {most}", "", "backend instances from croupier"]
    more = ""
    if "checks" in broken:
        lines += ["    no option redispatch", "    retries 0"]
        more = " no-check"
    lines += [
        f"    server {place.name} {place.address}:{place.ports['lookup']} port {place.ports['health']} source {front}{more}"
        for place in fleet.places]
    return "\n".join(lines) + "\n"


def noticed_when_hung() -> float:
    """Seconds until an instance that says nothing is out, by the shipped configuration: the longest there may be until
    a check begins, and as many of them as it takes, each to its timeout."""
    timeout = seconds("timeout check")
    return seconds("inter") + timeout + (count("fall") - 1) * (seconds("fastinter") + timeout)


def noticed_when_gone() -> float:
    """Seconds until an instance that refuses connections is out, if no client comes before the checks."""
    return seconds("inter") + (count("fall") - 1) * seconds("fastinter")


def seconds(name: str) -> float:
    number, unit = setting(name, r"(\d+)(ms|s|m)\b")
    return int(number) * UNITS[unit] / 1000


def count(name: str) -> int:
    return int(setting(name, r"(\d+)\b")[0])


def setting(name: str, value: str) -> tuple[str, ...]:
    """Of the shipped configuration."""
    found = re.search(rf"^[^#\n]*\b{name} {value}", SHIPPED.read_text(), re.MULTILINE)
    if not found:
        raise RuntimeError(f"{SHIPPED}: no {name} in it")
    return found.groups()
