"""Very many functions (10,000 with --long): one apply creates them, and what it was told is so is on disk."""

import itertools
import json
import time

import support
from machine import wait_for

ACCOUNTS = 10 if support.LONG else 2
CONFIGURATIONS = 100  # of an account: ten subnets, ten security groups
FUNCTIONS = 10  # of a configuration


def tenant(number):
    """One with a VPC of ten subnets and ten security groups, and functions in all pairs of them."""
    subnets = [{"id": f"subnet-{number}-{place}", "cidr": f"10.0.{place}.0/24", "zone": "a", "router": f"10.0.{place}.1",
                "segment": {"attachment": "tenants", "id": 6000 + 10 * number + place}, "vteps": ["198.51.100.11"],
                "routes": f"rtb-{number}"} for place in range(10)]
    groups = [{"id": f"sg-{number}-{place}", "egress": [{"protocol": "tcp", "ports": 1000 + place, "destination": "10.0.0.0/16"}]}
              for place in range(10)]
    functions = [{"name": f"f-{subnet['id']}-{group['id']}-{copy}", "subnets": [subnet["id"]], "security_groups": [group["id"]],
                  "command": ["true"]}
                 for subnet, group, copy in itertools.product(subnets, groups, range(FUNCTIONS))]
    table = {"id": f"rtb-{number}", "routes": [{"destination": "0.0.0.0/0", "target": "router"}]}
    vpc = {"id": f"vpc-{number}", "cidr": "10.0.0.0/16", "subnets": subnets, "route_tables": [table], "security_groups": groups}
    return {"account": f"{900000000000 + number}", "name": f"tenant{number}", "vpcs": [vpc], "functions": functions}


class ManyFunctions(support.LabTestCase):
    def test_are_created_by_one_apply_and_none_that_it_acknowledged_is_lost_by_a_kill(self):
        file = self.folder / "many.yaml"
        file.write_text(json.dumps({"tenants": [tenant(number) for number in range(ACCOUNTS)]}), encoding="utf-8")
        began = time.monotonic()
        self.lab.hypernat("apply", file)
        took = time.monotonic() - began
        self.lab.processes["control"].kill()
        self.lab.start_control()
        created = [one for one in self.lab.hypernat_json("functions")["Functions"] if one["FunctionName"].startswith("f-subnet-")]
        self.assertEqual(len(created), ACCOUNTS * CONFIGURATIONS * FUNCTIONS)
        print(f"  {len(created)} functions of {ACCOUNTS * CONFIGURATIONS} network configurations were applied in {took:.2f} s")
        wait_for("their interfaces", lambda: self.lab.hypernat_json("status")["Interfaces"] >= ACCOUNTS * CONFIGURATIONS, 60)
