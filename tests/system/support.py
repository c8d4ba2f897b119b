"""What the system tests share: where the programs are, and a lab that a whole class of tests uses."""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("HYPERNAT_BUILD", ROOT / "build"))
LONG = bool(os.environ.get("HYPERNAT_TEST_LONG"))
sys.path.insert(0, str(ROOT / "scripts/lab"))

import folders  # noqa: E402
import lab as laboratory  # noqa: E402
import machine  # noqa: E402


def hypernat(*arguments, environment=None):
    """The operator's command, alone; returns the finished process."""
    words = [str(laboratory.binary(BUILD, "hypernat")), *[str(argument) for argument in arguments]]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HYPERNAT_")}
    return subprocess.run(words, check=False, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env={**clean, **(environment or {})})


class FolderTestCase(unittest.TestCase):
    """A class of tests with a folder of its own."""

    @classmethod
    def setUpClass(cls):
        cls.folder, claim = folders.claim()
        cls.addClassCleanup(os.close, claim)
        cls.addClassCleanup(folders.remove, cls.folder)


class Environment:
    """A shell in an environment that stays, and what `invoke --verbose` says of its place."""

    def __init__(self, lab, function):
        self.process = lab.begin("invoke", "--verbose", function, "--", "sh")
        place = self.process.stderr.readline()
        told = re.search(r"environment (\S+) in slot \d+ of (\S+), network namespace (\S+)", place)
        if told is None:
            raise machine.LabError(f"no environment of {function}", place + self.process.stderr.read())
        self.address, self.host, self.namespace = told.groups()
        self.times = self.process.stderr.readline()

    def ask(self, command):
        """Standard output and errors of one command, in one text."""
        self.process.stdin.write(f"{{ {command}\n}} 2>&1; echo; echo THE-END\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()).strip() != "THE-END":
            if not line:
                raise machine.LabError("the environment went away", self.process.stderr.read())
            lines.append(line)
        return "".join(lines).strip()

    def close(self):
        self.process.stdin.close()
        with contextlib.suppress(OSError):
            self.process.kill()
        self.process.wait()


class LabTestCase(FolderTestCase):
    """A class of tests on one running lab."""

    workers = 1
    huge = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab = laboratory.Lab(cls.folder, BUILD, cls.huge, cls.workers)
        cls.addClassCleanup(cls.lab.stop)
        try:
            cls.prepare()
        except machine.LabError as error:
            raise machine.LabError(str(error), f"{error.evidence}\n{cls.lab.evidence()}") from error

    @classmethod
    def prepare(cls):
        """Starts what the tests need; all of it unless a class says otherwise."""
        cls.lab.start()
        cls.lab.hypernat("apply", cls.lab.functions, "--wait", "--seconds", 30)

    def invoke(self, function, *command, seconds=60):
        """Exit code, standard output and standard error of a command in an environment."""
        process = self.lab.invoke(function, *command)
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            self.fail(f"{' '.join(command)} in {function} did not end within {seconds} s")
        return process.returncode, output, errors
