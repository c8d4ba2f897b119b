"""Plain and VLAN attachments, frame by frame: this kernel may have no 802.1Q devices, so the frames are made here.

Both sides of the data plane are taps; what a test writes to a tap's device is received by the data plane, and what the
data plane sends can be read there.
"""

import time

from scapy.all import ARP, ICMP, IP, TCP, UDP, Dot1Q, Ether, Raw
from scapy.arch.linux import L2Socket

import support
import machine
import test_dataplane
import topology

INSIDE, OUTSIDE = "raw-inside", "raw-outside"
GATEWAY_MAC = test_dataplane.GATEWAY_MAC
ENVIRONMENT, ENVIRONMENT_MAC = "100.64.0.5", "02:00:00:00:aa:05"
SERVER, SERVER_MAC = "10.0.1.10", "02:00:00:00:bb:10"
INTERFACE = "10.0.1.4"

TABLE = f"""
epoch: 1
generation: 1
peers: []
tenants: [{{account: "111122223333", number: 1}}, {{account: "444455556666", number: 2}}]
route_sets: {test_dataplane.ROUTES}
rule_sets: [[{{protocol: -1, destination: 0.0.0.0/0}}]]
subnets:
  - {{number: 1, id: subnet-plain, tenant: 0, prefix: 10.0.1.0/24, attachment: cable, segment: 0, router: 10.0.1.1}}
  - {{number: 2, id: subnet-tagged, tenant: 1, prefix: 10.0.1.0/24, attachment: trunk, segment: 200, router: 10.0.1.1}}
mappings:
  - {{number: 1, uid: 1, tenant: 0, subnet: 0, interfaces: [{{id: eni-1, uid: 1, address: 10.0.1.4, mac: "02:00:00:00:01:01"}}]}}
  - {{number: 2, uid: 2, tenant: 1, subnet: 1, interfaces: [{{id: eni-2, uid: 2, address: 10.0.1.4, mac: "02:00:00:00:01:02"}}]}}
  - {{number: 3, uid: 3, tenant: 0, subnet: 0, interfaces: [{{id: eni-3, uid: 3, address: 10.0.1.5, mac: "02:00:00:00:01:03"}}]}}
"""


def setUpModule():
    topology.prepare_mounts()
    for tap in (INSIDE, OUTSIDE):
        topology.make_tap(tap)
        machine.ip(f"link set {tap} up")


class Wire:
    """One tap's frames: what is sent here, the data plane receives."""

    def __init__(self, tap):
        self.socket = L2Socket(iface=tap)

    def send(self, frame):
        self.socket.send(frame)

    def receive(self, matches, seconds=2.0):
        """The next frame from the data plane that matches, or None."""
        limit = time.monotonic() + seconds
        while self.socket.select([self.socket], max(limit - time.monotonic(), 0)):
            frame = self.socket.recv()
            if frame is not None and matches(frame):
                return frame
        return None

    def close(self):
        self.socket.close()


def tagged(vlan):
    """The Ethernet header's follower: a tag, or nothing."""
    return Dot1Q(vlan=vlan) if vlan else None


def ethernet(src, dst, vlan, payload):
    header = Ether(src=src, dst=dst)
    return header / tagged(vlan) / payload if vlan else header / payload


def vlan_of(frame):
    return frame[Dot1Q].vlan if Dot1Q in frame else None


def renewed(packet):
    """The packet with every checksum computed again."""
    copy = packet.copy()
    for layer in (IP, TCP, UDP, ICMP):
        if layer in copy:
            del copy[layer].chksum
    return IP(bytes(copy))


