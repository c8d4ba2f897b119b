"""A mapping gets another interface by itself when its ports run short, and gives it back without cutting a flow.

Nobody asks for either: connections that programs open and close are all that changes, and the API is only looked at.
"""

import contextlib
import time

import support
import machine
import topology

FUNCTION = "acme-batch"
CALLERS, EACH = 2, 700  # with connections to one remote: together more than `widen_percent` of 64,512 ports
# Holds so many connections until it is told to let go.
CALLER = f"""
import socket, sys
held = [socket.create_connection(("{topology.WEB}", 80), 10) for _ in range({EACH})]
print("held", flush=True)
sys.stdin.readline()
for connection in held:
    connection.close()
print("let go", flush=True)
sys.stdin.readline()
"""
SETTLED = 2.5  # seconds: longer than it took the interface to become one that drains


class Connection:
    """An environment that talks to the tenant's echo server."""

    def __init__(self, lab):
        self.process = lab.invoke(FUNCTION, "socat", "-", f"TCP4:{topology.WEB}:{topology.ECHO_PORT}")

    def says_back(self, word):
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip() == word

    def close(self):
        self.process.kill()
        self.process.communicate()


class Scaling(support.LabTestCase):
    @classmethod
    def prepare(cls):
        cls.lab.control_changes = [
            (r"idle_after: 14d", "idle_after: 14d\nscaling: {widen_percent: 2, narrow_percent: 1, narrow_after: 500ms}"),
            (r"beat: 500ms", "beat: 100ms")]
        cls.lab.dataplane_changes = [(r"beat: 500ms", "beat: 100ms"), (r"tcp_closing: 60s", "tcp_closing: 1s")]
        super().prepare()

    def interfaces(self, state=None):
        """Addresses of the function's mapping, by the id of their interfaces."""
        mapping = next(each for each in self.lab.hypernat_json("mappings")["Mappings"] if FUNCTION in each["Functions"])
        return {each["Id"]: each["Address"] for each in mapping["Interfaces"] if state in (None, each["State"])}

    @contextlib.contextmanager
    def load(self):
        """While there is much to do; in the end all of it is let go, in good order."""
        callers = [self.lab.invoke(FUNCTION, "python3", "-c", CALLER) for _ in range(CALLERS)]
        for caller in callers:
            self.addCleanup(caller.communicate)
            self.addCleanup(caller.kill)
        for caller in callers:
            if caller.stdout.readline() != "held\n":
                self.fail(caller.communicate()[1])
        yield
        for caller in callers:
            caller.stdin.write("\n")
            caller.stdin.flush()
            self.assertEqual(caller.stdout.readline(), "let go\n")

    def peers(self):
        """Addresses that the tenant's echo server has connections from."""
        told = machine.run("ss", "-Htn", "state", "established", "sport", "=", f":{topology.ECHO_PORT}", namespace="acme").stdout
        return [line.split()[3].rsplit(":", 1)[0] for line in told.splitlines()]

    def connect_until(self, address):
        """A connection through the interface that has the address."""
        for number in range(20):
            before = self.peers()
            connection = Connection(self.lab)
            self.addCleanup(connection.close)
            self.assertTrue(connection.says_back(f"hello {number}"))
            after = self.peers()
            if after.count(address) > before.count(address):
                return connection
            connection.close()
        return self.fail(f"of 20 connections none went through {address}")

    def test_follows_the_load_and_cuts_no_connection(self):
        (first, address), = self.interfaces().items()
        with self.load():
            machine.wait_for("another interface", lambda: len(self.interfaces("Active")) == 2)
            (second, other), = (each for each in self.interfaces().items() if each[0] != first)
            stays = self.connect_until(other)
        machine.wait_for("it to drain", lambda: self.interfaces("Draining") == {second: other})
        for number in range(int(SETTLED / 0.25)):
            self.assertTrue(stays.says_back(f"still there {number}"), "the connection was cut")
            time.sleep(0.25)
        self.assertEqual(self.interfaces(), {first: address, second: other})
        self.assertEqual(self.interfaces("Draining"), {second: other}, "it stays while it has a flow")
        for number in range(5):
            later = Connection(self.lab)
            self.addCleanup(later.close)
            self.assertTrue(later.says_back(f"later {number}"))
        self.assertEqual(self.peers().count(other), 1, "new connections go through interfaces that stay")
        stays.close()
        machine.wait_for("it to go", lambda: self.interfaces() == {first: address})
        self.assertTrue(later.says_back("after all"))
