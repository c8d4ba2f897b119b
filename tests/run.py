"""Builds, runs every kind of test, and counts the cases of all of them.

A case is a GoogleTest case, a Python test case, or one checked file. What cannot be counted because it crashed,
timed out or did not build is one failure each, never nothing.
"""

import argparse
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

from run_ahead import RunAhead

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"

# Programs that the tests start; scripts/setup installs them, and a machine without one fails the tests.
TOOLS = ["aws", "clang", "clang-format", "curl", "dig", "dnsmasq", "dpdk-telemetry.py", "dpdk-testpmd", "flatc", "gnuplot", "ip",
         "iperf3", "ld.lld", "lua5.3", "luac5.3", "meson", "nft", "nginx", "ninja", "ping", "setarch", "shellcheck", "socat",
         "stun", "tcpdump",
         "traceroute", "turnserver", "turnutils_natdiscovery", "unshare", "wrk", "zip"]

# Without optimisation, which halves the time. The address sanitizer's build is clang's, which takes half as long as gcc's
# and holds the source against a second compiler's warnings; with the thread sanitizer gcc sees errors that are none.
QUICKLY = ["-Doptimization=0", "-Db_lundef=false"]
SANITIZERS = {
    "address": {
        "folder": "build-asan",
        "compiler": "clang++",
        "options": [*QUICKLY, "-Db_sanitize=address,undefined"],
        "environment": {"ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:malloc_context_size=10:"
                                        "quarantine_size_mb=64",
                        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"},
        "wrapper": [],
        "suites": [],
    },
    # The address space must not be laid out at random: gcc 12's runtime knows fewer layouts than the kernel.
    "thread": {
        "folder": "build-tsan",
        "compiler": "g++",
        "options": [*QUICKLY, "-Dwerror=false", "-Db_sanitize=thread", "-Dcpp_args=-DRTE_USE_C11_MEM_MODEL"],
        "environment": {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"},
        "wrapper": ["setarch", "-R"],
        "suites": ["tsan"],
    },
}


# What packets run through is also tested as it is optimised for users; of everything else the unit tests run under the
# sanitizers, and all of it in the system tests.
OPTIMISED = ["packets"]


class Tally:
    """Cases so far, and the names of those that failed."""

    def __init__(self):
        self.passed = 0
        self.skipped = 0
        self.failures = []

    def add(self, passed=0, skipped=0, failures=()):
        self.passed += passed
        self.skipped += skipped
        self.failures += failures

    def add_all(self, other):
        self.add(other.passed, other.skipped, other.failures)

    def line(self):
        return f"{self.passed} passed, {len(self.failures)} failed, {self.skipped} skipped"


def announce(text, started):
    print(f"[{time.monotonic() - started:6.1f} s] {text}", flush=True)


def read_cases(path):
    """The cases of one JUnit or GoogleTest file: passed, skipped, names of the failed."""
    passed, skipped, failures = 0, 0, []
    for case in xml.parse(path).getroot().iter("testcase"):
        if case.get("status") == "notrun":
            continue  # disabled, or left out by a filter
        if case.find("failure") is not None or case.find("error") is not None:
            failures.append(f"{case.get('classname')}.{case.get('name')}")
        elif case.find("skipped") is not None or case.get("result") == "skipped":
            skipped += 1
        else:
            passed += 1
    return passed, skipped, failures


def run_now(command, environment, output=None):
    """True when the command succeeded; what it says goes to `output` when that is given."""
    return subprocess.run(command, check=False, env=environment, stdout=output, stderr=output and subprocess.STDOUT,
                          cwd=ROOT).returncode == 0


def build(folder, options=(), targets=(), compiler="g++", run=run_now):
    """True when it built; what the compiler said goes to standard error."""
    command = [ROOT / "scripts/build", folder, *options]
    if targets:
        command += ["--", *targets]
    return run(command, {**os.environ, "CXX": compiler})


def introspect(folder, what):
    said = subprocess.run(["meson", "introspect", f"--{what}", folder], cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(said.stdout)


def meson_tests(folder, suites):
    """The tests that meson knows in a folder, those of `suites` only when there are any."""
    return [test for test in introspect(folder, "tests")
            if not suites or any(suite.split(":")[-1] in suites for suite in test["suite"])]


def targets_of(folder, tests):
    """Ninja's names of what the tests run, by themselves or through a script."""
    wanted = {target for test in tests for target in test["depends"]}
    files = [file for target in introspect(folder, "targets") if target["id"] in wanted for file in target["filename"]]
    return sorted(os.path.relpath(file, ROOT / folder) for file in files)


def build_tests(folder, suites, options=(), compiler="g++", run=run_now, others=()):
    """The test programs of some suites, of all when none is named, and other targets. True when they built."""
    if not build(folder, options, ["build.ninja"], compiler, run):
        return False
    return build(folder, options, [*others, *targets_of(folder, meson_tests(folder, suites))], compiler, run)


def run_tests(tally, kind, folder, suites, environment=None, wrapper=(), run=run_now):
    """Runs the test programs of a folder, which are built, under meson; counts every case that they report."""
    with tempfile.TemporaryDirectory(prefix="hypernat-test.") as results:
        log = f"log-{os.path.basename(results)}"
        command = ["meson", "test", "-C", folder, "--no-rebuild", "--logbase", log, "--print-errorlogs"]
        if wrapper:
            command += ["--wrapper", " ".join(wrapper)]
        for suite in suites:
            command += ["--suite", suite]
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
            good = run(command, {**os.environ, **(environment or {}), "GTEST_OUTPUT": f"xml:{results}/"}, said)
            count_meson(tally, kind, ROOT / folder / "meson-logs", log, pathlib.Path(results))
            if not good:
                said.seek(0)
                print(said.read(), flush=True)


def count_meson(tally, kind, logs, log, results):
    """Adds what the programs wrote; a program that wrote nothing counts as one case with meson's verdict."""
    files = {path.stem: path for path in results.glob("*.xml")}
    reported = 0
    (log_file,) = logs.glob(f"{log}*.json")  # meson adds the name of a wrapper
    with open(log_file, encoding="utf-8") as lines:
        for line in lines:
            test = json.loads(line)
            program = next((word for word in test["command"] if "/test" in word), test["command"][0])
            path = files.pop(pathlib.Path(program).stem, None)
            good = test["result"] in ("OK", "EXPECTEDFAIL")
            passed, skipped, failures = 0, 0, []
            if path is not None:
                try:
                    passed, skipped, failures = read_cases(path)
                except xml.ParseError:
                    good = False
            if path is None and good:
                passed = 1
            if not good and not failures:
                failures = [f"{test['name']}: {test['result']} (exit {test.get('returncode')})"]
            tally.add(passed, skipped, [f"{kind}: {failure}" for failure in failures])
            reported += 1
    for path in files.values():  # a program that ran more than once under meson
        passed, skipped, failures = read_cases(path)
        tally.add(passed, skipped, [f"{kind}: {failure}" for failure in failures])
    if reported == 0:
        tally.add(failures=[f"{kind}: meson ran no test"])
    for path in logs.glob(f"{log}*"):
        path.unlink()


def run_system(tally, arguments, folder, kind, environment=None):
    """Runs the Python tests of the whole, as root, in namespaces of their own."""
    if os.geteuid() != 0:
        tally.add(failures=["system tests: they make network namespaces: run scripts/test as root"])
        return
    with tempfile.TemporaryDirectory(prefix="hypernat-test.") as results:
        report = pathlib.Path(results) / "system.xml"
        command = [PYTHON, "-B", ROOT / "tests/system/run.py", "--build", ROOT / folder, "--report", report]
        if arguments.long:
            command.append("--long")
        command += arguments.only
        status = subprocess.run(command, check=False, env={**os.environ, **(environment or {})}).returncode
        if not report.exists():
            tally.add(failures=[f"system tests ({kind}): no report (exit {status})"])
            return
        passed, skipped, failures = read_cases(report)
        if status != 0 and not failures:
            failures = [f"exit {status}"]
        tally.add(passed, skipped, [f"system ({kind}): {failure}" for failure in failures])


def checker_of(name):
    """What checks a file: clang-format for C++, shellcheck for shell scripts, nothing for others."""
    path = ROOT / name
    if not path.is_file():
        return None
    if path.suffix in (".cc", ".h"):
        return ("clang-format", "--dry-run", "-Werror")
    if path.suffix in ("", ".sh") and path.read_bytes()[:64].split(b"\n")[0].endswith((b"bash", b"/sh")):
        return ("shellcheck",)
    return None


def run_tidy(tally):
    """One case per file that a program checks. Starting one costs more than checking: each gets all files at once, and
    only when it finds something, one by one."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=False, capture_output=True, text=True)
    if listed.returncode != 0:
        tally.add(failures=[f"tidy: git cannot list the files: {listed.stderr.strip()}"])
    names_of = {}
    for name in listed.stdout.splitlines():
        if checker := checker_of(name):
            names_of.setdefault(checker, []).append(name)
    for checker, names in names_of.items():
        if subprocess.run([*checker, *names], cwd=ROOT, check=False, capture_output=True).returncode == 0:
            tally.add(passed=len(names))
            continue
        for name in names:
            if subprocess.run([*checker, name], cwd=ROOT, check=False).returncode == 0:
                tally.add(passed=1)
            else:
                tally.add(failures=[f"tidy: {name}"])


def check_tools(tally):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for tool in TOOLS:
        if shutil.which(tool, path=path) is None:
            tally.add(failures=[f"tool '{tool}' is missing: scripts/setup should have installed it"])


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/test", description="Builds and tests.")
    parser.add_argument("kind", nargs="?", default="all", choices=["all", "unit", "sanitizers", "system", "tidy"])
    parser.add_argument("only", nargs="*", metavar="NAME", help="system: only the tests whose name holds NAME")
    parser.add_argument("--long", action="store_true", help="also what needs longer: clang, more operations")
    return parser.parse_args()


def plain_suites(arguments):
    """The suites of unit tests that run as users' compilers build them; empty: every one."""
    return [] if arguments.kind == "unit" or arguments.long else OPTIMISED


def run_plain(arguments, tally, started):
    """What is built as users have it."""
    if arguments.kind in ("all", "unit"):
        announce("unit tests", started)
        run_tests(tally, "plain", "build", plain_suites(arguments))
    if arguments.kind in ("all", "system"):
        announce("system tests", started)
        run_system(tally, arguments, "build", "plain")


def build_plain(arguments):
    """The programs and the benches for system tests, which start them; unit tests need only theirs."""
    if arguments.kind == "unit":
        return build_tests("build", plain_suites(arguments))
    programs = ["programs", "test-tools", "benches"]
    if arguments.kind == "system":
        return build("build", targets=programs)
    return build_tests("build", plain_suites(arguments), others=programs)


def sanitize(name, started, run):
    """Builds and runs the unit tests under a sanitizer; returns their tally."""
    sanitizer, tally = SANITIZERS[name], Tally()
    announce(f"build with the {name} sanitizer", started)
    if not build_tests(sanitizer["folder"], sanitizer["suites"], sanitizer["options"], sanitizer["compiler"], run):
        tally.add(failures=[f"unit tests ({name}): building {sanitizer['folder']}"])
        return tally
    announce(f"unit tests under the {name} sanitizer", started)
    run_tests(tally, name, sanitizer["folder"], sanitizer["suites"], sanitizer["environment"], sanitizer["wrapper"], run)
    return tally


def sanitizer_jobs(started):
    """For RunAhead."""
    return {name: functools.partial(sanitize, name, started) for name in SANITIZERS}


def await_sanitizers(tally, jobs, started):
    for name in SANITIZERS:
        if not jobs.is_done(name):
            announce(f"nothing else left than the {name} sanitizer", started)
        tally.add_all(jobs.result(name))


def run_bench(tally):
    """That everything is still measured, briefly; how fast it is is nobody's test."""
    program = "tests/bench/dataplane/hypernat-bench"
    if not build("build", targets=[program]):
        tally.add(failures=["bench: building"])
        return
    few = ["--flows", "2000"]
    for measure in (*[["journey", *few, "--packets", "70000", "--runs", "1", "--encapsulation", encapsulation]
                      for encapsulation in ("plain", "vlan", "vxlan")],
                    ["stages", *few, "--runs", "1"], ["opening", *few, "--protocol", "tcp"], ["connections", "--flows", "16384"],
                    ["latency", *few], ["memory", *few], ["reload", "--encapsulation", "vxlan", *few, "--mappings", "200"]):
        command = [ROOT / "build" / program, "--eal", "--no-huge --no-shconf -m 1500 --lcores 0@0,1@0", *measure]
        if run_now(command, None):
            tally.add(passed=1)
        else:
            tally.add(failures=[f"bench: {' '.join(measure)}"])


def run_long(arguments, tally, started):
    announce("the bench", started)
    run_bench(tally)
    announce("system tests under the address sanitizer", started)
    sanitizer = SANITIZERS["address"]
    if build(sanitizer["folder"], sanitizer["options"], ["programs", "test-tools"], sanitizer["compiler"]):
        run_system(tally, arguments, sanitizer["folder"], "address", sanitizer["environment"])
    else:
        tally.add(failures=["system tests (address): building"])
    announce("unit tests built by clang", started)
    if build_tests("build-clang", [], compiler="clang++"):
        run_tests(tally, "clang", "build-clang", [])
    else:
        tally.add(failures=["unit tests (clang): building build-clang"])


def run(arguments, tally, started):
    kind = arguments.kind
    check_tools(tally)
    if kind in ("all", "tidy"):
        announce("tidiness of the source", started)
        run_tidy(tally)
    is_plain_built = False
    if kind in ("all", "unit", "system"):
        announce("build", started)
        is_plain_built = build_plain(arguments)
        if not is_plain_built:
            tally.add(failures=["plain build"])
    ahead = RunAhead(sanitizer_jobs(started) if kind in ("all", "sanitizers") else {})
    try:
        if is_plain_built:
            run_plain(arguments, tally, started)
        if kind in ("all", "sanitizers"):
            await_sanitizers(tally, ahead, started)
    finally:
        ahead.stop()
    if arguments.long and kind == "all":
        run_long(arguments, tally, started)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = parse_arguments()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if arguments.long:
        os.environ["HYPERNAT_TEST_LONG"] = "1"
    tally, started = Tally(), time.monotonic()
    try:
        run(arguments, tally, started)
    except KeyboardInterrupt:
        tally.add(failures=["interrupted"])
    announce("done", started)
    for failure in tally.failures:
        print(f"failed: {failure}")
    print(tally.line(), flush=True)
    return 1 if tally.failures or tally.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
