"""hypernat coldstart on the whole lab: what it counts is what happened, and it leaves nothing behind."""

import csv
import json
import signal
import urllib.parse

import support
import machine
import picture
import topology

COUNT = 12
QUOTA = 30  # interfaces of a VPC
ACCOUNT = "111122223333"
SUBNET = f"/hypernat/v1/accounts/{ACCOUNT}/subnets/subnet-acme-a"


class ColdStart(support.LabTestCase):
    @classmethod
    def prepare(cls):
        cls.lab.control_changes = [(r"(mapping_reuse_after: .*)", rf"\1\ninterfaces_per_vpc: {QUOTA}")]
        super().prepare()

    def begin(self, *arguments, target=topology.WEB):
        return self.lab.begin("coldstart", "acme-web", target, *arguments)

    def finish(self, process, code=0):
        output, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, code, output + errors)
        return output, errors

    def control(self, method, path, body=None):
        """A call of the control plane's API; its answer."""
        words = ["curl", "-sf", "--unix-socket", self.lab.folder / "control.sock", "-X", method,
                 f"http://localhost{urllib.parse.quote(path)}"]
        if body is not None:
            words += ["-H", "Content-Type: application/json", "--data", json.dumps(body)]
        return json.loads(machine.run(*words).stdout)

    def assert_nothing_is_left(self):
        self.assertEqual(self.lab.hypernat_json("leases")["Leases"], [])
        self.assertEqual(len(self.lab.hypernat_json("interfaces")["Interfaces"]), 3)

    def test_measures_both_modes_on_both_worker_hosts(self):
        files = {kind: self.lab.folder / f"coldstart.{kind}" for kind in ("json", "csv")}
        output, _ = self.finish(self.begin("--count", COUNT, "--provisioning", "900ms", "--write-json", files["json"],
                                           "--write-csv", files["csv"]))
        report = json.loads(files["json"].read_text(encoding="utf-8"))
        shared, own = report["Modes"]
        for result in (shared, own):
            self.assertIn(f"{result['Mode']}: {COUNT} of {COUNT} environments were answered", output)
            self.assertEqual(result["Failures"], {})
            self.assertEqual({sample["WorkerHost"] for sample in result["Samples"]}, {"wh1", "wh2"})
            for sample in result["Samples"]:
                self.assertIn("SlotAndFirstPacketMilliseconds", sample, "the data plane was not seen to accept it")
                self.assertTrue(all(value >= 0 for value in sample["Milliseconds"].values()), sample)
        self.assertEqual(shared["Before"], shared["After"])
        self.assertEqual({count["Interfaces"] for count in shared["Interfaces"]}, {3})
        self.assertEqual(len({sample["Mapping"] for sample in shared["Samples"]}), 1)
        self.assertGreater(own["After"]["PublishedBytes"], own["Before"]["PublishedBytes"])
        self.assertEqual(max(count["Interfaces"] for count in own["Interfaces"]), 3 + COUNT)
        addresses = [count["AvailableIpAddressCount"] for count in own["Interfaces"]]
        self.assertEqual(max(addresses) - min(addresses), COUNT)
        self.assertEqual(len({sample["Mapping"] for sample in own["Samples"]}), COUNT)
        modelled = {sample["Milliseconds"]["provisioning, modelled"] for sample in own["Samples"]}
        self.assertEqual(modelled, {900})
        with open(files["csv"], encoding="utf-8", newline="") as rows:
            lines = list(rows)
        told = dict(line[2:].strip().split(": ", 1) for line in lines if line.startswith("# "))
        self.assertEqual(told, {"Seed": str(report["Seed"]), **report["Machine"]})
        modes = [row["mode"] for row in csv.DictReader(line for line in lines if not line.startswith("# "))]
        self.assertEqual(modes, ["shared"] * COUNT + ["per-environment"] * COUNT)
        self.assert_nothing_is_left()

    def test_names_what_fails_when_a_burst_outgrows_the_subnet(self):
        subnet = self.control("GET", SUBNET)
        body = {name: value for name, value in subnet.items() if name not in ("Id", "Account", "AvailableIpAddressCount")}
        self.addCleanup(self.control, "PUT", SUBNET, body)
        self.control("PUT", SUBNET, {**body, "Reserved": [*body["Reserved"], *(f"10.0.1.{n}" for n in range(20, 254))]})
        room = self.control("GET", SUBNET)["AvailableIpAddressCount"]
        self.assertGreater(room, 4)
        output, _ = self.finish(self.begin("--count", room + 5, "--provisioning", "0s", "--mode", "per-environment"))
        self.assertIn(f"per-environment: {room} of {room + 5} environments were answered", output)
        self.assertIn("5 x SubnetOutOfIPAddresses: subnet-acme-a (10.0.1.0/24) has no free address", output)
        self.assert_nothing_is_left()

    def test_names_what_fails_when_a_burst_outgrows_the_quota(self):
        own = [one for one in self.lab.hypernat_json("interfaces")["Interfaces"] if "acme" in one["SubnetId"]]
        room = QUOTA - len(own)
        output, _ = self.finish(self.begin("--count", room + 4, "--provisioning", "0s", "--mode", "per-environment"))
        self.assertIn(f"per-environment: {room} of {room + 4} environments were answered", output)
        self.assertIn("4 x EniLimitExceeded: ", output)
        self.assert_nothing_is_left()

    def test_gives_everything_back_when_interrupted(self):
        process = self.begin("--count", COUNT, "--provisioning", "60s", "--mode", "per-environment")
        machine.wait_for("the leases", lambda: len(self.lab.hypernat_json("leases")["Leases"]) == COUNT, 20)
        process.send_signal(signal.SIGINT)
        output, _ = self.finish(process, 130)
        self.assertIn(f"{COUNT} x Interrupted", output)
        self.assert_nothing_is_left()

    def test_of_shared_interfaces_fails_when_a_table_is_published_meanwhile(self):
        process = self.begin("--count", COUNT, "--rate", 4, "--mode", "shared")
        machine.wait_for("the first of them", lambda: topology.WEB in self.lab.hypernat("flows").stdout, 20)
        self.lab.hypernat("invoke", "--per-environment", "--provisioning", "0s", "globex-web")
        _, errors = self.finish(process, 1)
        self.assertIn("shared environments caused work, or something else did meanwhile", errors)

    def test_refuses_a_target_that_is_none(self):
        for target in ("web.internal", "10.0.1.10:0"):
            _, errors = self.finish(self.begin(target=target), 2)
            self.assertIn(f'target: found "{target}"; expected an IPv4 address', errors)


class Picture(support.FolderTestCase):
    def test_is_drawn_from_the_written_file(self):
        sample = {"MeasuredMilliseconds": 5.0, "Milliseconds": {"provisioning, modelled": 10.0}}
        modes = [{"Mode": mode, "Samples": [sample, {"Failure": "NoFreeSlot"}],
                  "Interfaces": [{"Milliseconds": 0, "Interfaces": 3}, {"Milliseconds": 100, "Interfaces": 4}]}
                 for mode in ("shared", "per-environment")]
        report = self.folder / "coldstart.json"
        report.write_text(json.dumps({"Count": 2, "Modes": modes}), encoding="utf-8")
        files = [self.folder / "coldstart.svg", self.folder / "coldstart.png"]
        picture.draw(report, files, self.folder)
        self.assertIn("with the modelled provisioning", files[0].read_text(encoding="utf-8"))
        self.assertEqual(files[1].read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
