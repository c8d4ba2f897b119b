"""The control plane through the operator's command: apply, refusals that name their reason, crashes at any instant."""

import random
import re
import time

import support
import machine
import topology

EXAMPLE = (support.ROOT / "config/functions.yaml").read_text(encoding="utf-8")


class ControlTestCase(support.LabTestCase):
    """A control plane alone; every test starts with an empty database."""

    @classmethod
    def prepare(cls):
        topology.prepare_mounts()

    def setUp(self):
        self.lab.start_control()

    def tearDown(self):
        self.lab.processes["control"].stop()
        for path in self.folder.glob("control.db*"):
            path.unlink()

    def file(self, text):
        path = self.folder / "functions.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def apply(self, text, *options):
        return self.lab.hypernat("apply", self.file(text), *options).stdout

    def settled(self):
        """The state once nothing moves any more: every function waits for a data plane, and there is none."""
        def state_if_settled():
            state = self.state()
            reasons = [function["StateReason"] for function in state["functions"]["Functions"]]
            return all("no data plane is alive" in reason for reason in reasons) and state

        return machine.wait_for("every function to wait for a data plane", state_if_settled)

    def state(self):
        return {kind: self.lab.hypernat_json(kind) for kind in ("functions", "mappings", "interfaces")}


class Apply(ControlTestCase):
    def test_twice_does_nothing_the_second_time(self):
        self.assertIn("applied: 16 created, 0 changed, 0 deleted", self.apply(EXAMPLE))
        state, status = self.settled(), self.lab.hypernat_json("status")
        self.assertIn("nothing to do", self.apply(EXAMPLE))
        self.assertEqual(self.state(), state)
        self.assertEqual(self.lab.hypernat_json("status")["Generation"], status["Generation"])

    def test_dry_run_prints_the_difference_and_changes_nothing(self):
        output = self.apply(EXAMPLE, "--dry-run")
        self.assertIn("+ function 111122223333/acme-web", output)
        self.assertEqual(self.lab.hypernat_json("functions")["Functions"], [])

    def test_changes_what_differs_and_nothing_else(self):
        self.apply(EXAMPLE)
        output = self.apply(EXAMPLE.replace("ports: 80", "ports: 8080", 1))
        self.assertRegex(output, r"^~ security group 111122223333/sg-acme-web: Egress .*\napplied: 0 created, 1 changed, 0 deleted\n$")

    def test_deletes_only_when_told_to_prune(self):
        self.apply(EXAMPLE)
        without = EXAMPLE.replace(EXAMPLE[EXAMPLE.index("      - name: acme-batch"):EXAMPLE.index("  - account: \"4444")], "")
        self.assertIn("nothing to do", self.apply(without))
        self.assertIn("- function 111122223333/acme-batch", self.apply(without, "--prune"))
        names = [function["FunctionName"] for function in self.lab.hypernat_json("functions")["Functions"]]
        self.assertEqual(sorted(names), ["acme-api", "acme-web", "globex-report", "globex-web"])


class WithoutDataPlane(ControlTestCase):
    def test_functions_stay_pending_and_say_why(self):
        self.apply(EXAMPLE)
        waiting = self.lab.hypernat("apply", self.file(EXAMPLE), "--wait", "--seconds", "1", check=False)
        self.assertEqual(waiting.returncode, 1)
        self.assertIn("is Pending", waiting.stderr)
        self.assertIn("no data plane is alive", waiting.stderr)
        states = {function["State"] for function in self.lab.hypernat_json("functions")["Functions"]}
        self.assertEqual(states, {"Pending"})

    def test_invoking_is_a_conflict_that_says_why(self):
        self.apply(EXAMPLE)
        done = self.lab.hypernat("invoke", "acme-web", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("ResourceConflictException", done.stderr)
        self.assertIn("Pending", done.stderr)

    def test_names_are_looked_up_in_every_account(self):
        self.apply(EXAMPLE.replace("name: globex-web", "name: acme-web"))
        for name, says in {"acme-web": "say which: 111122223333/acme-web or 444455556666/acme-web",
                           "nobody": "no account has a function 'nobody'",
                           "444455556666/acme-batch": "ResourceNotFoundException"}.items():
            with self.subTest(name):
                done = self.lab.hypernat("invoke", name, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(says, done.stderr)


class WithDataPlane(support.LabTestCase):
    def test_moves_functions_to_other_groups_and_their_packets_follow(self):
        path = self.folder / "functions.yaml"
        path.write_text(EXAMPLE.replace("security_groups: [sg-acme-web]", "security_groups: [sg-acme-batch]"), encoding="utf-8")
        address = next(entry["Interfaces"][0]["Address"] for entry in self.lab.hypernat_json("mappings")["Mappings"]
                       if entry["SecurityGroupIds"] == ["sg-acme-batch"])
        output = self.lab.hypernat("apply", path, "--wait", "--seconds", "30").stdout
        self.assertIn("applied: 0 created, 2 changed, 0 deleted", output)
        used = {function for mapping in self.lab.hypernat_json("mappings")["Mappings"] if
                mapping["SecurityGroupIds"] == ["sg-acme-batch"] for function in mapping["Functions"]}
        self.assertEqual(used, {"acme-api", "acme-batch", "acme-web"})
        code, page, errors = self.invoke("acme-web")
        self.assertEqual((code, page), (0, "This is acme.\n"), errors)
        self.assertEqual(self.lab.tenants["acme"].clients(), {address})


    def test_tells_how_long_the_start_of_an_environment_took(self):
        environment = support.Environment(self.lab, "acme-web")
        self.addCleanup(environment.close)
        told = re.fullmatch(r"hypernat: attached (\d+) us after the request was read, command launched (\d+) us later\n",
                            environment.times)
        self.assertIsNotNone(told, environment.times)
        attached, launched = map(int, told.groups())
        self.assertTrue(attached < 1_000_000 and 0 < launched < 10_000_000, environment.times)


class Crash(ControlTestCase):
    rounds = 60 if support.LONG else 12

    def test_at_any_instant_loses_nothing_and_repeats_nothing(self):
        moments = random.Random(7)
        for _ in range(self.rounds):
            process = machine.Process("apply", [support.laboratory.binary(support.BUILD, "hypernat"), "--control",
                                                self.folder / "control.sock", "apply", self.file(EXAMPLE)],
                                      self.folder / "apply.log")
            time.sleep(moments.uniform(0, 0.15))
            self.lab.processes["control"].kill()
            process.handle.wait(30)
            before = self.table()
            self.lab.start_control()
            self.assertTrue(before is None or self.table() is not None)
        self.apply(EXAMPLE)
        state = self.settled()
        self.assertEqual(len(state["functions"]["Functions"]), 5)
        self.assertEqual(len(state["interfaces"]["Interfaces"]), 3)
        addresses = {(entry["SubnetId"], entry["Address"]) for entry in state["interfaces"]["Interfaces"]}
        self.assertEqual(len(addresses), 3)

    def test_brings_back_the_same_generation_and_interfaces(self):
        self.apply(EXAMPLE)
        state, status, table = self.settled(), self.lab.hypernat_json("status"), self.table()
        for _ in range(3):
            self.lab.processes["control"].kill()
            self.lab.start_control()
            again = self.lab.hypernat_json("status")
            for member in ("Epoch", "Generation", "TableSha256"):
                self.assertEqual(again[member], status[member])
            self.assertEqual(self.state(), state)
            self.assertEqual(self.table(), table)

    def table(self):
        path = self.folder / "store/table"
        return path.read_bytes() if path.exists() else None
