"""What is refused: mistaken files with file, line, what was found and what was expected; commands with a remedy."""

import re
import subprocess

import support

EXAMPLE = (support.ROOT / "config/functions.yaml").read_text(encoding="utf-8")
DATAPLANE = (support.ROOT / "config/dataplane.yaml").read_text(encoding="utf-8")
CONTROL = (support.ROOT / "config/control.yaml").read_text(encoding="utf-8")
WORKERHOST = (support.ROOT / "config/workerhost.yaml").read_text(encoding="utf-8")

SECOND_SUBNET = """
          - id: {id}
            cidr: {cidr}
            router: {router}
            segment: {{attachment: tenants, id: {segment}}}
            vteps: [198.51.100.11]
        route_tables:"""

# A row: its name; the file; the text to replace and what replaces it (the first time it occurs); what must be said.
# The line that is named must be the line of the change, or a later one of the same addition.
FUNCTIONS_ROWS = [
    ("unknown key", "flows: 50000", "flowz: 50000", "flowz"),
    ("wrong type: text for a number", "flows: 50000", "flows: many", "many"),
    ("wrong type: a map for a list", "routes:\n              - {", "routes:\n                {", "routes"),
    ("account that is no account", '"111122223333"', '"1111"', "1111"),
    ("duplicate account", '"444455556666"', '"111122223333"', "111122223333"),
    ("duplicate function", "name: acme-api", "name: acme-web", "acme-web"),
    ("duplicate security group", "id: sg-acme-batch", "id: sg-acme-web", "sg-acme-web"),
    ("router outside its subnet", "router: 10.0.1.1", "router: 10.0.2.1", "10.0.2.1"),
    ("subnet outside its VPC", "cidr: 10.0.1.0/24", "cidr: 10.1.1.0/24", "10.1.1.0/24"),
    ("prefix with host bits", "cidr: 10.0.1.0/24", "cidr: 10.0.1.1/24", "10.0.1.1/24"),
    ("address that is none", "resolver: 10.0.1.53", "resolver: 10.0.1.530", "10.0.1.530"),
    ("overlapping subnets of one VPC", "\n        route_tables:",
     SECOND_SUBNET.format(id="subnet-b", cidr="10.0.1.128/25", router="10.0.1.129", segment=5003), "10.0.1.128/25"),
    ("duplicate subnet", "\n        route_tables:",
     SECOND_SUBNET.format(id="subnet-acme-a", cidr="10.0.2.0/24", router="10.0.2.1", segment=5003), "subnet-acme-a"),
    ("segment used twice in a VPC", "\n        route_tables:",
     SECOND_SUBNET.format(id="subnet-b", cidr="10.0.2.0/24", router="10.0.2.1", segment=5001), "5001"),
    ("segment used twice by two tenants", "id: 5002", "id: 5001", "5001"),
    ("security group that does not exist", "security_groups: [sg-acme-web]", "security_groups: [sg-none]", "sg-none"),
    ("security group of somebody else", "security_groups: [sg-acme-web]", "security_groups: [sg-globex-web]", "sg-globex-web"),
    ("subnet that does not exist", "subnets: [subnet-acme-a]", "subnets: [subnet-none]", "subnet-none"),
    ("route table that does not exist", "routes: rtb-acme", "routes: rtb-none", "rtb-none"),
    ("route without a destination", "{destination: 0.0.0.0/0, target: router}", "{target: router}", "destination"),
    ("unknown route target", "target: router", "target: nowhere", "nowhere"),
    ("unknown protocol", "protocol: tcp", "protocol: sctp", "sctp"),
    ("port out of range", "ports: 80", "ports: 65536", "65536"),
    ("timeout without a unit", "timeout: 300s", "timeout: 300", "300"),
    ("empty command", "command: [dig, +short, web.internal]", "command: []", "command"),
    ("key given twice", "name: acme\n", "name: acme\n    name: acme\n", "name"),
]
DATAPLANE_ROWS = [
    ("unknown key", "node: dp1", "nodes: dp1", "nodes"),
    ("beat without a unit", "beat: 500ms", "beat: 500", "500"),
    ("port that does not exist", "port: inside0", "port: inside7", "inside7"),
    ("duplicate port", "name: outside0, device: net_tap1", "name: inside0, device: net_tap1", "inside0"),
    ("unknown encapsulation", "encapsulation: vxlan", "encapsulation: gre", "gre"),
    ("tunnel without an address", "    address: 192.0.2.1/24\n", "", "address"),
    ("number out of range", "flows: 65536", "flows: 0", "0"),
    ("unknown idle mode", "idle: sleep", "idle: snore", "snore"),
]
CONTROL_ROWS = [
    ("listening beyond the machine", "tcp: 127.0.0.1:9040", "tcp: 0.0.0.0:9040", "0.0.0.0"),
    ("duplicate access key", "AKIAGLOBEX", "AKIAACME", "AKIAACME"),
    ("negative time", "time: 90s", "time: -1s", "-1s"),
]
WORKERHOST_ROWS = [
    ("no name", "name: wh1\n", "", "name"),
    ("MAC that is none", "02:00:00:00:00:01", "02:00:00:00:00", "02:00:00:00:00"),
    ("relative socket", "socket: /run/hypernat/wh1.sock", "socket: wh1.sock", "wh1.sock"),
]


