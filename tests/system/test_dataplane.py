"""The data plane alone: tables written by hand, environments that are the kernel's own tunnels, real servers.

What these tests hold is the path of packets through devices; the control plane has no part in it.
"""

import json
import os
import subprocess
import textwrap
import time
import unittest

import support
import lab as laboratory
import machine
import topology
from machine import Process, ip, run, wait_for

GATEWAY = "169.254.100.1"
GATEWAY_MAC = "02:00:00:00:00:01"
ROUTES = "[[{prefix: 10.0.0.0/16, target: router}, {prefix: 10.0.1.0/24, target: local}]]"
ENVIRONMENTS = {"wh1": "100.64.0.5", "wh2": "100.64.16.5"}
INTERFACES = {"acme": "10.0.1.4", "globex": "10.0.1.4"}


def table(generation=1, mappings=(1, 2)):
    """acme is mapping 1 and globex mapping 2; their subnets and interfaces have the same addresses."""
    tenants = topology.TENANTS
    lines = [f"epoch: 1\ngeneration: {generation}", "peers:"]
    lines += [f"  - {{name: {host.name}, address: {host.address}, block: 100.64.{16 * number}.0/20}}"
              for number, host in enumerate(topology.WORKER_HOSTS)]
    lines += ["tenants:"] + [f"  - {{account: \"{tenant.account}\", number: {number}}}"
                             for number, tenant in enumerate(tenants, 1)]
    lines += [f"route_sets: {ROUTES}", "rule_sets: [[{protocol: -1, destination: 0.0.0.0/0}]]", "subnets:"]
    lines += [f"  - {{number: {number}, id: subnet-{tenant.name}, tenant: {number - 1}, prefix: 10.0.1.0/24,"
              f" attachment: tenants, segment: {tenant.segment}, router: {topology.ROUTER}, vteps: [{tenant.vtep}]}}"
              for number, tenant in enumerate(tenants, 1)]
    lines += ["mappings:"]
    lines += [f"  - {{number: {number}, uid: {number}, tenant: {number - 1}, subnet: {number - 1},"
              f" interfaces: [{{id: eni-{number}, uid: {number}, address: 10.0.1.4, mac: '02:00:00:00:01:0{number}'}}]}}"
              for number in mappings]
    return "\n".join(lines)


class Telemetry:
    """dpdk-telemetry.py's protocol, asked through the program itself."""

    def __init__(self, prefix):
        self.prefix = prefix

    def ask(self, command):
        return self.ask_all([command])[0]

    def ask_all(self, commands):
        """One answer for each, by one run of the program."""
        done = subprocess.run(["dpdk-telemetry.py", "-f", self.prefix], input="\n".join(commands) + "\n", text=True,
                              capture_output=True, timeout=60, check=True)
        answers = done.stdout.strip().splitlines()[-len(commands):]
        return [next(iter(json.loads(answer).values())) for answer in answers]


class DataplaneTestCase(support.FolderTestCase):
    workers = 1
    eal_lcores = None  # beside the main one; one for each worker unless given
    lcores = None  # that workers run on; all of these unless given

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prefix = support.folders.file_prefix(cls.folder)
        cls.telemetry = Telemetry(cls.prefix)
        cls.store = cls.folder / "store"

    @classmethod
    def publish(cls, text):
        tool = support.BUILD / "tests/tools/make_table"
        done = subprocess.run([tool, cls.store], input=text, text=True, capture_output=True, check=False)
        if done.returncode:
            raise machine.LabError(done.stderr)

    @classmethod
    def start(cls, ports, attachments, devices, memory=("--no-huge", "-m", "512")):
        eal_lcores = cls.eal_lcores or cls.workers
        lcores = cls.lcores or list(range(1, eal_lcores + 1))
        cls.config = cls.folder / "dataplane.yaml"
        cls.config.write_text(textwrap.dedent(f"""\
            node: dp1
            eal: ["--lcores={laboratory.lcores(eal_lcores)}", --no-pci]
            file_prefix: {cls.prefix}
            store: {{directory: {cls.store}, beat: 100ms}}
            workers: {{lcores: {lcores}, count: {cls.workers}}}
            """) + f"ports:\n{ports}\nattachments:\n{attachments}\n", encoding="utf-8")
        words = [laboratory.binary(support.BUILD, "hypernat-dataplane"), "--config", cls.config, "--", *memory,
                 *[f"--vdev={device}" for device in devices]]
        cls.dataplane = Process("dataplane", words, cls.folder / "dataplane.log")
        cls.addClassCleanup(cls.stop_cleanly)
        wait_for("the data plane to answer", cls.answers, 30, watch=[cls.dataplane])

    @classmethod
    def stop_cleanly(cls):
        """Every data plane here ends as told, with every packet buffer back."""
        status, log = cls.dataplane.stop(), cls.dataplane.log.read_text(encoding="utf-8")
        if status != 0 or "did not come back" in log:
            raise machine.LabError(f"the data plane ended with {status}", log)

    @classmethod
    def answers(cls):
        try:
            return cls.telemetry.ask("/hypernat/info")["generation"] > 0
        except (subprocess.SubprocessError, ValueError, IndexError, KeyError, StopIteration, TypeError):
            return False

    def pages(self, command):
        entries = []
        for page in range(1000):
            part = self.telemetry.ask(f"{command},{page}")
            if not part:
                return entries
            entries += [part[key] for key in sorted(part)]
        return self.fail(f"{command} has no end")

    def assert_account_closes(self):
        for worker in range(self.workers):
            account = self.telemetry.ask(f"/hypernat/account,{worker}")
            self.assertEqual(account["balance"], 0, account)


