"""scripts/bench: runs hypernat-bench for every measure, keeps what it says, and makes a table and a picture of it.

A figure is a median; a ratio is formed within one run and then the median of the runs is taken, so that a disturbance
of the machine hits both of its sides.
"""

import argparse
import csv
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.append(str(ROOT / "scripts/lab"))

import hugepages  # noqa: E402
import picture  # noqa: E402
import tables  # noqa: E402

PROGRAM = ROOT / "build/tests/bench/dataplane/hypernat-bench"
HUGE_BYTES = 5 << 30
MILLION = 1_000_000
PORTS = 64_512  # of one interface towards one remote endpoint


class CannotMeasure(Exception):
    """What could not be measured, and why."""


class Bench:
    """Runs measures, each in a process of its own, and gathers their figures."""

    def __init__(self, huge, runs):
        self.huge = huge
        self.runs = runs
        self.figures = []
        self.missing = []  # what could not be measured on this machine, and why
        self.tsc_hz = 0
        # The machine's interrupts mostly land on CPU 0; a lone measure takes the last one.
        self.cpus = sorted(os.sched_getaffinity(0))

    def eal(self, lcores):
        memory = "--in-memory" if self.huge else "--no-huge --no-shconf -m 6000"
        return f"{memory} --lcores {lcores}"

    def run(self, name, *arguments, lcores=None, run=None):
        """Measures what the program does in one go; `run` says which of several goes this is."""
        lcores = lcores or f"0@{self.cpus[-1]}"
        command = [PROGRAM, "--eal", self.eal(lcores), name, *map(str, arguments)]
        print(f"  {name} {' '.join(map(str, arguments))}", file=sys.stderr, flush=True)
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise CannotMeasure(f"{name} {' '.join(map(str, arguments))}: {done.stderr.strip().splitlines()[-1:]}")
        answer = json.loads(done.stdout)
        self.tsc_hz = answer["tsc_hz"]
        for figure in answer["figures"]:
            self.figures.append({**figure, "run": figure["run"] if run is None else run,
                                 "arguments": list(map(str, arguments)), "command": name})

    def run_often(self, name, *arguments):
        """What the program measures once, as often as everything else."""
        for run in range(self.runs):
            self.run(name, *arguments, run=run)

    def run_beside(self, script, *arguments):
        """What a script that starts programs beside this one says. None when it could not measure, which is noted."""
        said = " ".join(map(str, arguments))
        print(f"  {script} {said}", file=sys.stderr, flush=True)
        done = subprocess.run(["/usr/bin/python3", "-B", HERE / f"{script}.py", *map(str, arguments)],
                              check=False, capture_output=True, text=True)
        if done.returncode != 0:
            self.missing.append(" ".join(done.stderr.split()) or f"{script} {said}")
            return None
        answer = json.loads(done.stdout)
        self.tsc_hz = answer.get("tsc_hz", self.tsc_hz)
        return answer

    def add_beside(self, script, measure, setting, flows, run, unit, samples):
        self.figures.append({"measure": measure, "setting": setting, "flows": flows, "run": run, "samples": samples, "unit": unit,
                             "value": statistics.median(samples), "arguments": [setting, str(flows)], "command": script})

    def run_peer(self, peer, flows):
        """Another program with the packets of the plain journey, outbound."""
        for run in range(self.runs):
            said = self.run_beside("peers", peer, flows)
            if said is None:
                return
            self.add_beside("peers", "peer", peer, flows, run, "cycles", said["cycles"])
            self.add_beside("peers", "peer opening", peer, flows, run, "cycles", [said["opening"]])
            self.add_beside("peers", "peer lost", peer, flows, run, "packets", [said["lost"]])
            if "wrong" in said:
                self.add_beside("peers", "peer wrong", peer, flows, run, "of a million", [said["wrong"]])

    def run_search(self, device, flows):
        """Two processes with a device between them."""
        units = {"throughput": "packets/s", "establishment": "flows/s", "tear-down": "flows/s", "capacity": "flows"}
        for run in range(self.runs):
            said = self.run_beside("search", device, flows)
            if said is None:
                return
            for question, unit in units.items():
                self.add_beside("search", "search", f"{device} {question}", flows, run, unit, [said[question]])

    def beside_main(self, workers):
        """Lcores for so many workers, the main one asleep on the first CPU."""
        return ",".join([f"0@{self.cpus[0]}"] + [f"{n + 1}@{self.cpus[(n + 1) % len(self.cpus)]}" for n in range(workers)])


def journey(bench, sizes):
    for encapsulation in ("plain", "vlan", "vxlan"):
        for flows in sizes:
            bench.run("journey", "--encapsulation", encapsulation, "--flows", flows, "--runs", bench.runs)


def opening(bench, sizes):
    bench.run_often("opening", "--flows", MILLION, "--standing", 0)
    bench.run_often("opening", "--flows", MILLION, "--standing", 0, "--protocol", "tcp")
    bench.run_often("opening", "--standing", MILLION)
    if max(sizes) > MILLION:
        bench.run_often("opening", "--standing", 9 * MILLION)
    bench.run_often("last-ports")
    bench.run_often("connections", "--flows", 262_144)
    bench.run_often("expiry", "--flows", MILLION)
    bench.run_often("closing", "--flows", MILLION)


