"""The page: what was played is written down, and drawn by croupier-loadtest."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from .programs import said


def write(company) -> int:
    """Returns the exit code: that of the worst act."""
    page: Path = company.options.report
    page.parent.mkdir(parents=True, exist_ok=True)
    acts = page.with_suffix(".json")
    document = {"title": "A rehearsal of Croupier", "about": about(company), "acts": company.played}
    acts.write_text(json.dumps(document))
    drawn = subprocess.run([company.programs.loadtest, "acts", acts, "--report", page])
    for number, act in enumerate(company.played, 1):
        outcome = act["verdict"]["outcome"].replace("_", " ")
        print(f"{number}. {act['title']}: {outcome}")
        for reason in act["verdict"]["reasons"]:
            print(f"     {reason}")
    print(f"the page: {page}; what it was made of: {acts}")
    return drawn.returncode


def about(company) -> list[tuple[str, str]]:
    options, programs = company.options, company.programs
    old, new = programs.version(programs.old), programs.version(programs.new)
    if programs.old == programs.new:
        new = "the same build"
    elif old == new:
        old, new = f"{old} ({programs.old})", f"{new} ({programs.new})"
    broken = [("broken on purpose", ", ".join(options.broken))] if options.broken else []
    form = "short: failures are judged, latencies only by a generous bound" if options.short else "full"
    return [
        *broken,
        ("form", form),
        ("played", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("machine", f"{processor()}, {os.cpu_count()} processors for clients, load balancer and all instances; "
                    f"{platform.system()} {platform.release()}"),
        ("old version", old),
        ("new version", new),
        ("load balancer", said(programs.haproxy, "-v").splitlines()[0]),
        ("instances", f"{options.instances}; updated {options.batch} at a time, {options.minimum} in service at least, "
                      f"{options.maximum} running at most"),
        ("clients", f"{company.rate:,.0f} requests a second on {options.connections} connections, HTTP/{options.http}; in a "
                    f"spike {company.spike:,.0f} ({company.carried})"),
        ("settings", f"[drain] wait = {options.drain:g}, [table] poll = {options.poll:g}, "
                     f"{options.hold:g} s before and after what is done"),
    ]


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
