"""What an environment reaches through the whole system: its tenant, and nothing else.

Whoever must not be reached listens, and writes down whoever comes.
"""

import time

import support
import machine
import topology

LISTENER_PORT = 8099
GLOBEX_ONLY = "10.0.1.77"
LINK_LOCAL = ["169.254.169.254", "169.254.100.1"]
# Of acme, whose group allows everything: what the data plane does not forbid goes to the tenant's own router.
FUNCTION = "acme-batch"


def call(address):
    """Connects to a listener, and prints what it says."""
    return f"timeout 2 socat -u TCP4:{address}:{LISTENER_PORT},connect-timeout=1 -"


class Isolation(support.LabTestCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        machine.ip(f"addr add {GLOBEX_ONLY}/24 dev vpc", "globex")
        cls.visits = cls.folder / "visits"
        cls.visits.touch()
        listen = ["socat", f"TCP4-LISTEN:{LISTENER_PORT},fork,reuseaddr",
                  f"SYSTEM:echo $SOCAT_SOCKADDR:$SOCAT_PEERADDR >> {cls.visits}; echo reached"]
        for place in (None, "wh1", "wh2", "globex"):
            cls.lab.launch(f"listener-{place}", listen, place)
        time.sleep(0.3)

    def environment(self, function):
        environment = support.Environment(self.lab, function)
        self.addCleanup(environment.close)
        return environment

    def drops(self):
        return self.lab.hypernat_json("drops")

    def check_unreachable(self, environment, addresses):
        for address in addresses:
            with self.subTest(address):
                self.assertNotIn("reached", environment.ask(call(address)))
                ping = environment.ask(f"ping -q -c 1 -W 1 {address}")
                self.assertNotRegex(ping, r" 1 received")
        self.assertEqual(self.visits.read_text(encoding="ascii"), "")

    def test_reaches_its_own_tenant(self):
        environment = self.environment(FUNCTION)
        self.assertEqual(environment.ask("curl -s http://web.internal/"), "This is acme.")
        self.assertEqual(environment.ask(f"curl -s http://{topology.REMOTE}/"), "This is acme.")

    def test_does_not_reach_the_other_tenant(self):
        own, other = self.environment("globex-web"), self.environment(FUNCTION)
        self.assertRegex(own.ask(f"ping -q -c 1 -W 2 {GLOBEX_ONLY}"), " 1 received")
        self.check_unreachable(other, [GLOBEX_ONLY, "198.51.100.12"])

    def test_does_not_reach_the_underlay(self):
        self.check_unreachable(self.environment(FUNCTION), ["192.0.2.1", "192.0.2.11", "192.0.2.12", "198.51.100.1"])

    def test_does_not_reach_the_host(self):
        environment = self.environment(FUNCTION)
        self.assertEqual(environment.ask("curl -s --max-time 2 http://127.0.0.1:9040/hypernat/v1/status"), "")
        self.assertEqual(environment.ask(f"ls {self.folder} 2>/dev/null"), "")
        self.assertIn("ermi", environment.ask("ip addr add 100.64.0.99/32 dev eth0 || echo not permitted").lower())

    def test_does_not_reach_link_local_addresses(self):
        self.check_unreachable(self.environment(FUNCTION), LINK_LOCAL)

    def test_does_not_reach_another_environment(self):
        first, others = self.environment(FUNCTION), [self.environment(name) for name in
                                                     (FUNCTION, FUNCTION, "acme-web", "acme-web", "globex-web", "globex-web")]
        hosts = {environment.host for environment in others}
        self.assertEqual(hosts, {"wh1", "wh2"}, "the environments should be on both worker hosts")
        for other in others:
            other.ask(f"socat TCP4-LISTEN:{LISTENER_PORT},fork EXEC:'echo reached' >/dev/null 2>&1 &")
            self.assertEqual(other.ask(f"sleep 0.3; {call('127.0.0.1')}"), "reached")
        self.check_unreachable(first, [other.address for other in others])

    def test_does_not_speak_under_a_changed_source_address(self):
        environment, neighbour = self.environment(FUNCTION), self.environment(FUNCTION)
        enter = ["nsenter", f"--net=/proc/{self.lab.processes[environment.host].pid}/root{environment.namespace}"]
        device = machine.run(*enter, "ip", "-br", "-4", "addr", "show", "scope", "global").stdout.split()[0].split("@")[0]
        before = self.lab.tenants["acme"].echo_requests()
        machine.run(*enter, "ping", "-q", "-c", "1", "-W", "2", topology.WEB)
        self.assertEqual(self.lab.tenants["acme"].echo_requests(), before + 1)
        forged = [neighbour.address, "100.64.0.200", "10.0.1.4", topology.WEB, "192.0.2.11", "8.8.8.8"]
        for address in forged:
            with self.subTest(address):
                machine.run(*enter, "ip", "addr", "add", f"{address}/32", "dev", device)
                machine.run(*enter, "ping", "-q", "-c", "2", "-i", "0.2", "-W", "1", "-I", address, topology.REMOTE, check=False)
                machine.run(*enter, "ip", "addr", "del", f"{address}/32", "dev", device)
        self.assertEqual(self.lab.tenants["acme"].echo_requests(), before + 1)

    def test_the_tenants_network_opens_nothing(self):
        environment = self.environment(FUNCTION)
        environment.ask(f"socat TCP4-LISTEN:{LISTENER_PORT},fork EXEC:'echo reached' >/dev/null 2>&1 &")
        interfaces = [entry["Address"] for entry in self.lab.hypernat_json("interfaces")["Interfaces"]
                      if entry["SubnetId"] == "subnet-acme-a"]
        before = self.drops()["no_flow"]
        for address in [*interfaces, environment.address]:
            done = machine.run("sh", "-c", call(address), namespace="acme", check=False)
            self.assertEqual(done.stdout, "")
        self.assertGreater(self.drops()["no_flow"], before)
