"""The peers of scripts/bench --peers: other programs that forward or translate the packets that our own worker gets.

testpmd touches no packet's flow (io) or only its MAC addresses; Open vSwitch on DPDK and the kernel's nftables translate
sources as we do. Each has one core for itself, 60-byte UDP frames of the same flows, uniformly random, outbound; what
comes out is checked in a pass that is not measured. DPDK's programs get them from hypernat-source, which they load, on
in-memory devices; the kernel from hypernat-kernel-source, on a veth.

    peers.py testpmd-io|testpmd-macswap|ovs|ovs-two-passes|nftables FLOWS [WINDOWS]     prints JSON; namespaces are its own
"""

import json
import os
import pathlib
import re
import shutil
import sys
import time

import pair  # first: it finds the lab's modules
import enter
import folders
import machine
import topology
from machine import LabError, ip, run

BENCH = pair.ROOT / "build/tests/bench/peers"
INTERFACE = "10.0.0.16"
OVS_VSWITCHD = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
OVS_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
SECONDS = 60
IN_DEVICE, OUT_DEVICE = "net_null0,size=60", "net_null1,size=60,no-rx=1"
CONNTRACK = pathlib.Path("/proc/sys/net/netfilter/nf_conntrack_max")
CONNTRACK_ROOM = 1.2


class SourcedProgram:
    """A DPDK program that hypernat-source feeds, and what the source says in the end."""

    def __init__(self, folder, flows, windows, translated):
        self.folder = folder
        self.flows = flows
        self.result = folder / "result.json"
        self.pages = pair.Pages(folder, 1024 if flows > 100_000 else 600)
        self.cpus = pair.Cpus()
        self.prefix = folders.file_prefix(folder)
        self.settings = f"flows={flows} windows={windows} result={self.result}" + (f" to={INTERFACE}" if translated else "")
        self.processes = []

    def __enter__(self):
        self.pages.acquire()
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.stop()
        self.pages.release()

    def start(self, name, command, environment=None):
        process = machine.Process(name, command, self.folder / f"{name}.log", environment=environment)
        self.processes.append(process)
        return process

    def eal(self):
        """The EAL loads from where nobody else may write; the project may lie below a folder where everybody may."""
        safe = folders.dpdk_folder(self.folder)
        safe.mkdir(mode=0o700, parents=True, exist_ok=True)
        return [*self.pages.eal_arguments(self.prefix), "-d", shutil.copy(BENCH / "hypernat-source.so", safe)]

    def measured(self):
        machine.wait_for("the source to have measured", self.result.exists, SECONDS, 0.2, watch=self.processes)
        said = json.loads(self.result.read_text(encoding="utf-8"))
        if "error" in said:
            raise LabError(said["error"], "\n".join(process.evidence() for process in self.processes))
        return {"tsc_hz": said["tsc_hz"], "cycles": said["samples"], "opening": said["opening"],
                "lost": max(0, said["received"] - said["sent"]), "wrong": said["wrong"] / said["checked"] * 1e6}


def testpmd(folder, flows, windows, mode):
    with SourcedProgram(folder, flows, windows, translated=False) as program:
        program.start("testpmd", [
            "dpdk-testpmd", f"--lcores=0@{program.cpus.all[0]},1@{program.cpus.worker}", *program.eal(),
            f"--vdev={IN_DEVICE}", f"--vdev={OUT_DEVICE}", "--", f"--forward-mode={mode}", "--burst=64",
            "--total-num-mbufs=4096", "--no-lsc-interrupt", "--stats-period=600"], {"HYPERNAT_SOURCE": program.settings})
        return program.measured()


class OpenVswitch(SourcedProgram):
    """ovsdb-server and ovs-vswitchd with all of their files in the run's folder."""

    def __enter__(self):
        super().__enter__()
        self.environment = {"OVS_RUNDIR": str(self.folder), "OVS_LOGDIR": str(self.folder), "OVS_DBDIR": str(self.folder)}
        self.database = f"unix:{self.folder}/db.sock"
        self.control = self.folder / "switch.ctl"
        run("ovsdb-tool", "create", self.folder / "conf.db", OVS_SCHEMA)
        self.start("ovsdb", ["ovsdb-server", self.folder / "conf.db", f"--remote=p{self.database}", "--no-chdir"],
                   self.environment)
        machine.wait_for("the database", (self.folder / "db.sock").exists, watch=self.processes)
        return self

    def tool(self, *words):
        return run(*words, env={**os.environ, **self.environment})

    def vsctl(self, *words):
        self.tool("ovs-vsctl", f"--db={self.database}", "--timeout=30", *words)

    def start_switch(self):
        extra = " ".join(word for word in self.eal() if not word.startswith("--huge-dir"))
        settings = {"dpdk-init": "true", "dpdk-lcore-mask": hex(1 << self.cpus.all[0]), "pmd-cpu-mask": hex(1 << self.cpus.worker),
                    "dpdk-hugepage-dir": self.pages.mount, "dpdk-socket-mem": "512", "dpdk-extra": f"\"{extra}\""}
        self.vsctl("--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", *[f"other_config:{name}={value}" for name, value in settings.items()])
        self.start("switch", [OVS_VSWITCHD, self.database, "--no-chdir", f"--unixctl={self.control}"],
                   {**self.environment, "HYPERNAT_SOURCE": self.settings})
        machine.wait_for("the switch to begin", self.control.exists, 60, watch=self.processes)

    def make_bridge(self, flows):
        self.vsctl("add-br", "nat", "--", "set", "bridge", "nat", "datapath_type=netdev", "fail-mode=secure")
        (self.folder / "flows").write_text("\n".join(flows) + "\n", encoding="ascii")
        self.tool("ovs-ofctl", "add-flows", f"unix:{self.folder}/nat.mgmt", self.folder / "flows")
        self.tool("ovs-appctl", "-t", self.control, "dpctl/ct-set-maxconns", "netdev@ovs-netdev", str(max(3_000_000, 2 * self.flows)))
        for number, device in enumerate((OUT_DEVICE, IN_DEVICE)):  # the source last, so that nothing is lost
            self.vsctl("add-port", "nat", f"port{1 - number}", "--", "set", "Interface", f"port{1 - number}", "type=dpdk",
                       f'options:dpdk-devargs="{device}"', f"ofport_request={2 - number}")


