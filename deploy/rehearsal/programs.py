"""The programs: given, or built from this repository."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .refuse import refuse

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Programs:
    loadtest: Path
    # What runs at first, and what it is updated to.
    old: Path
    new: Path
    haproxy: Path
    openssl: Path
    # Whether it is there, and wanted: deploy/prometheus/scrape finds it.
    prometheus: bool

    def version(self, croupier: Path) -> str:
        return said(croupier, "--version").strip()


def find(options) -> Programs:
    haproxy = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    openssl = shutil.which("openssl")
    for program, package, found in [("haproxy", "haproxy", haproxy), ("openssl", "openssl", openssl)]:
        if not found:
            refuse(f"{program} is not installed; on Debian: apt-get install {package}")
    croupier = options.croupier
    if not croupier and not (options.old and options.new):
        croupier = build("croupier", options)
    loadtest = options.loadtest or build("croupier-loadtest", options)
    return Programs(
        loadtest=runnable(loadtest), old=runnable(options.old or croupier), new=runnable(options.new or croupier),
        haproxy=Path(haproxy), openssl=Path(openssl), prometheus=prometheus(options))


def prometheus(options) -> bool:
    """Unless it is asked for, it is used only if it is there: nothing is fetched unasked."""
    if options.prometheus:
        said(REPOSITORY / "deploy" / "prometheus" / "tools")
        return True
    unpacked = target() / "prometheus" / "usr" / "bin" / "promtool"
    is_there = unpacked.exists() or (shutil.which("prometheus") and shutil.which("promtool"))
    return options.prometheus is None and bool(is_there)


def build(package: str, options) -> Path:
    """Each by itself: built together, each would get the features that the other wants of shared crates."""
    command = ["cargo", "build", "--locked", "--quiet", "--manifest-path", REPOSITORY / "Cargo.toml", "--package", package]
    subprocess.run([*command, "--bins", *([] if options.debug else ["--release"])], check=True)
    return target() / ("debug" if options.debug else "release") / package


def target() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))


def runnable(program: Path) -> Path:
    program = program.resolve()
    if not os.access(program, os.X_OK):
        refuse(f"{program}: no such program")
    return program


def said(program: Path, *arguments: str) -> str:
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout
