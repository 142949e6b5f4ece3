"""The documents that a kustomization makes, as one who asks about a pod wants to see them. Parsed documents in; no I/O."""

import re
import tomllib
from urllib.parse import urlsplit


def at(document, path):
    """What stands at a path of keys, or None."""
    for key in path.split("/"):
        document = (document or {}).get(key)
    return document


class Manifests:
    """The documents that a kustomization makes, and those that must be there beside them."""

    def __init__(self, documents, beside):
        self.all = documents
        self.beside = beside
        self.deployment = self.one("Deployment")["spec"]
        self.pod = self.deployment["template"]["spec"]
        (self.container,) = self.pod["containers"]
        self.environment = {entry["name"]: entry["value"] for entry in self.container.get("env", [])}
        self.config = self.configuration()

    def user(self):
        return at(self.pod, "securityContext/runAsUser")

    def of(self, kind):
        return [document for document in self.all if document["kind"] == kind]

    def one(self, kind):
        (found,) = self.of(kind)
        return found

    def configuration(self):
        """croupier.toml as the pod sees it, the environment over it."""
        (text,) = [map_["data"]["croupier.toml"] for map_ in self.of("ConfigMap") if "croupier.toml" in map_["data"]]
        config = tomllib.loads(text)
        for name, value in self.environment.items():
            section, _, key = name.removeprefix("CROUPIER_").lower().partition("_")
            if name.startswith("CROUPIER_"):
                config.setdefault(section, {})[key] = float(value) if re.fullmatch(r"[0-9.]+", value) else value
        return config

    def listeners(self):
        """Port by listener, as configured."""
        return {name: urlsplit(f"//{address}").port for name, address in self.config["listen"].items()}

    def ports(self):
        return {port["name"]: port["containerPort"] for port in self.container["ports"]}

    def mounts(self):
        return {mount["name"]: mount for mount in self.container["volumeMounts"]}

    def volumes(self):
        return {volume["name"]: volume for volume in self.pod["volumes"]}

    def content(self, volume):
        """The document that a volume is made of, or None."""
        kind, name = "ConfigMap", volume.get("configMap", {}).get("name")
        if "secret" in volume:
            kind, name = "Secret", volume["secret"]["secretName"]
        found = [it for it in self.all + self.beside if it["kind"] == kind and it["metadata"]["name"] == name]
        return found[0] if found else None

    def mounted_files(self):
        """Every path that a ConfigMap or a Secret puts into the pod."""
        paths = set()
        for name, mount in self.mounts().items():
            content = self.content(self.volumes().get(name, {})) or {}
            paths |= {f"{mount['mountPath']}/{key}" for key in {**content.get("data", {}), **content.get("stringData", {})}}
        return paths

    def is_from_store(self):
        return "://" in self.config["table"]["source"]
