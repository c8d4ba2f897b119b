"""The control plane killed before and after every fsync, rename and reply: nothing is lost, leaked or made twice.

A scenario is a list of steps, each a few requests that may be repeated without harm. It runs against a control plane
that dies at moment 1, at the next, and so on until it comes to its end alive; after each death another control plane
finishes the scenario on what the dead one left, and everything that is there is held against what should be.
"""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import unittest

import aws_tools
import support

ACCOUNT = "111122223333"
FUNCTIONS = "/2015-03-31/functions"
OWN = "/hypernat/v1"
# Without --long every so many moments; a prime, so that each scenario's round of calls is met at different places.
STRIDE = 1 if support.LONG else 89
SECONDS = 20
PORTS = 64_512
LEASE_SECONDS = 40  # of the life cycle's time, which goes twenty times as fast where leases are


class Died(Exception):
    """The control plane went away."""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("control", timeout=SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(str(self.path))


class Control:
    """One control plane in a folder, and a data plane that holds whatever is published."""

    def __init__(self, folder, settings, death=None):
        self.folder = folder
        config = folder / "control.yaml"
        config.write_text(f"""\
listen: {{tcp: "", socket: {folder}/control.sock}}
database: {folder}/control.db
store: {{directory: {folder}/store, beat: 10ms}}
provisioning: {{time: 0s}}
mapping_release_after: 0s
{settings.get("yaml", "")}""", encoding="utf-8")
        environment = dict(os.environ)
        if death is not None:
            library = support.BUILD / "tests/tools/libdeaths.so"
            environment.update(LD_PRELOAD=str(library), HYPERNAT_DEATH=str(death))
        self.log = open(folder / "control.log", "ab")
        self.process = subprocess.Popen(
            [support.BUILD / "control/hypernat-control", "--config", config, "--time-scale", str(settings.get("scale", 1))],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment)
        self.ports = {}
        self.is_over = threading.Event()
        self.dataplane = threading.Thread(target=self.follow)

    def follow(self):
        """The data plane: reports what the store holds, and the ports that a step wants to be in use."""
        table = self.folder / "store/table"
        status = self.folder / "store/status"
        while not self.is_over.wait(0.01):
            with contextlib.suppress(OSError, sqlite3.Error, TypeError):
                # Not by asking: its replies are moments, too, and there would be more of them than of all others.
                with contextlib.closing(self.database()) as database:
                    epoch, generation, sha256 = database.execute(
                        "SELECT epoch, generation, table_sha256 FROM publication").fetchone()
                if hashlib.sha256(table.read_bytes()).hexdigest() != sha256:
                    continue
                use = [{"interface_id": name, "ports_in_use": ports, "exhausted": 0} for name, ports in self.ports.items()]
                text = json.dumps({
                    "node": "dp1", "epoch": epoch, "generation": generation,
                    "table_sha256": sha256, "unix_milliseconds": int(time.time() * 1000),
                    "beat_milliseconds": 200, "refusal": "", "port_use": sorted(use, key=lambda each: -each["ports_in_use"])})
                (status / ".next").write_text(text, encoding="utf-8")
                (status / ".next").rename(status / "dp1.json")

    def database(self):
        return sqlite3.connect(f"file:{self.folder}/control.db?mode=ro", uri=True)

    def call(self, method, path, body=None):
        """Status and body. Raises Died when there is nobody to answer, or no whole answer."""
        connection = UnixConnection(self.folder / "control.sock")
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"X-Hypernat-Account": ACCOUNT})
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else None
        except (OSError, http.client.HTTPException) as error:
            raise Died from error
        finally:
            connection.close()

    def begin(self):
        """Waits until it answers; Died when it ends instead."""
        limit = time.monotonic() + SECONDS
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                raise Died
            with contextlib.suppress(Died):
                self.call("GET", f"{OWN}/status")
                # Not before: nobody else may hold the database while it is opened.
                self.dataplane.start()
                return
            time.sleep(0.005)
        raise AssertionError("the control plane does not answer")

    def wait(self, what, condition):
        limit = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > limit:
                raise AssertionError(f"waited {SECONDS} s for {what}: {self.call('GET', FUNCTIONS)[1]}")
            time.sleep(0.02)

    def end(self):
        """An orderly end; the exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(SECONDS)
        self.is_over.set()
        if self.dataplane.ident is not None:
            self.dataplane.join()
        self.log.close()
        return code


def must(control, expected, method, path, body=None):
    status, answer = control.call(method, path, body)
    if status not in expected:
        raise AssertionError(f"{method} {path}: {status} {answer}")
    return answer


def declare(control, _):
    own = f"{OWN}/accounts/{ACCOUNT}"
    must(control, [200], "PUT", own, {"Name": "acme"})
    must(control, [200], "PUT", f"{own}/vpcs/vpc-1", {"Cidr": "10.0.0.0/16"})
    for number, subnet in enumerate(["subnet-a", "subnet-b"], 1):
        must(control, [200], "PUT", f"{own}/subnets/{subnet}", {
            "VpcId": "vpc-1", "Cidr": f"10.0.{number}.0/24", "Zone": "a", "Router": f"10.0.{number}.1",
            "Segment": {"Attachment": "tenants", "Id": number}, "Vteps": ["198.51.100.11"]})
    for group in ["sg-1", "sg-2"]:
        must(control, [200], "PUT", f"{own}/security-groups/{group}", {"VpcId": "vpc-1", "Egress": []})


def network(subnets, groups):
    return {"SubnetIds": subnets, "SecurityGroupIds": groups}


def create(name, subnets, groups):
    def act(control, model):
        model.setdefault(name, {})["$LATEST"] = (tuple(subnets), tuple(groups))
        must(control, [201, 409], "POST", FUNCTIONS, {
            "FunctionName": name, "Role": "arn:aws:iam::111122223333:role/x", "Runtime": "provided.al2", "Handler": "x",
            "Code": {"ZipFile": ""}, "Environment": {"Variables": {"HYPERNAT_COMMAND": "[\"true\"]"}},
            "VpcConfig": network(subnets, groups)})
    return act


def delete(name):
    def act(control, model):
        model.pop(name, None)
        must(control, [204, 404], "DELETE", f"{FUNCTIONS}/{name}")
    return act


def delete_version(name, version):
    def act(control, model):
        model[name].pop(version, None)
        must(control, [204, 404], "DELETE", f"{FUNCTIONS}/{name}?Qualifier={version}")
    return act


def configuration(control, name):
    return must(control, [200], "GET", f"{FUNCTIONS}/{name}/configuration")


def settle(name):
    def act(control, _):
        control.wait(f"{name} to be settled", lambda: (now := configuration(control, name))["State"] != "Pending" and
                     now["LastUpdateStatus"] != "InProgress")
    return act


def update(name, subnets, groups):
    def act(control, model):
        settle(name)(control, model)
        model[name]["$LATEST"] = (tuple(subnets), tuple(groups))
        must(control, [200], "PUT", f"{FUNCTIONS}/{name}/configuration", {"VpcConfig": network(subnets, groups)})
    return act


def update_in_vain(name, subnets, groups):
    def act(control, model):
        settle(name)(control, model)
        orders = f"{OWN}/provisioning-failures"
        for order in must(control, [200], "GET", orders)["ProvisioningFailures"]:
            must(control, [204, 404], "DELETE", f"{orders}/{order['Number']}")
        must(control, [201], "POST", orders, {"Code": "InternalError", "Times": 1})
        must(control, [200], "PUT", f"{FUNCTIONS}/{name}/configuration", {"VpcConfig": network(subnets, groups)})
        settle(name)(control, model)
        if configuration(control, name)["LastUpdateStatus"] != "Failed":
            raise AssertionError("the update has not failed")
    return act


def publish(name, version):
    def act(control, model):
        settle(name)(control, model)
        model[name][version] = model[name]["$LATEST"]
        answer = must(control, [201], "POST", f"{FUNCTIONS}/{name}/versions", {})
        if answer["Version"] != version:
            raise AssertionError(f"found version {answer['Version']}; expected {version}")
    return act


def upload(name, text, version):
    def act(control, model):
        settle(name)(control, model)
        model[name][version] = model[name]["$LATEST"]
        archive = base64.b64encode(aws_tools.zipped(text)).decode("ascii")
        answer = must(control, [200], "PUT", f"{FUNCTIONS}/{name}/code", {"ZipFile": archive, "Publish": True})
        if answer["Version"] != version:
            raise AssertionError(f"found version {answer['Version']}; expected {version}")
    return act


def lease(name):
    """An interface of one environment's own, given back; what a death leaves of it expires."""
    def act(control, _):
        made = must(control, [201], "POST", f"{OWN}/leases", {
            "Account": ACCOUNT, "FunctionName": name, "ProvisioningMilliseconds": 0, "LifetimeSeconds": LEASE_SECONDS})
        path = f"{OWN}/leases/{made['Id']}"
        control.wait("the lease to be active", lambda: must(control, [200], "GET", path)["State"] == "Active")
        must(control, [204], "DELETE", path)
    return act


