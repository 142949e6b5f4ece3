"""Runs Croupier as a pod runs it: the image's root and user, the volumes that the documents name, laid out as the kubelet does.

usage: pod.py DOCUMENTS.yaml ROOT CERTIFICATES      (as root: it changes its root and user)

ROOT is what deploy/container/root has made, CERTIFICATES what `croupier certs dev` has; what else is made lies beside it. Then
tables, overrides, the server's certificate and revocation lists change as ConfigMaps and Secrets do, and what is served is
looked at after each. Ports are any free ones of the loopback. Where tables come from a store, the configuration alone is read.
"""

import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import yaml

from manifests import Manifests

PATIENCE = 30


class Volume:
    """A directory that is updated as the kubelet's atomic writer does: all of it in one rename of `..data`."""

    def __init__(self, path, group):
        self.path = path
        self.group = group
        self.writes = 0
        path.mkdir(parents=True)

    def write(self, files):
        self.writes += 1
        new = self.path / f"..2026_11_22_{self.writes:09}"
        new.mkdir()
        for name, text in files.items():
            (new / name).write_text(text)
            (new / name).chmod(0o440)
            os.chown(new / name, 0, self.group)
        data = self.path / "..data"
        old = data.resolve() if data.is_symlink() else None
        (self.path / "..data_tmp").symlink_to(new.name)
        (self.path / "..data_tmp").rename(data)
        for name in files:
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(f"..data/{name}")
        for link in self.path.iterdir():
            if not link.name.startswith("..") and link.name not in files:
                link.unlink()
        if old:
            shutil.rmtree(old)


