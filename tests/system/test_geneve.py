"""Geneve on both sides, spoken to Open vSwitch's userspace datapath: who made the other end knows nothing of this one.

    env ─ br-int ═Geneve═ br-phy ─ bridge ─ tap [data plane] tap ─ bridge ─ br-phy ═Geneve═ br-int ─ vpc
          namespace pod, 192.0.2.11                                namespace cloud, 198.51.100.11

Each namespace has its own vswitchd and database in a folder of the test; nothing is asked of the kernel's datapath.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess

import support
import machine
import test_dataplane
import topology
from machine import Process, ip, run, wait_for

ENVIRONMENT, SERVER = "100.64.0.5", "10.0.1.10"
MAPPING, SEGMENT = 1, 0xABCDEF
PORT = 8080
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
CLASS = "0xfff0"  # of options: nobody's, for experiments (RFC 8926 7.3)

TABLE = f"""
epoch: 1
generation: 1
peers: [{{name: pod, address: 192.0.2.11, block: 100.64.0.0/20}}]
tenants: [{{account: "111122223333", number: 1}}]
route_sets: {test_dataplane.ROUTES}
rule_sets: [[{{protocol: -1, destination: 0.0.0.0/0}}]]
subnets:
  - {{number: 1, id: subnet-cloud, tenant: 0, prefix: 10.0.1.0/24, attachment: tenants, segment: {SEGMENT},
      router: 10.0.1.1, vteps: [198.51.100.11]}}
mappings:
  - {{number: {MAPPING}, uid: 1, tenant: 0, subnet: 0,
      interfaces: [{{id: eni-1, uid: 1, address: 10.0.1.4, mac: "02:00:00:00:01:01"}}]}}
"""


class Switch:
    """Open vSwitch in a namespace: one bridge towards the underlay, one with the tunnel and a device of the host."""

    def __init__(self, namespace, folder):
        self.namespace = namespace
        self.folder = folder / namespace
        self.folder.mkdir()
        self.environment = {"OVS_RUNDIR": str(self.folder), "OVS_LOGDIR": str(self.folder), "OVS_DBDIR": str(self.folder)}
        self.processes = []

    def tool(self, name, *arguments):
        environment = {**os.environ, **self.environment}
        return run(name, *arguments, namespace=self.namespace, env=environment, timeout=20).stdout

    def start(self):
        database, socket = self.folder / "conf.db", self.folder / "db.sock"
        self.tool("ovsdb-tool", "create", database, SCHEMA)
        self.launch("ovsdb-server", database, f"--remote=punix:{socket}", f"--unixctl={self.folder}/ovsdb.ctl")
        wait_for("ovsdb-server", socket.exists, watch=self.processes)
        self.configure("--no-wait", "init")
        self.launch("ovs-vswitchd", f"unix:{socket}", f"--unixctl={self.folder}/vswitchd.ctl")

    def launch(self, program, *arguments):
        words = [shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"), *arguments]
        self.processes.append(Process(program, words, self.folder / f"{program}.log", self.namespace, self.environment))

    def configure(self, *arguments):
        self.tool("ovs-vsctl", "--timeout=15", f"--db=unix:{self.folder}/db.sock", *arguments)

    def flows(self, command, *arguments):
        self.tool("ovs-ofctl", command, f"unix:{self.folder}/br-int.mgmt", *arguments)

    def connect(self, underlay, remote, vni, device, **options):
        """The tunnel to the data plane; `device` is the host's own on the bridge behind it."""
        ip("addr flush dev eth0", self.namespace)
        more = [f"options:{key}={value}" for key, value in options.items()]
        self.configure(
            "--", "add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev",
            "--", "add-port", "br-phy", "eth0",
            "--", "add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev",
            "--", "add-port", "br-int", "tunnel", "--", "set", "interface", "tunnel", "type=geneve", "ofport_request=1",
            f"options:remote_ip={remote}", f"options:key={vni}", *more,
            "--", "add-port", "br-int", device,
            "--", "set", "interface", device, "type=internal", "ofport_request=2", f"mtu_request={topology.TUNNEL_MTU}")
        ip(f"addr add {underlay}/24 dev br-phy", self.namespace)
        ip("link set br-phy up", self.namespace)
        ip(f"link set {device} up", self.namespace)

    def stop(self):
        for process in reversed(self.processes):
            process.stop()


@contextlib.contextmanager
def evidence_of(switches):
    try:
        yield
    except machine.LabError as error:
        logs = [process.evidence() for switch in switches for process in switch.processes]
        raise machine.LabError(str(error), "\n".join([error.evidence, *logs])) from error


