"""The way of before 2019: an interface for each environment, made on the way and gone with it."""

import signal

import support
import machine


class PerEnvironment(support.LabTestCase):
    def begin(self, milliseconds, *command):
        return self.lab.begin("invoke", "--per-environment", "--provisioning", f"{milliseconds}ms", "acme-web",
                              "--", *command)

    def leases(self):
        return self.lab.hypernat_json("leases")["Leases"]

    def assert_nothing_is_left(self):
        self.assertEqual(self.leases(), [])
        self.assertEqual([entry for entry in self.lab.hypernat_json("interfaces")["Interfaces"] if "Lease" in entry], [])

    def test_the_tenant_sees_an_address_that_was_nobodys_and_is_nobodys_afterwards(self):
        shared = {entry["Address"] for entry in self.lab.hypernat_json("interfaces")["Interfaces"] if entry["Account"] == "111122223333"}
        process = self.begin(300, "sh", "-c", "curl -s http://web.internal/; cat")
        line = process.stdout.readline()
        self.assertEqual(line, "This is acme.\n", "" if line else process.communicate()[1])
        lease = self.leases()[0]
        self.assertEqual(lease["State"], "Active")
        times = [lease[name] for name in ("RequestedAt", "ProvisionedAt", "PublishedAt", "ActiveAt")]
        self.assertEqual(times, sorted(times))
        self.assertGreaterEqual(lease["ProvisionedAt"], lease["RequestedAt"] + 300)
        self.assertNotIn(lease["Address"], shared)
        self.assertIn(lease["Address"], self.lab.tenants["acme"].clients())
        self.assertIn(lease["Id"], self.lab.hypernat("mappings").stdout)
        self.assertEqual(process.communicate()[0], "")
        self.assertEqual(process.returncode, 0)
        self.assert_nothing_is_left()

    def test_exit_codes_are_the_commands_and_nothing_is_left(self):
        process = self.begin(0, "sh", "-c", "exit 7")
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 7)
        self.assert_nothing_is_left()

    def test_a_signal_ends_it_while_it_waits_for_the_interface(self):
        process = self.begin(60_000, "true")
        machine.wait_for("the lease", self.leases, 10)
        process.terminate()
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        self.assert_nothing_is_left()

    def test_a_signal_ends_it_while_the_command_runs(self):
        process = self.begin(0, "sh", "-c", "echo runs; sleep 60")
        self.assertEqual(process.stdout.readline(), "runs\n")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, 128 + signal.SIGINT)
        self.assert_nothing_is_left()
