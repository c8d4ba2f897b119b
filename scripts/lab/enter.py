"""Steps into namespaces of our own: network, mounts and processes.

Nothing of the machine's network is touched from in there, mounts are not seen outside, and when the first process
ends, however it ends, the kernel ends all others with it.
"""

import os
import sys

MARK = "HYPERNAT_LAB_INSIDE"


def command_inside(command):
    """The command line that runs `command` as the first process of fresh namespaces."""
    return ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
            *command]


def is_inside():
    return os.environ.get(MARK) == "1" and os.getpid() == 1


def reexecute():
    """Replaces this program by itself inside; the caller goes on there."""
    os.environ[MARK] = "1"
    command = command_inside([sys.executable, "-B", *sys.argv])
    os.execvp(command[0], command)