class Network:
    """Made once for the module: every data plane here runs between the same neighbours."""

    servers = {}

    @classmethod
    def make_for_module(cls):
        """Goes with the module; returns its folder."""
        folder, claim = support.folders.claim()
        unittest.addModuleCleanup(os.close, claim)
        unittest.addModuleCleanup(support.folders.remove, folder)
        cls.make(folder)
        for servers in cls.servers.values():
            for process in servers.processes:
                unittest.addModuleCleanup(process.stop)
        return folder

    @classmethod
    def make(cls, folder):
        topology.make_network()
        cls.servers = {tenant.name: topology.TenantServers(tenant, folder / tenant.name) for tenant in topology.TENANTS}
        for servers in cls.servers.values():
            servers.start()
        for number, host in enumerate(topology.WORKER_HOSTS, 1):
            cls.make_environment(host, number, ENVIRONMENTS[host.name])

    @staticmethod
    def make_environment(host, mapping, address):
        """An environment as the kernel's own tunnel makes it: VNI is the mapping's number."""
        ip(f"link add env mtu {topology.TUNNEL_MTU} type vxlan id {mapping} local {host.address}"
           f" remote {topology.DATAPLANE_INSIDE} dstport {topology.VXLAN_PORT}", host.name)
        ip(f"addr add {address}/32 dev env", host.name)
        ip("link set env up", host.name)
        ip(f"neigh add {GATEWAY} lladdr {GATEWAY_MAC} dev env", host.name)
        ip(f"route add default via {GATEWAY} dev env onlink", host.name)


def setUpModule():
    Network.make_for_module()


