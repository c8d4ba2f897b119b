"""What leaves a worker host, looked at as a network card would send it: no offload is left open.

Two tap devices are the underlay, and this test carries each frame from one to the other, so that the kernel has to
finish checksums and segments before anybody sees them.
"""

import fcntl
import os
import select
import struct
import threading
import unittest

from workerhost_lab import SERVER, TENANTS, Lab, run, wait_until

TUNSETIFF = 0x400454ca
IFF_TAP, IFF_NO_PI = 2, 0x1000
SIZE = 8 << 20


def open_tap(name):
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return descriptor


def ones_sum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def pseudo_header(packet, length):
    return packet[12:20] + struct.pack("!BBH", 0, packet[9], length)


class Wire:
    """Carries frames between the taps, and looks at those that the worker host sends."""

    def __init__(self):
        self.taps = []
        self.seen = {1: 0, 6: 0, 17: 0}
        self.largest_inner = 0
        self.mistakes = []
        self.ended, self.end = os.pipe()
        self.thread = threading.Thread(target=self.carry, daemon=True)

    def connect(self):
        self.taps = [open_tap("uplink"), open_tap("hosts")]
        run("ip", "link", "set", "hosts", "netns", "dataplane")
        self.thread.start()

    def close(self):
        os.write(self.end, b"x")
        self.thread.join()
        for tap in self.taps:
            os.close(tap)

    def carry(self):
        other = dict(zip(self.taps, reversed(self.taps)))
        while True:
            ready, _, _ = select.select([*self.taps, self.ended], [], [])
            if self.ended in ready:
                return
            for tap in ready:
                frame = os.read(tap, 1 << 17)
                if tap == self.taps[0]:
                    self.look_at(frame)
                try:
                    os.write(other[tap], frame)
                except OSError:
                    pass  # down for the moment: a lost frame

    def look_at(self, frame):
        if len(frame) > 1514:
            self.mistakes.append(f"a frame of {len(frame)} bytes")
        if frame[12:14] != b"\x08\x00" or frame[23] != 17 or frame[36:38] != b"\x12\xb5":
            return
        outer = frame[14:34]
        if outer[6] & 0x40 == 0:
            self.mistakes.append("an outer packet that may be fragmented")
        if ones_sum(outer) != 0xffff:
            self.mistakes.append(f"a wrong outer checksum {outer.hex()}")
        if frame[40:42] != b"\0\0":
            self.mistakes.append("an outer UDP checksum")
        if frame[42:46] != b"\x08\0\0\0" or int.from_bytes(frame[46:49], "big") not in TENANTS.values():
            self.mistakes.append(f"a wrong VXLAN header {frame[42:50].hex()}")
        self.look_at_inner(frame[64:])

    def look_at_inner(self, packet):
        size = int.from_bytes(packet[2:4], "big")
        protocol = packet[9]
        self.largest_inner = max(self.largest_inner, size)
        self.seen[protocol] = self.seen.get(protocol, 0) + 1
        if ones_sum(packet[:20]) != 0xffff:
            self.mistakes.append(f"a wrong inner IPv4 checksum {packet[:20].hex()}")
        payload = packet[20:size]
        if protocol in (6, 17) and ones_sum(pseudo_header(packet, len(payload)) + payload) != 0xffff:
            self.mistakes.append(f"a wrong inner checksum: protocol {protocol}, {size} bytes")
        if protocol == 1 and ones_sum(payload) != 0xffff:
            self.mistakes.append("a wrong inner ICMP checksum")


class OnTheWire(unittest.TestCase):
    def test_every_packet_has_right_checksums_and_fits_the_mtu(self):
        wire = Wire()
        lab = Lab()
        self.addCleanup(lab.close)
        self.addCleanup(wire.close)
        lab.build_network(wire.connect)
        lab.start_servers()
        lab.control.start()
        lab.start()
        received = lab.folder / "received"
        lab.spawn("acme", "socat", "-u", f"TCP-LISTEN:9000,bind={SERVER}", f"CREATE:{received}")
        wait_until(lambda: ":9000" in lab.in_namespace("acme", "ss", "-Hltn"), what="the receiver")
        sent = lab.folder / "sent"
        sent.write_bytes(os.urandom(SIZE))
        with open(sent, "rb") as source:
            code, _, err = lab.shell(f"exec socat -u - TCP:{SERVER}:9000", stdin=source.fileno(), timeout=60)
        self.assertEqual(code, 0, err)
        wait_until(lambda: received.stat().st_size == SIZE, what="the whole upload")
        self.assertEqual(received.read_bytes(), sent.read_bytes())
        code, out, err = lab.shell("dig +short +tries=1 +timeout=5 web.internal; ping -c 1 -W 2 -s 1400 10.0.1.10")
        self.assertEqual(code, 0, out + err)

        self.assertEqual(sorted(set(wire.mistakes)), [])
        self.assertGreater(wire.seen[6], SIZE // 1410)
        self.assertGreaterEqual(wire.seen[17], 1)
        self.assertGreaterEqual(wire.seen[1], 1)
        self.assertEqual(wire.largest_inner, 1450)
