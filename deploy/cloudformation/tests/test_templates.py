"""What must hold of the templates and between them, and what a deployment to moto would not show."""

import re
import tomllib
import unittest
from pathlib import Path

from cfnlint.decode import cfn_yaml

FLEET, STORE, ALARMS = (cfn_yaml.load(str(Path(__file__).parents[1] / f"{name}.yaml"))
                        for name in ("fleet", "store", "alarms"))
RESOURCES = FLEET["Resources"]
USER_DATA = RESOURCES["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"][0]


def properties(name):
    return RESOURCES[name]["Properties"]


def configuration():
    """The croupier.toml of the user data."""
    text = re.search(r">/etc/croupier/croupier\.toml <<'END'\n(.*?)\nEND$", USER_DATA, re.DOTALL | re.MULTILINE)[1]
    return tomllib.loads(text)


class Ports(unittest.TestCase):
    """Who may connect whereto, and that somebody listens there."""

    PORTS = {name: int(address.split(":")[-1]) for name, address in configuration()["listen"].items()}

    def ingress(self):
        """(group, port, from whom) of all that is let in."""
        rules = [(name, rule) for name in ("BalancerSecurityGroup", "InstanceSecurityGroup")
                 for rule in properties(name)["SecurityGroupIngress"]]
        rules += [(resource["Properties"]["GroupId"]["Ref"], resource["Properties"]) for resource in RESOURCES.values()
                  if resource["Type"] == "AWS::EC2::SecurityGroupIngress"]
        for group, rule in rules:
            self.assertEqual((rule["IpProtocol"], rule["FromPort"]), ("tcp", rule["ToPort"]))
            yield group, rule["FromPort"], (rule.get("CidrIp") or rule["SourceSecurityGroupId"])["Ref"]

    def test_the_balancer_sends_lookups_and_asks_health(self):
        target = properties("TargetGroup")
        self.assertEqual(target["Port"], self.PORTS["lookup"])
        self.assertEqual(target["HealthCheckPort"], str(self.PORTS["health"]))
        self.assertEqual((target["HealthCheckProtocol"], target["HealthCheckPath"]), ("HTTP", "/health"))
        # TLS ends in Croupier.
        self.assertEqual((target["Protocol"], properties("Listener")["Protocol"]), ("TCP", "TCP"))

    def test_who_may_connect(self):
        port = properties("Listener")["Port"]
        self.assertEqual(sorted(self.ingress()), sorted([
            ("BalancerSecurityGroup", port, "ClientNetwork"),
            ("InstanceSecurityGroup", self.PORTS["lookup"], "BalancerSecurityGroup"),
            ("InstanceSecurityGroup", self.PORTS["health"], "BalancerSecurityGroup"),
            ("InstanceSecurityGroup", self.PORTS["health"], "OpsNetwork"),
            ("InstanceSecurityGroup", self.PORTS["admin"], "OpsNetwork"),
        ]))
        self.assertEqual({rule["FromPort"] for rule in properties("BalancerSecurityGroup")["SecurityGroupEgress"]},
                         {self.PORTS["lookup"], self.PORTS["health"]})


class Instances(unittest.TestCase):
    def test_one_that_is_ill_is_replaced_by_what_the_balancer_says(self):
        group = properties("Group")
        self.assertEqual(group["HealthCheckType"], "ELB")
        self.assertEqual(group["TargetGroupARNs"], [{"Ref": "TargetGroup"}])
        self.assertGreaterEqual(group["InstanceMaintenancePolicy"]["MinHealthyPercentage"], 100)

    def test_it_has_said_how_it_went_before_anyone_stops_waiting(self):
        waits = sum(int(seconds) for seconds in re.findall(r"^ *within (\d+) ", USER_DATA, re.MULTILINE))
        update = RESOURCES["Group"]["UpdatePolicy"]["AutoScalingRollingUpdate"]
        for timeout in (update["PauseTime"], RESOURCES["Group"]["CreationPolicy"]["ResourceSignal"]["Timeout"]):
            self.assertGreater(60 * int(re.fullmatch(r"PT(\d+)M", timeout)[1]), waits)

    def test_one_that_ends_is_left_by_every_node_of_the_balancer_first(self):
        attributes = {one["Key"]: one["Value"] for one in properties("TargetGroup")["TargetGroupAttributes"]}
        self.assertGreaterEqual(int(attributes["deregistration_delay.timeout_seconds"]), 120)

    def test_it_is_not_slowed_down(self):
        template = properties("LaunchTemplate")["LaunchTemplateData"]
        self.assertEqual(template["CreditSpecification"], {"CpuCredits": "unlimited"})

    def test_clients_of_a_zone_without_instances_have_those_of_others(self):
        self.assertIn({"Key": "load_balancing.cross_zone.enabled", "Value": "true"},
                      properties("LoadBalancer")["LoadBalancerAttributes"])


