"""The main job, as seven numbered things that must be seen; quickstart tells them, a system test runs them.

Each function takes the lab, prints what it saw through `say`, and raises LabError when it saw something else.
"""

import hashlib
import re
import time

import topology
from machine import LabError, wait_for

FUNCTIONS = ["acme-web", "acme-api", "acme-batch", "globex-web", "globex-report"]
INTERFACES = 3
ENVIRONMENTS = 50
PINGS = 2
DOWNLOADS = 10
COLD_STARTS = 40

ASK_EVERYTHING = ("curl -sf --max-time 20 http://web.internal/"
                  " && dig +short +tries=3 +time=5 TXT tenant.internal"
                  f" && ping -q -c {PINGS} -W 10 {topology.WEB}")
WITH_SUM = ["bash", "-o", "pipefail", "-c"]  # a download that fails half-way fails
DOWNLOAD = WITH_SUM + ["curl -sf --max-time 250 http://web.internal/large.bin | sha256sum"]
SLOW_DOWNLOAD = WITH_SUM + [f"curl -sf --max-time 250 --limit-rate {topology.DOWNLOAD_BYTES // 4}"  # four seconds
                            " http://web.internal/large.bin | sha256sum"]

# Drops that a good run may show, each with its reason; any other is a failure.
EXPECTED_DROPS = {"not_ours": "bridges flood what they have not learned yet to every port"}
SEVERAL_WORKERS_DROPS = {"home_ring_full": "a worker that shares its CPU was away while others handed it packets"}


def tenant_of(function):
    return function.split("-")[0]


def expect(condition, what, evidence=""):
    if not condition:
        raise LabError(what, evidence)


def finish(process, what, seconds=280):
    """What the command wrote, once it ended well."""
    try:
        output, errors = process.communicate(timeout=seconds)
    except Exception as error:
        process.kill()
        raise LabError(f"{what} did not end within {seconds} s") from error
    expect(process.returncode == 0, f"{what} ended with {process.returncode}", (errors or output).strip())
    return output