def fall_idle(name):
    def act(control, _):
        control.wait(f"{name} to fall idle", lambda: configuration(control, name)["State"] == "Inactive")
    return act


def use(name):
    """An invocation as far as placement: refused while there is no worker host, and until the function is revived."""
    def act(control, _):
        must(control, [502, 503, 409], "POST", f"{OWN}/placements", {"Account": ACCOUNT, "FunctionName": name})
    return act


def interfaces(control, state=None):
    return [each["Id"] for each in must(control, [200], "GET", f"{OWN}/interfaces")["Interfaces"]
            if state is None or each["State"] == state]


def crowd(count):
    def act(control, _):
        def has_grown():
            control.ports = dict.fromkeys(interfaces(control)[:count - 1], PORTS)
            return len(interfaces(control, "Active")) == count
        control.wait(f"{count} interfaces", has_grown)
    return act


def calm(count):
    def act(control, _):
        control.ports = {}
        control.wait(f"{count} interfaces", lambda: len(interfaces(control)) == count)
    return act


LIFE = [
    declare,
    create("web", ["subnet-a", "subnet-b"], ["sg-1"]), create("api", ["subnet-a"], ["sg-1"]), create("plain", [], []),
    settle("web"), publish("web", "1"), update("web", ["subnet-a"], ["sg-2"]), settle("web"),
    update_in_vain("api", ["subnet-b"], ["sg-2"]), publish("web", "2"),
    upload("web", "the first", "3"), upload("web", "the second", "4"), delete_version("web", "3"), update("web", [], []),
    delete_version("web", "1"), delete("api"), create("api", ["subnet-b"], ["sg-2"]), settle("api"),
]
IDLING = [declare, create("web", ["subnet-a"], ["sg-1"]), settle("web"), fall_idle("web"), use("web"), settle("web"),
          publish("web", "1"), delete_version("web", "1")]
