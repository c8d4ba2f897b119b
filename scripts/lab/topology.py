"""The network of the lab: two worker hosts inside, two tenants outside, a tap of the data plane on each side.

    wh1 ─┐                                              ┌─ acme     10.0.0.0/16: router .1.1, web .1.10, resolver .1.53
    wh2 ─┴─ bridge ─ tap inside [data plane] tap outside ─ bridge ─┴─ globex   10.0.0.0/16: the same addresses again
       192.0.2.0/24                                198.51.100.0/24

Both sides are VXLAN: inside one VNI per mapping, ended by the worker hosts' programs; outside one VNI per subnet, ended
by the kernel's VXLAN in the tenants' namespaces. The tenants' servers are nginx, dnsmasq and socat.
"""

import dataclasses
import os
import pathlib

import machine
from machine import ip, make_namespace, run

TAPS = ("hn-inside", "hn-outside")
BRIDGES = ("br-inside", "br-outside")
DATAPLANE_INSIDE = "192.0.2.1"
DATAPLANE_OUTSIDE = "198.51.100.1"
VXLAN_PORT = 4789
TAP_QUEUE = 5000  # packets: a worker that shares its CPU may be away for some 10 ms at 1 Gbit/s
TUNNEL_MTU = 1450  # 1500 less the outer headers: a kernel VXLAN without an underlying device would assume 1500
DOWNLOAD_BYTES = int(os.environ.get("HYPERNAT_LAB_DOWNLOAD", 100)) << 20  # the system tests ask for less

ROUTER = "10.0.1.1"
WEB = "10.0.1.10"
RESOLVER = "10.0.1.53"
REMOTE = "10.0.2.20"  # behind the router, elsewhere in the VPC
ECHO_PORT = 7


@dataclasses.dataclass(frozen=True)
class WorkerHost:
    name: str
    address: str
    zone: str = "a"


@dataclasses.dataclass(frozen=True)
class Tenant:
    name: str
    account: str
    vtep: str
    segment: int


WORKER_HOSTS = [WorkerHost("wh1", "192.0.2.11"), WorkerHost("wh2", "192.0.2.12")]
TENANTS = [Tenant("acme", "111122223333", "198.51.100.11", 5001), Tenant("globex", "444455556666", "198.51.100.12", 5002)]


def prepare_mounts():
    """Named network namespaces live under /run/netns; a private file system there hides ours from the machine."""
    pathlib.Path("/run/netns").mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
    machine.write_setting("net/ipv6/conf/all/disable_ipv6", 1)
    machine.write_setting("net/ipv6/conf/default/disable_ipv6", 1)
    ip("link set lo up")


def make_tap(name):
    """Made before the data plane attaches to it, so that it outlives a killed data plane."""
    ip(f"tuntap add {name} mode tap multi_queue")
    ip(f"link set {name} txqueuelen {TAP_QUEUE}")


def make_bridge(name, tap):
    ip(f"link add {name} type bridge stp_state 0 mcast_snooping 0")
    ip(f"link set {tap} master {name}")
    ip(f"link set {name} up")
    ip(f"link set {tap} up")


def join(bridge, namespace, address):
    """A cable from the bridge into a namespace of the same name; its end there is called `eth0`."""
    make_namespace(namespace)
    ip(f"link add {namespace} type veth peer name eth0 netns {namespace}")
    ip(f"link set {namespace} master {bridge} up")
    ip(f"addr add {address}/24 dev eth0", namespace)
    ip("link set eth0 up", namespace)


def make_tenant_network(tenant):
    """The tenant's subnet: one end of the segment's tunnel, with the addresses of all its machines."""
    ip(f"link add vpc mtu {TUNNEL_MTU} type vxlan id {tenant.segment} local {tenant.vtep} remote {DATAPLANE_OUTSIDE}"
       f" dstport {VXLAN_PORT}", tenant.name)
    for address in (ROUTER, WEB, RESOLVER):
        ip(f"addr add {address}/24 dev vpc", tenant.name)
    ip(f"addr add {REMOTE}/32 dev lo", tenant.name)
    ip("link set vpc up", tenant.name)


