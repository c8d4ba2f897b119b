"""Puts one fault after the other into the data plane and demands that the specification finds each of them.

    run.py --build FOLDER [--only TEXT]

A faulty file lies in a folder that is searched before the source's; what includes it is compiled anew with the build's
own commands and linked before the build's libraries. With HYPERNAT_TEST_LONG every fault, otherwise a few.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

from mutants import MUTANTS

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEST = "tests/model/test_nat_spec"
SECONDS = 300  # that the test may take to find one


class Build:
    """What the build knows: how each object of the test is made, of what, and how all are linked."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        with open(self.folder / "compile_commands.json", encoding="utf-8") as file:
            commands = {command["output"]: command for command in json.load(file)}
        told = self._ninja("commands", TEST).strip().split("\n")
        self.link = shlex.split(told[-1])
        outputs = [re.search(r" -o (\S+\.o) -c ", line) for line in told]
        self.commands = {found.group(1): commands[found.group(1)] for found in outputs if found}
        self.parts = self._read_parts()

    def _ninja(self, *arguments):
        return subprocess.run(["ninja", "-C", self.folder, "--quiet", "-t", *arguments], check=True, capture_output=True,
                              text=True).stdout

    def _read_parts(self):
        """The project's own files that each object was made of."""
        parts, output = {}, None
        for line in self._ninja("deps", *self.commands).split("\n"):
            if line.startswith(" "):
                path = (self.folder / line.strip()).resolve()
                if output is not None and path.is_relative_to(ROOT):
                    parts[output].add(str(path.relative_to(ROOT)))
            elif ":" in line:
                output = line.split(":")[0]
                parts[output] = set()
        return parts

    def objects_of(self, file):
        """Those of the data plane: the tests keep what is right."""
        return sorted(output for output, files in self.parts.items()
                      if file in files and output.startswith("dataplane/"))

    def compile(self, output, file, place):
        """One object with the faulty file of `place` in it. Faults may leave something unused."""
        command = self.commands[output]
        words = shlex.split(command["command"])
        source = words[-1]
        if (self.folder / source).resolve() == ROOT / file:
            words[-1] = str(place / file)
        object_file = place / output.replace("/", "-")
        words[words.index("-o") + 1] = str(object_file)
        for option in ("-MD", "-Werror"):
            words.remove(option)
        for option in ("-MQ", "-MF"):
            at = words.index(option)
            del words[at:at + 2]
        compiler = next(i for i, word in enumerate(words) if word.startswith("-"))
        words[compiler:compiler] = [f"-I{place}", "-w"]
        words = ["-O1" if word in ("-O2", "-O3") else word for word in words]
        done = subprocess.run(words, cwd=command["directory"], check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"does not compile:\n{done.stderr}")
        return output, str(object_file)

    def make(self, file, place):
        """The test with the faulty file of `place` in it."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            made = dict(pool.map(lambda output: self.compile(output, file, place), self.objects_of(file)))
        if not made:
            raise RuntimeError("is no part of the test")
        words = [made.pop(word, word) for word in self.link]
        program = place / "test_nat_spec"
        words[words.index("-o") + 1] = str(program)
        first = next(i for i, word in enumerate(words) if word.endswith(".o"))
        words[first:first] = made.values()  # whose like in a library is then not wanted any more
        done = subprocess.run(words, cwd=self.folder, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"does not link:\n{done.stderr}")
        return program


def find(program):
    """What the specification says of the faulty program; raises when it is content."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HYPERNAT_TEST", "GTEST"))}
    environment["HYPERNAT_TEST_UNSHRUNK"] = "1"
    try:
        done = subprocess.run([program, "--gtest_fail_fast"], check=False, capture_output=True, text=True,
                              env=environment, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "it does not come to an end"
    if done.returncode < 0:
        return f"it dies of signal {-done.returncode}"
    said = re.search(r"^(seed|C\+\+ exception) .*$", done.stdout, re.MULTILINE)
    if done.returncode == 0 or said is None:
        raise RuntimeError("is not found")
    return said.group(0)


def faulty(mutant):
    """The whole file with the fault in it."""
    text = (ROOT / "dataplane" / mutant.file).read_text(encoding="utf-8")
    if text.count(mutant.text) != 1:
        raise RuntimeError(f"its text stands {text.count(mutant.text)} times in dataplane/{mutant.file}, expected once: "
                           f"{mutant.text!r}")
    return text.replace(mutant.text, mutant.fault)


def try_one(build, mutant):
    file = f"dataplane/{mutant.file}"
    with tempfile.TemporaryDirectory(prefix="hypernat-mutant.") as folder:
        place = pathlib.Path(folder)
        (place / file).parent.mkdir(parents=True)
        (place / file).write_text(faulty(mutant), encoding="utf-8")
        return find(build.make(file, place))


def chosen(only):
    if only:
        return [mutant for mutant in MUTANTS if only in mutant.name]
    return [mutant for mutant in MUTANTS if mutant.short or "HYPERNAT_TEST_LONG" in os.environ]


def write_report(cases):
    """As GoogleTest's programs do, so that each fault is a case."""
    folder = os.environ.get("GTEST_OUTPUT", "").removeprefix("xml:")
    if not folder:
        return
    suite = xml.Element("testsuite", name="mutants")
    for name, failure in cases:
        case = xml.SubElement(suite, "testcase", classname="mutants", name=name)
        if failure:
            xml.SubElement(case, "failure", message=failure)
    xml.ElementTree(suite).write(pathlib.Path(folder) / f"{pathlib.Path(__file__).stem}.xml")


def main():
    parser = argparse.ArgumentParser(description="Demands that the specification finds each seeded fault.")
    parser.add_argument("--build", required=True)
    parser.add_argument("--only", help="the faults whose name holds this")
    arguments = parser.parse_args()
    build, cases, tried = Build(arguments.build), [], chosen(arguments.only)
    for mutant in MUTANTS:
        started = time.monotonic()
        try:
            faulty(mutant)  # also of those that are not tried, which would rot otherwise
            if mutant not in tried:
                continue
            said, failure = try_one(build, mutant), None
        except RuntimeError as error:
            said = failure = str(error)
        cases.append((mutant.name, failure))
        verdict = "NOT FOUND" if failure else "found"
        print(f"{verdict}: {mutant.name} ({time.monotonic() - started:.0f} s): {said[:300]}", flush=True)
    write_report(cases)
    return 1 if not cases or any(failure for _, failure in cases) else 0


if __name__ == "__main__":
    sys.exit(main())
