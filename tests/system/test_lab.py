"""The lab's own parts, without the programs under test: namespaces, loans of hugepages, folders."""

import json
import os
import pathlib
import shutil
import tempfile
import unittest
import unittest.mock

import support
import folders
import hugepages
import machine
import topology


class Network(unittest.TestCase):
    def test_joins_two_worker_hosts_and_two_tenants(self):
        topology.make_network()
        names = [entry["name"] for entry in json.loads(machine.run("ip", "-j", "netns", "list").stdout)]
        self.assertEqual(sorted(names), ["acme", "globex", "wh1", "wh2"])
        for host in topology.WORKER_HOSTS:
            machine.run("ping", "-q", "-c", "1", "-W", "2", host.address, namespace="wh2")


class Hugepages(unittest.TestCase):
    """With a folder in the kernel's place: other runs borrow from the real one at the same time."""

    def setUp(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hypernat-hugepages."))
        self.addCleanup(shutil.rmtree, folder)
        for name in ("LEDGER", "POOL"):
            patch = unittest.mock.patch.object(hugepages, name, folder / name)
            patch.start()
            self.addCleanup(patch.stop)
        hugepages.POOL.mkdir()
        self.path = hugepages.POOL / "nr_hugepages"
        self.path.write_text("3", encoding="ascii")

    def number(self):
        return int(self.path.read_text(encoding="ascii"))

    def test_are_added_for_every_borrower_and_given_back_by_the_last(self):
        own = self.number()
        first, second = hugepages.Hugepages(8), hugepages.Hugepages(4)
        self.assertTrue(first.reserve())
        self.assertEqual(self.number(), own + 8)
        self.assertTrue(second.reserve())
        self.assertEqual(self.number(), own + 12)
        first.release()
        self.assertEqual(self.number(), own + 4)
        second.release()
        self.assertEqual(self.number(), own)

    def test_of_a_borrower_that_was_killed_go_back(self):
        own = self.number()
        child = os.fork()
        if child == 0:
            os._exit(0 if hugepages.Hugepages(8).reserve() else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(self.number(), own + 8)
        hugepages.settle()
        self.assertEqual(self.number(), own)

    def test_that_the_machine_has_not_are_refused_and_nothing_stays(self):
        own = self.number()
        self.assertFalse(hugepages.Hugepages(1 << 28).reserve())
        self.assertEqual(self.number(), own)


class Folders(unittest.TestCase):
    def test_of_the_living_stay_and_of_the_dead_go(self):
        folder, claim = folders.claim()
        folders.sweep()
        self.assertTrue(folder.exists())
        os.close(claim)
        folders.sweep()
        self.assertFalse(folder.exists())