class OpenVswitch(test_dataplane.DataplaneTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        topology.prepare_mounts()
        for tap, bridge in zip(topology.TAPS, topology.BRIDGES):
            topology.make_tap(tap)
            topology.make_bridge(bridge, tap)
        topology.join(topology.BRIDGES[0], "pod", "192.0.2.11")
        topology.join(topology.BRIDGES[1], "cloud", "198.51.100.11")
        cls.pod, cls.cloud = Switch("pod", cls.folder), Switch("cloud", cls.folder)
        for switch in (cls.pod, cls.cloud):
            cls.addClassCleanup(switch.stop)
            switch.start()
        with evidence_of([cls.pod, cls.cloud]):
            cls.pod.connect("192.0.2.11", topology.DATAPLANE_INSIDE, MAPPING, "env", csum="true")
            cls.cloud.connect("198.51.100.11", topology.DATAPLANE_OUTSIDE, SEGMENT, "vpc", csum="false")
            cls.make_environment()
        cls.serve()
        cls.publish(TABLE)
        cls.start("  - {name: inside0, device: net_tap0}\n  - {name: outside0, device: net_tap1}",
                  "  - {name: hosts, side: inside, port: inside0, encapsulation: geneve, address: 192.0.2.1/24}\n"
                  "  - {name: tenants, side: outside, port: outside0, encapsulation: geneve, address: 198.51.100.1/24}",
                  [f"net_tap{number},iface={tap}" for number, tap in enumerate(topology.TAPS)])
        wait_for("the first echo", lambda: cls.ping(SERVER, 16).returncode == 0, 20, watch=[cls.dataplane])

    @classmethod
    def make_environment(cls):
        gateway, mac = test_dataplane.GATEWAY, test_dataplane.GATEWAY_MAC
        ip(f"addr add {ENVIRONMENT}/32 dev env", "pod")
        ip(f"neigh add {gateway} lladdr {mac} dev env", "pod")
        ip(f"route add default via {gateway} dev env onlink", "pod")
        ip(f"addr add {SERVER}/24 dev vpc", "cloud")

    @classmethod
    def serve(cls):
        cls.page = os.urandom(3_000_001)
        (cls.folder / "page").write_bytes(cls.page)
        words = ["socat", f"TCP4-LISTEN:{PORT},fork,reuseaddr", f"OPEN:{cls.folder / 'page'},rdonly"]
        server = Process("server", words, cls.folder / "server.log", "cloud")
        cls.addClassCleanup(server.stop)

    @staticmethod
    def ping(address, size, count=1):
        return run("ping", "-q", "-c", count, "-i", "0.05", "-W", "1", "-s", size, address, namespace="pod", check=False)

    def tearDown(self):
        self.assert_account_closes()

    def drops(self):
        return {reason: count for reason, count in self.telemetry.ask("/hypernat/drops").items() if count}

    def test_carries_echoes_of_every_length(self):
        before = self.drops()
        for size in (0, 1, 17, 56, 999, topology.TUNNEL_MTU - 28):
            with self.subTest(size):
                self.assertEqual(self.ping(SERVER, size, 3).returncode, 0)
        self.assertEqual(self.drops(), before)

    def test_carries_a_download_unharmed(self):
        done = subprocess.run(["nsenter", "--net=/run/netns/pod", "socat", "-u", f"TCP4:{SERVER}:{PORT},connect-timeout=3", "-"],
                              check=True, capture_output=True, timeout=30)
        self.assertEqual(hashlib.sha256(done.stdout).digest(), hashlib.sha256(self.page).digest())
        seen = run("ip", "neigh", "show", "dev", "vpc", namespace="cloud").stdout
        self.assertIn("10.0.1.4 lladdr 02:00:00:00:01:01", seen, "the interface alone is known outside")
        self.assertNotIn(ENVIRONMENT, seen)

    def send_with_option(self, kind):
        """From now on the environment's packets carry an option of that type."""
        self.pod.flows("add-tlv-map", f"{{class={CLASS},type={kind},len=8}}->tun_metadata0")
        self.addCleanup(self.pod.flows, "del-tlv-map")
        self.pod.flows("add-flow", "priority=9,in_port=2,actions=set_field:0x1122334455667788->tun_metadata0,output:1")
        self.addCleanup(self.pod.flows, "del-flows", "in_port=2")

    def test_passes_over_options_that_need_not_be_understood(self):
        self.send_with_option("0x1")
        self.assertEqual(self.ping(SERVER, 33, 3).returncode, 0)

    def test_refuses_by_name_options_that_must_be_understood(self):
        before = self.drops().get("tunnel_critical_option", 0)
        self.send_with_option("0x81")
        self.assertNotEqual(self.ping(SERVER, 33, 2).returncode, 0)
        self.assertEqual(self.drops()["tunnel_critical_option"], before + 2)


