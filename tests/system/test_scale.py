"""Very many mappings (100,000 with --long): a change among them reaches the data plane, and traffic does not notice."""

import re
import time

import support
import topology
from machine import wait_for

CROWD = 100_000 if support.LONG else 5_000
PINGS_PER_SECOND = 200
PINGS = 6 * PINGS_PER_SECOND


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