def make_network():
    prepare_mounts()
    for tap, bridge in zip(TAPS, BRIDGES):
        make_tap(tap)
        make_bridge(bridge, tap)
    for host in WORKER_HOSTS:
        join(BRIDGES[0], host.name, host.address)
    for tenant in TENANTS:
        join(BRIDGES[1], tenant.name, tenant.vtep)
        make_tenant_network(tenant)


def let_tap_learn(tap):
    """Lets the bridge send to the data plane.

    The kernel takes a tap's address for its own, so that the bridge would keep what is meant for the program behind
    the tap; without this entry it learns where the address is from the program's frames.
    """
    entries = run("bridge", "fdb", "show", "dev", tap).stdout.splitlines()
    for entry in entries:
        words = entry.split()
        if "permanent" in words and "master" in words and "vlan" not in words:
            run("bridge", "fdb", "del", words[0], "dev", tap, "master")


class TenantServers:
    """A tenant's own machines: a web server with a page and a large file, a resolver, an echo service."""

    def __init__(self, tenant, folder):
        self.tenant = tenant
        self.folder = pathlib.Path(folder)
        self.access_log = self.folder / "access.log"
        self.query_log = self.folder / "queries.log"
        self.processes = []

    def start(self):
        site = self.folder / "site"
        site.mkdir(parents=True)
        (site / "index.html").write_text(f"This is {self.tenant.name}.\n", encoding="ascii")
        with open(site / "large.bin", "wb") as large:
            block = os.urandom(1 << 20)
            for number in range(DOWNLOAD_BYTES >> 20):
                large.write(number.to_bytes(8, "big") + block[8:])
        (self.folder / "nginx.conf").write_text(self._nginx_configuration(), encoding="ascii")
        commands = {
            "nginx": ["nginx", "-e", self.folder / "nginx-error.log", "-c", self.folder / "nginx.conf"],
            "dnsmasq": ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--group=root",
                        "--pid-file=", "--no-resolv", "--no-hosts", "--bind-interfaces", f"--listen-address={RESOLVER}",
                        f"--host-record=web.internal,{WEB}", f"--txt-record=tenant.internal,{self.tenant.name}",
                        "--local=/internal/", "--log-queries", f"--log-facility={self.query_log}"],
            "echo": ["socat", f"TCP4-LISTEN:{ECHO_PORT},bind={WEB},fork,reuseaddr", "EXEC:cat"],
        }
        for name, command in commands.items():
            self.processes.append(machine.Process(f"{self.tenant.name}-{name}", command, self.folder / f"{name}.log",
                                                  namespace=self.tenant.name))
        machine.wait_for(f"{self.tenant.name}'s web server and resolver", self._answers, watch=self.processes)

    def _answers(self):
        page = run("curl", "-sf", "--max-time", 1, f"http://{WEB}/", namespace=self.tenant.name, check=False)
        name = run("dig", "+short", "+time=1", "+tries=1", f"@{RESOLVER}", "web.internal", namespace=self.tenant.name,
                   check=False)
        if page.returncode or name.stdout.strip() != WEB:
            return False
        for log in (self.access_log, self.query_log):  # our own questions are no part of what the servers will show
            os.truncate(log, 0)
        return True

    def clients(self):
        """The addresses that the servers say they were asked from."""
        web = {line.split()[0] for line in self.access_log.read_text(encoding="ascii").splitlines()}
        queries = {line.rsplit(" from ", 1)[1] for line in self.query_log.read_text(encoding="ascii").splitlines()
                   if " query[" in line and " from " in line}
        return web | queries

    def echo_requests(self):
        """How many echo requests the tenant's network has been asked so far."""
        table = run("cat", "/proc/net/snmp", namespace=self.tenant.name).stdout.splitlines()
        names, values = [line.split() for line in table if line.startswith("Icmp:")]
        return int(values[names.index("InEchos")])

    def _nginx_configuration(self):
        folder = self.folder
        temporary = "\n".join(f"  {kind}_temp_path {folder}/{kind};" for kind in
                              ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
{temporary}
  access_log {folder}/access.log;
  default_type text/plain;
  sendfile on;
  server {{
    listen {WEB}:80;
    listen {REMOTE}:80;
    root {folder}/site;
  }}
}}
"""
