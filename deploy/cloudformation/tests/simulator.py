"""What moto does not know of network load balancers made by CloudFormation, and their pace."""

import functools
import time

from moto.elbv2 import models


# A new target is `initial` to so many who ask; and when somebody asked about which.
SLOWNESS = 3
asked = []


def teach_network_load_balancers():
    backend = models.ELBv2Backend
    backend.describe_target_health = slow(backend.describe_target_health)
    backend.create_load_balancer = functools.partialmethod(backend.create_load_balancer, loadbalancer_type="network")
    add(models.FakeLoadBalancer, "LoadBalancerFullName", lambda self: self.arn.split(":loadbalancer/")[1])
    add(models.FakeTargetGroup, "TargetGroupFullName", lambda self: self.arn.split(":")[-1])


def slow(describe_target_health):
    def described(backend, target_group_arn, targets):
        found = describe_target_health(backend, target_group_arn, targets)
        asked.append((time.time(), [target["Id"] for target in targets]))
        for one in found if len(asked) <= SLOWNESS else []:
            one.status = "initial"
        return found
    return described


def add(resource, name, value):
    has, others = resource.has_cfn_attr, getattr(resource, "get_cfn_attribute", None)
    resource.has_cfn_attr = classmethod(lambda _, wanted: wanted == name or has(wanted))
    resource.get_cfn_attribute = lambda self, wanted: value(self) if wanted == name else others(self, wanted)
