"""Each rule is broken on purpose, and must say so. Reads base.yaml and aws.yaml, which `check` has made, in the directory that
the environment's DOCUMENTS names."""

import copy
import os
import re
import unittest
from pathlib import Path

import yaml

import rules

HERE = Path(__file__).parent
USER = int(re.search(r"^USER (\d+)", (HERE / "../container/Containerfile").read_text(), re.MULTILINE)[1])
BESIDE = list(yaml.safe_load_all((HERE / "secrets.yaml").read_text()))


def documents(name):
    return list(yaml.safe_load_all((Path(os.environ["DOCUMENTS"]) / f"{name}.yaml").read_text()))


def one(all_, kind, name="croupier"):
    """The document of a name, or of that name and a digest."""
    (found,) = [it for it in all_ if it["kind"] == kind and re.fullmatch(name + "(-[a-z0-9]{10})?", it["metadata"]["name"])]
    return found


def pod(all_):
    return one(all_, "Deployment")["spec"]["template"]["spec"]


def container(all_):
    return pod(all_)["containers"][0]


def config(old, new):
    def change(all_):
        data = one(all_, "ConfigMap", "croupier-config")["data"]
        assert old in data["croupier.toml"], old
        data["croupier.toml"] = data["croupier.toml"].replace(old, new)
    return change


def put(value, *path, of=lambda all_: one(all_, "Deployment")["spec"]):
    def change(all_):
        place = of(all_)
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    return change


def policy(all_):
    return one(all_, "NetworkPolicy")["spec"]


def service(all_):
    return one(all_, "Service")["spec"]


