"""scripts/coldstart: `hypernat coldstart` on the lab's network, with a picture of what came out.

Runs as the first process of namespaces of its own (enter.py); `launcher.py` starts it there.
"""

import argparse
import pathlib
import sys
import time

import lab as laboratory
import picture
import topology
from machine import wait_for
from narrator import Narrator, narrated

FUNCTION = "acme-web"
SECONDS = 1800


def parse_arguments(words):
    parser = argparse.ArgumentParser(prog="scripts/coldstart", add_help=False)
    parser.add_argument("--into", type=pathlib.Path, default=laboratory.ROOT / "results/coldstart")
    parser.add_argument("--slots", type=int, default=1024)
    parser.add_argument("--mappings", type=int, default=0)
    parser.add_argument("--no-huge", action="store_true")
    parser.add_argument("--build", default=laboratory.ROOT / "build")
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("measure", nargs="*", metavar="-- ARGUMENT")
    return parser.parse_args(words)


def measure(lab, arguments, narrator):
    lab.give_worker_its_own_cpu()
    lab.crowd = arguments.mappings
    lab.start()
    if lab.crowd:
        wait_for("everybody's mappings", lambda: lab.hypernat_json("status")["Interfaces"] >= lab.crowd, 120, 0.5)
    narrator.step(f"the lab is up: {lab.memory}, {lab.slots} slots on each of two worker hosts; the data plane's worker "
                  f"is first on CPU {lab.cpus[1]}, everything else runs on CPU {lab.cpus[0]}")
    began = time.monotonic()
    lab.hypernat("apply", lab.functions, "--wait", "--seconds", 60)
    narrator.step(f"the functions' interfaces were active {time.monotonic() - began:.1f} s after `hypernat apply` began, "
                  f"beside {lab.crowd} mappings of others")
    arguments.into.mkdir(parents=True, exist_ok=True)
    files = {kind: arguments.into / f"coldstart.{kind}" for kind in ("json", "csv", "svg", "png")}
    done = lab.hypernat("coldstart", FUNCTION, topology.WEB, "--write-json", files["json"], "--write-csv", files["csv"],
                        *arguments.measure, timeout=SECONDS)
    narrator.step("measured")
    narrator.say(done.stdout)
    picture.draw(files["json"], [files["svg"], files["png"]], lab.folder)
    narrator.step(f"written: {', '.join(str(file) for file in files.values())}")


def main(words):
    arguments, narrator = parse_arguments(words), Narrator()
    lab = laboratory.Lab(arguments.folder, arguments.build, not arguments.no_huge, slots=arguments.slots)
    return 0 if narrated(lab, lambda lab: measure(lab, arguments, narrator), narrator) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