class Attachments(test_dataplane.DataplaneTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.publish(TABLE)
        cls.start("  - {name: inside0, device: net_tap0}\n  - {name: outside0, device: net_tap1}",
                  "  - {name: socket, side: inside, port: inside0, encapsulation: plain, mapping: 1}\n"
                  "  - {name: hosts, side: inside, port: inside0, encapsulation: vlan}\n"
                  "  - {name: cable, side: outside, port: outside0, encapsulation: plain}\n"
                  "  - {name: trunk, side: outside, port: outside0, encapsulation: vlan}",
                  [f"net_tap0,iface={INSIDE}", f"net_tap1,iface={OUTSIDE}"])
        cls.inside, cls.outside = Wire(INSIDE), Wire(OUTSIDE)
        cls.addClassCleanup(cls.inside.close)
        cls.addClassCleanup(cls.outside.close)

    def setUp(self):
        for wire in (self.inside, self.outside):
            wire.receive(lambda frame: False, 0)

    def tearDown(self):
        self.assert_account_closes()

    def drops(self, reason):
        return self.telemetry.ask("/hypernat/drops")[reason]

    def send_out(self, vlan, packet):
        self.inside.send(ethernet(ENVIRONMENT_MAC, GATEWAY_MAC, vlan, packet))

    def send_back(self, vlan, packet, mac):
        self.outside.send(ethernet(SERVER_MAC, mac, vlan, packet))

    def receive_outside(self, vlan, protocol):
        """The next packet of a protocol; whoever is asked for by ARP meanwhile, answers."""
        def wanted(frame):
            if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == SERVER:
                asked = frame[ARP]
                self.assertEqual(vlan_of(frame), vlan, "asked on another segment")
                self.outside.send(ethernet(SERVER_MAC, asked.hwsrc, vlan, ARP(
                    op=2, hwsrc=SERVER_MAC, psrc=SERVER, hwdst=asked.hwsrc, pdst=asked.psrc)))
            return IP in frame and protocol in frame and frame[IP].dst == SERVER

        frame = self.outside.receive(wanted)
        self.assertIsNotNone(frame, "nothing came out")
        self.assertEqual(vlan_of(frame), vlan)
        return frame

    def check_packet(self, packet, ttl):
        self.assertEqual(bytes(packet), bytes(renewed(packet)), "a checksum is wrong")
        self.assertEqual(packet.ttl, ttl)

    def check_journey(self, inside_vlan, outside_vlan, interface, make, protocol):
        """A request and its reply, both looked at byte by byte."""
        request = IP(src=ENVIRONMENT, dst=SERVER, ttl=64, id=77) / make(5555, 80) / Raw(b"a request")
        self.send_out(inside_vlan, request)
        out = self.receive_outside(outside_vlan, protocol)
        self.assertEqual((out[Ether].dst, out[IP].src), (SERVER_MAC, interface))
        packet = IP(bytes(out[IP])[:out[IP].len])
        self.check_packet(packet, 63)
        self.assertEqual(bytes(packet[protocol].payload), b"a request")
        self.assertEqual(packet.id, 77)

        port = packet[protocol].id if protocol is ICMP else packet[protocol].sport
        self.assertGreaterEqual(port, 1024)
        reply = IP(src=SERVER, dst=interface, ttl=50) / make(80, port, reply=True) / Raw(b"its reply")
        self.send_back(outside_vlan, reply, out[Ether].src)
        back = self.inside.receive(lambda frame: IP in frame and frame[IP].dst == ENVIRONMENT)
        self.assertIsNotNone(back, "the reply did not come back")
        self.assertEqual((vlan_of(back), back[Ether].dst), (inside_vlan, ENVIRONMENT_MAC))
        packet = IP(bytes(back[IP])[:back[IP].len])
        self.check_packet(packet, 49)
        self.assertEqual((packet.src, bytes(packet[protocol].payload)), (SERVER, b"its reply"))
        self.assertEqual(packet[protocol].id if protocol is ICMP else packet[protocol].dport, 5555)

    def test_carry_every_protocol_in_all_pairs(self):
        def echo(source, port, reply=False):
            return ICMP(type=0, id=port) if reply else ICMP(type=8, id=source)

        def udp(source, port, reply=False):  # pylint: disable=unused-argument
            return UDP(sport=source, dport=port)

        def tcp(source, port, reply=False):
            return TCP(sport=source, dport=port, flags="SA" if reply else "S", seq=1000, ack=7 if reply else 0)

        pairs = {"plain to plain": (None, None, INTERFACE), "VLAN to VLAN": (2, 200, INTERFACE),
                 "VLAN to plain": (3, None, "10.0.1.5")}
        for title, pair in pairs.items():
            for make, protocol in ((udp, UDP), (tcp, TCP), (echo, ICMP)):
                with self.subTest(f"{title}, {protocol.__name__}"):
                    self.check_journey(*pair, make, protocol)

    def test_answer_arp_for_interfaces_on_their_own_segment_only(self):
        question = ARP(op=1, hwsrc=SERVER_MAC, psrc=SERVER, pdst="10.0.1.5")
        for vlan, mac in ((None, "02:00:00:00:01:03"), (200, None), (201, None)):
            with self.subTest(f"VLAN {vlan}"):
                self.outside.send(ethernet(SERVER_MAC, "ff:ff:ff:ff:ff:ff", vlan, question))
                answer = self.outside.receive(lambda frame: ARP in frame and frame[ARP].op == 2, 0.5)
                self.assertEqual(answer and answer[ARP].hwsrc, mac)
                if mac:
                    self.assertEqual((vlan_of(answer), answer[ARP].psrc), (vlan, "10.0.1.5"))

    def test_drop_what_has_no_mapping_or_subnet(self):
        packet = IP(src=ENVIRONMENT, dst=SERVER) / UDP(sport=1, dport=2)
        before = self.drops("unknown_segment")
        for vlan in (4, 5, 4094):
            self.send_out(vlan, packet)
        self.send_back(201, IP(src=SERVER, dst=INTERFACE) / UDP(sport=2, dport=5000), "02:00:00:00:01:02")
        machine.wait_for("the drops", lambda: self.drops("unknown_segment") == before + 4)

    def test_let_no_reply_cross_to_another_segment(self):
        self.send_out(2, IP(src=ENVIRONMENT, dst=SERVER) / UDP(sport=6000, dport=53) / Raw(b"whose?"))
        out = self.receive_outside(200, UDP)
        before = self.drops("no_flow")
        reply = IP(src=SERVER, dst=INTERFACE) / UDP(sport=53, dport=out[UDP].sport) / Raw(b"forged")
        self.send_back(None, reply, "02:00:00:00:01:01")
        self.assertIsNone(self.inside.receive(lambda frame: Raw in frame and b"forged" in bytes(frame[Raw]), 0.5))
        self.assertEqual(self.drops("no_flow"), before + 1)

    def test_drop_what_the_device_says_is_damaged(self):
        for layer in (UDP(sport=7000, dport=53, chksum=0x1234), TCP(sport=7001, dport=80, flags="S", chksum=0x1234)):
            with self.subTest(layer.name):
                before = self.drops("bad_l4_checksum")
                self.send_out(2, IP(src=ENVIRONMENT, dst=SERVER) / layer / Raw(b"damaged"))
                machine.wait_for("the drop", lambda: self.drops("bad_l4_checksum") == before + 1)  # pylint: disable=cell-var-from-loop
