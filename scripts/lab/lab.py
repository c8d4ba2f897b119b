"""The whole of Hypernat on the lab's network: data plane, control plane, two worker hosts, two tenants.

The programs run with the files of config/, their folders replaced by this run's own. Quickstart and system tests
are both made of this.
"""

import json
import os
import pathlib
import re
import socket
import subprocess

import folders
import hugepages
import machine
import topology
from machine import LabError, Process, wait_for

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HUGEPAGES = 256  # of 2 MiB
BINARIES = {"hypernat-dataplane": "dataplane", "hypernat-control": "control", "hypernat-workerhost": "control/workerhost",
            "hypernat": "control/cli"}


def binary(build, name):
    path = pathlib.Path(build) / BINARIES[name] / name
    if not path.exists():
        raise LabError(f"{path} is not built", "run scripts/build")
    return path


def lcores(workers, cpus=None):
    """EAL's --lcores: a main lcore and the workers, spread over the CPUs; those that we may use unless given."""
    cpus = cpus or sorted(os.sched_getaffinity(0))
    return ",".join(f"{number}@{cpus[number % len(cpus)]}" for number in range(workers + 1))


class Memory:
    """The data plane's memory: hugepages on loan, or ordinary pages when there are none to have."""

    def __init__(self, folder, huge):
        self.mount = pathlib.Path(folder) / "hugetlbfs"
        self.loan = hugepages.Hugepages(HUGEPAGES) if huge else None
        self.reason = "as asked" if not huge else ""

    def acquire(self):
        if self.loan is not None and not self._borrow():
            self.loan = None
            self.reason = f"this machine has no {HUGEPAGES} hugepages of 2 MiB to give"

    def _borrow(self):
        if not self.loan.reserve():
            return False
        self.mount.mkdir()
        done = machine.run("mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", self.mount, check=False)
        if done.returncode != 0:
            self.loan.release()
        return done.returncode == 0

    def eal_arguments(self):
        if self.loan is None:
            return ["--no-huge", "-m", "512", "--iova-mode=va"]
        return [f"--huge-dir={self.mount}", "--iova-mode=va"]

    def release(self):
        if self.loan is not None:
            machine.run("umount", self.mount, check=False)
            self.loan.release()

    def __str__(self):
        return f"{HUGEPAGES} hugepages" if self.loan is not None else f"no hugepages ({self.reason})"


