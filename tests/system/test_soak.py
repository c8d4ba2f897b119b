"""Everything at once, a new table every second; and when the last timer has run, nothing is left of it.

Three environments call their tenants' servers in every way there is. The mapping of the first stands in every table, so
that it must never notice one; the second's interfaces change, and the third's mapping comes and goes.
"""

import json
import os
import random
import sys
import time
import unittest

import crossroads
import support
import test_dataplane
import topology
from machine import Process, ip, run, wait_for

SECONDS = 600 if support.LONG else 6
PAGES = 4
SELDOM = {"redirects", "buffers"}  # not in use at every moment that is looked at, or not at all
SEED = int(os.environ.get("HYPERNAT_SEED", 1))
LAST_TIMER = 15  # seconds: all timeouts below, the sweep of the last table, and a machine that has others to serve
# Short, yet longer than a machine with other work leaves a packet lying: a late one would find its flow gone.
SETTINGS = """
timeouts: {tcp_opening: 3s, tcp_established: 4s, tcp_closing: 3s, udp: 5s, icmp: 1s, neighbour: 2s}
"""
TRAFFIC = support.ROOT / "tests/system/traffic.py"
THIRD = topology.WorkerHost("wh3", "192.0.2.13")
CALLERS = {  # who calls whom, with how many flows at once to one remote, from which addresses
    "wh1": ("acme", 50_000, ["100.64.0.5", "100.64.0.6", "100.64.0.7"]),
    "wh2": ("globex", 1_000, ["100.64.16.5", "100.64.16.6"]),
    "wh3": ("acme", 1_000, ["100.64.32.5", "100.64.32.6"]),
}


def setUpModule():
    folder = test_dataplane.Network.make_for_module()
    topology.join(topology.BRIDGES[0], THIRD.name, THIRD.address)
    test_dataplane.Network.make_environment(THIRD, 3, CALLERS[THIRD.name][2][0])
    for name, (_, _, sources) in CALLERS.items():
        for address in sources[1:]:
            ip(f"addr add {address}/32 dev env", name)
    for tenant in topology.TENANTS:
        server = Process(f"{tenant.name}-traffic", [sys.executable, "-B", TRAFFIC, "serve", tenant.name, topology.WEB],
                         folder / f"{tenant.name}-traffic.log", namespace=tenant.name)
        unittest.addModuleCleanup(server.stop)


def table(generation, dice):
    """acme's first mapping is in all of them, word for word; of the rest, something else is new in each."""
    mappings = "mappings:\n" + interface_rows(1, 0, ["10.0.1.4"])
    mappings += interface_rows(2, 1, ["10.0.1.4", "10.0.1.5"] if dice.random() < 0.5 else ["10.0.1.5"])
    if dice.random() < 0.6:
        mappings += interface_rows(3, 0, ["10.0.1.6"], uid=generation)
    text, _, _ = test_dataplane.table(generation).partition("mappings:")
    peer = f"  - {{name: {THIRD.name}, address: {THIRD.address}, block: 100.64.32.0/20}}\n"
    rules = "".join(f", {{protocol: 6, first_port: {port}, last_port: {port}, destination: 203.0.113.0/24}}"
                    for port in range(1, dice.choice([2, 5, 300])))
    text = text.replace("tenants:", f"{peer}tenants:", 1)
    text = text.replace("{protocol: -1, destination: 0.0.0.0/0}", f"{{protocol: -1, destination: 0.0.0.0/0}}{rules}")
    ways = ", {prefix: 198.18.0.0/15, target: blackhole}" if dice.random() < 0.5 else ""
    return text.replace("target: local}", f"target: local}}{ways}") + mappings


def interface_rows(number, tenant, addresses, uid=None):
    uid = uid or number
    rows = [f"{{id: eni-{number}-{address}-{uid}, uid: {uid * 1000 + number * 10 + int(address[-1])}, address: {address},"
            f" mac: '02:00:00:00:0{number}:0{address[-1]}'}}" for address in addresses]
    return (f"  - {{number: {number}, uid: {1000 * number + uid}, tenant: {tenant}, subnet: {tenant},"
            f" interfaces: [{', '.join(rows)}]}}\n")


