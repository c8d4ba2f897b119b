"""scripts/quickstart: the main job on virtual devices, told step by step.

Runs as the first process of namespaces of its own (enter.py); `launcher.py` starts it there and stays outside.
"""

import argparse
import os
import pathlib
import signal
import sys

import lab as laboratory
import story
import topology
from narrator import Narrator, narrated


def parse_arguments(words):
    parser = argparse.ArgumentParser(prog="scripts/quickstart", add_help=False)
    parser.add_argument("--no-huge", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--workers", type=int, default=1, metavar="N")
    parser.add_argument("--build", default=laboratory.ROOT / "build")
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    return parser.parse_args(words)


def start(lab, narrator):
    narrator.step("packages are there, the build is current")
    topology.make_network()
    narrator.step("network: two worker hosts, two tenants with the same 10.0.0.0/16, nothing of the machine's own")
    for servers in lab.tenants.values():
        servers.start()
    narrator.step("tenants' servers: nginx and dnsmasq answer at home")
    lab.start_dataplane()
    narrator.step(f"data plane: {lab.workers} worker{'s' if lab.workers > 1 else ''}, {lab.memory}")
    lab.start_control()
    lab.start_worker_hosts()
    narrator.step("control plane and two worker hosts")


def tell(lab, narrator):
    start(lab, narrator)
    for number, (title, chapter) in enumerate(story.CHAPTERS, 1):
        narrator.step(f"{number}. {title}")
        chapter(lab, narrator.say)


def print_what_next(lab):
    hypernat = os.path.relpath(laboratory.binary(lab.build, "hypernat"), laboratory.ROOT)
    exports = "\n".join(f"  export {name}={value}" for name, value in lab.environment().items())
    print(f"""
It goes on running. In {laboratory.ROOT}:
{exports}
  {hypernat} status
  {hypernat} functions
  {hypernat} invoke acme-web -- curl -s http://web.internal/
  {hypernat} invoke globex-web -- sh            # a shell in an execution environment
  {hypernat} trace 1                            # then invoke something from another terminal
  {hypernat} account
  scripts/quickstart --stop                     # ends it, and cleans up
Logs are in {lab.folder}.""", flush=True)


def wait_for_the_end(folder):
    """Tells the launcher that it may leave, lets go of its terminal, and sleeps until told to stop."""
    log = os.open(folder / "quickstart.log", os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.write(int(os.environ["HYPERNAT_READY"]), b"1")
    while True:
        signal.pause()


def main(words):
    arguments, narrator = parse_arguments(words), Narrator()

    def body(lab):
        tell(lab, narrator)
        narrator.step("done: everything above was seen to be so")
        if arguments.keep:
            print_what_next(lab)
            wait_for_the_end(lab.folder)

    lab = laboratory.Lab(arguments.folder, arguments.build, not arguments.no_huge, arguments.workers)
    if not narrated(lab, body, narrator):
        return 1
    narrator.step("cleaned up")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
