"""scripts/quickstart as a stranger runs it: in both memory modes, side by side, interrupted, kept and stopped."""

import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

import support
import folders
import story

QUICKSTART = support.ROOT / "scripts/quickstart"
SECONDS = 300


def begin(*arguments):
    return subprocess.Popen([QUICKSTART, "--build", support.BUILD, *arguments], cwd="/", stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def is_gone(folder):
    return not folder.exists() and not folders.dpdk_folder(folder).exists()


class Quickstart(unittest.TestCase):
    def finish(self, process, code=0):
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            self.fail("quickstart did not end:\n" + process.communicate()[0])
        self.assertEqual(process.returncode, code, output)
        return output

    def check_story(self, output):
        for number, (title, _) in enumerate(story.CHAPTERS, 1):
            self.assertRegex(output, rf"(?m)^\[ *[0-9.]+ s\] {number}\. {re.escape(title)}$")
        self.assertIn("5 functions, 3 interfaces", output)
        self.assertIn("done: everything above was seen to be so", output)

    def folders_now(self):
        return set(folders.all_of_them())

    def test_runs_with_and_without_hugepages_side_by_side(self):
        huge, plain = begin(), begin("--no-huge")
        outputs = {"huge": self.finish(huge), "plain": self.finish(plain)}
        for output in outputs.values():
            self.check_story(output)
            self.assertIn("cleaned up", output)
        self.assertIn("no hugepages (as asked)", outputs["plain"])
        self.assertRegex(outputs["huge"], r"256 hugepages|no hugepages \(this machine has no")

    def test_leaves_nothing_when_interrupted(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(number.name):
                before = self.folders_now()
                process = begin("--no-huge")
                while "2. " not in (line := process.stdout.readline()):
                    self.assertTrue(line, "quickstart ended early")
                mine = self.folders_now() - before
                self.assertTrue(mine)
                process.send_signal(number)
                self.finish(process, code)
                self.assertTrue(all(is_gone(folder) for folder in mine if not folders.is_claimed(folder)))

    def test_says_what_failed_and_why(self):
        process = subprocess.Popen([QUICKSTART, "--build", "/nowhere"], cwd="/", stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output = self.finish(process, 1)
        self.assertIn("FAILED: /nowhere/dataplane/hypernat-dataplane is not built", output)
        self.assertIn("run scripts/build", output)

    def test_goes_on_with_several_workers_until_stopped(self):
        self.addCleanup(subprocess.run, [QUICKSTART, "--stop"], check=False, capture_output=True)
        # Into a file: what is kept running keeps its standard output, and the end of a pipe would never come.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run([QUICKSTART, "--build", support.BUILD, "--no-huge", "--keep", "--workers", "3"], cwd="/",
                                  check=False, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                                  timeout=SECONDS)
            said.seek(0)
            output = said.read()
        self.assertEqual(done.returncode, 0, output)
        self.check_story(output)
        accounts = re.findall(r"(?m)^ +([0-2])((?: +\d+){9})$", output)
        self.assertEqual([worker for worker, _ in accounts], ["0", "1", "2"])
        handed_over = sum(int(numbers.split()[4]) for _, numbers in accounts)
        self.assertGreater(handed_over, 0, "several workers, and no packet was handed over")

        environment = dict(re.findall(r"export (HYPERNAT_\w+)=(\S+)", output))
        self.assertEqual(sorted(environment), ["HYPERNAT_CONTROL", "HYPERNAT_DATAPLANE"])
        self.assertIn("generation", support.hypernat("status", environment=environment).stdout)
        answer = support.hypernat("invoke", "globex-web", "--", "curl", "-s", "http://web.internal/", environment=environment)
        self.assertEqual(answer.stdout, "This is globex.\n", answer.stderr)
        folder = pathlib.Path(environment["HYPERNAT_CONTROL"]).parent
        stopped = subprocess.run([QUICKSTART, "--stop"], check=False, capture_output=True, text=True)
        self.assertEqual(stopped.returncode, 0, stopped.stderr)
        self.assertIn(f"stopped {folder}", stopped.stdout)
        self.assertTrue(is_gone(folder))
