"""Workers move between lcores of a running data plane: no flow, port or packet notices."""

import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import unittest

import lab as laboratory
import support
import test_dataplane
import topology
from machine import Process, wait_for

STREAMS = support.ROOT / "tests/system/streams.py"
CONNECTIONS, SOCKETS = 12, 12
MOVES = 40 if support.LONG else 3
WHAT_A_FLOW_IS = ("protocol", "inside", "inside_port", "interface", "interface_port", "remote", "remote_port", "worker")
PORTS = "  - {name: inside0, device: net_tap0}\n  - {name: outside0, device: net_tap1}"
ATTACHMENTS = ("  - {name: hosts, side: inside, port: inside0, encapsulation: vxlan, address: 192.0.2.1/24}\n"
               "  - {name: tenants, side: outside, port: outside0, encapsulation: vxlan, address: 198.51.100.1/24}")


def setUpModule():
    folder = test_dataplane.Network.make_for_module()
    echo = Process("echo", [sys.executable, "-B", STREAMS, "echo", topology.WEB], folder / "streams.log", namespace="acme")
    unittest.addModuleCleanup(echo.stop)


class Frozen:
    """A context in which one thread of a process stands still, as if the machine had taken its CPU away."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17

    def __init__(self, pid, name):
        threads = [task for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                   if (task / "comm").read_text(encoding="ascii").strip() == name]
        (self.thread,) = [int(task.name) for task in threads]
        self.libc = ctypes.CDLL(None, use_errno=True)

    def __enter__(self):
        self._ptrace(self.SEIZE)
        self._ptrace(self.INTERRUPT)
        os.waitpid(self.thread, 0x40000000)  # __WALL

    def __exit__(self, *_):
        self._ptrace(self.DETACH)

    def _ptrace(self, request):
        if self.libc.ptrace(ctypes.c_long(request), ctypes.c_long(self.thread), None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace of {self.thread}")


class MoreLcores(test_dataplane.DataplaneTestCase):
    workers = 4
    eal_lcores = 3
    lcores = [1]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.publish(test_dataplane.table())
        cls.start(PORTS, ATTACHMENTS, [f"net_tap{number},iface={tap}" for number, tap in enumerate(topology.TAPS)])
        cls.file = cls.config.read_text(encoding="utf-8")

    @classmethod
    def stop_cleanly(cls):
        """In the middle of a move."""
        cls.change("lcores: [1]", "lcores: [2, 3]")
        super().stop_cleanly()

    @classmethod
    def change(cls, known, text):
        """Has the data plane read its file with one change; returns what it says of it."""
        assert known in cls.file, known
        cls.config.write_text(cls.file.replace(known, text), encoding="utf-8")
        said = cls.log()
        cls.dataplane.handle.send_signal(signal.SIGHUP)
        return lambda: cls.log()[len(said):]

    @classmethod
    def log(cls):
        return cls.dataplane.log.read_text(encoding="utf-8")

    def lcores_of_workers(self):
        return [worker["lcore"] for worker in self.pages("/hypernat/workers")]

    def move(self, lcores, expected):
        said = self.change("lcores: [1]", f"lcores: {lcores}")
        wait_for(f"workers on lcores {expected}", lambda: self.lcores_of_workers() == expected, watch=[self.dataplane])
        self.assertEqual(said().count("workers move: "), 1, said())
        return said()

    def flows(self):
        flows = [flow for flow in self.pages("/hypernat/flows") if flow["remote_port"] in (7010, 7011)]
        return sorted(tuple(flow[name] for name in WHAT_A_FLOW_IS) for flow in flows)

    def hold_streams(self):
        streams = Process("streams", [sys.executable, "-B", STREAMS, "hold", topology.WEB, CONNECTIONS, SOCKETS],
                          self.folder / "streams.log", namespace="wh1")
        self.addCleanup(streams.stop)
        wait_for("the streams", lambda: "all open" in streams.log.read_text(encoding="utf-8"), watch=[streams])
        wait_for("their flows", lambda: len(self.flows()) == CONNECTIONS + SOCKETS)
        return streams

    def test_second_lcore_takes_workers_over_and_no_flow_notices(self):
        streams = self.hold_streams()
        flows = self.flows()
        self.assertGreater(len({flow[-1] for flow in flows}), 2, "the flows are few workers'")
        self.assertEqual(self.lcores_of_workers(), [1, 1, 1, 1])
        for _ in range(MOVES):
            said = self.move([1, 2], [1, 2, 1, 2])
            self.assertIn("workers move: 1 from lcore 1 to lcore 2, 3 from lcore 1 to lcore 2; 2 of 4 stay\n", said)
            self.assertTrue(all(worker["milliseconds_since_round"] < 500 for worker in self.pages("/hypernat/workers")))
            self.move([3], [3, 3, 3, 3])
            self.move([1], [1, 1, 1, 1])
        self.assertEqual(self.flows(), flows)
        self.assertEqual(streams.stop(10), 0)
        told = json.loads(streams.log.read_text(encoding="utf-8").splitlines()[-1])
        self.assertEqual((told["missing"], told["failed"]), (0, []), told)
        self.assertGreater(told["datagrams"], 100 * SOCKETS)
        self.assertGreater(told["turns"], 20 * CONNECTIONS)
        self.assert_account_closes()

    def test_command_shows_where_workers_are(self):
        self.move([2, 3], [2, 3, 2, 3])
        self.addCleanup(self.move, [1], [1, 1, 1, 1])
        command = laboratory.binary(support.BUILD, "hypernat")
        for view in ("workers", "account"):
            shown = subprocess.run([command, "--dataplane", self.prefix, view], check=True, capture_output=True, text=True).stdout
            rows = [line.split()[:2] for line in shown.splitlines()]
            self.assertEqual(rows, [["WORKER", "LCORE"], ["0", "2"], ["1", "3"], ["2", "2"], ["3", "3"]], shown)

    def test_file_that_is_not_good_changes_nothing(self):
        rows = {
            "no YAML": ("node: dp1", "node: [", "that is not YAML"),
            "no lcore of EAL's": ("lcores: [1]", "lcores: [1, 9]", "lcore 9 is none of EAL's"),
            "the main lcore": ("lcores: [1]", "lcores: [0, 1]", "lcore 0 is the main one"),
            "more lcores than workers": ("lcores: [1]", "lcores: [1, 2, 3, 4, 5]", "5 lcores for workers.count 4; expected at most 4"),
            "another key": ("beat: 100ms", "beat: 200ms", "store.beat (100ms, now 200ms): only workers.lcores can change"),
            "lcores and another key": ("lcores: [1], count: 4", "lcores: [2], count: 5", "workers.count (4, now 5): only"),
            "the last line": ("198.51.100.1/24", "198.51.100.9/24", "attachments[1].address (198.51.100.1/24, now 198.51.100.9/24)"),
        }
        for name, (known, text, expected) in rows.items():
            with self.subTest(name):
                said = self.change(known, text)
                wait_for("the refusal", lambda: "everything stays as it is: " in said())
                self.assertIn(expected, said())
                self.assertEqual(self.lcores_of_workers(), [1, 1, 1, 1])

    def test_lcore_that_is_stuck_keeps_its_workers(self):
        with Frozen(self.dataplane.pid, "rte-worker-1"):
            said = self.change("lcores: [1]", "lcores: [2]")
            wait_for("the move to wait", lambda: said().count("its move waits until it is given up (lcore 1, to go to lcore 2)") == 4)
            wait_for("the alarm", lambda: "worker 3 (lcore 1, to go to lcore 2) has not polled for" in said())
            workers = self.pages("/hypernat/workers")
            self.assertEqual([(worker["lcore"], worker["wanted_lcore"]) for worker in workers], [(1, 2)] * 4)
            self.assertTrue(all(worker["milliseconds_since_round"] > 500 for worker in workers), workers)
        wait_for("the move", lambda: self.lcores_of_workers() == [2, 2, 2, 2])
        wait_for("the news", lambda: said().count("its move is done (lcore 2)") == 4 and "worker 3 (lcore 2) polls again" in said())
        self.move([1], [1, 1, 1, 1])

    def test_file_without_a_change_says_so(self):
        for text in ("lcores: [1]", "lcores:   [ 1 ]"):
            said = self.change("lcores: [1]", text)
            wait_for("the answer", lambda: "no worker has to move" in said())

    def test_more_lcores_than_workers_do_not_start(self):
        config = self.folder / "few.yaml"
        config.write_text(self.file.replace("lcores: [1], count: 4", "count: 2"), encoding="utf-8")
        command = [laboratory.binary(support.BUILD, "hypernat-dataplane"), "--config", config, "--", "--no-huge", "-m", "64",
                   f"--file-prefix={self.prefix}-few"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn("workers.lcores: found 3 lcores for 2 workers; expected at most one for each", done.stderr)


if __name__ == "__main__":
    unittest.main()