class Rights(unittest.TestCase):
    def statements(self, template):
        for role in template["Resources"].values():
            for policy in role["Properties"].get("Policies", []):
                yield from policy["PolicyDocument"]["Statement"]

    def test_no_role_may_do_whatever_there_is(self):
        for template in (FLEET, STORE):
            for statement in self.statements(template):
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                self.assertFalse([action for action in actions if "*" in action])
        on_all = {statement["Sid"]: statement.get("Condition") for statement in self.statements(FLEET)
                  if statement["Resource"] == "*"}
        own = {"StringEquals": {"cloudwatch:namespace": "Croupier"}}
        self.assertEqual(on_all, {"OwnTargetHealth": None, "Sessions": None, "Metrics": own})
        self.assertNotIn("*", [statement["Resource"] for statement in self.statements(STORE)])

    def test_what_was_in_the_bucket_can_be_had_again_and_only_by_tls(self):
        bucket, policy = (STORE["Resources"][name] for name in ("Bucket", "BucketPolicy"))
        for resource in (bucket, policy):
            self.assertEqual((resource["DeletionPolicy"], resource["UpdateReplacePolicy"]), ("Retain", "Retain"))
        bucket = bucket["Properties"]
        self.assertEqual(bucket["VersioningConfiguration"], {"Status": "Enabled"})
        self.assertEqual(list(bucket["PublicAccessBlockConfiguration"].values()), [True] * 4)
        self.assertIn("BucketEncryption", bucket)
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        self.assertEqual({statement["Effect"] for statement in statements}, {"Deny"})
        conditions = [statement["Condition"] for statement in statements]
        self.assertIn({"Bool": {"aws:SecureTransport": "false"}}, conditions)
        for statement in statements:
            self.assertEqual((statement["Principal"], len(statement["Resource"])), ("*", 2))


class Alarms(unittest.TestCase):
    # As AWS calls them, and its dimensions. Of the group only those that MetricsCollection names are there.
    COLLECTED = [name for collection in properties("Group")["MetricsCollection"] for name in collection["Metrics"]]
    KNOWN = {
        "AWS/NetworkELB": (["UnHealthyHostCount", "HealthyHostCount"], ["LoadBalancer", "TargetGroup"]),
        "AWS/AutoScaling": (COLLECTED, ["AutoScalingGroupName"]),
        "AWS/EC2": (["CPUCreditBalance", "CPUSurplusCreditsCharged"], ["AutoScalingGroupName"]),
        "Croupier": (["RequestDuration", "Requests", "Errors", "CertificateDays", "ListDays"], ["Fleet"]),
    }
    # Values of instances (or nodes) within a period at which each alarm is silent, and at which it is not.
    LIMITS = {
        "UnhealthyTargets": ([0, 0], [0, 1]),
        "NoTargets": ([0, 1], [0, 0]),
        "FewInstances": ({"desired": [6], "serving": [6]}, {"desired": [6], "serving": [6, 5]}),
        "Slow": ([5] * 995 + [250] * 5, [5] * 985 + [250] * 15),
        "Errors": ({"errors": [5, 0], "requests": [500, 500]}, {"errors": [5, 1], "requests": [500, 500]}),
        "CertificateExpiry": ([100, 22], [100, 20]),
        "ListExpiry": ([7, 1.5], [7, 0.5]),
        "CreditBalance": ([500, 25], [500, 23]),
        "CreditsCharged": ([0, 0], [0, 1]),
    }
    STATISTICS = {"Maximum": max, "Minimum": min, "Sum": sum, "p99": lambda values: sorted(values)[len(values) * 99 // 100]}
    COMPARISONS = {
        "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
        "GreaterThanThreshold": lambda value, threshold: value > threshold,
        "LessThanThreshold": lambda value, threshold: value < threshold,
    }

    def alarms(self):
        return ((name, resource["Properties"]) for name, resource in ALARMS["Resources"].items())

    def stats(self, alarm):
        """{id: (metric, statistic)} of what it looks at."""
        if "Metrics" not in alarm:
            return {"": (alarm, alarm.get("Statistic") or alarm["ExtendedStatistic"])}
        asked = (query for query in alarm["Metrics"] if "MetricStat" in query)
        return {query["Id"]: (query["MetricStat"]["Metric"], query["MetricStat"]["Stat"]) for query in asked}

    def is_raised(self, alarm, values):
        found = {id: self.STATISTICS[statistic](values[id] if id else values)
                 for id, (_, statistic) in self.stats(alarm).items()}
        expressions = [query["Expression"] for query in alarm.get("Metrics", []) if "Expression" in query]
        value = eval(expressions[0], {}, found) if expressions else found[""]
        threshold = alarm["Threshold"]
        if isinstance(threshold, dict):
            threshold = ALARMS["Parameters"][threshold["Ref"]]["Default"]
        return self.COMPARISONS[alarm["ComparisonOperator"]](value, threshold)

    def test_they_are_raised_at_their_limit_and_not_before(self):
        self.assertEqual({name for name, _ in self.alarms()}, set(self.LIMITS))
        for name, alarm in self.alarms():
            with self.subTest(alarm=name):
                silent, raised = self.LIMITS[name]
                self.assertFalse(self.is_raised(alarm, silent))
                self.assertTrue(self.is_raised(alarm, raised))

    def test_what_they_look_at_exists(self):
        for name, alarm in self.alarms():
            for metric, _ in self.stats(alarm).values():
                with self.subTest(alarm=name):
                    names, dimensions = self.KNOWN[metric["Namespace"]]
                    self.assertIn(metric["MetricName"], names)
                    self.assertEqual([dimension["Name"] for dimension in metric["Dimensions"]], dimensions)

    def test_somebody_is_told(self):
        for name, alarm in self.alarms():
            with self.subTest(alarm=name):
                topic = {"Fn::If": ["HasTopic", [{"Ref": "Topic"}], {"Ref": "AWS::NoValue"}]}
                self.assertEqual((alarm["AlarmActions"], alarm["OKActions"]), (topic, topic))


if __name__ == "__main__":
    unittest.main()
