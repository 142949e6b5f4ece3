"""What moto does not know of network load balancers made by CloudFormation."""

import functools

from moto.elbv2 import models


def teach_network_load_balancers():
    backend = models.ELBv2Backend
    backend.create_load_balancer = functools.partialmethod(backend.create_load_balancer, loadbalancer_type="network")
    add(models.FakeLoadBalancer, "LoadBalancerFullName", lambda self: self.arn.split(":loadbalancer/")[1])
    add(models.FakeTargetGroup, "TargetGroupFullName", lambda self: self.arn.split(":")[-1])


def add(resource, name, value):
    has, others = resource.has_cfn_attr, getattr(resource, "get_cfn_attribute", None)
    resource.has_cfn_attr = classmethod(lambda _, wanted: wanted == name or has(wanted))
    resource.get_cfn_attribute = lambda self, wanted: value(self) if wanted == name else others(self, wanted)
