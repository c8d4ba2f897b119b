"""scripts/pktgen/run: Pktgen-DPDK at the other ends of the data plane's devices, bounded in time.

Pktgen wants a terminal on its standard input, which `script` makes for it, and listens on a socket only when told to;
the namespaces around it hold whatever it would.
"""

import argparse
import os
import pathlib
import shlex
import shutil
import sys
import time

import pair  # first: it finds the lab's modules
import enter
import machine

SCRIPTS = pair.ROOT / "scripts/pktgen"
PAGES = 1536  # of 2 MiB, nearly all for the packets that Pktgen prepares
NAMED = ("sweep", "range", "latency")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/pktgen/run", add_help=False)
    parser.add_argument("pktgen", type=pathlib.Path)
    parser.add_argument("--script", default="sweep")
    parser.add_argument("--device", choices=pair.DEVICES, default="vhost")
    parser.add_argument("--limit", type=float, default=300)
    parser.add_argument("--log", type=pathlib.Path)
    return parser.parse_args()


def lua_file(name):
    path = SCRIPTS / f"{name}.lua" if name in NAMED else pathlib.Path(name).resolve()
    if not path.is_file():
        raise machine.LabError(f"no script '{name}': {', '.join(NAMED)}, or a Lua file")
    return path


def pktgen_command(program, devices, script, log):
    """Both of Pktgen's ports on its one working lcore, inside a terminal of its own."""
    words = [program, *devices.peer_arguments(), "--", "-P", "-m", "1.0,1.1", "-f", script]
    return ["script", "--quiet", "--return", "--flush", "--command", shlex.join(map(str, words)), log]


def watch(pktgen, devices, report, limit):
    """Until Pktgen has ended, its report as it grows; a data plane that ends, or no end at all, is a failure."""
    end, shown = time.monotonic() + limit, 0
    while True:
        alive = pktgen.alive()
        text = report.read_text(encoding="utf-8") if report.exists() else ""
        print(text[shown:], end="", flush=True)
        shown = len(text)
        if not alive:
            return bool(text)
        devices.dataplane.check()
        if time.monotonic() > end:
            raise machine.LabError(f"Pktgen had not ended after {limit:.0f} s")
        time.sleep(0.5)


def run(arguments, folder):
    script = lua_file(arguments.script)
    report, log = folder / "report.txt", folder / "pktgen.log"
    with pair.Pair(folder, arguments.device, pages=PAGES) as devices:
        devices.publish((SCRIPTS / "table.yaml").read_text(encoding="utf-8"))
        devices.start()
        print(f"data plane on {arguments.device}, worker on CPU {devices.cpus.worker}; Pktgen on CPUs {devices.cpus.peer[:2]}",
              flush=True)
        environment = {"LUA_PATH": f"{SCRIPTS}/?.lua;;", "HYPERNAT_PKTGEN_REPORT": str(report), "TERM": "xterm"}
        pktgen = machine.Process("pktgen", pktgen_command(arguments.pktgen.resolve(), devices, script, log),
                                 folder / "script.log", environment=environment)
        try:
            if not watch(pktgen, devices, report, arguments.limit):
                raise machine.LabError("Pktgen ended without a report", log.read_text(errors="replace")[-2000:])
        finally:
            pktgen.stop()
            if arguments.log:
                shutil.copyfile(log, arguments.log)
        print("the data plane, afterwards:")
        print(devices.hypernat("account").stdout.rstrip())
        print(devices.hypernat("drops").stdout.rstrip())


def main():
    if not enter.is_inside():
        if os.geteuid() != 0:
            print("scripts/pktgen/run makes namespaces: run it as root", file=sys.stderr)
            return 1
        enter.reexecute()
    arguments = parse_arguments()
    return pair.report("scripts/pktgen/run", lambda folder: run(arguments, folder))


if __name__ == "__main__":
    sys.exit(main())