class Validate(support.FolderTestCase):
    def check_rows(self, name, original, rows):
        path = self.folder / name
        for title, old, new, named in rows:
            with self.subTest(title):
                self.assertIn(old, original, "the example has changed: mend the row")
                before = original.split(old, 1)[0]
                path.write_text(original.replace(old, new, 1), encoding="utf-8")
                done = support.hypernat("validate", path)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                first = done.stderr.split("\n", 1)[0]
                told = re.match(rf"{re.escape(str(path))}:(\d+): found (.+); expected (.+)", first)
                self.assertIsNotNone(told, f"no file:line: found …; expected … in {first!r}")
                self.assertIn(named, first)
                if new:
                    start = before.count("\n") + 1
                    self.assertGreaterEqual(int(told[1]), start, first)

    def test_refuses_mistaken_functions(self):
        self.check_rows("functions.yaml", EXAMPLE, FUNCTIONS_ROWS)

    def test_refuses_mistaken_dataplanes(self):
        self.check_rows("dataplane.yaml", DATAPLANE, DATAPLANE_ROWS)

    def test_refuses_mistaken_control_planes(self):
        self.check_rows("control.yaml", CONTROL, CONTROL_ROWS)

    def test_refuses_mistaken_worker_hosts(self):
        self.check_rows("workerhost.yaml", WORKERHOST, WORKERHOST_ROWS)

    def test_refuses_what_is_no_configuration_at_all(self):
        rows = {"an empty file": b"", "only a comment": b"# nothing\n", "no YAML": b"tenants: [\n", "a list": b"- a\n- b\n",
                "bytes": bytes(range(256)), "tabs": b"tenants:\n\t- account: 1\n", "two documents": b"tenants: []\n---\nnode: a\n"}
        for title, content in rows.items():
            with self.subTest(title):
                path = self.folder / "file.yaml"
                path.write_bytes(content)
                done = support.hypernat("validate", path)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertRegex(done.stderr, rf"^{re.escape(str(path))}(:\d+)?: found .+; expected .+")
        done = support.hypernat("validate", self.folder / "none.yaml")
        self.assertEqual(done.returncode, 1)
        self.assertIn("none.yaml: found no such file", done.stderr)

    def test_names_every_mistake_of_a_file(self):
        path = self.folder / "functions.yaml"
        path.write_text(EXAMPLE.replace("timeout: 300s", "timeout: 300"), encoding="utf-8")
        done = support.hypernat("validate", path)
        self.assertEqual(done.stderr.count("; expected "), EXAMPLE.count("timeout: 300s"), done.stderr)

    def test_holds_segments_against_the_data_plane(self):
        path = self.folder / "functions.yaml"
        path.write_text(EXAMPLE.replace("attachment: tenants", "attachment: nowhere", 1), encoding="utf-8")
        done = support.hypernat("validate", support.ROOT / "config/dataplane.yaml", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nowhere", done.stderr)

    def test_accepts_the_examples(self):
        files = sorted((support.ROOT / "config").glob("*.yaml"))
        done = support.hypernat("validate", *files)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(done.stdout.splitlines()), len(files))


class Programs(support.FolderTestCase):
    def test_refuse_a_mistaken_file_before_anything_is_touched(self):
        rows = {"hypernat-dataplane": DATAPLANE.replace("node: dp1", "nodes: dp1"),
                "hypernat-control": CONTROL.replace("region:", "regions:"),
                "hypernat-workerhost": WORKERHOST.replace("zone:", "zones:")}
        for program, text in rows.items():
            with self.subTest(program):
                path = self.folder / "mistaken.yaml"
                path.write_text(text.replace("/run/hypernat", f"{self.folder}/run"), encoding="utf-8")
                done = subprocess.run([support.laboratory.binary(support.BUILD, program), "--config", path], check=False,
                                      capture_output=True, text=True, timeout=30)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertRegex(done.stdout + done.stderr, r"mistaken\.yaml:\d+: found .+; expected .+")
                self.assertFalse((self.folder / "run").exists())


class CommandLine(support.FolderTestCase):
    def check(self, code, *arguments, says, environment=None):
        done = support.hypernat(*arguments, environment=environment)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for text in says:
            self.assertIn(text, done.stderr)

    def test_that_is_wrong_ends_with_2(self):
        rows = [([], "COMMAND --help"), (["frobnicate"], "frobnicate"), (["apply"], "file"), (["invoke"], "function"),
                (["validate"], "a file, or --reference"), (["status", "--nonsense"], "--nonsense")]
        for arguments, named in rows:
            with self.subTest(arguments):
                self.check(2, *arguments, says=[named])

    def test_without_a_control_plane_names_it_and_the_remedy(self):
        socket = self.folder / "nobody.sock"
        for command in (["status"], ["functions"], ["interfaces"], ["mappings"], ["worker-hosts"], ["invoke", "web"],
                        ["apply", support.ROOT / "config/functions.yaml"]):
            with self.subTest(command[0]):
                self.check(1, "--control", socket, *command, says=[str(socket), "hypernat-control", "--control"])
                self.check(1, *command, says=[str(socket)], environment={"HYPERNAT_CONTROL": str(socket)})

    def test_without_a_data_plane_names_it_and_the_remedy(self):
        for command in ("flows", "drops", "account", "trace"):
            with self.subTest(command):
                self.check(1, "--dataplane", "nobody", command, says=["nobody", "hypernat-dataplane", "--dataplane"])

    def test_applies_nothing_of_a_mistaken_file(self):
        path = self.folder / "functions.yaml"
        path.write_text(EXAMPLE.replace("router: 10.0.1.1", "router: 10.0.9.1"), encoding="utf-8")
        self.check(1, "--control", self.folder / "nobody.sock", "apply", path, says=[f"{path}:", "; expected"])

    def test_help_teaches_by_example(self):
        for command in ("apply", "invoke", "trace", "validate"):
            with self.subTest(command):
                done = support.hypernat(command, "--help")
                self.assertEqual(done.returncode, 0)
                self.assertIn(f"  hypernat {command} ", done.stdout)