TRANSLATE = f"ct(commit,zone=1,nat(src={INTERFACE}:1024-65535))"
OVS_FLOWS = {
    "one pass": [f"in_port=1,ip,actions={TRANSLATE},output:2"],
    "two passes": ["table=0,in_port=1,ip,actions=ct(table=1,zone=1,nat)",
                   f"table=1,ct_state=+trk+new,ip,actions={TRANSLATE},output:2", "table=1,ct_state=+trk+est,ip,actions=output:2"],
}


def open_vswitch(folder, flows, windows, passes):
    if not pathlib.Path(OVS_VSWITCHD).exists():
        raise LabError("Open vSwitch for DPDK is not installed", "scripts/setup --peers installs it")
    with OpenVswitch(folder, flows, windows, translated=True) as switch:
        switch.start_switch()
        switch.make_bridge(OVS_FLOWS[passes])
        return switch.measured()


TRANSLATION = f"""table ip nat {{
  chain post {{
    type nat hook postrouting priority srcnat;
    oifname out meta l4proto udp snat to {INTERFACE}:1024-65535
  }}
}}
"""
COUNT = f"""table netdev sink {{
  counter right {{ }}
  chain in {{
    type filter hook ingress device sink priority 0;
    ip saddr {INTERFACE} ip daddr 198.18.0.0/15 counter name right drop
    drop
  }}
}}
"""


def make_kernel_network():
    """A router between two veths; behind the second a namespace that counts what was translated, and drops it."""
    topology.prepare_mounts()
    machine.make_namespace("sink")
    ip("link add in type veth peer name in-far")
    ip("link add out type veth peer name sink netns sink")
    for device in ("in", "in-far", "out"):
        ip(f"link set {device} up")
    ip("link set sink up", "sink")
    ip("addr add 100.127.255.254/10 dev in")
    ip(f"addr add {INTERFACE}/24 dev out")
    ip("neigh add 10.0.0.1 lladdr 02:00:00:00:00:03 dev out")
    ip("route add 198.18.0.0/15 via 10.0.0.1 dev out")
    machine.write_setting("net/ipv4/ip_forward", 1)
    machine.write_setting("net/netfilter/nf_conntrack_checksum", 0)
    run("nft", "-f", "-", input=TRANSLATION)
    run("nft", "-f", "-", input=COUNT, namespace="sink")


def arrived():
    text = run("nft", "list", "counter", "netdev", "sink", "right", namespace="sink").stdout
    return int(re.search(r"packets (\d+)", text).group(1))


def nftables(_, flows, windows):
    if flows * CONNTRACK_ROOM > int(CONNTRACK.read_text(encoding="ascii")):
        raise LabError(f"{CONNTRACK} leaves no room for {flows} flows", "it can be set outside of every namespace only")
    make_kernel_network()
    mac = json.loads(run("ip", "-j", "link", "show", "in").stdout)[0]["address"]
    packets = max(200_000, min(flows, 2_000_000))
    said = run("taskset", "-c", pair.Cpus().worker, BENCH / "hypernat-kernel-source", "--object", BENCH / "kernel_source.bpf.o",
               "--device", "in", "--mac", mac, "--flows", flows, "--packets", packets, "--windows", windows, timeout=SECONDS)
    source = json.loads(said.stdout)
    given = flows + packets // 4 + packets * windows
    time.sleep(0.2)
    hz = tsc_hz()
    return {"tsc_hz": hz, "cycles": [seconds / packets * hz for seconds in source["seconds"]],
            "opening": source["opening_seconds"] / flows * hz, "lost": given - arrived()}


def tsc_hz():
    """As the kernel has found it; Linux tells nobody, but the log does, and CPUs whose TSC is their rated clock."""
    text = run("sh", "-c", "dmesg 2>/dev/null | grep -oE 'Refined TSC clocksource calibration: [0-9.]+' | tail -1", check=False).stdout
    if not text.strip():
        text = run("grep", "-m1", "cpu MHz", "/proc/cpuinfo").stdout
    return float(text.split()[-1]) * 1e6


PEERS = {
    "testpmd-io": lambda *plan: testpmd(*plan, "io"),
    "testpmd-macswap": lambda *plan: testpmd(*plan, "macswap"),
    "ovs": lambda *plan: open_vswitch(*plan, "one pass"),
    "ovs-two-passes": lambda *plan: open_vswitch(*plan, "two passes"),
    "nftables": nftables,
}


def main():
    if not enter.is_inside():
        enter.reexecute()
    peer, flows, windows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 20
    return pair.report(peer, lambda folder: print(json.dumps(PEERS[peer](folder, flows, windows))))


if __name__ == "__main__":
    sys.exit(main())
