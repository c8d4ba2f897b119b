"""Very many mappings (100,000 with --long): a change among them reaches the data plane, and traffic does not notice.
Very many functions (10,000 with --long): one apply creates them, and what it was told is so is on disk.
"""

import itertools
import json
import re
import time

import support
import topology
from machine import wait_for

CROWD = 100_000 if support.LONG else 5_000
PINGS_PER_SECOND = 200
PINGS = 6 * PINGS_PER_SECOND
ACCOUNTS = 10 if support.LONG else 2
CONFIGURATIONS = 100  # of an account: ten subnets, ten security groups
FUNCTIONS = 10  # of a configuration
APPLY_SECONDS = 10


class ManyMappings(support.LabTestCase):
    huge = True

    @classmethod
    def prepare(cls):
        cls.lab.crowd = CROWD
        cls.lab.start()
        wait_for("everybody's mappings", lambda: cls.lab.hypernat_json("status")["Interfaces"] >= CROWD, 120, 0.2)
        cls.lab.hypernat("apply", cls.lab.functions, "--wait", "--seconds", 120)

    def test_hold_one_change_more_without_losing_a_packet(self):
        before = self.lab.hypernat_json("status")
        self.assertEqual(before["Mappings"], CROWD + 3)
        drops = self.lab.hypernat_json("drops")
        pings = self.lab.invoke("acme-web", "sh", "-c", f"echo; ping -q -i {1 / PINGS_PER_SECOND} -c {PINGS} -W 5 {topology.WEB}")
        self.assertEqual(pings.stdout.readline(), "\n")
        began = time.monotonic()
        self.assertEqual(self.invoke("globex-web")[:2], (0, "This is globex.\n"))
        change = self.lab.begin("invoke", "--per-environment", "--provisioning", "0s", "globex-report", "--", "true")
        output, errors = change.communicate(timeout=60)
        self.assertEqual(change.returncode, 0, output + errors)
        print(f"  one mapping more among {CROWD} was made, published, confirmed and used in {time.monotonic() - began:.2f} s")
        output, errors = pings.communicate(timeout=60)
        sent, received = re.search(r"(\d+) packets transmitted, (\d+) received", output).groups()
        self.assertEqual(int(sent), PINGS)
        self.assertEqual(sent, received, output)
        self.assertGreater(self.lab.hypernat_json("status")["Generation"], before["Generation"])
        self.assertEqual(self.lab.hypernat_json("drops"), drops)


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
        self.assertLess(took, APPLY_SECONDS)
