#!/usr/bin/env python3
"""Plays a deployment on this machine: the stacks against moto, which answers as AWS does, and an instance's first boot
from the user data that comes of them, in a root that is thrown away.

`check` starts it, as root, in network, mount and process namespaces of its own, with CROUPIER and PACKAGE in the
environment. Nothing leaves the machine, and nothing stays on it.
"""

import ast
import base64
import hashlib
import json
import logging
import os
import subprocess
import time
import tomllib
import warnings
from pathlib import Path

import boto3
from botocore.exceptions import ClientError
from cfnlint.decode import cfn_yaml
from moto.cloudwatch.models import cloudwatch_backends
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.server import ThreadedMotoServer

import balancer
import simulator
from machine import Machine

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
REGION = "eu-west-2"
CROUPIER = os.environ["CROUPIER"]
PACKAGE = Path(os.environ["PACKAGE"])
SCRATCH = Path(os.environ["SCRATCH"])
LOOKUPS = 7
os.environ |= {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:5000",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "rehearsal",
    "AWS_SECRET_ACCESS_KEY": "rehearsal",
}


# What moto makes nothing of, as alarms, is checked otherwise; and its every request is of no interest.
warnings.filterwarnings("ignore", message="Tried to parse")
logging.getLogger("moto").setLevel(logging.ERROR)
logging.getLogger("werkzeug").setLevel(logging.ERROR)


def step(text):
    print(f"-- {text}", flush=True)


def stack(name, template, **parameters):
    """Deploys a template; its outputs."""
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=(HERE.parent / template).read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    described = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    assert described["StackStatus"] == "CREATE_COMPLETE", described
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def upload_trust(bucket, certificates):
    """CAs and lists to the bucket; the server's and the probe's identity as the secret's text."""
    for name in ("root.pem", "media-ca.pem", "media-ca.crl", "ops-ca.pem", "ops-ca.crl"):
        boto3.client("s3").put_object(Bucket=bucket, Key=f"trust/{name}", Body=(certificates / name).read_bytes())
    return json.dumps({name: (certificates / name).read_text()
                       for name in ("server.pem", "server.key", "probe.pem", "probe.key")})


def fleet(store, identity, sha256):
    ec2 = boto3.client("ec2")
    subnets = ",".join(subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"])
    return stack(
        "croupier", "fleet.yaml", Store="croupier-store", Package=PACKAGE.name, PackageSha256=sha256,
        ImageId=ec2.describe_images()["Images"][0]["ImageId"], FleetSize="3",
        Vpc=ec2.describe_vpcs()["Vpcs"][0]["VpcId"], InstanceSubnets=subnets, BalancerSubnets=subnets, BalancerNetworks="10.0.1.0/24,10.0.2.0/24",
        ClientNetwork="10.0.0.0/8", OpsNetwork="10.9.0.0/16", Identity=identity,
        LookupNames="media-selector-*.example,spiffe://example/media/*", AdminNames="ops-*.example",
        ProbeName="probe.example")


def check_group(outputs):
    """The numbers that reach the group, and those of an event."""
    autoscaling = boto3.client("autoscaling")
    [group] = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[outputs["Group"]])["AutoScalingGroups"]
    assert (group["MinSize"], group["DesiredCapacity"], group["MaxSize"]) == (3, 3, 4), group
    actions = autoscaling.describe_scheduled_actions(AutoScalingGroupName=outputs["Group"])
    sizes = [(action["StartTime"].hour, action["MinSize"], action["DesiredCapacity"], action["MaxSize"])
             for action in actions["ScheduledUpdateGroupActions"]]
    assert sorted(sizes) == [(18, 6, 6, 7), (23, 3, 3, 4)], sizes
    return group["Instances"][0]["InstanceId"]


def check_roles(bucket, identity):
    """What the roles may, and what they may not."""
    iam = boto3.client("iam")
    policies = {}
    for role in iam.list_roles()["Roles"]:
        for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            policy = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)
            # Of those that CloudFormation made moto gives Python's form, not JSON.
            policies[name] = json.dumps(ast.literal_eval(str(policy["PolicyDocument"])))
    objects = f"arn:aws:s3:::{bucket}"
    for policy, action, resource, is_allowed in [
        ("instance", "s3:GetObject", f"{objects}/live/current.json", True),
        ("instance", "s3:GetObject", f"{objects}/trust/root.pem", True),
        ("instance", "s3:GetObject", f"{objects}/packages/{PACKAGE.name}", True),
        ("instance", "s3:GetObject", f"{objects}/other/current.json", False),
        ("instance", "s3:GetObject", "arn:aws:s3:::another/live/current.json", False),
        ("instance", "s3:ListBucket", objects, True),
        ("instance", "s3:PutObject", f"{objects}/live/current.json", False),
        ("instance", "s3:DeleteObject", f"{objects}/live/current.json", False),
        ("instance", "secretsmanager:GetSecretValue", identity, True),
        ("instance", "secretsmanager:GetSecretValue", f"{identity}-another", False),
        ("instance", "ssm:GetParameter", "*", False),
        ("publish", "s3:PutObject", f"{objects}/live/current.json", True),
        ("publish", "s3:GetObject", f"{objects}/live/overrides.json", True),
        ("publish", "s3:PutObject", f"{objects}/packages/{PACKAGE.name}", False),
        ("publish", "s3:PutObject", f"{objects}/trust/root.pem", False),
        ("publish", "s3:DeleteObject", f"{objects}/live/current.json", False),
        ("publish", "secretsmanager:GetSecretValue", identity, False),
    ]:
        found = IAMPolicy(policies[policy]).is_action_permitted(action, resource) == PermissionResult.PERMITTED
        assert found == is_allowed, f"{policy} may {'' if found else 'not '}{action} {resource}"


