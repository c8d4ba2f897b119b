"""Datagrams in fragments through the data plane, cut and put together by kernels that know nothing of it."""

import json
import textwrap

import test_dataplane as dataplane
import topology
from machine import Process, ip, run, wait_for

UDP_PORT = 9
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0  # as linux/in.h has them; the socket module does not
SIZES = (0, 1, 1421, 1422, 1423, 1430, 2844, 8000, 20_000, 60_000, 65_507)  # payloads; 1422 are what one packet takes

ECHO = textwrap.dedent(f"""\
    import socket
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("{topology.WEB}", {UDP_PORT}))
    while True:
        data, client = server.recvfrom(65535)
        server.sendto(data[::-1], client)
    """)

# Each size from a socket of its own, so that each opens a flow; prints the sizes that came back right.
ASK = textwrap.dedent(f"""\
    import json, os, socket, sys
    right = []
    for size in json.loads(sys.argv[1]):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.settimeout(1)
        client.setsockopt(socket.IPPROTO_IP, {IP_MTU_DISCOVER}, {IP_PMTUDISC_DONT})
        data = os.urandom(size)
        for attempt in range(3):
            client.sendto(data, ("{topology.WEB}", {UDP_PORT}))
            try:
                if client.recvfrom(65535)[0] == data[::-1]:
                    right.append(size)
                    break
            except socket.timeout:
                continue
    print(json.dumps(right))
    """)


def setUpModule():
    dataplane.setUpModule()


class Fragments(dataplane.DataplaneTestCase):
    workers = 2
    outside_mtu = ""
    more = ""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.publish(dataplane.table())
        cls.start("  - {name: inside0, device: net_tap0}\n  - {name: outside0, device: net_tap1}",
                  "  - {name: hosts, side: inside, port: inside0, encapsulation: vxlan, address: 192.0.2.1/24}\n"
                  "  - {name: tenants, side: outside, port: outside0, encapsulation: vxlan,"
                  f" address: 198.51.100.1/24{cls.outside_mtu}}}{cls.more}",
                  [f"net_tap{number},iface={tap}" for number, tap in enumerate(topology.TAPS)])
        for tenant in topology.TENANTS:
            server = Process(f"{tenant.name}-udp", ["python3", "-c", ECHO], cls.folder / f"{tenant.name}.log",
                             namespace=tenant.name)
            cls.addClassCleanup(server.stop)
        for host in dataplane.ENVIRONMENTS:
            # A narrower path that another class's data plane told of is no longer there; neighbours become known, so
            # that nothing waits for them.
            ip("route flush cache", host)
            wait_for("the first ping", lambda host=host: cls.ping(host, 8).returncode == 0, 10)

    @staticmethod
    def ping(host, size, *options):
        return run("ping", "-q", "-c", "1", "-W", "1", "-s", size, *options, topology.WEB, namespace=host, check=False)

    def is_answered(self, host, size, *options):
        """Whether one of three is answered: a busy machine may take more than its second for one."""
        return any(self.ping(host, size, *options).returncode == 0 for _ in range(3))

    def echoed(self, host):
        done = run("python3", "-c", ASK, json.dumps(SIZES), namespace=host)
        return tuple(json.loads(done.stdout))

    def drops(self):
        return {name: count for name, count in self.telemetry.ask("/hypernat/drops").items() if count}

    def assert_nothing_stays(self):
        wait_for("nothing to be held",
                 lambda: all(self.telemetry.ask(f"/hypernat/account,{worker}")["held"] == 0
                             for worker in range(self.workers)), 10)
        self.assert_account_closes()


class EveryProtocol(Fragments):
    def test_udp_of_every_size_is_answered_to_two_tenants(self):
        for host in dataplane.ENVIRONMENTS:
            self.assertEqual(self.echoed(host), SIZES, self.drops())
        self.assert_nothing_stays()

    def test_pings_of_every_size_are_answered(self):
        for size in SIZES[1:]:
            self.assertTrue(self.is_answered("wh1", size), (size, self.drops()))
        self.assert_nothing_stays()


class UdpOnly(Fragments):
    """As AWS's NAT gateway has it."""

    more = "\nfragments: udp"

    def test_udp_crosses_and_long_pings_do_not(self):
        self.assertEqual(self.echoed("wh1"), SIZES, self.drops())
        self.assertTrue(self.is_answered("wh1", 1422), self.drops())
        self.assertNotEqual(self.ping("wh1", 1423).returncode, 0)
        self.assertGreaterEqual(self.drops()["fragment"], 2)
        self.assert_nothing_stays()


class Narrow(Fragments):
    """The outside takes less than environments send: what may be is cut, fragments too."""

    outside_mtu = ", mtu: 1000"

    def test_what_may_be_cut_arrives_and_the_rest_does_not(self):
        for size in (972, 973, 1400, 5000, 30_000):
            self.assertTrue(self.is_answered("wh1", size, "-M", "dont"), (size, self.drops()))
        self.assertEqual(self.echoed("wh1"), SIZES, self.drops())
        self.assertTrue(self.is_answered("wh1", 972, "-M", "do"), self.drops())
        self.assertNotEqual(self.ping("wh1", 973, "-M", "do").returncode, 0)
        self.assert_nothing_stays()