def stages(bench, sizes):
    for flows in sizes[1:3]:
        bench.run("stages", "--flows", flows, "--runs", bench.runs)


def latency(bench, sizes):
    for flows in sizes[1:3]:
        bench.run_often("latency", "--flows", flows)


def scale(bench, sizes):
    largest = max(sizes)
    fullest = largest // PORTS
    bench.run("memory", "--flows", fullest * PORTS, "--remotes", fullest)  # the last port of each in use
    bench.run("memory", "--flows", largest, "--remotes", largest)
    if len(bench.cpus) > 1:
        bench.run("workers", "--flows", MILLION, lcores=bench.beside_main(2))
        bench.run("workers", "--flows", 65_536, "--spread", "one-queue", lcores=bench.beside_main(2))
    for mappings in (1, 100, 10_000, 100_000):
        bench.run("journey", "--encapsulation", "vxlan", "--flows", MILLION, "--mappings", mappings, "--runs", bench.runs)
    bench.run("reload", "--encapsulation", "vxlan", "--flows", MILLION, "--mappings", 100_000, lcores=bench.beside_main(1))


def isolation(bench, sizes):
    bench.run("isolation", "--flows", sizes[1], "--runs", bench.runs)


def peers(bench, sizes):
    """Up to a million flows; our own figures, of the same run, beside them."""
    sizes = [flows for flows in sizes if flows <= MILLION]
    if not tables.journeys(bench.figures):
        for flows in sizes:
            bench.run("journey", "--encapsulation", "plain", "--flows", flows, "--runs", bench.runs)
    for peer in PEERS:
        for flows in sizes if "testpmd" not in peer else sizes[:1]:
            bench.run_peer(peer, flows)


def search(bench, sizes):
    for device in DEVICES:
        for flows in [flows for flows in sizes if 1000 < flows <= MILLION]:
            bench.run_search(device, flows)


MEASURES = {"journey": journey, "stages": stages, "opening": opening, "latency": latency, "scale": scale,
            "isolation": isolation}
ON_REQUEST = {"peers": peers, "search": search}
DEVICES = ("vhost", "memif")
PEERS = ("testpmd-io", "testpmd-macswap", "ovs", "ovs-two-passes", "nftables")


def machine(bench):
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        processor = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "?")
    dpdk = subprocess.run(["pkg-config", "--modversion", "libdpdk"], check=False, capture_output=True, text=True)
    return {"processor": processor, "cpus": len(bench.cpus), "kernel": platform.release(), "tsc_hz": bench.tsc_hz,
            "dpdk": dpdk.stdout.strip(), "pages": "2 MiB" if bench.huge else "4 KiB", "pinned_to": bench.cpus[-1],
            "load_before": os.getloadavg()[0], "date": time.strftime("%Y-%m-%d"), "seed": 1}


def write(bench, about, folder):
    folder.mkdir(parents=True, exist_ok=True)
    medians = [{name: value for name, value in figure.items() if name != "samples"} for figure in bench.figures]
    (folder / "results.json").write_text(json.dumps({"machine": about, "figures": medians}, indent=1), encoding="utf-8")
    with open(folder / "samples.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["command", "arguments", "measure", "setting", "flows", "run", "unit", "sample"])
        for figure in bench.figures:
            for sample in figure["samples"]:
                writer.writerow([figure["command"], " ".join(figure["arguments"]), figure["measure"], figure["setting"],
                                 figure["flows"], figure["run"], figure["unit"], f"{sample:.2f}"])


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", type=int, choices=range(1, 100), metavar="1 to 99")
    parser.add_argument("--only", action="append", choices=[*MEASURES, *ON_REQUEST])
    for name in ON_REQUEST:
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--into", type=pathlib.Path, default=ROOT / "results/bench")
    parser.add_argument("--no-huge", action="store_true")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    loan = hugepages.Hugepages(HUGE_BYTES // hugepages.BYTES_PER_PAGE)
    huge = not arguments.no_huge and loan.reserve()
    bench = Bench(huge, arguments.runs or (1 if arguments.quick else 3))
    about = machine(bench)
    sizes = [1000, 65_536, MILLION] if arguments.quick else [1000, 65_536, MILLION, 10 * MILLION]
    try:
        asked = [name for name in ON_REQUEST if getattr(arguments, name)]
        for name in dict.fromkeys([*(arguments.only or MEASURES), *asked]):
            {**MEASURES, **ON_REQUEST}[name](bench, sizes)
    except CannotMeasure as problem:
        print(f"scripts/bench: {problem}", file=sys.stderr)
        return 1
    finally:
        loan.release()
    about.update(tsc_hz=bench.tsc_hz, not_measured=bench.missing)
    write(bench, about, arguments.into)
    print(tables.text(bench.figures, about))
    picture.draw(bench.figures, about, arguments.into)
    print(f"written: {arguments.into}/results.json, samples.csv, bench.svg, bench.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