LEASING = [declare, create("web", ["subnet-a", "subnet-b"], ["sg-1"]), settle("web"), lease("web"), lease("web"), delete("web"),
           create("web", ["subnet-b"], ["sg-1"]), settle("web"), lease("web")]
SCALING = [declare, create("web", ["subnet-a"], ["sg-1"]), settle("web"), crowd(2), calm(1), crowd(2)]


def observe(control):
    """What the API says there is, once nothing moves; in the model's form."""
    def is_settled():
        functions = must(control, [200], "GET", f"{FUNCTIONS}?FunctionVersion=ALL")["Functions"]
        mappings = must(control, [200], "GET", f"{OWN}/mappings")["Mappings"]
        if must(control, [200], "GET", f"{OWN}/leases")["Leases"]:
            return False
        return (all(each["State"] != "Pending" and each["LastUpdateStatus"] != "InProgress" for each in functions) and
                all(each["State"] == "Active" and "Wanted" not in each for each in mappings) and
                all(interface["State"] == "Active" for each in mappings for interface in each["Interfaces"]))
    control.wait("everything to settle", is_settled)
    seen = {}
    for each in must(control, [200], "GET", f"{FUNCTIONS}?FunctionVersion=ALL")["Functions"]:
        own = each["VpcConfig"]
        seen.setdefault(each["FunctionName"], {})[each["Version"]] = (tuple(own["SubnetIds"]), tuple(own["SecurityGroupIds"]))
    return seen


