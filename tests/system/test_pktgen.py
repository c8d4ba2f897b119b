"""scripts/pktgen without Pktgen: its scripts run against a stand-in, and what they would send fits the shipped table.

Beside it the generator that DPDK's packages bring along, testpmd's txonly, at the other ends of the data plane's virtual
devices; and what happens to the data plane when that peer is killed.
"""

import collections
import ipaddress
import os
import re
import subprocess
import sys
import time
import unittest

import support
import machine
import topology

sys.path.insert(0, str(support.ROOT / "scripts/measure"))

import pair  # noqa: E402

SCRIPTS = support.ROOT / "scripts/pktgen"
STUB = support.ROOT / "tests/system/pktgen_stub.lua"
TABLE = (SCRIPTS / "table.yaml").read_text(encoding="utf-8")
PREPARED = 24_576  # packets that Pktgen makes for a queue at each start; it sends them round and round
STARTS = 4  # enough to see every flow that a script ever sends
LAMBDA_VPC = ipaddress.ip_network("100.64.0.0/10")
PORTS_TOWARDS_A_REMOTE = 64_512


def setUpModule():
    topology.prepare_mounts()


def play(script, **settings):
    """Runs a script against the stand-in: the calls it made, and what it said."""
    environment = {**os.environ, "LUA_PATH": f"{SCRIPTS}/?.lua;;",
                   **{f"HYPERNAT_PKTGEN_{name}": value for name, value in settings.items()}}
    done = subprocess.run(["lua5.3", STUB, SCRIPTS / f"{script}.lua"], check=False, capture_output=True, text=True, timeout=60,
                          env=environment)
    if done.returncode:
        raise machine.LabError(f"{script}.lua", done.stderr)
    return [line.split("\t") for line in done.stderr.splitlines()], done.stdout.splitlines()


def number(text):
    return int(ipaddress.ip_address(text)) if "." in text else int(text)


def cycle(calls, field):
    """The values that a range field goes through, in Pktgen's order: it steps before it makes a packet."""
    steps = {words[2]: number(words[3]) for words in calls if words[0] == f"range.{field}"}
    value = steps["start"]
    for _ in range(STARTS * PREPARED):
        if steps["inc"]:
            value += steps["inc"]
            value = steps["min"] if value > steps["max"] else max(value, steps["min"])
        yield value


def only(pattern):
    (found,) = set(re.findall(pattern, TABLE))
    return found


