"""Runs what needs nobody's attention while the system tests run.

Most system tests sleep more than they work, and a sanitizer's build and its tests could have the time that they leave;
but system tests have deadlines, so it may have no more than that. Nice values alone do not see to it: where the kernel
groups tasks by session (autogroup), they count only within one, and tests start programs in sessions of their own. So
what runs ahead gets a session too, and that session the least weight until somebody waits for it.
"""

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
LEAST = 19


class RunAhead:
    """Runs jobs one after another in the background; whoever needs a job's result asks for it by name.

    A job is a function of one that runs a command as run.run_now does.
    """

    def __init__(self, jobs):
        self.lock = threading.Lock()
        self.running = None  # guarded by the lock, as are the next two
        self.is_awaited = False
        self.is_stopped = False
        self.worker = concurrent.futures.ThreadPoolExecutor(1)
        self.results = {name: self.worker.submit(job, self._run) for name, job in jobs.items()}

    def result(self, name):
        """What the job returned; waits for it."""
        self._weigh(is_awaited=True)
        try:
            return self.results[name].result()
        finally:
            self._weigh(is_awaited=False)

    def is_done(self, name):
        return self.results[name].done()

    def stop(self):
        """Ends the command that is under way and starts no other."""
        with self.lock:
            self.is_stopped = True
            if self._is_running():
                os.killpg(self.running.pid, signal.SIGTERM)
        self.worker.shutdown(cancel_futures=True)

    def _run(self, command, environment, output=None):
        with self.lock:
            if self.is_stopped:
                return False
            self.running = subprocess.Popen(["nice", "-n", str(LEAST), *command], env=environment, stdout=output,
                                            stderr=output and subprocess.STDOUT, cwd=ROOT, start_new_session=True)
            self._tell_kernel()
        return self.running.wait() == 0

    def _weigh(self, is_awaited):
        with self.lock:
            self.is_awaited = is_awaited
            self._tell_kernel()

    def _is_running(self):
        return self.running is not None and self.running.poll() is None

    def _tell_kernel(self):
        if not self._is_running():
            return
        try:
            with open(f"/proc/{self.running.pid}/autogroup", "w", encoding="ascii") as weight:
                weight.write("0" if self.is_awaited else str(LEAST))
        except OSError:
            pass  # the kernel groups nothing, or the command has ended
