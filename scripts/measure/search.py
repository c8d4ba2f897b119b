"""scripts/bench --search: what RFC 9693 asks of a stateful NAT, between two processes.

hypernat-dataplane on two virtual devices, hypernat-search at their other ends: the highest rate without loss, the highest
rate at which every new flow opens, how fast flows are taken down with their mapping, and how many there is room for. The
devices and the process at the other end are part of what is measured: `scripts/bench` without this measures the data plane.

    search.py vhost|memif FLOWS [STEPS]     prints JSON; namespaces are its own
"""

import json
import shlex
import sys
import time

import pair  # first: it finds the lab's modules
import enter
import machine

PROGRAM = pair.ROOT / "build/tests/bench/peers/hypernat-search"
TABLE = (pair.ROOT / "scripts/pktgen/table.yaml").read_text(encoding="utf-8").replace(
    "{prefix: 10.0.0.0/16,", "{prefix: 0.0.0.0/0,").replace("10.0.0.0/16", "0.0.0.0/0")
SECONDS = 300
BEAT = ("  directory: .*", "  directory: {folder}/store\n  beat: 100ms")


class Search:
    """Data plane and peer, both anew for each question, so that no flow is left from the last one."""

    def __init__(self, folder, device, flows, steps):
        self.folder = folder
        self.device = device
        self.flows = flows
        self.steps = steps

    def ask(self, question, limit, *more, then=lambda devices, said: said):
        """`limit` is the data plane's room for flows."""
        folder = self.folder / f"{self.folder.name}.{question}"
        folder.mkdir()
        with pair.Pair(folder, self.device, pages=1024 if limit > 500_000 else 512) as devices:
            devices.publish(TABLE)
            devices.start(flows=limit, more=[(BEAT[0], BEAT[1].format(folder=folder))])
            done = machine.run(PROGRAM, "--eal", shlex.join(devices.peer_arguments()), question, *map(str, more), timeout=SECONDS)
            print(done.stderr, end="", file=sys.stderr)
            said = json.loads(done.stdout.strip().splitlines()[-1])
            account = devices.account()
            if account["balance"] != 0:
                raise machine.LabError(f"{question}: the packet account does not close", str(account))
            return then(devices, said)

    def taken_down(self, devices, said):
        """The mapping goes, as when its last function is deleted: flows a second until none is there."""
        began = time.monotonic()
        devices.publish(TABLE.split("mappings:")[0].replace("generation: 1", "generation: 2") + "mappings: []\n")
        machine.wait_for("the flows to go", lambda: devices.open_flows() == 0, 60, 0.02, watch=[devices.dataplane])
        return said["opened"] / (time.monotonic() - began)

    def run(self):
        flows, search = self.flows, ["--flows", self.flows, "--steps", self.steps]
        room = max(65_536, 4 * flows)
        capacity = self.ask("capacity", flows, "--flows", flows + flows // 4)
        return {"throughput": self.ask("throughput", room, *search)["packets_per_second"],
                "establishment": self.ask("establishment", (self.steps + 2) * flows, *search)["flows_per_second"],
                "tear-down": self.ask("fill", room, *search, then=self.taken_down),
                "capacity": capacity["opened"], "tsc_hz": capacity["tsc_hz"]}


def main():
    if not enter.is_inside():
        enter.reexecute()
    device, flows, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 12
    return pair.report(f"search over {device}", lambda folder: print(json.dumps(Search(folder, device, flows, steps).run())))


if __name__ == "__main__":
    sys.exit(main())
