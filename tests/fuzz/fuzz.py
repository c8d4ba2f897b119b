#!/usr/bin/python3
"""Runs fuzz targets: briefly as tests of a build, or as long as asked (scripts/fuzz).

A target's seeds are tests/fuzz/corpus/TARGET and examples from config/. What a long run finds that reaches new code
stays in the build folder, where the next long run goes on from it; an input that breaks a promise is written there too.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))
import run as tests  # what scripts/test builds with, not said twice

# A single input may take neither long nor much memory, whatever it says.
LIMITS = ["-timeout=30", "-rss_limit_mb=1024", "-malloc_limit_mb=256"]
# What a whole request reaches is so much that counting how rare each part of it is takes longer than all else.
OWN_OPTIONS = {"api_requests": ["-entropic=0"]}
BRIEFLY = ["-seed=1", "-max_total_time=2", "-reload=0", "-verbosity=0", "-print_funcs=0"]


def fuzz(program, seeds, into, crashes, options, environment=None):
    """True when nothing was found. New inputs go to `into`, the one that breaks a promise to `crashes`."""
    name = pathlib.Path(program).name
    target = name.removeprefix("fuzz_")
    folders = [str(seed) for seed in seeds if pathlib.Path(seed).is_dir()]
    files = [str(seed) for seed in seeds if not pathlib.Path(seed).is_dir()]
    dictionary = HERE / f"{target}.dict"
    crashes.mkdir(parents=True, exist_ok=True)
    command = [program, *LIMITS, *OWN_OPTIONS.get(target, []), *options, f"-artifact_prefix={crashes}/{name}."]
    if files:
        command.append("-seed_inputs=" + ",".join(files))
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    before = set(crashes.iterdir())
    status = subprocess.run([*command, into, *folders], check=False, env={**os.environ, **(environment or {})}).returncode
    for crash in sorted(set(crashes.iterdir()) - before):
        print(advice(program, crash), flush=True)
    return status == 0


def advice(program, crash):
    target = pathlib.Path(program).name.removeprefix("fuzz_")
    return (f"\n{target}: an input breaks a promise; it is in {crash}\n"
            f"  see it again:        {program} {crash}\n"
            f"  make it smaller:     {program} -minimize_crash=1 -runs=100000 {crash}\n"
            f"  once it is repaired: keep it as tests/fuzz/corpus/{target}/NAME-OF-WHAT-WAS-WRONG")


def briefly(arguments):
    program = pathlib.Path(arguments.program).resolve()
    crashes = program.parent / "crashes"
    with tempfile.TemporaryDirectory(prefix="hypernat-fuzz.") as into:
        good = fuzz(program, arguments.seeds, into, crashes, [*BRIEFLY, f"-runs={arguments.runs}"])
    return 0 if good else 1


def all_targets():
    return sorted(path.name for path in (HERE / "corpus").iterdir())


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Builds the fuzz targets with clang, sanitizers and libFuzzer, and runs them.",
        epilog=f"targets: {', '.join(all_targets())}\n\n"
               "New inputs that reach new code are kept in build-asan/fuzz/TARGET. One that breaks a promise ends the\n"
               "run; it is kept in build-asan/fuzz/crashes, and what to do with it is printed.")
    parser.add_argument("target", nargs="?", default="all", choices=[*all_targets(), "all"], metavar="TARGET",
                        help="one target; all of them one after the other unless said otherwise")
    parser.add_argument("seconds", nargs="?", type=int, default=60, metavar="SECONDS", help="for each target; 60 unless said")
    parser.add_argument("--seeds", action="store_true",
                        help="instead: write the seeds anew that a program makes (table, packets), after a change of formats")
    return parser.parse_args()


def parse_brief_arguments(arguments):
    """As a build's test calls it: fuzz.py briefly PROGRAM --runs N SEED…"""
    parser = argparse.ArgumentParser()
    parser.add_argument("briefly")
    parser.add_argument("program")
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("seeds", nargs="+")
    return parser.parse_args(arguments)


def seeds_of(folder, target):
    """Those of the build's own test of the target."""
    (command,) = [test["cmd"] for test in tests.meson_tests(folder, []) if test["name"] == f"fuzz {target}"]
    return parse_brief_arguments(command[1:]).seeds


def at_length(arguments):
    sanitizer = tests.SANITIZERS["address"]
    folder = sanitizer["folder"]
    targets = all_targets() if arguments.target == "all" else [arguments.target]
    programs = [f"tests/fuzz/fuzz_{name}" for name in (["seeds"] if arguments.seeds else targets)]
    if not tests.build(folder, sanitizer["options"], programs, sanitizer["compiler"]):
        return 1
    if arguments.seeds:
        return subprocess.run([ROOT / folder / programs[0], HERE / "corpus"], check=False).returncode
    failed = []
    for target, program in zip(targets, programs):
        into = ROOT / folder / "fuzz" / target
        into.mkdir(parents=True, exist_ok=True)
        print(f"{target}: {arguments.seconds} s", flush=True)
        options = [f"-max_total_time={arguments.seconds}", "-print_final_stats=1"]
        if not fuzz(ROOT / folder / program, seeds_of(folder, target), into, ROOT / folder / "fuzz/crashes", options,
                    sanitizer["environment"]):
            failed.append(target)
    print(f"{len(targets) - len(failed)} targets without a finding, {len(failed)} with one: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


def main():
    if sys.argv[1:2] == ["briefly"]:
        return briefly(parse_brief_arguments(sys.argv[1:]))
    return at_length(parse_arguments())


if __name__ == "__main__":
    sys.exit(main())
