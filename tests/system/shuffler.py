"""A road that changes the order of packets: forwards between two TUN devices called `mixed`, each in a namespace.

    shuffler.py SEED NAMESPACE NAMESPACE

A packet in ten waits until up to five later ones have passed it, or for 20 ms when none follow. Which ones is decided
by the seed alone. Nothing is lost.
"""

import ctypes
import fcntl
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
CLONE_NEWNET = 0x40000000

SHARE = 0.1
PASSED_BY = 5
PATIENCE = 0.02


def open_tun(namespace):
    """A descriptor that stays the device's after the process has gone on to another namespace."""
    with open(f"/run/netns/{namespace}", "rb") as place:
        if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"namespace {namespace}")
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"mixed", IFF_TUN | IFF_NO_PI))
    return device


class Lane:
    """One direction. Packets that wait are kept as [how many may still pass, until when, packet]."""

    def __init__(self, seed, out):
        self.random = random.Random(seed)
        self.out = out
        self.waiting = []

    def take(self, packet, now):
        if self.random.random() < SHARE:
            self.waiting.append([self.random.randint(1, PASSED_BY), now + PATIENCE, packet])
            return
        self.send(packet)
        for wait in self.waiting:
            wait[0] -= 1
        self.release(now)

    def release(self, now):
        """Sends what has waited long enough, and says when to look again."""
        ready = [wait for wait in self.waiting if wait[0] <= 0 or wait[1] <= now]
        self.waiting = [wait for wait in self.waiting if wait[0] > 0 and wait[1] > now]
        for _, _, packet in ready:
            self.send(packet)
        return min((wait[1] for wait in self.waiting), default=now + 1)

    def send(self, packet):
        try:
            os.write(self.out, packet)
        except OSError as error:  # while the device is not up yet
            print(f"not sent: {error}", flush=True)


def main():
    seed, *namespaces = sys.argv[1:]
    devices = [open_tun(namespace) for namespace in namespaces]
    lanes = {devices[0]: Lane(f"{seed}/0", devices[1]), devices[1]: Lane(f"{seed}/1", devices[0])}
    while True:
        now = time.monotonic()
        again = min(lane.release(now) for lane in lanes.values())
        ready, _, _ = select.select(devices, [], [], max(again - now, 0))
        for device in ready:
            lanes[device].take(os.read(device, 65536), time.monotonic())


if __name__ == "__main__":
    main()
