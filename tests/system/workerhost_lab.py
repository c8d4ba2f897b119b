"""A worker host alone: fake data plane, fake control plane, tenants, and a client of its socket.

Everything lies in the network and mount namespace that the test was started in. The data plane is the kernel's: for
each mapping one VXLAN device with the gateway's MAC address, in a namespace that plays the tenant.
"""

import contextlib
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from fake_control import FakeControl

HOST = "192.0.2.11"
DATAPLANE = "192.0.2.1"
BLOCK = "100.64.0.0/20"
GATEWAY_MAC = "02:00:00:00:00:01"
SERVER = "10.0.1.10"
RESOLVER = "10.0.1.53"
BUILD = pathlib.Path(os.environ.get("HYPERNAT_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
LONG = bool(os.environ.get("HYPERNAT_TEST_LONG"))
TENANTS = {"acme": 100, "globex": 200}


def run(*command, check=True, **options):
    """Runs a program to its end and returns its standard output."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=60, check=False, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def wait_until(condition, seconds=10, what="the condition"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise TimeoutError(f"{what}: not within {seconds} s")


def is_alive(pid):
    """False also for one that is dead and not yet taken away by its parent."""
    try:
        return ") Z " not in pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes_beside(pid):
    """Those in the same PID namespace, without the process itself."""
    found = []
    own = os.readlink(f"/proc/{pid}/ns/pid")
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and int(entry) != pid and os.readlink(f"/proc/{entry}/ns/pid") == own:
                found.append(int(entry))
    return found


class Environment:
    """One environment: its connection, and what it wrote."""

    def __init__(self, path, request, descriptors, pipes=()):
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.connection.connect(str(path))
        socket.send_fds(self.connection, [json.dumps(request).encode()], descriptors)
        self.pipes = pipes

    def event(self, timeout=20):
        self.connection.settimeout(timeout)
        data = self.connection.recv(1 << 20)
        if not data:
            raise EOFError("the worker host hung up")
        return json.loads(data)

    def events(self):
        """All events up to the end."""
        found = [self.event()]
        while found[-1]["Event"] == "started":
            found.append(self.event())
        return found

    def close(self):
        self.connection.close()
        for pipe in self.pipes:
            with contextlib.suppress(OSError):
                os.close(pipe)


def connect_directly():
    """The underlay: `uplink` at the worker host, `hosts` at the data plane."""
    run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "hosts", "netns", "dataplane")


class Lab:
    """The namespaces, the tenants' servers, and a worker host process."""

    def __init__(self, slots=8):
        self.binary = BUILD / "control/workerhost/hypernat-workerhost"
        self.slots = slots
        self.changes = {}  # texts of the configuration that a test wants otherwise
        run("mount", "-t", "tmpfs", "tmpfs", "/run")  # ours alone: the test runs in a mount namespace of its own
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hypernat-workerhost-", dir="/run"))
        self.socket = self.folder / "wh1" / "environments.sock"
        self.control = FakeControl(self.folder / "control.sock", BLOCK)
        self.log = self.folder / "workerhost.log"
        self.process = None
        self.children = []

    # -- network

    def build_network(self, connect=connect_directly):
        run("ip", "link", "set", "lo", "up")
        run("ip", "netns", "add", "dataplane")
        connect()
        run("ip", "address", "add", f"{HOST}/24", "dev", "uplink")
        run("ip", "link", "set", "uplink", "up")
        self.in_namespace("dataplane", "ip", "address", "add", f"{DATAPLANE}/24", "dev", "hosts")
        self.in_namespace("dataplane", "ip", "link", "set", "hosts", "up")
        for tenant, number in TENANTS.items():
            self.build_tenant(tenant, number)

    def build_tenant(self, tenant, number):
        run("ip", "netns", "add", tenant)
        self.in_namespace(tenant, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")
        self.in_namespace("dataplane", "ip", "link", "add", f"vxlan{number}", "type", "vxlan", "id", number, "local",
                          DATAPLANE, "remote", HOST, "dstport", 4789, "nolearning")
        self.in_namespace("dataplane", "ip", "link", "set", f"vxlan{number}", "netns", tenant)
        inside = f"vxlan{number}"
        commands = [f"link set {inside} address {GATEWAY_MAC} mtu 1450 up", "link set lo up",
                    f"address add {SERVER}/32 dev lo", f"address add {RESOLVER}/32 dev lo",
                    f"route add {BLOCK} dev {inside} src {SERVER}"]
        commands += [f"neighbour add 100.64.0.{n} lladdr 02:00:64:40:00:{n:02x} nud permanent dev {inside}"
                     for n in range(1, 255)]
        batch = self.folder / f"{tenant}.batch"
        batch.write_text("\n".join(commands) + "\n")
        self.in_namespace(tenant, "ip", "-batch", batch)

    def start_servers(self):
        for tenant in TENANTS:
            pages = self.folder / tenant
            pages.mkdir()
            (pages / "index.html").write_text(f"page of {tenant}\n")
            self.spawn(tenant, "/usr/bin/python3", "-m", "http.server", "--bind", SERVER, "--directory", pages, 80)
            self.spawn(tenant, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                       f"--listen-address={RESOLVER}", "--bind-interfaces", "--user=root", "--pid-file=",
                       f"--address=/web.internal/{SERVER}", f"--txt-record=whoami.internal,{tenant}")
        for tenant in TENANTS:
            wait_until(lambda tenant=tenant: ":80" in self.in_namespace(tenant, "ss", "-Hltn"), what="the web server")
            wait_until(lambda tenant=tenant: ":53" in self.in_namespace(tenant, "ss", "-Hlun"), what="the resolver")

    @staticmethod
    def in_namespace(namespace, *command, **options):
        return run("ip", "netns", "exec", namespace, *command, **options)

    def spawn(self, namespace, *command, **options):
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        # pylint: disable-next=consider-using-with
        child = subprocess.Popen(["ip", "netns", "exec", namespace, *map(str, command)], **options)
        self.children.append(child)
        return child

    # -- the worker host

    def configuration(self):
        path = self.folder / "workerhost.yaml"
        text = f"""name: wh1
zone: a
underlay:
  device: uplink
  address: {HOST}
dataplane: {DATAPLANE}
gateway: 169.254.100.1
gateway_mac: {GATEWAY_MAC}
vxlan_port: 4789
mtu: 1450
socket: {self.socket}
control: {self.control.path}
slots: {self.slots}
state_directory: {self.folder}/wh1
"""
        for old, new in self.changes.items():
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
        return path

    def start(self, wait=True):
        configuration = self.configuration()
        with open(self.log, "ab") as log:
            # pylint: disable-next=consider-using-with
            self.process = subprocess.Popen([self.binary, "--config", configuration], stdout=log, stderr=log)
        if wait:
            wait_until(self.is_listening, seconds=60, what=f"the worker host's socket; its log: {self.log_text()}")

    def is_listening(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the worker host ended with {self.process.returncode}: {self.log_text()}")
        # An environment that a killed worker host had just forked holds its socket for a moment: only an answer counts.
        with contextlib.suppress(OSError, ValueError):
            return bool(self.status())
        return False

    def log_text(self):
        return self.log.read_text() if self.log.exists() else ""

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)
        return self.process.returncode if self.process else None

    def close(self):
        self.stop()
        for child in self.children:
            child.terminate()
            child.wait(10)
        self.control.stop()
        for namespace in ["dataplane", *TENANTS]:
            run("ip", "netns", "delete", namespace, check=False)
        run("ip", "link", "delete", "uplink", check=False)
        run("umount", "-l", "/run")

    # -- its clients

    def status(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(str(self.socket))
            client.send(b'{"Query":"status"}')
            client.settimeout(10)
            return json.loads(client.recv(1 << 20))

    def drops(self):
        return self.status()["Drops"]

    def request(self, command, tenant="acme", timeout=30, variables=None, mapping=None):
        number = TENANTS[tenant] if mapping is None else mapping
        return {"Function": f"{tenant}-test", "Mapping": number, "Resolver": RESOLVER, "Command": list(command),
                "Environment": variables or {}, "TimeoutSeconds": timeout}

    def environment(self, command, stdin=None, **request):
        """Starts an environment; its output goes to pipes[0] and pipes[1], its input is stdin or empty."""
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        empty = os.open("/dev/null", os.O_RDONLY)
        try:
            return Environment(self.socket, self.request(command, **request),
                               [empty if stdin is None else stdin, out_write, err_write], (out_read, err_read))
        finally:
            os.close(out_write)
            os.close(err_write)
            os.close(empty)

    def run(self, command, **request):
        """Runs a command to its end: (last event, standard output, standard error)."""
        environment = self.environment(command, **request)
        try:
            output = {pipe: b"" for pipe in environment.pipes}
            open_pipes = set(output)
            while open_pipes:
                ready, _, _ = select.select(list(open_pipes), [], [], 60)
                if not ready:
                    raise TimeoutError(f"no output and no end: {command}")
                for pipe in ready:
                    data = os.read(pipe, 1 << 16)
                    output[pipe] += data
                    if not data:
                        open_pipes.discard(pipe)
            last = environment.events()[-1]
            return last, output[environment.pipes[0]].decode(), output[environment.pipes[1]].decode()
        finally:
            environment.close()

    def shell(self, script, **request):
        """Like run, with a shell; the output's trailing newline is cut."""
        last, out, err = self.run(["sh", "-c", script], **request)
        return last.get("ExitCode"), out.rstrip("\n"), err

    # -- what is looked at

    def hypernat(self, *arguments):
        """What the operator's command prints."""
        return run(BUILD / "control/cli/hypernat", "--control", self.control.path, *arguments)

    def slot_command(self, started, *command, **options):
        """Runs a command as root in the network namespace of a started environment."""
        return run("nsenter", f"--net={started['Namespace']}", *command, **options)

    def records(self):
        """Names of the files of running environments."""
        folder = self.folder / "wh1" / "environments"
        return sorted(os.listdir(folder)) if folder.exists() else []

    def own_devices(self):
        """Names of the worker host's devices."""
        links = json.loads(run("ip", "-j", "link", "show"))
        return [link["ifname"] for link in links if link["ifname"].startswith(("hv", "hx"))]

    @contextlib.contextmanager
    def counted(self, **expected):
        """Exactly these drops happen in the block, and no others."""
        before = self.drops()
        yield
        found = {}

        def as_expected():
            found.update({name: count - before[name] for name, count in self.drops().items()})
            return {name: count for name, count in found.items() if count} == expected

        try:
            wait_until(as_expected, seconds=3)
        except TimeoutError:
            moved = {name: count for name, count in found.items() if count}
            raise AssertionError(f"drops: found {moved}; expected {expected}") from None


class LabTestCase(unittest.TestCase):
    """A class of tests on one worker host."""

    slots = 8

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(cls.slots)
        cls.addClassCleanup(cls.lab.close)
        cls.lab.build_network()
        cls.lab.start_servers()
        cls.lab.control.start()
        cls.lab.start()

    def tearDown(self):
        if self.lab.process.poll() is not None:
            self.fail(f"the worker host ended: {self.lab.log_text()}")

    def started(self, command=("sleep", "60"), **request):
        """An environment that runs, closed when the test ends, and its first event."""
        environment = self.lab.environment(command, **request)
        self.addCleanup(environment.close)
        event = environment.event()
        self.assertEqual(event["Event"], "started", event)
        return environment, event

    def wait_for_free_slots(self):
        wait_until(lambda: self.lab.status()["Slots"]["Free"] == self.slots, what="all slots to be free")
