"""What must hold between the documents, beyond what each one's schema says. Sentences out; no I/O."""

import re
from urllib.parse import urlsplit

from manifests import Manifests, at

NAME = {"app.kubernetes.io/name": "croupier"}
# Keys of the configuration that name files, and that are lists of such.
FILES = {"tls": ["certificate", "key"], "clients": ["ca", "crls"], "health": ["certificate", "key"], "guards": ["traffic"]}
IN_IMAGE = "/usr/share/croupier/"


def listeners_are_the_container_ports(it):
    if it.listeners() != it.ports():
        yield f"croupier.toml listens on {it.listeners()}, but the container's ports are {it.ports()}"


def listeners_are_not_on_the_loopback(it):
    for name, address in it.config["listen"].items():
        if urlsplit(f"//{address}").hostname not in ("0.0.0.0", "::"):
            yield f"[listen] {name} = {address}: nobody outside the pod can connect"


def ports_are_taken_by_name(it):
    names = set(it.ports())
    for service in it.of("Service"):
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in names:
                yield f"Service {service['metadata']['name']}: targetPort {port['targetPort']} is none of {sorted(names)}"
            elif port["port"] != it.ports()[port["targetPort"]]:
                yield f"Service {service['metadata']['name']}: port {port['port']} is another than the container's"
    for policy in it.of("NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            for port in rule["ports"]:
                if port["port"] not in names:
                    yield f"NetworkPolicy {policy['metadata']['name']}: port {port['port']} is none of {sorted(names)}"


def probes_ask_what_they_should(it):
    wanted = {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    for probe, path in wanted.items():
        asked = at(it.container, f"{probe}/httpGet")
        if asked != {"path": path, "port": "health"}:
            yield f"{probe} asks {asked}, not {path} of the port `health`"


def the_balancer_checks_health(it):
    prefix = "service.beta.kubernetes.io/aws-load-balancer-healthcheck-"
    for service in it.of("Service"):
        notes = service["metadata"].get("annotations", {})
        asked = tuple(notes.get(prefix + what) for what in ("protocol", "port", "path"))
        if any(asked) and asked != ("http", str(it.listeners()["health"]), "/health"):
            yield f"the load balancer checks {asked}, not /health of the health listener over HTTP"


def the_drain_has_time(it):
    sleep = it.container["lifecycle"]["preStop"]["sleep"]["seconds"]
    wait, deadline = it.config["drain"]["wait"], it.config["drain"]["deadline"]
    grace = it.pod["terminationGracePeriodSeconds"]
    if grace <= sleep + deadline:
        yield f"terminationGracePeriodSeconds {grace} is not more than preStop {sleep} and `[drain] deadline` {deadline}"
    if deadline <= wait:
        yield f"`[drain] deadline` {deadline} leaves nothing of `wait` {wait}"


def the_balancer_is_in_step_with_the_drain(it):
    prefix = "service.beta.kubernetes.io/aws-load-balancer-"
    for service in it.of("Service"):
        notes = service["metadata"].get("annotations", {})
        if prefix + "type" not in notes:
            continue
        interval, timeout, checks = (int(notes[f"{prefix}healthcheck-{what}"])
                                     for what in ("interval", "timeout", "unhealthy-threshold"))
        wait, deadline = it.config["drain"]["wait"], it.config["drain"]["deadline"]
        if checks * interval + timeout >= wait:
            yield f"the load balancer sees red after {checks * interval + timeout} s, not within `[drain] wait` {wait}"
        attributes = dict(one.split("=") for one in notes[prefix + "target-group-attributes"].split(","))
        ends = attributes.get("target_health_state.unhealthy.connection_termination.enabled")
        kept = int(attributes.get("target_health_state.unhealthy.draining_interval_seconds", 0))
        if ends != "false" or kept < deadline:
            yield f"the load balancer cuts what is open before `[drain] deadline` {deadline}: {attributes}"


def every_volume_is_mounted(it):
    for name in it.volumes().keys() ^ it.mounts().keys():
        yield f"the volume {name} is declared or mounted, not both"


def updates_arrive(it):
    for name, mount in it.mounts().items():
        if "subPath" in mount:
            yield f"the mount {name} has a subPath: it would never be updated"
    for name, volume in it.volumes().items():
        if (it.content(volume) or {}).get("immutable"):
            yield f"the volume {name} is of an immutable document: it would never be updated"


def what_is_mounted_is_there(it):
    for name, volume in it.volumes().items():
        source = volume.get("configMap") or volume.get("secret")
        if source and not source.get("optional") and it.content(volume) is None:
            yield f"the volume {name} is of {source}, which no document makes"


def named_files_are_mounted(it):
    named = [("table", "source", it.config["table"]["source"])]
    for section, keys in FILES.items():
        for key in keys:
            value = it.config.get(section, {}).get(key, [])
            named += [(section, key, path) for path in (value if isinstance(value, list) else [value])]
    named += [("clients.allow", "issuer", entry["issuer"]) for entry in it.config["clients"]["allow"]]
    for section, key, path in named:
        if "://" not in path and not path.startswith(IN_IMAGE) and path not in it.mounted_files():
            yield f"[{section}] {key} = {path}: nothing that is mounted has it"


def state_is_written_to_a_volume(it):
    writable = [mount["mountPath"] for name, mount in it.mounts().items() if "emptyDir" in it.volumes().get(name, {})]
    state = it.config["table"].get("state", "")
    if not any(state.startswith(f"{place}/") for place in writable):
        yield f"[table] state = {state} is on none of the volumes that can be written: {writable}"


def config_is_rolled_out_and_tables_are_not(it):
    for map_ in it.of("ConfigMap"):
        has_digest = re.search(r"-[a-z0-9]{10}$", map_["metadata"]["name"]) is not None
        if ("croupier.toml" in map_["data"]) != has_digest:
            yield f"ConfigMap {map_['metadata']['name']}: croupier.toml needs a digest in the name, a table must have none"


def overrides_outlive_the_next_apply(it):
    overrides = it.config["table"].get("overrides", "")
    if overrides in it.mounted_files():
        yield f"[table] overrides = {overrides} is of the kustomization: the next apply would put it back in an incident"
    places = [mount["mountPath"] for name, mount in it.mounts().items() if "configMap" in it.volumes().get(name, {})]
    if "://" not in overrides and not any(overrides.startswith(f"{place}/") for place in places):
        yield f"[table] overrides = {overrides} is on no ConfigMap's volume"


def documents_fit(it):
    for document in it.of("ConfigMap"):
        size = sum(len(text.encode()) for text in document["data"].values())
        if size >= 2**20:
            yield f"ConfigMap {document['metadata']['name']} has {size} bytes: etcd takes one MiB"


def selectors_find_the_pods(it):
    labels = it.deployment["template"]["metadata"]["labels"]
    selectors = [("Deployment", it.deployment["selector"]["matchLabels"])]
    selectors += [("Service", service["spec"]["selector"]) for service in it.of("Service")]
    selectors += [("PodDisruptionBudget", one["spec"]["selector"]["matchLabels"]) for one in it.of("PodDisruptionBudget")]
    selectors += [("NetworkPolicy", one["spec"]["podSelector"]["matchLabels"]) for one in it.of("NetworkPolicy")]
    selectors += [("spread", one["labelSelector"]["matchLabels"]) for one in it.pod["topologySpreadConstraints"]]
    for kind, selector in selectors:
        if selector != NAME or not selector.items() <= labels.items():
            yield f"{kind}: {selector} does not select the pods, which have {labels}"


def pods_have_no_rights(it):
    wanted = [
        (it.pod, "securityContext/runAsNonRoot", True), (it.pod, "securityContext/fsGroup", it.user()),
        (it.pod, "securityContext/seccompProfile/type", "RuntimeDefault"),
        (it.container, "securityContext/allowPrivilegeEscalation", False),
        (it.container, "securityContext/readOnlyRootFilesystem", True),
        (it.container, "securityContext/capabilities", {"drop": ["ALL"]}),
        (it.pod, "automountServiceAccountToken", False), (it.one("ServiceAccount"), "automountServiceAccountToken", False),
        (it.pod, "serviceAccountName", at(it.one("ServiceAccount"), "metadata/name")),
    ]
    for document, path, should in wanted:
        if at(document, path) != should:
            yield f"{path} is {at(document, path)}, not {should}"
    if at(it.one("Namespace"), "metadata/labels").get("pod-security.kubernetes.io/enforce") != "restricted":
        yield "the namespace takes pods that are not `restricted`"


def services_set_no_variables(it):
    if it.pod.get("enableServiceLinks") is not False:
        yield "enableServiceLinks is not false: Services' CROUPIER_… variables would be taken for settings"


def nobody_is_missed_in_a_rollout(it):
    rolling = it.deployment["strategy"]["rollingUpdate"]
    if rolling["maxUnavailable"] != 0 or rolling["maxSurge"] < 1:
        yield f"a rolling update takes pods away before it has others: {rolling}"
    if it.deployment["minReadySeconds"] < 30 or it.deployment["progressDeadlineSeconds"] <= it.deployment["minReadySeconds"]:
        yield "minReadySeconds is less than load balancers need to find a new pod, or not less than progressDeadlineSeconds"
    if not 0 < it.one("PodDisruptionBudget")["spec"]["maxUnavailable"] < it.deployment["replicas"]:
        yield "the disruption budget lets no node be drained, or all pods be gone"


def memory_is_kept_and_processors_are_not_limited(it):
    requests, limits = it.container["resources"]["requests"], it.container["resources"]["limits"]
    if requests["memory"] != limits["memory"] or "cpu" not in requests or "cpu" in limits:
        yield f"memory must be kept and processors not limited: {it.container['resources']}"


def stores_can_be_reached_and_nothing_else(it):
    ports = {(port["port"], port["protocol"]) for policy in it.of("NetworkPolicy")
             for rule in policy["spec"].get("egress", []) for port in rule["ports"]}
    wanted = {(53, "UDP"), (53, "TCP"), (443, "TCP")} if it.is_from_store() else set()
    if ports != wanted:
        yield f"pods may connect to {sorted(ports)}; for [table] source = {it.config['table']['source']} they need {sorted(wanted)}"
    if not any("Egress" in policy["spec"]["policyTypes"] for policy in it.of("NetworkPolicy")):
        yield "no NetworkPolicy says whereto pods may connect"


RULES = [
    listeners_are_the_container_ports, listeners_are_not_on_the_loopback, ports_are_taken_by_name, probes_ask_what_they_should,
    the_balancer_checks_health, the_drain_has_time, the_balancer_is_in_step_with_the_drain, every_volume_is_mounted,
    updates_arrive, what_is_mounted_is_there, named_files_are_mounted, state_is_written_to_a_volume, config_is_rolled_out_and_tables_are_not,
    overrides_outlive_the_next_apply, documents_fit, selectors_find_the_pods, pods_have_no_rights, services_set_no_variables,
    nobody_is_missed_in_a_rollout, memory_is_kept_and_processors_are_not_limited, stores_can_be_reached_and_nothing_else,
]


def broken(documents, beside, user):
    """The rules that do not hold, by name, with what is wrong. `user` is the image's, by number."""
    manifests = Manifests(documents, beside)
    found = {rule.__name__: list(rule(manifests)) for rule in RULES}
    if manifests.user() != user:
        found["the_user_is_the_images"] = [f"runAsUser is {manifests.user()}, but the image's user is {user}"]
    return {name: problems for name, problems in found.items() if problems}
