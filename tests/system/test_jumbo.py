"""Devices beside net_tap, on the ends of two cables: one that has jumbo frames, and one that writes VLAN tags."""

import os
import subprocess

from scapy.all import ARP, IP, UDP, Dot1Q, Ether, Raw

import support
import lab as laboratory
import test_attachments
import test_dataplane
import topology
from machine import ip

MTU = 9000
VLAN = 300
INTERFACE, INTERFACE_MAC = "10.0.1.4", "02:00:00:00:01:01"

TABLE = f"""
epoch: 1
generation: 1
peers: []
tenants: [{{account: "111122223333", number: 1}}]
route_sets: {test_dataplane.ROUTES}
rule_sets: [[{{protocol: -1, destination: 0.0.0.0/0}}]]
subnets:
  - {{number: 1, id: subnet-1, tenant: 0, prefix: 10.0.1.0/24, attachment: trunk, segment: {VLAN}, router: 10.0.1.1}}
mappings:
  - {{number: 1, uid: 1, tenant: 0, subnet: 0,
      interfaces: [{{id: eni-1, uid: 1, address: {INTERFACE}, mac: "{INTERFACE_MAC}"}}]}}
"""
PORTS = """
  - {{name: inside0, device: {0}0, mtu: {1}}}
  - {{name: outside0, device: {0}1, mtu: {1}}}"""
ATTACHMENTS = """
  - {name: socket, side: inside, port: inside0, encapsulation: plain, mapping: 1}
  - {name: trunk, side: outside, port: outside0, encapsulation: vlan}"""


def setUpModule():
    topology.prepare_mounts()
    for cable in ("inside", "outside"):
        ip(f"link add {cable} mtu {MTU} type veth peer name {cable}-far mtu {MTU}")
        ip(f"link set {cable} up")
        ip(f"link set {cable}-far up")


class Cables:
    """Plain inside, VLAN outside; what the classes of each driver share."""

    driver, mtu, arguments = "", 0, ""
    writes = "no headers"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.publish(TABLE)
        cls.start(PORTS.format(cls.driver, cls.mtu), ATTACHMENTS,
                  [f"{cls.driver}{number},{cls.arguments.format(cable)}" for number, cable in enumerate(("inside", "outside"))])
        cls.inside, cls.outside = (test_attachments.Wire(f"{cable}-far") for cable in ("inside", "outside"))
        cls.addClassCleanup(cls.inside.close)
        cls.addClassCleanup(cls.outside.close)

    def tearDown(self):
        self.assert_account_closes()

    def receive_outside(self, payload):
        """The next packet with that payload; whoever is asked for by ARP meanwhile, answers."""
        def wanted(frame):
            if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == test_attachments.SERVER:
                asked = frame[ARP]
                self.outside.send(Ether(src=test_attachments.SERVER_MAC, dst=asked.hwsrc) / Dot1Q(vlan=VLAN) / ARP(
                    op=2, hwsrc=test_attachments.SERVER_MAC, psrc=test_attachments.SERVER, hwdst=asked.hwsrc, pdst=asked.psrc))
            return Raw in frame and UDP in frame and bytes(frame[Raw]) == payload
        frame = self.outside.receive(wanted)
        self.assertIsNotNone(frame, "nothing came out")
        return frame

    def test_carries_frames_of_every_size_there_and_back_with_their_tags(self):
        request = IP(src=test_attachments.ENVIRONMENT, dst=test_attachments.SERVER) / UDP(sport=5555, dport=80)
        for length in sorted({1, 2, 999, self.mtu // 2 + 1, self.mtu - 29, self.mtu - 28}):
            with self.subTest(length):
                payload = os.urandom(length)
                self.inside.send(Ether(src=test_attachments.ENVIRONMENT_MAC, dst=test_dataplane.GATEWAY_MAC) / request / Raw(payload))
                out = self.receive_outside(payload)
                self.assertEqual((out[Ether].src, out[Dot1Q].vlan, out[IP].src), (INTERFACE_MAC, VLAN, INTERFACE))
                packet = IP(bytes(out[IP])[:out[IP].len])
                self.assertEqual(bytes(packet), bytes(test_attachments.renewed(packet)), "a checksum is wrong")
                reply = IP(src=test_attachments.SERVER, dst=INTERFACE) / UDP(sport=80, dport=packet[UDP].sport) / Raw(payload[::-1])
                self.outside.send(Ether(src=test_attachments.SERVER_MAC, dst=INTERFACE_MAC) / Dot1Q(vlan=VLAN) / reply)
                back = self.inside.receive(lambda frame: Raw in frame and bytes(frame[Raw]) == payload[::-1])  # pylint: disable=cell-var-from-loop
                self.assertIsNotNone(back, "the reply did not come back")
                self.assertEqual((back[IP].dst, back[UDP].dport), (test_attachments.ENVIRONMENT, 5555))

    def test_says_what_the_device_does(self):
        log = self.dataplane.log.read_text(encoding="utf-8")
        self.assertRegex(log, rf"port outside0: .*MTU {self.mtu},.* the device writes {self.writes}")
        self.assertRegex(log, r"port inside0: .* the device writes no headers")


class Jumbo(Cables, test_dataplane.DataplaneTestCase):
    driver, mtu, arguments = "net_pcap", MTU, "rx_iface_in={0},tx_iface={0}"


class TaggingDevice(Cables, test_dataplane.DataplaneTestCase):
    driver, mtu, arguments = "net_af_packet", 1500, "iface={}"
    writes = "VLAN tags"


class TooLarge(support.FolderTestCase):
    def test_mtu_is_refused_with_the_largest_that_the_device_takes(self):
        prefix = support.folders.file_prefix(self.folder)
        config = self.folder / "dataplane.yaml"
        config.write_text(f"node: dp1\nfile_prefix: {prefix}\nstore: {{directory: {self.folder}/store}}\n"
                          f"ports:{PORTS.format('net_tap', 9000)}\nattachments:{ATTACHMENTS}\n", encoding="utf-8")
        program = laboratory.binary(support.BUILD, "hypernat-dataplane")
        done = subprocess.run([program, "--config", config, "--", "--no-huge", "-m", "256", "--no-pci", "--lcores=0@0,1@0",
                               "--vdev=net_tap0,iface=large0", "--vdev=net_tap1,iface=large1"],
                              check=False, capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stdout + done.stderr,
                         r"port inside0 \(net_tap0\): the device's largest MTU is \d{4}, the configured one is 9000")
