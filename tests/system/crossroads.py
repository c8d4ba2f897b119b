"""What lies behind acme's router: roads that are narrow, lossy or out of order, and the internet behind a NAT gateway.

    env wh1 ─┐                          ┌─ narrow (MTU 1300) ─ acme-bend ─ acme-narrow  10.0.7.20
    env wh2 ─┴─ data plane ─ acme's ────┼─ 1 % lost each way ───────────── acme-lossy   10.0.4.20
                             router     ├─ a seeded shuffler ───────────── acme-mixed   10.0.5.20
                             10.0.1.1   └─ masquerade ──────────────────── internet     203.0.113.20

Each road ends at a namespace with two services: one hands out a file, the other answers a file with its checksum. The
outside is 1400 bytes wide where environments and servers have 1450, so that the NAT is a narrow place as well.
"""

import hashlib
import random
import sys

import test_dataplane
import topology
from machine import Process, ip, make_namespace, run, wait_for, write_setting
from support import ROOT

OUTSIDE_MTU = 1400
NARROW_MTU = 1300
FILE_PORT, SUM_PORT = 19, 9
FILE_BYTES = 3 << 20

BEND = "10.0.3.2"
NARROW = "10.0.7.20"
LOSSY = "10.0.4.20"
MIXED = "10.0.5.20"
INTERNET = "203.0.113.20"
BLACKHOLE = "198.18.0.20"
ROADS = {"acme-narrow": NARROW, "acme-lossy": LOSSY, "acme-mixed": MIXED, "internet": INTERNET}

PORTS = "  - {name: inside0, device: net_tap0}\n  - {name: outside0, device: net_tap1}"
ATTACHMENTS = (
    f"  - {{name: hosts, side: inside, port: inside0, encapsulation: vxlan, address: {topology.DATAPLANE_INSIDE}/24}}\n"
    f"  - {{name: tenants, side: outside, port: outside0, encapsulation: vxlan, address: {topology.DATAPLANE_OUTSIDE}/24,"
    f" mtu: {OUTSIDE_MTU}}}")
DEVICES = [f"net_tap{number},iface={tap}" for number, tap in enumerate(topology.TAPS)]


def table():
    """acme's route table leads everywhere but into a blackhole; globex's knows its VPC only."""
    local = "{prefix: 10.0.1.0/24, target: local}"
    acme = f"[{{prefix: 0.0.0.0/0, target: router}}, {local}, {{prefix: 198.18.0.0/15, target: blackhole}}]"
    globex = f"[{{prefix: 10.0.0.0/16, target: router}}, {local}]"
    text = test_dataplane.table().replace(test_dataplane.ROUTES, f"[{acme}, {globex}]")
    segment = f"segment: {topology.TENANTS[1].segment},"
    return text.replace(segment, f"{segment} route_set: 1,")


def cable(near, near_address, far, far_address, mtu=1500):
    """A cable from a router's namespace to another one, which it makes; both ends are called after the far one."""
    make_namespace(far)
    ip(f"link add {far} netns {near} mtu {mtu} type veth peer name {far} netns {far}")
    ip(f"link set {far} mtu {mtu}", far)
    for namespace, address in ((near, near_address), (far, far_address)):
        ip(f"addr add {address}/24 dev {far}", namespace)
        ip(f"link set {far} up", namespace)


def be_router(namespace):
    write_setting("net/ipv4/ip_forward", 1, namespace)
    write_setting("net/ipv4/icmp_ratelimit", 0, namespace)  # a traceroute has its answers at once


def nft(namespace, *lines):
    run("nft", "-f", "-", namespace=namespace, input="\n".join(lines) + "\n")


class Crossroads:
    """Made once for a module, after its Network."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "file.bin"
        self.processes = []

    def make(self):
        content = random.Random(5).randbytes(FILE_BYTES)
        self.file.write_bytes(content)
        self.sum = hashlib.sha256(content).hexdigest()
        be_router("acme")
        self._make_narrow()
        self._make_lossy()
        self._make_mixed()
        self._make_internet()
        for namespace, address in ROADS.items():
            self._serve(namespace, address)
        for namespace, address in ROADS.items():
            wait_for(f"the services of {namespace}", lambda: self._serves(namespace, address))

    def _make_narrow(self):
        """The narrow place is in the middle, where neither end's own MTU tells of it."""
        cable("acme", "10.0.3.1", "acme-bend", BEND, NARROW_MTU)
        be_router("acme-bend")
        ip("route add default via 10.0.3.1", "acme-bend")
        cable("acme-bend", "10.0.7.1", "acme-narrow", NARROW)
        ip("route add default via 10.0.7.1", "acme-narrow")
        ip(f"route add 10.0.7.0/24 via {BEND}", "acme")

    def _make_lossy(self):
        cable("acme", "10.0.4.1", "acme-lossy", LOSSY)
        ip("route add default via 10.0.4.1", "acme-lossy")
        nft("acme", "table ip lossy {", "  chain forward {", "    type filter hook forward priority 0;",
            *[f"    {side} acme-lossy numgen random mod 100 < 1 counter drop" for side in ("iifname", "oifname")], "  }", "}")

    def _make_mixed(self):
        make_namespace("acme-mixed")
        self._start("shuffler", [sys.executable, "-B", ROOT / "tests/system/shuffler.py", "7", "acme", "acme-mixed"])
        for namespace, address in (("acme", "10.0.5.1"), ("acme-mixed", MIXED)):
            wait_for("the shuffler's device", lambda: run("ip", "link", "show", "mixed", namespace=namespace, check=False)
                     .returncode == 0, watch=self.processes)
            ip(f"addr add {address}/24 dev mixed", namespace)
            ip("link set mixed up", namespace)
        ip("route add default via 10.0.5.1", "acme-mixed")

    def _make_internet(self):
        """Nobody out there has a route to the VPC: without the gateway's translation no answer comes back."""
        cable("acme", "203.0.113.1", "internet", INTERNET)
        self.open_gateway()

    def open_gateway(self):
        ip("link set internet up", "acme")
        nft("acme", "table ip gateway {", "  chain postrouting {", "    type nat hook postrouting priority srcnat;",
            "    oifname internet masquerade", "  }", "}")

    def close_gateway(self):
        nft("acme", "delete table ip gateway")
        ip("link set internet down", "acme")

    def _serve(self, namespace, address):
        for port, command in ((FILE_PORT, f"cat {self.file}"), (SUM_PORT, "sha256sum")):
            listen = f"TCP4-LISTEN:{port},bind={address},fork,reuseaddr,backlog=64"
            self._start(f"{namespace}-{port}", ["socat", "-t", "30", listen, f"SYSTEM:{command}"], namespace)

    @staticmethod
    def _serves(namespace, address):
        done = run("socat", "-t", "5", "-", f"TCP4:{address}:{SUM_PORT}", namespace=namespace, check=False, input="")
        return done.returncode == 0

    def _start(self, name, command, namespace=None):
        self.processes.append(Process(name, command, self.folder / f"{name}.log", namespace=namespace))

    def stop(self):
        for process in reversed(self.processes):
            process.stop()


def netstat(namespace, group, name):
    """One of the kernel's own counters, of /proc/net/snmp or /proc/net/netstat."""
    lines = run("cat", "/proc/net/snmp", "/proc/net/netstat", namespace=namespace).stdout.splitlines()
    names, values = [line.split() for line in lines if line.startswith(f"{group}:")]
    return int(values[names.index(name)])
