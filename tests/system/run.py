"""Runs the system tests: every module in fresh namespaces, as their first process; writes one JUnit file.

Modules wait more than they work, so a few run side by side; each says what it saw when it has ended.

    run.py --report FILE [--build FOLDER] [--long] [NAME…]     only the cases whose full name holds one of the names
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "scripts/lab"))

import enter  # noqa: E402
import folders  # noqa: E402

MODULE_SECONDS = 600
SIDE_BY_SIDE = 2
DOWNLOAD = 20  # MiB of the tenants' large file, of which quickstart fetches eleven; by itself it has five times as much
# The longest first, so that none is left to run alone in the end.
LONGEST = ["test_quickstart", "test_isolation", "test_dataplane", "test_programs", "test_workerhost_life", "test_soak", "test_tables"]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--report", type=pathlib.Path, required=True)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("names", nargs="*")
    return parser.parse_args()


def failed_module(module, text):
    suite = xml.Element("testsuite", name=module)
    case = xml.SubElement(suite, "testcase", classname=module, name="module")
    xml.SubElement(case, "failure", message=text)
    return suite


def run_module(module, arguments, report):
    """The module's cases; a module that says nothing of itself is one failed case."""
    command = enter.command_inside([sys.executable, "-B", str(HERE / "module.py"), module, str(report), *arguments.names])
    environment = {**os.environ, "HYPERNAT_BUILD": str(arguments.build), "HYPERNAT_TEST_LONG": "1" if arguments.long else ""}
    if not arguments.long:
        environment["HYPERNAT_LAB_DOWNLOAD"] = str(DOWNLOAD)
    try:
        done = subprocess.run(command, check=False, timeout=MODULE_SECONDS * (4 if arguments.long else 1), env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    except subprocess.TimeoutExpired as late:
        print((late.stdout or b"").decode(errors="replace"), flush=True)
        return failed_module(module, f"did not end within {late.timeout:.0f} s")
    if done.stdout:
        print(done.stdout.rstrip("\n"), flush=True)
    if not report.exists():
        return failed_module(module, f"ended with {done.returncode} and no report")
    return xml.parse(report).getroot()


def main():
    arguments = parse_arguments()
    folders.sweep()
    suites = xml.Element("testsuites")
    with tempfile.TemporaryDirectory(prefix="hypernat-system.") as results:
        modules = sorted((path.stem for path in HERE.glob("test_*.py")),
                         key=lambda name: (LONGEST.index(name) if name in LONGEST else len(LONGEST), name))
        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as runners:
            suites.extend(runners.map(
                lambda name: run_module(name, arguments, pathlib.Path(results) / f"{name}.xml"), modules))
    folders.sweep()
    xml.ElementTree(suites).write(arguments.report)
    return 1 if any(True for kind in ("failure", "error") for _ in suites.iter(kind)) else 0


if __name__ == "__main__":
    sys.exit(main())