class Vxlan(DataplaneTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.publish(table())
        cls.start("  - {name: inside0, device: net_tap0}\n  - {name: outside0, device: net_tap1}",
                  "  - {name: hosts, side: inside, port: inside0, encapsulation: vxlan, address: 192.0.2.1/24}\n"
                  "  - {name: tenants, side: outside, port: outside0, encapsulation: vxlan, address: 198.51.100.1/24}",
                  [f"net_tap{number},iface={tap}" for number, tap in enumerate(topology.TAPS)])

    def test_reaches_the_right_tenant_over_tcp(self):
        for host, tenant in (("wh1", "acme"), ("wh2", "globex")):
            page = run("curl", "-sf", "--max-time", 5, f"http://{topology.WEB}/", namespace=host)
            self.assertIn(tenant, page.stdout)
        self.assert_account_closes()

    def test_reaches_the_right_resolver_over_udp(self):
        for host, tenant in (("wh1", "acme"), ("wh2", "globex")):
            answer = run("dig", "+short", "+time=2", "+tries=1", f"@{topology.RESOLVER}", "tenant.internal", "TXT", namespace=host)
            self.assertIn(tenant, answer.stdout)

    def test_pings_neighbours_and_what_lies_behind_the_router(self):
        for address in (topology.WEB, topology.REMOTE):
            run("ping", "-q", "-c", "3", "-i", "0.2", "-W", "2", address, namespace="wh1")

    def test_is_seen_by_its_interface_address_only(self):
        for host in ENVIRONMENTS:
            run("curl", "-sf", "--max-time", 5, f"http://{topology.WEB}/", namespace=host)
        for tenant, servers in Network.servers.items():
            self.assertLessEqual(servers.clients(), {INTERFACES[tenant]})

    def test_refused_connection_is_refused_to_the_environment(self):
        done = run("curl", "-s", "--max-time", 5, f"http://{topology.WEB}:81/", namespace="wh1", check=False)
        self.assertEqual(done.returncode, 7)

    def test_silent_neighbour_is_dropped_by_name_and_the_environment_told(self):
        done = run("ping", "-c", "1", "-W", "6", "10.0.1.77", namespace="wh1", check=False)
        self.assertIn("Destination Host Unreachable", done.stdout)
        wait_for("the drop", lambda: self.telemetry.ask("/hypernat/drops")["next_hop_unresolved"] > 0)
        self.assert_account_closes()


    def test_trace_walks_a_request_and_its_reply(self):
        self.telemetry.ask("/hypernat/trace_start,mapping=1;protocol=tcp;port=80;count=40")
        run("curl", "-sf", "--max-time", 5, f"http://{topology.WEB}/", namespace="wh1")
        self.telemetry.ask("/hypernat/trace_stop")
        records = [record for record in self.pages("/hypernat/trace") if record["verdict"] != "handed over"]
        self.assertGreater(len(records), 6)
        request, reply = records[:2]
        self.assertEqual((request["direction"], request["tcp_flags"], request["flow_opened"]), ("outbound", "S", "yes"))
        self.assertEqual((request["interface"], request["subnet"], request["mapping"]), ("eni-1", "subnet-acme", 1))
        self.assertTrue(request["out_src"].startswith("10.0.1.4:"), request)
        self.assertEqual((request["next_hop"], request["tunnel_end"]), (topology.WEB, "198.51.100.11"))
        self.assertEqual((reply["direction"], reply["dst"]), ("inbound", request["out_src"]))
        self.assertEqual((reply["out_dst"], reply["tunnel_end"]), (request["src"], "192.0.2.11"))

    def test_trace_of_openings_tells_the_moment_by_the_clock_that_others_read(self):
        self.telemetry.ask("/hypernat/trace_start,openings=only;protocol=tcp;port=80;count=40")
        moments = []
        for _ in range(3):
            began = time.monotonic_ns()
            run("curl", "-sf", "--max-time", 5, f"http://{topology.WEB}/", namespace="wh1")
            moments.append((began, time.monotonic_ns()))
        self.telemetry.ask("/hypernat/trace_stop")
        records = self.pages("/hypernat/trace")
        self.assertEqual([(record["flow_opened"], record["tcp_flags"]) for record in records], [("yes", "S")] * 3)
        for record, (began, ended) in zip(records, moments):
            self.assertGreater(record["monotonic_ns"], began)
            self.assertLess(record["monotonic_ns"], ended)

    def test_trace_refuses_what_it_does_not_know(self):
        for filter in ("mapping", "openings=some", "colour=red", "address=10.0.1", "protocol=gre", "port=70000"):
            self.assertIn("expected", self.telemetry.ask(f"/hypernat/trace_start,{filter}")["error"])

    def test_lists_flows_interfaces_neighbours_and_ports(self):
        for _ in range(40):
            run("curl", "-sf", "--max-time", 5, f"http://{topology.WEB}/", namespace="wh2")
        flows = [flow for flow in self.pages("/hypernat/flows") if flow["mapping"] == 2 and flow["remote_port"] == 80]
        self.assertGreaterEqual(len(flows), 40)
        self.assertEqual({flow["inside"] for flow in flows}, {ENVIRONMENTS["wh2"]})
        self.assertEqual(len({flow["interface_port"] for flow in flows}), len(flows))
        interfaces = {entry["id"]: entry for entry in self.pages("/hypernat/interfaces")}
        self.assertGreaterEqual(interfaces["eni-2"]["flows_open"], 40)
        self.assertGreater(interfaces["eni-2"]["inbound_bytes"], 0)
        neighbours = {(entry["link"], entry["address"], entry["state"]) for entry in self.pages("/hypernat/neighbours")}
        self.assertIn(("subnet", topology.WEB, "reachable"), neighbours)
        self.assertIn(("underlay", "192.0.2.12", "reachable"), neighbours)
        self.assertEqual([port["driver"] for port in self.pages("/hypernat/ports")], ["net_tap", "net_tap"])
        self.assertEqual({tenant["account"] for tenant in self.pages("/hypernat/tenants")},
                         {tenant.account for tenant in topology.TENANTS})
        self.assertEqual(len(self.pages("/hypernat/mappings")), 2)


class VxlanTwoWorkers(Vxlan):
    workers = 2

    def test_parallel_connections_are_handed_over_to_their_homes(self):
        commands = [Process(f"curl{number}", ["curl", "-sf", "--max-time", "60", "-o", "/dev/null", f"http://{topology.WEB}/large.bin"],
                            self.folder / f"curl{number}.log", namespace="wh1") for number in range(4)]
        for command in commands:
            self.assertEqual(command.handle.wait(90), 0)
        moved = sum(self.telemetry.ask(f"/hypernat/account,{worker}")["taken_over"] for worker in range(2))
        self.assertGreater(moved, 0)
        time.sleep(0.2)
        self.assert_account_closes()


PLAIN = """epoch: 7
generation: 1
tenants: [{account: "111122223333", number: 1}]
route_sets: [[{prefix: 10.0.1.0/24, target: local}]]
rule_sets: [[{protocol: -1, destination: 0.0.0.0/0}]]
subnets: [{number: 1, id: subnet-lan, prefix: 10.0.1.0/24, attachment: lan, router: 10.0.1.1}]
mappings:
  - {number: 3, uid: 1, interfaces: [{id: eni-lan, uid: 1, address: 10.0.1.4, mac: '02:00:00:00:03:01'}]}
"""


class Plain(DataplaneTestCase):
    """Bare Ethernet on both sides: an environment that asks for its gateway, a server that asks for its client."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for tap, bridge, namespace in (("hn-bench", "br-bench", "bench"), ("hn-lan", "br-lan", "lan")):
            topology.make_tap(tap)
            topology.make_bridge(bridge, tap)
            machine.make_namespace(namespace)
            ip(f"link add {namespace} type veth peer name eth0 netns {namespace}")
            ip(f"link set {namespace} master {bridge} up")
            ip("link set eth0 up", namespace)
        ip("addr add 100.64.0.5/32 dev eth0", "bench")
        ip(f"route add default via {GATEWAY} dev eth0 onlink", "bench")
        ip(f"addr add {topology.WEB}/24 dev eth0", "lan")
        cls.server = Process("echo", ["socat", f"TCP4-LISTEN:80,bind={topology.WEB},fork,reuseaddr", "EXEC:cat"],
                             cls.folder / "echo.log", namespace="lan")
        cls.addClassCleanup(cls.server.stop)
        cls.publish(PLAIN)
        cls.start("  - {name: bench0, device: net_tap2}\n  - {name: lan0, device: net_tap3}",
                  "  - {name: bench, side: inside, port: bench0, encapsulation: plain, mapping: 3}\n"
                  "  - {name: lan, side: outside, port: lan0, encapsulation: plain}",
                  ["net_tap2,iface=hn-bench", "net_tap3,iface=hn-lan"])

    def test_pings_across(self):
        run("ping", "-q", "-c", "3", "-i", "0.2", "-W", "2", topology.WEB, namespace="bench")
        self.assert_account_closes()

    def test_carries_a_stream(self):
        done = run("socat", "-t", "2", "-", f"TCP4:{topology.WEB}:80", namespace="bench", input="x" * 100_000)
        self.assertEqual(len(done.stdout), 100_000)

    def test_server_finds_the_interface_and_nobody_else(self):
        run("ping", "-q", "-c", "1", "-W", "2", topology.WEB, namespace="bench")
        run("ip", "neigh", "flush", "dev", "eth0", namespace="lan")
        run("ping", "-q", "-c", "2", "-i", "0.2", "-W", "2", topology.WEB, namespace="bench")
        neighbours = {entry["dst"]: entry.get("lladdr") for entry in
                      json.loads(run("ip", "-j", "neigh", namespace="lan").stdout)}
        self.assertEqual(neighbours, {"10.0.1.4": "02:00:00:00:03:01"})

    def test_what_nobody_asked_for_gets_silence(self):
        done = run("ping", "-q", "-c", "1", "-W", "1", "10.0.1.4", namespace="lan", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertGreater(self.telemetry.ask("/hypernat/drops")["no_flow"], 0)


class Capture(DataplaneTestCase):
    """dpdk-dumpcap sees what the ports see. It shares memory with the data plane, which takes hugepages."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        memory = laboratory.Memory(cls.folder, huge=True)
        memory.acquire()
        cls.addClassCleanup(memory.release)
        if memory.loan is None:
            raise unittest.SkipTest(str(memory))
        for tap in ("hn-capture", "hn-unused"):
            topology.make_tap(tap)
            ip(f"link set {tap} up")
        cls.publish(PLAIN)
        cls.start("  - {name: bench0, device: net_tap5}\n  - {name: lan0, device: net_tap4}",
                  "  - {name: bench, side: inside, port: bench0, encapsulation: plain, mapping: 3}\n"
                  "  - {name: lan, side: outside, port: lan0, encapsulation: plain}",
                  ["net_tap4,iface=hn-capture", "net_tap5,iface=hn-unused"], [*memory.eal_arguments(), "--huge-unlink=existing"])

    def test_records_packets(self):
        file = self.folder / "capture.pcapng"
        capture = Process("dumpcap", ["dpdk-dumpcap", f"--file-prefix={self.prefix}", "-i", "net_tap4", "-c", "4", "-w", file],
                          self.folder / "dumpcap.log")
        self.addCleanup(capture.stop)
        ip("addr add 10.0.1.10/24 dev hn-capture")
        limit = time.monotonic() + 20
        while capture.alive() and time.monotonic() < limit:
            run("ping", "-q", "-c", "1", "-W", "1", "10.0.1.4", check=False)
        text = run("tcpdump", "-nr", file).stdout
        self.assertIn("10.0.1.4", text, capture.evidence())
