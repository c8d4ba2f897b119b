"""One module of system tests, run inside its namespaces: a line per case while it runs, a JUnit file in the end."""

import pathlib
import signal
import sys
import time
import unittest
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts/lab"))

import machine  # noqa: E402


class Recorder(unittest.TestResult):
    """Keeps every case with its time; a LabError is shown with its evidence."""

    def __init__(self, suite):
        super().__init__()
        self.suite = suite
        self.started = 0.0
        self.rows = 0  # of the case that runs

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        self.rows = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        if self.rows == 0:
            self._record(test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._record(test, "failure", self._text(err, test))

    def addError(self, test, err):
        super().addError(test, err)
        self._record(test, "failure", self._text(err, test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._record(test, "skipped", reason)

    def addSubTest(self, test, subtest, err):
        """Rows of a table: each is a case, the test around them is none."""
        super().addSubTest(test, subtest, err)
        self.rows += 1
        if err is None:
            self._record(subtest)
        else:
            self._record(subtest, "failure", self._text(err, test))

    def _text(self, err, test):
        text = self._exc_info_to_string(err, test)
        if isinstance(err[1], machine.LabError) and err[1].evidence:
            text += err[1].evidence
        return text

    def _record(self, test, kind=None, text=""):
        now = time.monotonic()
        seconds, self.started = now - self.started, now
        classname, _, name = test.id().partition(".test_")
        case = xml.SubElement(self.suite, "testcase", classname=classname, name=name or "setup", time=f"{seconds:.2f}")
        if kind is not None:
            printable = "".join(letter if letter.isprintable() or letter in "\n\t" else "?" for letter in text)
            xml.SubElement(case, kind, message=printable.strip().split("\n")[-1]).text = printable
        print(f"  {'ok' if kind is None else kind:8} {test.id()} ({seconds:.1f} s)", flush=True)
        if kind == "failure":
            print("".join(f"    | {line}\n" for line in text.split("\n")), flush=True)


def chosen(tests, names):
    """The cases whose full name holds one of the names; all when there are none."""
    suite = unittest.TestSuite()
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            part = chosen(test, names)
            if part.countTestCases():
                suite.addTest(part)
        elif not names or any(name in test.id() for name in names):
            suite.addTest(test)
    return suite


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    module, report, *names = sys.argv[1:]
    tests = chosen(unittest.defaultTestLoader.loadTestsFromName(module), names)
    suite = xml.Element("testsuite", name=module)
    if tests.countTestCases():
        print(module, flush=True)
    tests.run(Recorder(suite))
    xml.ElementTree(suite).write(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