def user_data():
    """What EC2 gives to an instance: 16 kB at most, before it is encoded."""
    ec2 = boto3.client("ec2")
    [template] = ec2.describe_launch_templates()["LaunchTemplates"]
    [version] = ec2.describe_launch_template_versions(
        LaunchTemplateId=template["LaunchTemplateId"])["LaunchTemplateVersions"]
    data = version["LaunchTemplateData"]
    assert data["MetadataOptions"]["HttpTokens"] == "required", data["MetadataOptions"]
    assert all(device["Ebs"]["Encrypted"] for device in data["BlockDeviceMappings"]), data["BlockDeviceMappings"]
    script = base64.b64decode(data["UserData"], validate=True)
    assert len(script) <= 16384, f"{len(script)} bytes of user data"
    path = SCRATCH / "user-data"
    path.write_bytes(script)
    subprocess.run(["shellcheck", path], check=True)
    return script


def check_times(config):
    """The drain, the load balancer and the unit in step."""
    drain = tomllib.loads(config)["drain"]
    group = cfn_yaml.load(str(HERE.parent / "fleet.yaml"))["Resources"]["TargetGroup"]["Properties"]
    attributes = {attribute["Key"]: attribute["Value"] for attribute in group["TargetGroupAttributes"]}
    seen = (group["HealthCheckIntervalSeconds"] * group["UnhealthyThresholdCount"] + group["HealthCheckTimeoutSeconds"])
    assert seen < drain["wait"] < drain["deadline"], f"red is seen after {seen} s: {drain}"
    assert attributes["proxy_protocol_v2.enabled"] == "true", attributes
    assert attributes["preserve_client_ip.enabled"] == "false", attributes
    assert attributes["deregistration_delay.connection_termination.enabled"] == "false", attributes
    assert attributes["target_health_state.unhealthy.connection_termination.enabled"] == "false", attributes
    assert int(attributes["target_health_state.unhealthy.draining_interval_seconds"]) >= drain["deadline"], attributes
    unit = (REPOSITORY / "deploy/systemd/croupier.service").read_text()
    [stop] = [line.split("=")[1] for line in unit.splitlines() if line.startswith("TimeoutStopSec=")]
    assert int(stop) > drain["deadline"], f"TimeoutStopSec={stop}: {drain}"


def check_metrics(machine, lookups):
    """What arrives in CloudWatch, against what was done, and every metric that an alarm waits for."""
    (machine.root / "var/lib/croupier-metrics").mkdir(exist_ok=True)
    machine.run("/usr/local/sbin/croupier-metrics")
    data = cloudwatch_backends[boto3.client("sts").get_caller_identity()["Account"]][REGION].metric_data
    values = {}
    for datum in data:
        assert datum.namespace == "Croupier", datum.namespace
        assert [(d.name, d.value) for d in datum.dimensions] == [("Fleet", "croupier")], datum.name
        values.setdefault(datum.name, []).append(datum.value)
    assert values["Requests"] == [lookups], values
    assert values["Errors"] == [0], values
    assert len(values["RequestDuration"]) == lookups and max(values["RequestDuration"]) <= 250, values
    assert 360 < values["CertificateDays"][0] < 366 and 360 < values["ListDays"][0] < 366, values
    alarms = cfn_yaml.load(str(HERE.parent / "alarms.yaml"))["Resources"]
    metrics = [alarm["Properties"] for alarm in alarms.values()]
    metrics += [query["MetricStat"]["Metric"] for alarm in metrics for query in alarm.get("Metrics", [])
                if "MetricStat" in query]
    wanted = {metric["MetricName"] for metric in metrics if metric.get("Namespace") == "Croupier"}
    assert wanted == set(values), f"alarms are for {sorted(wanted)}, instances tell {sorted(values)}"
    data.clear()
    machine.run("/usr/local/sbin/croupier-metrics")
    assert [datum.value for datum in data if datum.name == "Requests"] == [0], "counted twice"


