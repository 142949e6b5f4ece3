"""The tables of a rehearsal, and how they reach the fleet: by `croupier publish`, through the store."""

import json
import shutil
import subprocess
from pathlib import Path

BUCKET = "s3://cdn-tables/live"
POINTER = f"{BUCKET}/current.json"


class Tables:
    def __init__(self, directory: Path, source: Path, programs, store) -> None:
        self.directory = directory
        self.croupier = programs.new
        self.store = store
        table = json.loads((source / "cdn-table.json").read_text())
        self.write("first", source, table)
        # A change of every day.
        on_net = table["mixes"]["on-net"] | {"cloudfront": 0}
        self.write("good", source, table | {"mixes": table["mixes"] | {"on-net": on_net}})
        # Everybody else goes to one CDN: most of the Internet would move.
        everybody = table["mixes"] | {"world": {"bidi": 1}, "europe": {"bidi": 1}}
        self.write("bad", source, table | {"mixes": everybody})

    def write(self, name: str, source: Path, table: dict) -> None:
        directory = self.directory / name
        shutil.copytree(source, directory)
        (directory / "cdn-table.json").write_text(json.dumps(table | {"version": f"rehearsal {name}"}))

    def publish(self, name: str) -> str:
        """Returns the digest."""
        ran = subprocess.run(
            [self.croupier, "publish", self.directory / name, BUCKET], capture_output=True, text=True,
            env=self.store.environment)
        if ran.returncode:
            raise RuntimeError(f"croupier publish {name}: {ran.stderr.strip()}")
        return json.loads(self.store.objects["/cdn-tables/live/current.json"])["digest"]
