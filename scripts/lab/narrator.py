"""How a run of the lab is told: every step a line with its time, and what failed with the evidence for it."""

import os
import signal
import sys
import time

import machine


class Narrator:
    """Every step a line with its time; what belongs to a step is indented below it."""

    def __init__(self):
        self.started = float(os.environ["HYPERNAT_STARTED"])  # when the script was called, packages and build included

    def step(self, text):
        print(f"[{time.time() - self.started:5.1f} s] {text}", flush=True)

    def say(self, text):
        for line in text.rstrip().split("\n"):
            print(f"          {line}", flush=True)

    def report(self, error, lab):
        self.step(f"FAILED: {error}")
        for text in (error.evidence, lab.evidence()):
            if text:
                self.say(text)


def narrated(lab, body, narrator):
    """Calls body(lab) in the lab, which is cleaned up whatever happens, signals included; False when it failed."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda caught, _: sys.exit(128 + caught))
    with lab:
        try:
            body(lab)
        except machine.LabError as error:
            narrator.report(error, lab)
            return False
    return True