class Pod:
    def __init__(self, documents, beside, root, certificates):
        self.it = Manifests(documents, beside)
        self.user = self.it.user()
        self.root = root
        self.certificates = certificates
        self.volumes = {}
        for name, mount in self.it.mounts().items():
            volume = self.it.volumes()[name]
            place = root / mount["mountPath"].lstrip("/")
            if "emptyDir" in volume:
                place.mkdir(parents=True, exist_ok=True)
                os.chown(place, 0, self.user)
                place.chmod(0o2770)
                continue
            self.volumes[name] = Volume(place, self.user)
            content = self.it.content(volume)
            if content:
                self.volumes[name].write(self.files(content))

    def files(self, content):
        """A document's files, with the certificates that its placeholders name."""
        texts = {**content.get("data", {}), **content.get("stringData", {})}
        placeholder = re.compile(r"<([a-z.-]+)>\s*")
        named = {name: placeholder.fullmatch(text) for name, text in texts.items()}
        return {name: (self.certificates / named[name][1]).read_text() if named[name] else text for name, text in texts.items()}

    def command(self, *arguments):
        as_pod = ["/usr/sbin/chroot", f"--userspec={self.user}:{self.user}", "--groups=", str(self.root), "/usr/bin/croupier"]
        return [*as_pod, *arguments]

    def program(self):
        return self.root / "usr/bin/croupier"

    def check(self, *options):
        """What `croupier check` prints, if all is good."""
        config = self.it.container["args"][2]
        said = run(self.command("check", "--config", config, *options), env=self.it.environment)
        if "is not a setting" in said:
            sys.exit(said)
        return said

    def start(self):
        # Ports of the loopback that nobody has; all else is as configured.
        any_port = {f"CROUPIER_LISTEN_{name.upper()}": "127.0.0.1:0" for name in self.it.listeners()}
        self.log = (self.root.parent / "pod.log").open("w")
        self.process = subprocess.Popen(self.command(*self.it.container["args"]), env={**self.it.environment, **any_port},
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        said = self.process.stdout.readline()
        self.at = {name: int(port) for name, port in re.findall(r"(\w+)=127\.0\.0\.1:(\d+)", said)}
        if not self.at:
            sys.exit(f"croupier did not start: see {self.log.name}")

    def ask(self, path):
        """Status and answer of the health listener."""
        return self.get(http.client.HTTPConnection("127.0.0.1", self.at["health"], timeout=5), path)

    def lookup(self, address, root=None, client="client"):
        """Status and answer of a lookup over mTLS; 0 where TLS itself refuses one side."""
        context = ssl.create_default_context(cafile=root or self.certificates / "root.pem")
        context.load_cert_chain(self.certificates / f"{client}.pem", self.certificates / f"{client}.key")
        connection = http.client.HTTPSConnection("localhost", self.at["lookup"], timeout=5, context=context)
        try:
            return self.get(connection, f"/lookup?ip={address}")
        except ssl.SSLError as error:
            return 0, str(error)

    @staticmethod
    def get(connection, path):
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, json.loads(body)


def run(command, **how):
    """What a command prints, if it ends well."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def until(what, holds):
    """Waits for something to hold, and says how long it took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > PATIENCE:
            sys.exit(f"not within {PATIENCE} s: {what}")
        time.sleep(0.05)
    print(f"  {what}: after {time.monotonic() - began:.1f} s")


def must(what, holds):
    if not holds:
        sys.exit(f"it does not hold: {what}")
    print(f"  {what}")


def play(pod):
    table = json.loads(pod.it.content(pod.it.volumes()["table"])["data"]["cdn-table.json"])
    address = "212.58.224.1"
    probe = {name: pod.it.container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    until("each probe is answered with 200", lambda: all(pod.ask(path)[0] == 200 for path in probe.values()))
    status, first = pod.lookup(address)
    must(f"a lookup is answered: {first}", status == 200 and first["mix"] == "uk")
    health = pod.ask("/health")[1]
    must(f"health passes: {health['status']}", health["status"] == "pass")

    print("the table's ConfigMap changes")
    table["version"], table["mixes"]["uk"] = "next", {"bidi": 1}
    pod.volumes["table"].write({"cdn-table.json": json.dumps(table)})
    until("the new table answers", lambda: pod.lookup(address)[1]["version"] == "next")
    must("with its weights", pod.lookup(address)[1]["cdn"] == "bidi")
    pod.volumes["table"].write({"cdn-table.json": '{ "version": "bad"'})
    until("a bad one is a warning", lambda: pod.ask("/health")[1]["status"] == "warn")
    must("the pod stays ready", pod.ask("/readyz")[0] == 200)
    must("and the table before it answers", pod.lookup(address)[1]["version"] == "next")

    print("the overrides' ConfigMap is made, and deleted")
    down = {"overrides": [{"cdn": "cloudfront", "state": "down", "reason": "INC-123"}]}
    world = "2001:db8::1"
    pod.volumes["overrides"].write({"overrides.json": json.dumps(down)})
    until("the CDN that is down is in no answer", lambda: "cloudfront" not in str(pod.lookup(world)[1]["cdns"]))
    pod.volumes["overrides"].write({})
    until("it is again", lambda: "cloudfront" in str(pod.lookup(world)[1]["cdns"]))

    print("the Secret of the server changes: certificate and key at once, of another CA")
    other = pod.certificates.parent / "other-certificates"
    run([pod.program(), "certs", "dev", "--directory", other])
    pod.volumes["server"].write({"tls.crt": (other / "server.pem").read_text(), "tls.key": (other / "server.key").read_text()})
    root = other / "root.pem"
    until("the new certificate is shown", lambda: pod.lookup(world, root)[0] == 200)

    print("the trust's ConfigMap changes: the client is revoked")
    trust = pod.files(pod.it.content(pod.it.volumes()["trust"]))
    pod.volumes["trust"].write({**trust, "media-ca.crl": revocation_of_client(pod.certificates)})
    until("it is refused", lambda: pod.lookup(world, root)[0] == 0)
    return root


def revocation_of_client(certificates):
    """A list by the media CA, newer than its first."""
    place = certificates.parent / "crl"
    place.mkdir()
    (place / "index.txt").touch()
    (place / "number").write_text("1000")
    (place / "crl.cnf").write_text(
        "[ca]\ndefault_ca = media\n[media]\ndatabase = index.txt\ncrlnumber = number\ndefault_md = sha256\n"
        "crl_extensions = extensions\n[extensions]\nauthorityKeyIdentifier = keyid\n"
    )
    ca = ["openssl", "ca", "-config", "crl.cnf", "-cert", certificates / "media-ca.pem", "-keyfile", certificates / "media-ca.key"]
    for what in (["-revoke", certificates / "client.pem"], ["-gencrl", "-crlhours", "72", "-out", "media-ca.crl"]):
        run([*ca, *what], cwd=place)
    return (place / "media-ca.crl").read_text()


def end(pod, root):
    print("SIGTERM, after preStop")
    began = time.monotonic()
    pod.process.send_signal(signal.SIGTERM)
    until("/readyz is red", lambda: pod.ask("/readyz")[0] == 503)
    must("/livez is not", pod.ask("/livez")[0] == 200)
    must("lookups are answered", pod.lookup("2001:db8::1", root, "probe")[0] == 200)
    code = pod.process.wait(PATIENCE)
    took, drain = time.monotonic() - began, pod.it.config["drain"]
    must(f"it exits {code}, after {took:.1f} s of {drain['deadline']}", code == 0 and drain["wait"] <= took < drain["deadline"])


def main(documents, root, certificates):
    beside = list(yaml.safe_load_all((Path(__file__).parent / "secrets.yaml").read_text()))
    pod = Pod(list(yaml.safe_load_all(Path(documents).read_text())), beside, Path(root).resolve(), Path(certificates).resolve())
    if pod.it.is_from_store():
        read = tomllib.loads(pod.check("--print-config"))
        must(f"tables come from {read['table']['source']}", read["table"]["source"] == pod.it.config["table"]["source"])
        must(f"drained by {read['drain']}", read["drain"] == pod.it.config["drain"])
        return
    print(f"  {pod.check().strip().splitlines()[-1]}")
    pod.start()
    try:
        root = play(pod)
        end(pod, root)
    finally:
        if pod.process.poll() is None:
            pod.process.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
