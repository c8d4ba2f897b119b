"""What scripts/bench measures beside the data plane still runs and says what the tables need; how fast it is, nobody asks."""

import json
import subprocess
import sys
import unittest

import support
import topology


def setUpModule():
    topology.prepare_mounts()


def measured(script, *arguments):
    done = subprocess.run([sys.executable, "-B", support.ROOT / f"scripts/measure/{script}.py", *map(str, arguments)],
                          check=False, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise AssertionError(f"{script} {arguments}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


class Peers(unittest.TestCase):
    FLOWS = 1000
    WINDOWS = 1

    def check(self, peer):
        said = measured("peers", peer, self.FLOWS, self.WINDOWS)
        self.assertEqual(len(said["cycles"]), self.WINDOWS, said)
        for figure in (*said["cycles"], said["opening"], said["tsc_hz"]):
            self.assertGreater(figure, 0, said)
        self.assertGreaterEqual(said["lost"], 0, said)

    def test_testpmd(self):
        self.check("testpmd-io")

    def test_nftables(self):
        self.check("nftables")


class Search(unittest.TestCase):
    FLOWS = 1000
    STEPS = 1

    def test_between_two_processes(self):
        said = measured("search", "memif", self.FLOWS, self.STEPS)
        self.assertEqual(said["capacity"], self.FLOWS, said)
        self.assertGreater(said["tear-down"], 0, said)
        self.assertLessEqual({"throughput", "establishment", "tsc_hz"}, set(said))


if __name__ == "__main__":
    unittest.main()