class Deaths(support.FolderTestCase):
    """Each scenario in folders of its own."""

    maxDiff = None

    def expect_invariants(self, folder):
        """What the database of a control plane that has ended holds, nothing of it leaked or there twice."""
        with contextlib.closing(sqlite3.connect(f"file:{folder}/control.db?mode=ro", uri=True)) as database:
            def rows(query):
                return database.execute(query).fetchall()
            # SQLite 3.40 takes columns behind the key of a table without row ids for each other, and finds NULL in them.
            self.assertEqual([text for (text,) in rows("PRAGMA integrity_check") if not text.startswith("NULL value in ")
                              and text != "ok"], [])
            self.assertEqual(rows("PRAGMA foreign_key_check"), [])
            wanted = set()
            for state, text in rows("SELECT state, network FROM functions"):
                own = json.loads(text)
                if state == "Active":
                    wanted |= {(subnet, ",".join(sorted(own["groups"]))) for subnet in own["subnets"]}
            held = rows("SELECT subnets.id, group_set FROM mappings JOIN subnets ON subnets.number = mappings.subnet "
                        "WHERE state <> 'releasing'")
            self.assertEqual(sorted(held), sorted(wanted), "mappings are those that functions need, each once")
            self.assertEqual(rows("SELECT uid FROM mappings WHERE (SELECT count(*) FROM interfaces WHERE mapping = mappings.uid "
                                  "AND is_extra = 0) <> 1"), [], "every mapping has one first interface")
            self.assertEqual(rows("SELECT uid FROM interfaces WHERE mapping NOT IN (SELECT uid FROM mappings)"), [])
            self.assertEqual(rows("SELECT subnet, address FROM interfaces GROUP BY subnet, address HAVING count(*) > 1"), [])
            self.assertEqual(rows("SELECT * FROM function_mappings WHERE is_next = 1"), [])
            self.assertEqual(rows("SELECT mapping FROM function_mappings WHERE mapping NOT IN (SELECT uid FROM mappings)"), [])
            sha256 = "json_extract(settings, '$.code_sha256')"
            self.assertEqual(rows(f"SELECT name, version FROM functions WHERE json_extract(settings, '$.code_size') > 0 "
                                  f"AND {sha256} NOT IN (SELECT sha256 FROM code)"), [], "code that was taken is there")
            self.assertEqual(rows(f"SELECT sha256 FROM code WHERE sha256 NOT IN (SELECT {sha256} FROM functions)"), [])
            for books in ["dropped_references", "wanted_interfaces"]:
                self.assertEqual(rows(f"SELECT * FROM {books}"), [], books)
            numbers = rows("SELECT number FROM mappings UNION ALL SELECT number FROM retired_numbers UNION ALL "
                           "SELECT number FROM free_numbers")
            last = rows("SELECT next - 1 FROM counters WHERE name = 'mapping'") or [(0,)]
            self.assertEqual(sorted(number for (number,) in numbers), list(range(1, last[0][0] + 1)),
                             "every number is somewhere, once")
            published = rows("SELECT table_sha256 FROM publication")[0][0]
        self.assertEqual(hashlib.sha256((folder / "store/table").read_bytes()).hexdigest(), published)

    def run_steps(self, control, steps, model):
        """How many were done, and what is there when the one under way was; the model is that of those done.

        A step changes the model first and asks then, so that a death leaves it saying what may be.
        """
        for index, step in enumerate(steps):
            trial = {name: dict(versions) for name, versions in model.items()}
            try:
                step(control, trial)
            except Died:
                return index, trial
            model.clear()
            model.update(trial)
        return len(steps), model

    def finish(self, folder, settings, steps, model, possible):
        """Another control plane on what the dead one left."""
        control = Control(folder, settings)
        try:
            control.begin()
            seen = observe(control)
            self.assertIn(seen, [model, possible], "what was acknowledged, and at most what was under way")
            self.assertEqual(self.run_steps(control, steps, model)[0], len(steps))
            self.assertEqual(observe(control), model)
        finally:
            code = control.end()
        self.assertEqual(code, 0)
        self.expect_invariants(folder)

    def empty(self, folder, settings, model):
        control = Control(folder, settings)
        try:
            control.begin()
            for name in list(model):
                delete(name)(control, model)
            self.assertEqual(observe(control), {})
            control.wait("the mappings to go", lambda: not must(control, [200], "GET", f"{OWN}/mappings")["Mappings"])
            self.assertEqual(interfaces(control), [])
        finally:
            control.end()
        self.expect_invariants(folder)

    def die_at(self, folder, settings, steps, moment):
        """False: the control plane came to its end alive."""
        model = {}
        control = Control(folder, settings, moment)
        done, possible = 0, {}
        try:
            control.begin()
            done, possible = self.run_steps(control, steps, model)
        except Died:
            pass
        finally:
            code = control.end()
        self.assertIn(code, [0, -signal.SIGKILL])
        self.finish(folder, settings, steps[done:], model, possible)
        self.empty(folder, settings, model)
        return code != 0

    def die_everywhere(self, steps, settings):
        moment, deaths, failures = 1, 0, 0
        while failures < 3:
            folder = pathlib.Path(self.folder) / f"{self._testMethodName}-{moment}"
            folder.mkdir()
            is_dead = None
            with self.subTest(moment=moment):
                is_dead = self.die_at(folder, settings, steps, moment)
            if is_dead is None:
                failures += 1
                print((folder / "control.log").read_text(encoding="utf-8")[-4000:])
            shutil.rmtree(folder)
            if is_dead is False:
                break
            deaths += 1
            moment += STRIDE
        print(f"{self._testMethodName}: {deaths} deaths, alive at moment {moment}")
        self.assertGreater(moment, 40, "too few moments for this to mean anything")

    def test_life(self):
        self.die_everywhere(LIFE, {})

    def test_idling(self):
        self.die_everywhere(IDLING, {"yaml": "idle_after: 6s\n", "scale": 20})

    def test_leasing(self):
        self.die_everywhere(LEASING, {"scale": 20})

    def test_scaling(self):
        self.die_everywhere(SCALING, {"yaml": "scaling: {narrow_after: 0s}\n"})


if __name__ == "__main__":
    unittest.main()
