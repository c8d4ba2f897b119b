"""Programs that people use, on the roads that they meet: each is run as it is, and believed in what it prints."""

import json
import re
import time
import unittest

import crossroads
import support
import test_dataplane
import topology
from machine import Process, run, wait_for

ENVIRONMENT = "wh1"
STUN = ("10.0.1.60", "10.0.1.61")
STUN_PORT = 3478
AT_ONCE = 0.8  # seconds: less than that after which a program would ask again
TIMES = 10 if support.LONG else 1
MOST_TRANSFERS = 30
SECONDS = 10 if support.LONG else 1


def setUpModule():
    Programs.world = crossroads.Crossroads(test_dataplane.Network.make_for_module())
    unittest.addModuleCleanup(Programs.world.stop)
    Programs.world.make()


def inside(*command, **options):
    return run(*command, namespace=ENVIRONMENT, timeout=60 + SECONDS, **options)


class Programs(test_dataplane.DataplaneTestCase):
    workers = 2
    world = None
    iperf_port = 5200

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.publish(crossroads.table())
        cls.start(crossroads.PORTS, crossroads.ATTACHMENTS, crossroads.DEVICES)

    def tearDown(self):
        self.assert_account_closes()

    def serve(self, name, command, ready):
        """A server of acme's, for one test."""
        server = Process(name, command, self.folder / f"{name}.log", namespace="acme")
        self.addCleanup(server.stop)
        wait_for(f"{name} to answer", ready, watch=[server])

    def serve_stun(self):
        """With two addresses and two ports, so that it can answer from another than it was asked at."""
        for address in STUN:
            run("ip", "addr", "replace", f"{address}/24", "dev", "vpc", namespace="acme")
        self.serve("turnserver", ["turnserver", "-c", "/dev/null", "--stun-only", "--no-cli", "--no-tls", "--no-dtls",
                                  "--log-file", "stdout", "--pidfile", self.folder / "turnserver.pid", "--userdb",
                                  self.folder / "turndb", *[f"--listening-ip={address}" for address in STUN]],
                   lambda: all(f"{address}:{port}" in run("ss", "-Hlun", namespace="acme").stdout
                               for address in STUN for port in (STUN_PORT, STUN_PORT + 1)))

    def test_stun_programs_find_mapping_and_filtering_by_address_and_port(self):
        self.serve_stun()
        refused = self.telemetry.ask("/hypernat/drops")["no_flow"]
        wanted = {"turnutils_natdiscovery -m": "NAT with Address and Port Dependent Mapping!",
                  "turnutils_natdiscovery -f": "NAT with Address and Port Dependent Filtering!",
                  "stun": "Primary: Dependent Mapping, random port, no hairpin"}
        asked = [Process(command.replace(" ", ""), [*command.split(), STUN[0]], self.folder / f"{number}.log", ENVIRONMENT)
                 for number, command in enumerate(wanted)]
        for process, verdict in zip(asked, wanted.values()):
            with self.subTest(verdict):
                process.handle.wait(60)
                self.assertIn(verdict, process.log.read_text(encoding="utf-8"))
        answers = self.telemetry.ask("/hypernat/drops")["no_flow"] - refused
        self.assertGreaterEqual(answers, 2, "the server did not try from another address and port")

    def iperf(self, *options, until=("--time", SECONDS)):
        """What the client says of its traffic, a second of it unless told otherwise, with a server of its own: one that is
        used again closes its door between two clients."""
        type(self).iperf_port += 1
        self.serve(f"iperf3-{self.iperf_port}", ["iperf3", "--server", "--one-off", "--bind", topology.WEB, "--port", self.iperf_port],
                   lambda: f"{topology.WEB}:{self.iperf_port} " in run("ss", "-Hltn", namespace="acme").stdout)
        done = inside("iperf3", "--json", "--client", topology.WEB, "--port", self.iperf_port, *until, *options)
        told = json.loads(done.stdout)
        self.assertNotIn("error", told)
        return told["end"]

    def test_iperf3_sends_and_receives(self):
        for way, reverse in (("out", []), ("in", ["--reverse"])):
            with self.subTest(f"TCP {way}"):
                end = self.iperf("--parallel", 4, *reverse)
                self.assertGreater(end["sum_received"]["bytes"], 1 << 20)
            with self.subTest(f"UDP {way}"):
                # By the number, since a busy machine sends fewer in a second.
                received = self.iperf("--udp", "--bitrate", "4M", "--length", 1250, *reverse,
                                      until=("--blockcount", 400 * SECONDS))["sum_received"]
                self.assertGreater(received["packets"], 200 * SECONDS)
                self.assertLess(received["lost_percent"], 2)

        for way, reverse in (("out", []), ("in", ["--reverse"])):
            with self.subTest(f"UDP in fragments {way}"):
                received = self.iperf("--udp", "--bitrate", "8M", "--length", 8000, *reverse,
                                      until=("--blockcount", 125 * SECONDS))["sum_received"]
                self.assertGreater(received["packets"], 60 * SECONDS)
                self.assertLess(received["lost_percent"], 2)

    def test_wrk_holds_a_thousand_connections_without_an_error(self):
        done = inside("wrk", "--connections", 1000, "--threads", 1, "--duration", f"{SECONDS + 1}s", "--timeout", "30s",
                      f"http://{topology.WEB}/")
        self.assertNotIn("Socket errors", done.stdout)
        self.assertNotIn("Non-2xx", done.stdout)
        requests = int(done.stdout.split(" requests in ")[0].split()[-1])
        self.assertGreater(requests, 1000)

    def download(self, address):
        done = inside("bash", "-o", "pipefail", "-c", f"socat -u -T 20 TCP4:{address}:{crossroads.FILE_PORT} - | sha256sum")
        self.assertEqual(done.stdout.split()[0], self.world.sum)

    def upload(self, address):
        """Closes its half when all is sent, and is told the sum of what arrived on the other one."""
        with open(self.world.file, "rb") as file:
            done = inside("socat", "-t", "30", "-T", "30", "-", f"TCP4:{address}:{crossroads.SUM_PORT}", stdin=file)
        self.assertEqual(done.stdout.split()[0], self.world.sum)

    def test_transfers_survive_a_road_that_loses(self):
        for what, transfer, sender in (("down", self.download, "acme-lossy"), ("up", self.upload, ENVIRONMENT)):
            with self.subTest(what):
                before = crossroads.netstat(sender, "Tcp", "RetransSegs")
                for transfers in range(MOST_TRANSFERS):  # few large segments may all be lucky
                    transfer(crossroads.LOSSY)
                    lost = crossroads.netstat(sender, "Tcp", "RetransSegs") - before
                    if lost > 0 and transfers + 1 >= TIMES:
                        break
                self.assertGreater(lost, 0, "nothing was lost")

    def test_transfers_survive_a_road_that_reorders(self):
        for what, transfer, receiver in (("down", self.download, ENVIRONMENT), ("up", self.upload, "acme-mixed")):
            with self.subTest(what):
                before = crossroads.netstat(receiver, "TcpExt", "TCPOFOQueue")
                for _ in range(TIMES):
                    transfer(crossroads.MIXED)
                self.assertGreater(crossroads.netstat(receiver, "TcpExt", "TCPOFOQueue"), before, "everything came in order")

    def test_gateway_of_the_tenant_leads_beyond_its_vpc(self):
        self.download(crossroads.INTERNET)
        inside("ping", "-q", "-c", "2", "-i", "0.2", "-W", "2", crossroads.INTERNET)

    def check_unreachable(self, environment, address):
        """A connection fails at once, and by the right name; so does a ping."""
        began = time.monotonic()
        done = run("socat", "-u", f"TCP4:{address}:{crossroads.FILE_PORT},connect-timeout=5", "-", namespace=environment, check=False)
        self.assertLess(time.monotonic() - began, AT_ONCE, done.stderr)
        self.assertIn("Network is unreachable", done.stderr)
        done = run("ping", "-c", "1", "-W", "2", address, namespace=environment, check=False)
        self.assertIn("Destination Net Unreachable", done.stdout)

    def test_without_a_way_everything_is_unreachable_at_once(self):
        rows = {"no route in the table": ("wh2", crossroads.INTERNET), "a blackhole": (ENVIRONMENT, crossroads.BLACKHOLE)}
        for title, (environment, address) in rows.items():
            with self.subTest(title):
                self.check_unreachable(environment, address)
        self.world.close_gateway()
        self.addCleanup(self.world.open_gateway)
        with self.subTest("a route, but no gateway"):
            self.check_unreachable(ENVIRONMENT, crossroads.INTERNET)

    def test_traceroute_sees_every_hop(self):
        hops = [test_dataplane.GATEWAY, topology.ROUTER, crossroads.BEND, crossroads.NARROW]
        for mode in ("--udp", "--icmp", "--tcp"):
            with self.subTest(mode):
                done = inside("traceroute", "-n", "-q", "1", "-w", "2", "-m", "8", mode, crossroads.NARROW)
                self.assertEqual(re.findall(r"(?m)^ *\d+ +(\S+)", done.stdout), hops, done.stdout)

    def test_what_is_too_big_for_the_outside_is_told_the_size_that_fits(self):
        inside("ip", "route", "flush", "cache")
        largest = crossroads.OUTSIDE_MTU - 28
        inside("ping", "-q", "-c", "1", "-W", "2", "-M", "do", "-s", largest, topology.WEB)
        done = inside("ping", "-c", "1", "-W", "2", "-M", "do", "-s", largest + 1, topology.WEB, check=False)
        self.assertIn(f"From {test_dataplane.GATEWAY} icmp_seq=1 Frag needed and DF set (mtu = {crossroads.OUTSIDE_MTU})", done.stdout)

    def test_tcp_finds_the_narrow_place_of_its_path(self):
        inside("ip", "route", "flush", "cache")
        self.upload(crossroads.NARROW)
        route = inside("ip", "route", "get", crossroads.NARROW).stdout
        self.assertIn(f"mtu {crossroads.NARROW_MTU}", route)
        self.download(crossroads.NARROW)

    def test_pings_of_every_size_come_back_over_the_narrow_road(self):
        """Cut by the environment, by the NAT, and by a router behind it."""
        fits = crossroads.OUTSIDE_MTU - 28
        for size in (1, 56, crossroads.NARROW_MTU - 27, fits, fits + 1, 2000, 9000, 60_000):
            with self.subTest(f"{size} bytes"):
                inside("ping", "-q", "-c", "1", "-W", "5", "-M", "dont", "-s", size, crossroads.NARROW)