class Soak(test_dataplane.DataplaneTestCase):
    workers = 2

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dice, cls.generation = random.Random(SEED), 1
        cls.publish(table(cls.generation, cls.dice))
        cls.start(crossroads.PORTS, crossroads.ATTACHMENTS + SETTINGS, crossroads.DEVICES)

    def in_use(self):
        """Whatever an idle data plane must have none of, each under its name."""
        lists = ("neighbours", "tenants", "interfaces")
        info, first, second, *pages = self.telemetry.ask_all(
            ["/hypernat/info", "/hypernat/account,0", "/hypernat/account,1",
             *[f"/hypernat/{name},{page}" for name in lists for page in range(PAGES)]])
        entries = {name: [entry for page in pages[PAGES * number:PAGES * (number + 1)] for entry in (page or {}).values()]
                   for number, name in enumerate(lists)}
        self.assertFalse(any(pages[PAGES * number - 1] for number in range(1, len(lists) + 1)), "there are more pages")
        use = {name: info[name] for name in ("flows", "redirects", "remotes", "port_bitmaps", "fragmented_datagrams")}
        use["buffers"] = info["buffers_in_use"] - self.idle_buffers
        use["held"] = first["held"] + second["held"]
        use["next_hops"] = sum(neighbour["references"] for neighbour in entries["neighbours"] if neighbour["link"] == "subnet")
        use["flows_of_tenants"] = sum(tenant["flows_open"] for tenant in entries["tenants"])
        use["flows_of_interfaces"] = sum(interface["flows_open"] for interface in entries["interfaces"])
        return use

    def call_while_tables_change(self):
        """The most of everything that was in use at a time, and what the callers say."""
        command = [sys.executable, "-B", TRAFFIC, "call"]
        callers = {name: Process(f"calls-{name}", [*command, tenant, SEED, SECONDS, crowd, *sources],
                                 self.folder / f"calls-{name}.log", namespace=name)
                   for name, (tenant, crowd, sources) in CALLERS.items()}
        most = dict.fromkeys(self.in_use(), 0)
        changed = time.monotonic()
        while any(caller.alive() for caller in callers.values()):
            if time.monotonic() >= changed + 1:
                changed += 1
                self.change_table()
            most = {name: max(most[name], value) for name, value in self.in_use().items()}
            time.sleep(0.2)
        return most, {name: json.loads(caller.log.read_text(encoding="utf-8")) for name, caller in callers.items()}

    def change_table(self):
        type(self).generation += 1
        self.publish(table(self.generation, self.dice))

    def test_leaves_nothing_behind(self):
        run("ping", "-q", "-c", "2", "-i", "0.2", "-W", "2", topology.WEB, namespace="wh1")
        wait_for("the ping's flow to go", lambda: self.telemetry.ask("/hypernat/info")["flows"] == 0)
        self.idle_buffers = self.telemetry.ask("/hypernat/info")["buffers_in_use"]
        most, said = self.call_while_tables_change()
        for name, calls in said.items():
            self.assertEqual(calls["wrong"], {}, f"seed {SEED}: {name} had answers that were not its own")
        self.assertEqual(said["wh1"]["failed"], {}, f"seed {SEED}: the first mapping stood in every table")
        never = {name for name, value in most.items() if value == 0} - SELDOM
        self.assertEqual(never, set(), f"seed {SEED}: there was nothing of it to give back")
        print(f"  seed {SEED}, {self.generation} tables, at most at a time {most}", flush=True)
        wait_for("everything to be given back", lambda: not any(self.in_use().values()), LAST_TIMER, 0.3)
        self.assertEqual(self.in_use(), dict.fromkeys(most, 0))
        self.assert_account_closes()
        self.assertEqual(self.telemetry.ask("/hypernat/info")["generation"], self.generation)