def main():
    balancer.bring_up_network()
    simulator.teach_network_load_balancers()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=5000, verbose=False)
    server.start()

    step("the store's stack, what is in it, and the others' stacks")
    store = stack("croupier-store", "store.yaml", Publisher="arn:aws:iam::123456789012:role/publisher")
    bucket = store["Bucket"]
    for directory in ("first", "second"):
        subprocess.run([CROUPIER, "certs", "dev", "--directory", SCRATCH / directory], check=True,
                       stdout=subprocess.DEVNULL)
    secrets = boto3.client("secretsmanager")
    identity = secrets.create_secret(Name="croupier", SecretString=upload_trust(bucket, SCRATCH / "first"))["ARN"]
    boto3.client("s3").upload_file(str(PACKAGE), bucket, f"packages/{PACKAGE.name}")
    subprocess.run([CROUPIER, "publish", REPOSITORY / "data", store["Tables"]], check=True)
    outputs = fleet(store, identity, hashlib.sha256(PACKAGE.read_bytes()).hexdigest())
    stack("croupier-alarms", "alarms.yaml", Fleet="croupier")
    stack("croupier-event", "event.yaml", Fleet="croupier", Start="2099-12-01T18:00:00Z", End="2099-12-01T23:00:00Z")
    instance = check_group(outputs)
    check_roles(bucket, identity)

    step("an instance's first boot")
    script = user_data()
    machine = Machine(SCRATCH / "machine", instance)
    assert machine.boot(script) == 0, "the first boot failed"
    check_times((machine.root / "etc/croupier/croupier.toml").read_text())
    [signal] = machine.signals()
    assert f"--unique-id {instance} --status SUCCESS" in signal, signal
    assert all(targets == [instance] for _, targets in simulator.asked), simulator.asked
    [healthy] = [at for at, _ in simulator.asked[simulator.SLOWNESS:]]
    assert machine.signalled_at() > healthy, "it did not wait for the load balancer"
    units = sorted(str(path.relative_to(machine.root)) for path in
                   (machine.root / "etc/systemd/system").glob("croupier-*.*"))
    assert len(units) == 4, units
    told = machine.run("systemd-analyze", "verify", "--man=no", *(f"/{unit}" for unit in units))
    assert told == "", told

    step("health checks and lookups as a network load balancer sends them")
    assert balancer.health(balancer.HEALTH_CHECK) == 200
    assert balancer.health(b"") is None, "a health check without a header is answered"
    for _ in range(LOOKUPS):
        status, answer = balancer.lookup(SCRATCH / "first")
        assert status == 200 and answer["footprint"] == "asn:as5607", answer
    assert balancer.lookup(SCRATCH / "first", header=b"") == (None, None), "a lookup without a header is answered"

    step("metrics, and what alarms wait for")
    check_metrics(machine, LOOKUPS)

    step("a new set of certificates")
    machine.run("/usr/local/sbin/croupier-trust")
    before = os.readlink(machine.root / "etc/croupier/trust")
    secrets.put_secret_value(SecretId=identity, SecretString=upload_trust(bucket, SCRATCH / "second"))
    machine.run("/usr/local/sbin/croupier-trust")
    after = os.readlink(machine.root / "etc/croupier/trust")
    assert before != after and not (machine.root / "etc/croupier" / before).exists(), (before, after)
    machine.run("/usr/local/sbin/croupier-trust")
    assert os.readlink(machine.root / "etc/croupier/trust") == after, "put in place though nothing has changed"
    balancer.eventually(lambda: balancer.lookup(SCRATCH / "second")[0] == 200)
    assert balancer.lookup(SCRATCH / "first") == (None, None), "the CA before it still lets in"

    step("SIGTERM: red at once, answering until the load balancer has seen it, then gone")
    begun = time.monotonic()
    machine.terminate()
    balancer.eventually(lambda: balancer.health(balancer.HEALTH_CHECK) == 503)
    time.sleep(max(0, begun + 17 - time.monotonic()))
    assert balancer.lookup(SCRATCH / "second")[0] == 200, "not answered while the load balancer has not seen red"
    assert machine.ended(within=begun + 30 - time.monotonic()), "not gone by the deadline"

    step("a package that is another than it should be")
    subprocess.run([HERE / "package", "/bin/true", SCRATCH / "another.deb"], check=True)
    boto3.client("s3").upload_file(str(SCRATCH / "another.deb"), bucket, f"packages/{PACKAGE.name}")
    spoilt = Machine(SCRATCH / "spoilt", instance)
    assert spoilt.boot(script) != 0, "the first boot went well"
    [signal] = spoilt.signals()
    assert f"--unique-id {instance} --status FAILURE" in signal, signal
    assert not (spoilt.root / "etc/croupier").exists(), "it was installed"
    print("rehearsed", flush=True)


if __name__ == "__main__":
    main()
