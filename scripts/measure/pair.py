"""A data plane on two virtual devices whose other ends another process holds: vhost/virtio-user, or memif.

Both processes map each other's buffers, which takes hugepages, each segment a file of its own, and a file prefix for
each. The sockets lie in the run's folder, so that none is left from before. Everything runs inside namespaces of its
own (scripts/lab/enter.py): what is forgotten ends with them.
"""

import json
import os
import pathlib
import re
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.append(str(ROOT / "scripts/lab"))

import folders  # noqa: E402
import hugepages  # noqa: E402
import lab  # noqa: E402
import machine  # noqa: E402
from machine import LabError  # noqa: E402

SIDES = ("inside", "outside")
# What the data plane opens, and what its peer does; Pktgen and testpmd copy their packets into either.
OURS = {"vhost": "net_vhost{number},iface={socket}",
        "memif": "net_memif{number},role=server,socket={socket},socket-abstract=no"}
THEIRS = {"vhost": "net_virtio_user{number},path={socket},queue_size=1024",
          "memif": "net_memif{number},role=client,socket={socket},socket-abstract=no"}
DEVICES = tuple(OURS)


class Pages:
    """Hugepages for every process of a run: borrowed ones or, where none can be, those that are free; a file system in front.

    What is free need not stay so: it may be what somebody else has borrowed and not used yet.
    """

    def __init__(self, folder, count):
        self.mount = folder / "hugetlbfs"
        self.count = count
        self.loan = None

    def acquire(self):
        loan = hugepages.Hugepages(self.count)
        if loan.reserve():
            self.loan = loan
        elif hugepages.free() < self.count:
            raise LabError(f"two processes that share memory need {self.count} hugepages of 2 MiB, and this machine "
                           f"has {hugepages.free()} to give")
        self.mount.mkdir()
        machine.run("mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", self.mount)

    def eal_arguments(self, prefix):
        return [f"--huge-dir={self.mount}", "--iova-mode=va", "--no-pci", "--single-file-segments", f"--file-prefix={prefix}"]

    def release(self):
        machine.run("umount", self.mount, check=False)
        if self.loan is not None:
            self.loan.release()


class Cpus:
    """The last CPU is the data plane's worker's; whatever sleeps shares the first, where the peer works as well."""

    def __init__(self):
        self.all = sorted(os.sched_getaffinity(0))
        self.worker = self.all[-1]
        self.peer = self.all[:-1] or self.all

    def peer_lcores(self):
        """A main lcore and one that works: on CPUs of their own when there are enough."""
        return f"0@{self.peer[0]},1@{self.peer[min(1, len(self.peer) - 1)]}"


class Pair:
    """The data plane of scripts/pktgen's configuration, and what the process at the other end is to be told."""

    def __init__(self, folder, device, build=ROOT / "build", pages=512):
        self.folder = pathlib.Path(folder)
        self.device = device
        self.build = pathlib.Path(build)
        self.cpus = Cpus()
        self.pages = Pages(self.folder, pages)
        self.prefix = folders.file_prefix(self.folder)
        self.dataplane = None

    def __enter__(self):
        self.pages.acquire()
        return self

    def __exit__(self, *_):
        if self.dataplane is not None:
            self.dataplane.stop()
        self.pages.release()
        for left in folders.dpdk_folder(self.folder).parent.glob(f"{self.prefix}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def socket(self, side):
        return self.folder / f"{side}.sock"

    def _devices(self, forms, sides=SIDES):
        return [forms[self.device].format(number=number, socket=self.socket(side)) for number, side in enumerate(sides)]

    def publish(self, table):
        """A mapping table in the YAML of make_table."""
        machine.run(self.build / "tests/tools/make_table", self.folder / "store", input=table)

    def start(self, flows=65536, more=()):
        """The table is published; `more` holds pairs of (pattern, text) for the configuration."""
        text = (ROOT / "scripts/pktgen/dataplane.yaml").read_text(encoding="utf-8")
        devices = iter(self._devices(OURS))
        replaced = [(r"--vdev=.*", lambda _: f"--vdev={next(devices)}"), (r"net_vhost(\d)}", rf"net_{self.device}\1}}"),
                    (r"--lcores=.*", f"--lcores=0@{self.cpus.all[0]},1@{self.cpus.worker}"),
                    (r"file_prefix: .*", f"file_prefix: {self.prefix}"), (r"/run/hypernat", str(self.folder)),
                    (r"  flows: \d+", f"  flows: {flows}"), *more]
        for pattern, value in replaced:
            text, times = re.subn(pattern, value, text)
            if times == 0:
                raise LabError(f"scripts/pktgen/dataplane.yaml holds nothing like '{pattern}'")
        config = self.folder / "dataplane.yaml"
        config.write_text(text, encoding="utf-8")
        for side in SIDES:
            self.socket(side).unlink(missing_ok=True)
        eal = [word for word in self.pages.eal_arguments(self.prefix) if not word.startswith(("--no-pci", "--single", "--file"))]
        self.dataplane = machine.Process("dataplane", [lab.binary(self.build, "hypernat-dataplane"), "--config", config, "--", *eal],
                                         self.folder / "dataplane.log")
        machine.wait_for("the data plane to have its table", self._is_ready, 60, watch=[self.dataplane])

    def _is_ready(self):
        done = self.hypernat("account", check=False)
        return done.returncode == 0 and all(self.socket(side).exists() for side in SIDES)

    def peer_arguments(self, sides=SIDES):
        """EAL arguments of the process at the other end of these sides; its ports come in their order."""
        prefix = f"{self.prefix}-{'-'.join(sides)}"
        return [f"--lcores={self.cpus.peer_lcores()}", *self.pages.eal_arguments(prefix),
                *[f"--vdev={device}" for device in self._devices(THEIRS, sides)]]

    def hypernat(self, *arguments, check=True):
        return machine.run(lab.binary(self.build, "hypernat"), *arguments, check=check,
                           env={**os.environ, "HYPERNAT_DATAPLANE": self.prefix})

    def account(self):
        """The worker's packet account."""
        return json.loads(self.hypernat("--json", "account").stdout)[0]

    def open_flows(self):
        """Of all tenants."""
        return sum(tenant["flows_open"] for tenant in json.loads(self.hypernat("--json", "tenants").stdout))

    def drops(self):
        return {reason: count for reason, count in json.loads(self.hypernat("--json", "drops").stdout).items() if count}


def report(name, work):
    """Does the work in a folder of its own; what fails is said under the name. Returns the exit code."""
    try:
        with folders.of_a_run() as folder:
            work(folder)
    except (LabError, OSError) as problem:
        print(f"{name}: {problem}\n{getattr(problem, 'evidence', '')}", file=sys.stderr)
        return 1
    return 0
