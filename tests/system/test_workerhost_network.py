"""What an environment reaches, and what it does not: its tenant, and nothing else."""

import json
import os
import socket
import struct
import threading
import time

from workerhost_lab import DATAPLANE, GATEWAY_MAC, HOST, SERVER, TENANTS, LabTestCase, run, wait_until

# Sends frames from standard input (one in hexadecimal per line) through a device, as root in a slot's namespace.
SEND_FRAMES = """
import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth0", 0))
for line in sys.stdin:
    wire.send(bytes.fromhex(line))
"""


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4_packet(source, destination, payload=b"\x00\x35\x00\x35\x00\x08\x00\x00", protocol=17):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, socket.inet_aton(source),
                         socket.inet_aton(destination))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def frame(source_mac, destination_mac, packet, kind=0x0800):
    return (mac(destination_mac) + mac(source_mac) + struct.pack("!H", kind) + packet).ljust(60, b"\x00")


class Reachability(LabTestCase):
    def test_curl_dig_and_ping_reach_the_tenant(self):
        self.assertEqual(self.lab.shell("curl -sS -m 5 http://web.internal/"), (0, "page of acme", ""))
        self.assertEqual(self.lab.shell("dig +short +tries=1 +timeout=5 web.internal"), (0, SERVER, ""))
        code, out, err = self.lab.shell(f"ping -c 2 -i 0.2 -W 2 {SERVER}")
        self.assertEqual(code, 0, err)
        self.assertIn("2 received", out)

    def test_a_large_ping_is_cut_into_fragments_and_put_together_again(self):
        code, out, err = self.lab.shell(f"ping -c 1 -s 4000 -W 2 {SERVER}")
        self.assertEqual((code, "1 received" in out), (0, True), err)

    def test_two_environments_at_once_each_see_their_own_tenant_at_the_same_address(self):
        answers = {}

        def ask(tenant, number):
            answers[tenant, number] = self.lab.shell(
                f"curl -sS -m 5 http://{SERVER}/; dig +short +tries=1 +timeout=5 whoami.internal TXT", tenant=tenant)

        threads = [threading.Thread(target=ask, args=(tenant, number)) for tenant in TENANTS for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for (tenant, _), (code, out, err) in answers.items():
            self.assertEqual((code, out), (0, f'page of {tenant}\n"{tenant}"'), err)
        self.assertEqual(len(answers), 8)

    def test_a_mapping_that_nobody_serves_leads_nowhere(self):
        code, out, _ = self.lab.shell(f"curl -sS -m 1 http://{SERVER}/", mapping=999)
        self.assertEqual((code, out), (28, ""))

    def test_without_a_mapping_there_is_only_loopback(self):
        with self.lab.counted(outbound_unattached=1):
            code, _, _ = self.lab.shell(f"ping -c 1 -W 1 127.0.0.1 >/dev/null && ping -c 1 -W 1 {SERVER}", mapping=0)
        self.assertEqual(code, 1)

    def test_forbidden_destinations_are_dropped_and_counted(self):
        for address in ["169.254.169.254", "169.254.100.1"]:
            with self.subTest(address), self.lab.counted(outbound_destination_address=1):
                self.assertEqual(self.lab.shell(f"ping -c 1 -W 1 {address}")[0], 1)

    def test_the_host_the_underlay_and_other_environments_hear_nothing(self):
        with socket.create_server(("0.0.0.0", 8080)) as listener:
            listener.settimeout(0.1)
            _, other = self.started(["socat", "TCP-LISTEN:8080,fork", "-"])
            for address in [HOST, DATAPLANE, other["Address"], "127.0.0.1"]:
                with self.subTest(address):
                    code, _, _ = self.lab.shell(f"curl -sS -m 1 http://{address}:8080/")
                    self.assertIn(code, (7, 28))
                    with self.assertRaises(TimeoutError):
                        listener.accept()
            established = self.lab.slot_command(other, "ss", "-Htn", "state", "established")
            self.assertEqual(established, "")

    def test_no_socket_of_the_host_is_in_sight(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as abstract:
            abstract.bind("\0hypernat-test")
            abstract.listen()
            code, out, _ = self.lab.shell(f"test -e {self.lab.socket} && echo seen; ls -A /run; "
                                          "socat -u OPEN:/dev/null ABSTRACT-CONNECT:hypernat-test")
        self.assertNotEqual(code, 0)
        self.assertEqual(out, "resolv.conf")

    def test_only_internet_unix_and_netlink_sockets_can_be_made(self):
        script = """
import errno, socket
found = []
for family in range(46):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW):
        try:
            socket.socket(family, kind).close()
            found.append(family)
        except OSError as error:
            pass
print(sorted(set(found)))
"""
        last, out, err = self.lab.run(["/usr/bin/python3", "-c", script])
        self.assertEqual(last, {"Event": "exited", "ExitCode": 0}, err)
        allowed = {int(socket.AF_UNIX), int(socket.AF_INET), int(socket.AF_INET6), int(socket.AF_NETLINK)}
        self.assertLessEqual(set(json.loads(out)), allowed)
        self.assertIn(int(socket.AF_INET), json.loads(out))

    def test_there_is_no_ipv6(self):
        _, out, _ = self.lab.shell("ip -6 address; ip -6 route")
        self.assertEqual(out, "")


class Forgery(LabTestCase):
    """Frames that no honest environment sends, put on the wire by root in the slot's own namespace."""

    def setUp(self):
        _, self.event = self.started()
        self.address = self.event["Address"]
        self.mac = "02:00:" + ":".join(f"{int(part):02x}" for part in self.address.split("."))

    def send(self, *frames):
        self.lab.slot_command(self.event, "/usr/bin/python3", "-c", SEND_FRAMES,
                              input="".join(data.hex() + "\n" for data in frames))

    def test_the_slots_own_address_passes(self):
        before = self.lab.status()["Packets"]["outbound_sent"]
        with self.lab.counted():
            self.send(frame(self.mac, GATEWAY_MAC, ipv4_packet(self.address, SERVER)))
        self.assertEqual(self.lab.status()["Packets"]["outbound_sent"], before + 1)

    def test_another_source_address_is_dropped_and_counted(self):
        sources = ["100.64.0.200", "100.64.0.0", HOST, DATAPLANE, SERVER, "127.0.0.1", "0.0.0.0", "255.255.255.255"]
        with self.lab.counted(outbound_source_address=len(sources)):
            self.send(*[frame(self.mac, GATEWAY_MAC, ipv4_packet(source, SERVER)) for source in sources])

    def test_an_address_added_to_the_device_is_dropped_and_counted(self):
        self.lab.slot_command(self.event, "ip", "address", "add", "100.64.0.200/32", "dev", "eth0")
        try:
            with self.lab.counted(outbound_source_address=2):
                self.lab.slot_command(self.event, "ping", "-c", "2", "-i", "0.2", "-W", "0.2", "-I", "100.64.0.200",
                                      SERVER, check=False)
        finally:
            self.lab.slot_command(self.event, "ip", "address", "delete", "100.64.0.200/32", "dev", "eth0")

    def test_another_mac_address_is_dropped_and_counted(self):
        packet = ipv4_packet(self.address, SERVER)
        with self.lab.counted(outbound_mac_address=3):
            self.send(frame("02:00:64:40:00:c8", GATEWAY_MAC, packet), frame(self.mac, "ff:ff:ff:ff:ff:ff", packet),
                      frame(self.mac, self.mac, packet))

    def test_everything_but_ipv4_is_dropped_and_counted(self):
        arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac(self.mac), socket.inet_aton(self.address), bytes(6),
                          socket.inet_aton("169.254.100.1"))
        packet = ipv4_packet(self.address, SERVER)
        with self.lab.counted(outbound_not_ipv4=5):
            self.send(frame(self.mac, GATEWAY_MAC, arp, 0x0806),
                      frame(self.mac, GATEWAY_MAC, bytes([0x60]) + bytes(39), 0x86dd),
                      frame(self.mac, GATEWAY_MAC, struct.pack("!HH", 5, 0x0800) + packet, 0x8100),
                      frame(self.mac, GATEWAY_MAC, packet, 0x88b5), frame(self.mac, GATEWAY_MAC, b"\x65" + packet[1:]))

    def test_destinations_that_are_no_unicast_are_dropped_and_counted(self):
        destinations = ["0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.169.254", "169.254.100.1", "224.0.0.1",
                        "239.255.255.250", "240.0.0.1", "255.255.255.255"]
        with self.lab.counted(outbound_destination_address=len(destinations)):
            self.send(*[frame(self.mac, GATEWAY_MAC, ipv4_packet(self.address, other)) for other in destinations])

    def test_frames_too_short_for_their_headers_are_dropped_and_counted(self):
        whole = frame(self.mac, GATEWAY_MAC, ipv4_packet(self.address, SERVER))
        with self.lab.counted(outbound_truncated=2):
            self.send(whole[:15], whole[:33])


class Tunnel(LabTestCase):
    """What arrives from the underlay."""

    def setUp(self):
        _, self.event = self.started()
        self.address = self.event["Address"]
        self.mac = "02:00:" + ":".join(f"{int(part):02x}" for part in self.address.split("."))

    def send(self, inner, mapping=TENANTS["acme"], source=DATAPLANE, flags=8):
        packet = struct.pack("!B3xI", flags, mapping << 8) + inner
        script = ("import socket, sys; wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
                  f"wire.bind(({source!r}, 0)); wire.sendto(bytes.fromhex(sys.argv[1]), ({HOST!r}, 4789))")
        self.lab.in_namespace("dataplane", "/usr/bin/python3", "-c", script, packet.hex())

    def inner(self, destination=None, destination_mac=None, kind=0x0800):
        return frame(GATEWAY_MAC, destination_mac or self.mac, ipv4_packet(SERVER, destination or self.address), kind)

    def received(self):
        return self.lab.status()["Packets"]["inbound_sent"]

    def test_a_packet_of_the_slots_mapping_arrives(self):
        before = self.received()
        with self.lab.counted():
            self.send(self.inner())
        wait_until(lambda: self.received() == before + 1)

    def test_a_packet_of_another_mapping_is_dropped_and_counted(self):
        before = self.received()
        for mapping in (TENANTS["globex"], 0, 0xffffff):
            with self.lab.counted(inbound_other_mapping=1):
                self.send(self.inner(), mapping=mapping)
        self.assertEqual(self.received(), before)

    def test_a_packet_for_nobody_is_dropped_and_counted(self):
        for destination in ("100.64.0.9", "100.64.15.255", HOST, "127.0.0.1", "224.0.0.1"):
            with self.subTest(destination), self.lab.counted(inbound_no_such_slot=1):
                self.send(self.inner(destination=destination))

    def test_a_packet_to_another_mac_address_is_dropped_and_counted(self):
        for other in (GATEWAY_MAC, "ff:ff:ff:ff:ff:ff", "02:00:64:40:00:c8"):
            with self.subTest(other), self.lab.counted(inbound_mac_address=1):
                self.send(self.inner(destination_mac=other))

    def test_everything_but_ipv4_is_dropped_and_counted(self):
        for kind in (0x0806, 0x86dd, 0x88b5):
            with self.subTest(hex(kind)), self.lab.counted(inbound_not_ipv4=1):
                self.send(self.inner(kind=kind))

    def test_a_packet_from_another_peer_is_dropped_and_counted(self):
        self.lab.in_namespace("dataplane", "ip", "address", "add", "192.0.2.99/24", "dev", "hosts")
        try:
            with self.lab.counted(inbound_not_the_dataplane=1):
                self.send(self.inner(), source="192.0.2.99")
        finally:
            self.lab.in_namespace("dataplane", "ip", "address", "delete", "192.0.2.99/24", "dev", "hosts")

    def test_nothing_comes_to_an_environment_that_has_ended(self):
        environment, event = self.started()
        environment.close()
        self.wait_for_used(1)
        self.mac = "02:00:" + ":".join(f"{int(part):02x}" for part in event["Address"].split("."))
        with self.lab.counted(inbound_no_such_slot=1):
            self.send(self.inner(destination=event["Address"]))

    def wait_for_used(self, number):
        wait_until(lambda: self.lab.status()["Slots"]["Free"] == self.slots - number, what="the slot to be free")


class Bulk(LabTestCase):
    size = 64 << 20

    def test_bulk_transfers_arrive_bit_for_bit_both_ways(self):
        path = self.lab.folder / "acme" / "bulk"
        data = os.urandom(self.size)
        path.write_bytes(data)
        expected = run("sha256sum", path).split()[0]
        start = time.monotonic()
        code, out, err = self.lab.shell(f"curl -sS -m 60 http://{SERVER}/bulk | sha256sum")
        print(f"    download: {self.size * 8 / (time.monotonic() - start) / 1e9:.1f} Gb/s")
        self.assertEqual((code, out.split()[:1]), (0, [expected]), err)

        received = self.lab.folder / "received"
        self.lab.spawn("acme", "socat", "-u", f"TCP-LISTEN:9000,bind={SERVER}", f"CREATE:{received}")
        wait_until(lambda: ":9000" in self.lab.in_namespace("acme", "ss", "-Hltn"), what="the receiver")
        with open(path, "rb") as source:
            code, _, err = self.lab.shell(f"exec socat -u - TCP:{SERVER}:9000", stdin=source.fileno())
        self.assertEqual(code, 0, err)
        wait_until(lambda: received.stat().st_size == self.size, what="the whole upload")
        self.assertEqual(run("sha256sum", received).split()[0], expected)
