"""Whoever is killed, and whenever: nothing is left behind, and the next environment works."""

import contextlib
import os
import pathlib
import random
import signal
import time

from test_workerhost_takeover import TakeoverTestCase, read_all
from workerhost_lab import LONG, SERVER, is_alive, processes_beside, run, wait_until


class Deaths(TakeoverTestCase):
    """Somebody is killed at a random moment of a start, a run or an end, again and again; one environment lives on."""

    rounds = 600 if LONG else 120
    survivor = 0  # the process that is nobody's victim
    deaths = 0

    def test_nothing_is_left_behind_whoever_dies_and_whenever(self):
        random.seed(seed := int(time.time()))
        print(f"    seed {seed}")
        before = self.look()
        read, write = os.pipe()
        survivor, started = self.started(["cat"], stdin=read, timeout=0)
        self.survivor = started["Pid"]
        self.deaths = self.rounds
        for number in range(self.rounds):
            self.round(random.choice(("client", "client", "init", "init", "command", "command", "worker host")))
            os.write(write, b"%d\n" % number)
            if self.lab.process.poll() is not None:
                self.lab.start()
            self.check_survivor()
        os.close(read)
        os.close(write)
        self.assertEqual(read_all(survivor.pipes[0]).split(), [str(number) for number in range(self.rounds)])
        self.assertEqual(survivor.event(), {"Event": "exited", "ExitCode": 0})
        self.wait_for_nothing()
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: self.look() == before)
        self.assertEqual(self.look(), before)
        for _ in range(self.slots):
            self.assertEqual(self.lab.shell(f"curl -sS -m 5 http://{SERVER}/")[1], "page of acme")
        print(f"    {self.deaths} deaths, the worker host's own among them")

    def check_survivor(self):
        self.assertIn(self.survivor, [one["Pid"] for one in self.lab.status()["Environments"]])

    def look(self):
        """Everything that the dead could leave."""
        return {"first processes": self.inits(), "network namespaces": self.network_namespaces(),
                "mounts": self.mounts(), "devices": sorted(self.lab.own_devices())}

    def round(self, victim):
        """One to three environments; one victim; then all clients go."""
        environments = []
        try:
            for _ in range(random.randint(1, 3)):
                environments.append(self.lab.environment(["sh", "-c", f"sleep {random.choice((0, 0.005, 0.02, 5))}"]))
            time.sleep(random.choice((0, random.random() * 0.003, random.random() * 0.03)))
            if victim == "client":
                environments[0].close()
            elif victim == "worker host":
                self.lab.stop(signal.SIGKILL)
                self.kill_while_it_starts(random.choice((0, 0, 1, 2)))
            else:
                self.kill_inside(victim)
            if random.random() < 0.3 and self.lab.process.poll() is not None:
                self.lab.start()
        finally:
            for environment in environments:
                environment.close()

    def kill_while_it_starts(self, times):
        for _ in range(times):
            self.lab.start(wait=False)
            time.sleep(random.random() * 0.1)
            self.lab.stop(signal.SIGKILL)
            self.deaths += 1

    def kill_inside(self, victim):
        """An init of an environment, or a process under one; what is not there any more is nobody's victim."""
        inits = [pid for pid in self.inits() if pid != self.survivor]
        for pid in random.sample(inits, min(1, len(inits))):
            victims = [pid] if victim == "init" else self.beside(pid)
            for one in victims[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)

    @staticmethod
    def beside(pid):
        try:
            return processes_beside(pid)
        except OSError:
            return []

    @staticmethod
    def inits():
        """Processes called "environment"."""
        found = []
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                name = pathlib.Path(f"/proc/{entry}/comm").read_text() if entry.isdigit() else ""
                if name == "environment\n" and is_alive(int(entry)):
                    found.append(int(entry))
        return found

    @staticmethod
    def network_namespaces():
        return len(run("lsns", "-t", "net", "-n", "-o", "NS").split())

    @staticmethod
    def mounts():
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            return mounts.readlines()