class Scripts(unittest.TestCase):
    def test_are_lua(self):
        for file in sorted(SCRIPTS.glob("*.lua")):
            with self.subTest(file.name):
                done = subprocess.run(["luac5.3", "-p", file], check=False, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_configuration_validates(self):
        checked = support.hypernat("validate", SCRIPTS / "dataplane.yaml")
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_run_to_their_end_and_say_what_they_saw(self):
        for script, lines in (("sweep", 2), ("range", 3), ("latency", 2)):
            with self.subTest(script):
                calls, said = play(script, RATES="1,2", SECONDS="1")
                self.assertEqual(calls[-1], ["pktgen.quit"])
                self.assertEqual(sum("%" in line for line in said), lines, said)

    def test_sweep_names_the_highest_rate_that_lost_nothing(self):
        _, said = play("sweep", RATES="1,2", SECONDS="3")
        self.assertRegex(said[-1], r"^highest of these without loss: \S+ packets/s$")

    def test_settings_reach_pktgen(self):
        calls, _ = play("sweep", RATES="2.5", SECONDS="1")
        self.assertIn(["pktgen.set", "0", "rate", "2.5"], calls)

    def test_page_names_every_setting_of_the_scripts(self):
        page = (SCRIPTS / "README.md").read_text(encoding="utf-8")
        settings = {name for file in SCRIPTS.glob("*.lua")
                    for name in re.findall(r'trial\.settings?\("(\w+)"', file.read_text(encoding="utf-8"))}
        self.assertGreater(len(settings), 4)
        for name in settings:
            self.assertIn(f"HYPERNAT_PKTGEN_{name}", page)


class Ranges(unittest.TestCase):
    """What range mode would send, packet by packet."""

    @classmethod
    def setUpClass(cls):
        cls.calls, _ = play("range", LINES="1", SECONDS="1")
        cls.flows = list(zip(*[cycle(cls.calls, field) for field in ("src_ip", "src_port", "dst_ip", "dst_port")]))

    def test_every_packet_is_a_flow_of_its_own(self):
        for start in range(STARTS):
            self.assertEqual(len(set(self.flows[start * PREPARED:(start + 1) * PREPARED])), PREPARED)

    def test_environments_lie_in_the_lambda_vpc(self):
        sources = {ipaddress.ip_address(flow[0]) for flow in self.flows}
        self.assertGreater(len(sources), 500)
        for source in sources:
            self.assertIn(source, LAMBDA_VPC)

    def test_remotes_lie_behind_the_router_and_are_permitted(self):
        subnet, router = ipaddress.ip_network(only(r"id: subnet-pktgen, prefix: (\S+),")), only(r"\{prefix: (\S+), target: router\}")
        permitted = only(r"destination: (\S+)\}")
        for remote in {ipaddress.ip_address(flow[2]) for flow in self.flows}:
            self.assertNotIn(remote, subnet)
            self.assertIn(remote, ipaddress.ip_network(router))
            self.assertIn(remote, ipaddress.ip_network(permitted))

    def test_ports_are_ports(self):
        for flow in self.flows:
            self.assertTrue(1024 <= flow[1] <= 65535 and 0 < flow[3] <= 65535, flow)

    def test_flows_fit_the_data_plane_and_its_interface(self):
        limit = int(re.search(r"flows: (\d+)", (SCRIPTS / "dataplane.yaml").read_text(encoding="utf-8")).group(1))
        self.assertLess(2 * len(set(self.flows)), limit)
        remotes = collections.Counter(flow[2:] for flow in set(self.flows))
        self.assertLess(max(remotes.values()), PORTS_TOWARDS_A_REMOTE)

    def test_other_end_is_the_tables_router(self):
        self.assertIn(["pktgen.set_ipaddr", "1", "src", only(r"router: ([\d.]+)\}") + "/24"], self.calls)
        self.assertIn(["pktgen.set_ipaddr", "1", "dst", only(r"interfaces: .* address: ([\d.]+),")], self.calls)

    def test_frames_go_to_the_gateway(self):
        self.assertIn(["range.dst_mac", "0", "start", "02:00:00:00:00:01"], self.calls)


class Testpmd:
    """DPDK's packaged generator inside, and its echo mode, which answers every ARP request, outside."""

    device = ""
    rounds = 8 if support.LONG else 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pair = pair.Pair(cls.folder, cls.device, support.BUILD, pages=200)
        try:
            cls.enterClassContext(cls.pair)
        except machine.LabError as error:
            raise unittest.SkipTest(str(error)) from error
        # txonly makes its 256 source addresses from the destination, which therefore lies in the Lambda VPC's own range.
        cls.pair.publish(TABLE.replace("{prefix: 10.0.0.0/16,", "{prefix: 0.0.0.0/0,").replace("10.0.0.0/16", "0.0.0.0/0"))
        cls.pair.start(more=[("idle: spin", "idle: sleep")])

    def start_testpmd(self, side, mode, *more):
        """Ends with the test, at the latest."""
        words = ["nice", "-n", "19", "dpdk-testpmd", *self.pair.peer_arguments([side]), "--", "--total-num-mbufs=4096",
                 "--no-lsc-interrupt", f"--forward-mode={mode}", "--stats-period=5", *more]
        process = machine.Process(f"testpmd-{side}", words, self.folder / f"{side}.log")
        self.addCleanup(process.kill)
        return process

    def generator(self):
        return self.start_testpmd("inside", "txonly", "--txonly-multi-flow", "--tx-ip=100.64.0.0,100.64.0.16", "--tx-udp=20000,5001",
                            "--eth-peer=0,02:00:00:00:00:01")

    def sent(self):
        return self.pair.account()["sent"]

    def wait_for_traffic(self, *processes):
        before = self.sent()
        machine.wait_for("packets to be translated and sent", lambda: self.sent() > before + 10_000, 60,
                         watch=[self.pair.dataplane, *processes])

    def test_flows_of_many_environments_are_translated(self):
        outside, inside = self.start_testpmd("outside", "icmpecho"), self.generator()
        self.wait_for_traffic(outside, inside)
        flows = self.pair.hypernat("--json", "flows").stdout.count("100.64.")
        self.assertGreaterEqual(flows, 256, self.pair.drops())
        self.assertEqual(self.pair.account()["balance"], 0)

    def test_a_killed_peer_does_not_take_the_data_plane_along(self):
        outside = self.start_testpmd("outside", "icmpecho")
        for _ in range(self.rounds):
            inside = self.generator()
            self.wait_for_traffic(outside, inside)
            inside.kill()
            self.pair.dataplane.check()
        outside.kill()
        time.sleep(0.2)
        self.wait_for_traffic(self.start_testpmd("outside", "icmpecho"), self.generator())
        self.assertEqual(self.pair.account()["balance"], 0)


class Vhost(Testpmd, support.FolderTestCase):
    device = "vhost"


class Memif(Testpmd, support.FolderTestCase):
    device = "memif"