class Lab:
    """A context: everything ends with it, in the reverse order."""

    def __init__(self, folder, build=ROOT / "build", huge=True, workers=1, slots=None):
        self.build = pathlib.Path(build)
        self.folder = folder
        self.name = folders.file_prefix(folder)
        self.functions = ROOT / "config/functions.yaml"
        self.workers = workers
        self.slots = slots  # of each worker host; None: as config/ says
        self.cpus = sorted(os.sched_getaffinity(0))
        self.scheduling = "ordinary"
        self.control_changes = []  # pairs of (pattern, text), for control.yaml
        self.dataplane_changes = []  # the same for dataplane.yaml
        self.time_scale = 1  # of the control plane's life cycle
        self.crowd = 0  # functions of others, each with a mapping of its own
        self.memory = Memory(self.folder, huge)
        self.tenants = {tenant.name: topology.TenantServers(tenant, self.folder / tenant.name) for tenant in topology.TENANTS}
        self.processes = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # The programs' configuration.

    def render(self, file, name=None, replace=()):
        """A file of config/ with this run's folders in it; `replace` holds pairs of (pattern, text)."""
        text = (ROOT / "config" / file).read_text(encoding="utf-8")
        for pattern, value in [(r"/run/hypernat\b|/var/lib/hypernat\b", str(self.folder)), *replace]:
            text, times = re.subn(pattern, value, text)
            if times == 0:
                raise LabError(f"config/{file} holds nothing like '{pattern}'")
        path = self.folder / (name or file)
        path.write_text(text, encoding="utf-8")
        return path

    def give_worker_its_own_cpu(self):
        """For measurements, before the start: whatever is not a worker of the data plane shares the first CPU."""
        if len(self.cpus) <= self.workers:
            raise LabError(f"{self.workers} worker(s) of the data plane and everything else need {self.workers + 1} CPUs of "
                           f"their own; this machine gives {len(self.cpus)}")
        self.scheduling = "real_time"
        os.sched_setaffinity(0, self.cpus[:1])

    # Starting and stopping.

    def start(self):
        topology.make_network()
        for servers in self.tenants.values():
            servers.start()
        self.start_dataplane()
        self.start_control()
        self.start_worker_hosts()

    def launch(self, name, command, namespace=None):
        self.processes[name] = Process(name, command, self.folder / f"{name}.log", namespace)
        return self.processes[name]

    def start_dataplane(self, config=None):
        if "dataplane" not in self.processes:
            self.memory.acquire()
        config = config or self.render("dataplane.yaml", replace=[
            (r"file_prefix: .*", f"file_prefix: {self.name}"),
            (r"--lcores=.*", f"--lcores={lcores(self.workers, self.cpus)}"),
            (r"scheduling: ordinary", f"scheduling: {self.scheduling}"),
            (r"  flows: 65536", f"  flows: 65536\n  mappings: {self.crowd + 4096}\n  interfaces: {self.crowd + 4096}\n"
                                f"  subnets: {self.crowd // 100 + 1024}"),
            (r"lcores: \[1\]", f"lcores: {list(range(1, self.workers + 1))}"), *self.dataplane_changes])
        process = self.launch("dataplane", [binary(self.build, "hypernat-dataplane"), "--config", config, "--",
                                            *self.memory.eal_arguments()])
        wait_for("the data plane to answer", lambda: self.hypernat("account", check=False).returncode == 0, 30,
                 watch=[process])
        for tap in topology.TAPS:
            topology.let_tap_learn(tap)

    def start_control(self):
        quota = [(r"(mapping_reuse_after: .*)", r"\1\ninterfaces_per_vpc: 100000")] if self.crowd else []
        config = self.render("control.yaml", replace=[(r"time: 90s", "time: 0s"), (r"release_after: 20m", "release_after: 0s"),
                                                      *quota, *self.control_changes])
        if self.crowd and not (self.folder / "control.db").exists():
            machine.run(self.build / "tests/tools/fill_database", self.folder / "control.db", self.crowd)
        process = self.launch("control", [binary(self.build, "hypernat-control"), "--config", config,
                                          "--time-scale", self.time_scale])
        wait_for("the control plane to answer", lambda: self.hypernat("status", check=False).returncode == 0,
                 120 if self.crowd else 10, watch=[process])

    def start_worker_hosts(self):
        for host in topology.WORKER_HOSTS:
            slots = [(r"slots: \d+", f"slots: {self.slots}")] if self.slots is not None else []
            config = self.render("workerhost.yaml", f"{host.name}.yaml",
                                 [(r"\bwh1\b", host.name), (r"192\.0\.2\.11", host.address), *slots])
            self.launch(host.name, [binary(self.build, "hypernat-workerhost"), "--config", config], host.name)
        names = {host.name for host in topology.WORKER_HOSTS}
        wait_for("the worker hosts to make their slots", lambda: all(self.listens(name) for name in names), 30,
                 watch=[self.processes[name] for name in names])

    def listens(self, host):
        """Whether a worker host takes requests: it has registered and made its slots then."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            return client.connect_ex(str(self.folder / f"{host}.sock")) == 0

    def stop(self):
        for process in reversed(list(self.processes.values())):
            process.stop()
        for servers in self.tenants.values():
            for process in servers.processes:
                process.stop()
        self.memory.release()
        folders.remove(self.folder)

    # The operator's command.

    def environment(self):
        return {"HYPERNAT_CONTROL": str(self.folder / "control.sock"), "HYPERNAT_DATAPLANE": self.name}

    def hypernat(self, *arguments, check=True, **options):
        return machine.run(binary(self.build, "hypernat"), *arguments, check=check,
                           env={**os.environ, **self.environment()}, **options)

    def hypernat_json(self, *arguments):
        return json.loads(self.hypernat("--json", *arguments).stdout)

    def invoke(self, function, *command):
        """An execution environment that runs beside us, its streams pipes of ours."""
        return self.begin("invoke", function, *(["--", *command] if command else []))

    def trace(self, *arguments):
        """A trace that runs beside us; it is armed when this returns."""
        trace = self.begin("trace", *arguments)
        told = trace.stderr.readline()
        if "waiting" not in told:
            trace.kill()
            raise LabError("hypernat trace did not begin", told + trace.communicate()[1])
        return trace

    def begin(self, *arguments):
        words = [str(word) for word in (binary(self.build, "hypernat"), *arguments)]
        return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                bufsize=1, env={**os.environ, **self.environment()})

    def evidence(self):
        """What the logs say of trouble, for when something failed."""
        return "\n".join(process.evidence() for process in self.processes.values())
