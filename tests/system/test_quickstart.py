"""scripts/quickstart as a stranger runs it: in both memory modes, side by side, interrupted, kept and stopped."""

import pathlib
import re
import signal
import subprocess
import unittest

import support
import folders
import launcher
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
        # Through a pipe: it must come to its end although something goes on running.
        output = self.finish(begin("--no-huge", "--keep", "--workers", "3"))
        self.check_story(output)
        accounts = re.findall(r"(?m)^ +([0-2])((?: +\d+){10})$", output)
        self.assertEqual([worker for worker, _ in accounts], ["0", "1", "2"])
        handed_over = sum(int(numbers.split()[5]) for _, numbers in accounts)
        self.assertGreater(handed_over, 0, "several workers, and no packet was handed over")

        environment = dict(re.findall(r"export (HYPERNAT_\w+)=(\S+)", output))
        self.assertEqual(sorted(environment), ["HYPERNAT_CONTROL", "HYPERNAT_DATAPLANE"])
        self.assertIn("generation", support.hypernat("status", environment=environment).stdout)
        answer = support.hypernat("invoke", "globex-web", "--", "curl", "-s", "http://web.internal/", environment=environment)
        self.assertEqual(answer.stdout, "This is globex.\n", answer.stderr)
        folder = pathlib.Path(environment["HYPERNAT_CONTROL"]).parent
        self.check_others_are_left_alone(folder)
        stopped = subprocess.run([QUICKSTART, "--stop"], check=False, capture_output=True, text=True)
        self.assertEqual(stopped.returncode, 0, stopped.stderr)
        self.assertIn(f"stopped {folder}", stopped.stdout)
        self.assertTrue(is_gone(folder))

    def check_others_are_left_alone(self, folder):
        """A number that means another process by now, or in another pid namespace, is not signalled."""
        kept = folder / launcher.KEPT
        true = kept.read_text(encoding="ascii")
        namespace, pid, started = true.split()
        bystander = subprocess.Popen(["sleep", "60"])
        self.addCleanup(bystander.kill)
        kept.write_text(f"pid:[1] {bystander.pid} {started}", encoding="ascii")
        elsewhere = subprocess.run([QUICKSTART, "--stop"], check=False, capture_output=True, text=True)
        self.assertEqual(elsewhere.returncode, 0)
        self.assertIn(f"{folder} is left alone: it was started in another pid namespace", elsewhere.stderr)
        self.assertNotEqual(launcher.identity(bystander.pid), f"{namespace} {bystander.pid} {started}")
        self.assertIsNone(bystander.poll())
        self.assertEqual(launcher.identity(int(pid)), true)
        kept.write_text(true, encoding="ascii")
