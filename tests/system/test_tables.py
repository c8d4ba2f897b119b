"""A data plane refuses a mapping table that it must not use, says why, and goes on with the one it has."""

import hashlib
import ipaddress
import json
import os
import struct

import support
from machine import wait_for

HEADER = struct.Struct("<8sIIQ32s")


def sealed(payload, version=1):
    """A table file with a right length and digest around any payload."""
    return HEADER.pack(b"HNATTBL\n", version, 0, len(payload), hashlib.sha256(payload).digest()) + payload


def address_bytes(text):
    return struct.pack("<I", int(ipaddress.IPv4Address(text)))


class Tables(support.LabTestCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.path = cls.folder / "store/table"
        cls.good = cls.path.read_bytes()
        cls.interface = cls.lab.hypernat_json("interfaces")["Interfaces"][0]
        cls.environment = support.Environment(cls.lab, "acme-web")
        cls.addClassCleanup(cls.environment.close)
        cls.lab.processes["control"].kill()  # it would put the good table back

    def setUp(self):
        self.before = self.dataplane()

    def tearDown(self):
        self.publish(self.good)
        wait_for("the good table to be taken back", lambda: not self.dataplane()["refusal"], 5)

    def publish(self, content):
        fresh = self.path.with_name("fresh")
        fresh.write_bytes(content)
        os.replace(fresh, self.path)

    def dataplane(self):
        return json.loads((self.folder / "store/status/dp1.json").read_text(encoding="utf-8"))

    def check_traffic(self):
        self.assertEqual(self.environment.ask("curl -sf --max-time 5 http://web.internal/"), "This is acme.")

    def check_refused(self, content, says=""):
        self.publish(content)
        refusal = wait_for("a refusal", lambda: self.dataplane()["refusal"], 5)
        self.assertIn(says, refusal)
        after = self.dataplane()
        for member in ("epoch", "generation", "table_sha256"):
            self.assertEqual(after[member], self.before[member])
        self.assertIn(refusal, (self.folder / "dataplane.log").read_text(encoding="utf-8"))
        self.check_traffic()
        self.publish(self.good)
        wait_for("the good table to be taken back", lambda: not self.dataplane()["refusal"], 5)

    def test_cut_short_are_refused(self):
        for length in (0, 1, HEADER.size - 1, HEADER.size, HEADER.size + 1, len(self.good) // 2, len(self.good) - 1):
            with self.subTest(length):
                self.check_refused(self.good[:length])

    def test_with_anything_appended_are_refused(self):
        self.check_refused(self.good + b"\0")

    def test_with_a_changed_byte_are_refused(self):
        for place in (0, 8, 12, 16, 24, HEADER.size, len(self.good) - 1):
            with self.subTest(place):
                content = bytearray(self.good)
                content[place] ^= 1
                self.check_refused(bytes(content))

    def test_of_another_version_are_refused(self):
        self.check_refused(sealed(self.good[HEADER.size:], version=2), "version")

    def test_that_are_no_tables_behind_a_right_digest_are_refused(self):
        for title, payload in {"nothing": b"", "zeros": bytes(256), "text": b"tenants: []\n" * 20}.items():
            with self.subTest(title):
                self.check_refused(sealed(payload))

    def test_that_contradict_themselves_are_refused(self):
        payload = self.good[HEADER.size:]
        mac = bytes.fromhex(self.interface["Mac"].replace(":", ""))
        known = address_bytes(self.interface["Address"]) + mac
        self.assertEqual(payload.count(known), 1)
        for title, address, says in (("the router's address", "10.0.1.1", "10.0.1.1"),
                                     ("an address outside the subnet", "10.0.7.4", "10.0.7.4")):
            with self.subTest(title):
                self.check_refused(sealed(payload.replace(known, address_bytes(address) + mac)), says)

    def test_that_are_gone_leave_the_old_one_in_use(self):
        self.path.unlink()
        self.check_traffic()
        self.assertEqual(self.dataplane()["table_sha256"], self.before["table_sha256"])