class Session:
    """A program in an execution environment that is spoken to line by line."""

    def __init__(self, lab, function, *command):
        self.what = f"'{' '.join(command)}' in {function}"
        self.process = lab.invoke(function, *command)

    def ask(self, line):
        """Sends a line, and returns the one that comes back."""
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise LabError(f"{self.what} went away", self._last_words()) from error
        answer = self.process.stdout.readline()
        if not answer:
            raise LabError(f"{self.what} went away", self._last_words())
        return answer.strip()

    def close(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()

    def _last_words(self):
        self.process.kill()
        return self.process.communicate()[1].strip()


def addresses_of(lab, tenant):
    account = lab.tenants[tenant].tenant.account
    return {interface["Address"] for interface in lab.hypernat_json("interfaces")["Interfaces"]
            if interface["Account"] == account}


def table_of(lab):
    status = lab.hypernat_json("status")
    return f"generation {status['Generation']}, SHA-256 {status['TableSha256']}"


def create_functions(lab, say):
    """1. The functions of config/functions.yaml become Active, sharing interfaces."""
    lab.hypernat("apply", lab.functions, "--wait", "--seconds", 30)
    say(lab.hypernat("functions").stdout)
    functions = lab.hypernat_json("functions")["Functions"]
    interfaces = lab.hypernat_json("interfaces")["Interfaces"]
    active = [function["FunctionName"] for function in functions if function["State"] == "Active"]
    expect(sorted(active) == sorted(FUNCTIONS), f"expected {FUNCTIONS} to be Active, found {active}")
    expect(len(interfaces) == INTERFACES, f"expected {INTERFACES} interfaces, found {len(interfaces)}")
    say(f"{len(functions)} functions, {len(interfaces)} interfaces")


def invoke_many(lab, say):
    """2. Fifty environments at once: everybody gets the own tenant's answers, nothing is provisioned."""
    before = table_of(lab)
    echoes = {name: servers.echo_requests() for name, servers in lab.tenants.items()}
    names = [FUNCTIONS[number % len(FUNCTIONS)] for number in range(ENVIRONMENTS)]
    started = time.monotonic()
    running = [(name, lab.invoke(name, "sh", "-c", ASK_EVERYTHING)) for name in names]
    for name, process in running:
        output = finish(process, f"an environment of {name}")
        check_answers(name, output)
    took = time.monotonic() - started
    after = table_of(lab)

    for name, servers in lab.tenants.items():
        pings = PINGS * sum(tenant_of(function) == name for function in names)
        seen = servers.echo_requests() - echoes[name]
        expect(seen == pings, f"{name}'s network saw {seen} echo requests, expected {pings}")
        allowed, clients = addresses_of(lab, name), servers.clients()
        expect(clients and clients <= allowed, f"{name}'s servers were asked from {clients}, its interfaces are {allowed}")
        say(f"{name}: servers were asked from {', '.join(sorted(clients))} only; {seen} echo requests")
    interfaces = len(lab.hypernat_json("interfaces")["Interfaces"])
    expect(interfaces == INTERFACES, f"expected still {INTERFACES} interfaces, found {interfaces}")
    expect(before == after, f"the mapping table changed: {before}; then {after}")
    say(f"{len(running)} environments in {took:.1f} s: every page, name and echo from the right tenant; "
        f"still {interfaces} interfaces")
    say(f"mapping table before: {before}")
    say(f"mapping table after:  {after}")


def check_answers(function, output):
    tenant = tenant_of(function)
    expect(f"This is {tenant}." in output, f"{function} got somebody else's page", output)
    expect(f'"{tenant}"' in output, f"{function} asked somebody else's resolver", output)
    expect(re.search(rf"{PINGS} packets transmitted, {PINGS} received", output), f"{function} lost echo replies", output)


def large_file_sum(lab, tenant):
    digest = hashlib.sha256((lab.tenants[tenant].folder / "site/large.bin").read_bytes())
    return digest.hexdigest()


def download(lab, say):
    """3. A large file to many environments at once, byte by byte the same."""
    sums = {tenant: large_file_sum(lab, tenant) for tenant in lab.tenants}
    names = [FUNCTIONS[number % len(FUNCTIONS)] for number in range(DOWNLOADS)]
    started = time.monotonic()
    running = [(name, lab.invoke(name, *DOWNLOAD)) for name in names]
    for name, process in running:
        found = finish(process, f"the download of {name}").split()[0]
        expect(found == sums[tenant_of(name)], f"{name} received other bytes than its tenant's server has: {found}")
    took = time.monotonic() - started
    rate = len(running) * topology.DOWNLOAD_BYTES * 8 / took / 1e6
    say(f"{len(running)} environments, {topology.DOWNLOAD_BYTES >> 20} MiB each in {took:.1f} s ({rate:.0f} Mbit/s "
        "together): every checksum is right")


def restart_control(lab, say):
    """4. The control plane dies during a download and comes back: nobody notices."""
    before, interfaces = table_of(lab), lab.hypernat_json("interfaces")
    shell = Session(lab, "acme-web", "sh")
    connection = Session(lab, "acme-batch", "socat", "-", f"TCP4:{topology.WEB}:7")
    expect(connection.ask("before") == "before", "the echo service does not answer")
    expect(shell.ask("curl -sf http://web.internal/") == "This is acme.", "the environment does not reach its server")
    transfer = lab.invoke("globex-web", *SLOW_DOWNLOAD)
    time.sleep(1)
    lab.processes["control"].kill()
    expect(transfer.poll() is None, "the download was over before the control plane was killed")
    say("control plane killed (SIGKILL) during a download")

    expect(shell.ask("curl -sf http://web.internal/") == "This is acme.", "no new connection without the control plane")
    say("an environment placed before opens a new connection")
    expect(connection.ask("without") == "without", "an open connection broke when the control plane died")
    found = finish(transfer, "the download during the kill").split()[0]
    expect(found == large_file_sum(lab, "globex"), "the download during the kill is damaged")
    say("the download completes, its checksum is right")

    lab.start_control()
    wait_for("the data plane's status", lambda: any(node["Live"] for node in lab.hypernat_json("status")["Dataplanes"]))
    after = table_of(lab)
    expect(before == after, f"the mapping table changed over the restart: {before}; then {after}")
    expect(interfaces == lab.hypernat_json("interfaces"), "the interfaces changed over the restart")
    expect(connection.ask("after") == "after", "a connection opened before the kill broke after the restart")
    expect(finish(lab.invoke("acme-web"), "acme-web") == "This is acme.\n", "invoking after the restart")
    say(f"started again: {after}, the same interfaces; a connection opened before the kill still carries data")
    for session in (shell, connection):
        session.close()


def close_account(lab, say):
    """5. Every packet is accounted for, and every drop has an expected reason."""
    wait_for("the packet account to close", lambda: all(worker["balance"] == 0 for worker in lab.hypernat_json("account")), 5)
    say(lab.hypernat("account").stdout)
    drops = {reason: packets for reason, packets in lab.hypernat_json("drops").items() if packets}
    expected = {**EXPECTED_DROPS, **(SEVERAL_WORKERS_DROPS if lab.workers > 1 else {})}
    unexpected = {reason: packets for reason, packets in drops.items() if reason not in expected}
    expect(not unexpected, f"unexpected drops: {unexpected}", lab.hypernat("drops").stdout)
    for reason, packets in drops.items():
        say(f"dropped: {packets} {reason} (expected: {expected[reason]})")
    if not drops:
        say("nothing dropped")


def walk_one_packet(lab, say):
    """6. The decisions for the SYN of a web request and for the answer to it."""
    mappings = lab.hypernat_json("mappings")["Mappings"]
    mapping = next(entry["Number"] for entry in mappings if "acme-web" in entry["Functions"])
    records = 2 if lab.workers == 1 else 4  # a packet that is handed over is seen twice
    trace = lab.trace(mapping, "--protocol", "tcp", "--port", "80", "--count", records)
    expect(finish(lab.invoke("acme-web"), "the request"), "no page")
    text = finish(trace, "hypernat trace", 20)
    say(text)
    for word in ("outbound", "inbound"):
        expect(word in text, f"the trace shows no {word} packet", text)


def compare_cold_starts(lab, say):
    """7. Fresh environments with the interface that is there, and with one made for each of them."""
    text = finish(lab.begin("coldstart", "acme-web", topology.WEB, "--count", COLD_STARTS, "--provisioning", "0s"),
                  "hypernat coldstart")
    say(text)
    answered = re.findall(r"(?m)^[a-z-]+: (\d+) of (\d+) environments were answered$", text)
    expect(answered == [(str(COLD_STARTS),) * 2] * 2, "some environments got no answer", text)
    say("without the seconds that making an interface takes elsewhere: `scripts/coldstart` measures with them")


CHAPTERS = [
    ("functions become Active", create_functions),
    (f"{ENVIRONMENTS} environments at once", invoke_many),
    (f"{DOWNLOADS} downloads at once", download),
    ("the control plane is killed and restarted", restart_control),
    ("the packet account", close_account),
    ("one packet and its reply, step by step", walk_one_packet),
    (f"{COLD_STARTS} cold starts with shared interfaces, and with one for each", compare_cold_starts),
]