# What breaks a rule, on the base unless it says otherwise: (rule, change), or (rule, change, "aws").
BREAKS = [
    ("listeners_are_the_container_ports", config("0.0.0.0:8443", "0.0.0.0:8444")),
    ("listeners_are_the_container_ports", config('admin  = "0.0.0.0:9443"', "")),
    ("listeners_are_not_on_the_loopback", config("0.0.0.0:8080", "127.0.0.1:8080")),
    ("ports_are_taken_by_name", put("web", "ports", 0, "targetPort", of=service)),
    ("ports_are_taken_by_name", put(443, "ports", 0, "port", of=service)),
    ("ports_are_taken_by_name", put("https", "ingress", 0, "ports", 0, "port", of=policy)),
    ("probes_ask_what_they_should", put("/readyz", "livenessProbe", "httpGet", "path", of=container)),
    ("probes_ask_what_they_should", put("lookup", "readinessProbe", "httpGet", "port", of=container)),
    ("the_balancer_checks_health",
     put("8443", "annotations", "service.beta.kubernetes.io/aws-load-balancer-healthcheck-port",
         of=lambda all_: one(all_, "Service")["metadata"]), "aws"),
    ("the_drain_has_time", put(60, "terminationGracePeriodSeconds", of=pod)),
    ("the_drain_has_time", config("deadline = 30", "deadline = 5")),
    ("the_drain_has_time", put(165, "terminationGracePeriodSeconds", of=pod), "aws"),
    ("the_balancer_is_in_step_with_the_drain",
     put("3", "annotations", "service.beta.kubernetes.io/aws-load-balancer-healthcheck-unhealthy-threshold",
         of=lambda all_: one(all_, "Service")["metadata"]), "aws"),
    ("the_balancer_is_in_step_with_the_drain",
     put("preserve_client_ip.enabled=true", "annotations", "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes",
         of=lambda all_: one(all_, "Service")["metadata"]), "aws"),
    ("every_volume_is_mounted", lambda all_: pod(all_)["volumes"].append({"name": "spare", "emptyDir": {}})),
    ("every_volume_is_mounted", lambda all_: pod(all_)["volumes"].pop(2)),
    ("updates_arrive", put("cdn-table.json", "volumeMounts", 1, "subPath", of=container)),
    ("updates_arrive", put(True, "immutable", of=lambda all_: one(all_, "ConfigMap", "croupier-table"))),
    ("what_is_mounted_is_there", put("croupier-tabel", "volumes", 1, "configMap", "name", of=pod)),
    ("what_is_mounted_is_there", put("croupier-servers", "volumes", 4, "secret", "secretName", of=pod)),
    ("named_files_are_mounted", config("trust/ops-ca.crl", "trust/ops.crl")),
    ("named_files_are_mounted", config("table/cdn-table.json", "table/table.json")),
    ("named_files_are_mounted", config('issuer = "/etc/croupier/trust/media-ca.pem"', 'issuer = "/etc/croupier/media-ca.pem"')),
    ("state_is_written_to_a_volume", config("/var/lib/croupier/state", "/var/lib/state")),
    ("config_is_rolled_out_and_tables_are_not",
     put("croupier-config", "metadata", "name", of=lambda all_: one(all_, "ConfigMap", "croupier-config"))),
    ("config_is_rolled_out_and_tables_are_not",
     put("croupier-table-0123456789", "metadata", "name", of=lambda all_: one(all_, "ConfigMap", "croupier-table"))),
    ("overrides_outlive_the_next_apply", config("/etc/croupier/overrides/overrides.json", "/etc/croupier/table/cdn-table.json")),
    ("overrides_outlive_the_next_apply", config("/etc/croupier/overrides/overrides.json", "/var/lib/croupier/overrides.json")),
    ("documents_fit", lambda all_: one(all_, "ConfigMap", "croupier-table")["data"].update({"more.txt": "x" * 2**20})),
    ("selectors_find_the_pods", put({"app.kubernetes.io/name": "croupiers"}, "selector", of=service)),
    ("selectors_find_the_pods", put({"app": "croupier"}, "podSelector", "matchLabels", of=policy)),
    ("selectors_find_the_pods", put({"app": "croupier"}, "template", "metadata", "labels")),
    ("the_user_is_the_images", put(0, "securityContext", "runAsUser", of=pod)),
    ("pods_have_no_rights", put(0, "securityContext", "fsGroup", of=pod)),
    ("pods_have_no_rights", put(False, "securityContext", "readOnlyRootFilesystem", of=container)),
    ("pods_have_no_rights", lambda all_: pod(all_)["securityContext"].pop("seccompProfile")),
    ("pods_have_no_rights", lambda all_: container(all_)["securityContext"].pop("capabilities")),
    ("pods_have_no_rights", lambda all_: one(all_, "Namespace")["metadata"].update({"labels": {}})),
    ("services_set_no_variables", lambda all_: pod(all_).pop("enableServiceLinks")),
    ("nobody_is_missed_in_a_rollout", put(1, "strategy", "rollingUpdate", "maxUnavailable")),
    ("nobody_is_missed_in_a_rollout", put(0, "minReadySeconds")),
    ("nobody_is_missed_in_a_rollout", put(1, "replicas")),
    ("memory_is_kept_and_processors_are_not_limited", put("2", "resources", "limits", "cpu", of=container)),
    ("memory_is_kept_and_processors_are_not_limited", put("64Mi", "resources", "requests", "memory", of=container)),
    ("stores_can_be_reached_and_nothing_else", config("/etc/croupier/table/cdn-table.json", "s3://cdn-tables/live/current.json")),
    ("stores_can_be_reached_and_nothing_else", put([{"ports": [{"port": 443, "protocol": "TCP"}]}], "egress", of=policy)),
    ("stores_can_be_reached_and_nothing_else", put(["Ingress"], "policyTypes", of=policy)),
    ("stores_can_be_reached_and_nothing_else",
     lambda all_: policy(all_).pop("egress"), "aws"),
]


class Rules(unittest.TestCase):
    def test_hold(self):
        for name in ("base", "aws"):
            self.assertEqual(rules.broken(documents(name), BESIDE, USER), {}, name)

    def test_say_what_is_broken(self):
        for rule, change, *name in BREAKS:
            with self.subTest(rule=rule):
                changed = copy.deepcopy(documents(*name or ["base"]))
                change(changed)
                self.assertIn(rule, rules.broken(changed, BESIDE, USER))

    def test_each_rule_is_broken_once(self):
        named = {rule.__name__ for rule in rules.RULES} | {"the_user_is_the_images"}
        self.assertEqual(named, {rule for rule, *_ in BREAKS})


if __name__ == "__main__":
    unittest.main()
