"""How environments and the worker host itself begin and end."""

import json
import os
import signal
import socket
import subprocess
import time
import unittest

from workerhost_lab import (BLOCK, HOST, LONG, RESOLVER, SERVER, Lab, LabTestCase, is_alive, processes_beside, run,
                            wait_until)


class Inside(LabTestCase):
    def test_it_has_no_capability_and_gets_none(self):
        code, out, err = self.lab.shell("grep -E '^(Cap|NoNewPrivs|Uid|Gid|Groups|Seccomp:)' /proc/self/status")
        self.assertEqual(code, 0, err)
        status = dict(line.split(":\t", 1) for line in out.split("\n"))
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[kind], 16), 0, kind)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Uid"], "\t".join(["65534"] * 4))
        self.assertEqual(status["Gid"], "\t".join(["65534"] * 4))
        for command in ("unshare -Ur true", "unshare -n true", "ip link set eth0 down", "ip link set lo down",
                        "ip address add 10.9.9.9/32 dev eth0", "mount -t tmpfs none /tmp", "chroot / true",
                        "nsenter --net=/proc/1/ns/net true"):
            self.assertNotEqual(self.lab.shell(f"{command} 2>/dev/null")[0], 0, command)

    def test_it_sees_only_its_own_processes_and_may_not_look_into_the_first(self):
        _, out, _ = self.lab.shell("ls -d /proc/[0-9]* | wc -l; cat /proc/1/environ /proc/1/maps; ls /proc/1/fd")
        self.assertLessEqual(int(out.split("\n")[0]), 5)
        self.assertEqual(len(out.split("\n")), 1)

    def test_it_writes_only_to_directories_of_its_own(self):
        found = self.lab.shell("for d in / /etc /run /tmp /var/tmp /dev/shm /usr; do "
                               "touch $d/probe 2>/dev/null && echo $d; done; pwd")
        self.assertEqual(found[1].split("\n"), ["/tmp", "/dev/shm", "/tmp"])
        self.assertFalse(os.path.exists("/tmp/probe"))
        self.assertEqual(self.lab.shell("ls -A /tmp /dev/shm")[1], "/dev/shm:\n\n/tmp:")

    def test_it_sees_only_its_own_devices(self):
        self.assertEqual(self.lab.shell("ls /sys/class/net")[1], "eth0\nlo")

    def test_its_resolver_is_its_tenants(self):
        self.assertEqual(self.lab.shell("cat /etc/resolv.conf")[1], f"nameserver {RESOLVER}")

    def test_it_has_the_given_variables_and_streams_and_no_other_descriptors(self):
        read, write = os.pipe()
        os.write(write, b"an event")
        os.close(write)
        code, out, err = self.lab.shell("cat; echo; echo $STAGE $PATH; ls /proc/$$/fd; echo complaint >&2", stdin=read,
                                        variables={"STAGE": "test", "PATH": "/bin:/usr/bin"})
        os.close(read)
        self.assertEqual((code, err), (0, "complaint\n"))
        self.assertEqual(out.split("\n"), ["an event", "test /bin:/usr/bin", "0", "1", "2"])
        code, out, _ = self.lab.shell("env")
        self.assertEqual({line.split("=")[0] for line in out.split("\n")}, {"PATH", "HOME", "TMPDIR", "LANG", "PWD"})

    def test_signals_reach_it_as_they_reach_anybody(self):
        _, out, _ = self.lab.shell("grep -E '^Sig(Blk|Ign)' /proc/self/status")
        of_the_c_library = 0b11 << 31  # 32 and 33: posix_spawn leaves them ignored, whatever it is asked for
        self.assertEqual([int(line.split()[1], 16) & ~of_the_c_library for line in out.split("\n")], [0, 0])

    def test_exit_codes_and_signals_are_reported(self):
        self.assertEqual(self.lab.run(["true"])[0], {"Event": "exited", "ExitCode": 0})
        self.assertEqual(self.lab.run(["sh", "-c", "exit 42"])[0], {"Event": "exited", "ExitCode": 42})
        self.assertEqual(self.lab.run(["sh", "-c", "kill -TERM $$"])[0], {"Event": "exited", "Signal": 15})
        self.assertEqual(self.lab.run(["sh", "-c", "kill -9 $$"])[0], {"Event": "exited", "Signal": 9})

    def test_a_command_that_does_not_exist_is_an_error_that_says_so(self):
        last, _, _ = self.lab.run(["no-such-program"])
        self.assertEqual(last, {"Event": "error", "Message": "cannot run no-such-program: running the command: "
                                                             "No such file or directory"})
        last, _, _ = self.lab.run(["/etc/passwd"])
        self.assertIn("Permission denied", last["Message"])

    def test_its_start_is_told_in_time_stamps_of_the_monotonic_clock(self):
        before = time.monotonic_ns()
        environment, started = self.started(["/usr/bin/python3", "-c", "import time; print(time.monotonic_ns())"])
        inside = int(os.read(environment.pipes[0], 4096))
        moments = [before, *(started[f"{name}Ns"] for name in ("Received", "Attached", "Begun", "Launched")), inside]
        self.assertEqual(moments, sorted(moments))
        self.assertEqual(len(set(moments)), 6)


class End(LabTestCase):
    def test_everything_dies_with_the_command(self):
        environment = self.lab.environment(["sh", "-c", "setsid sleep 1000 & setsid sleep 1000 & sleep 0.1; exit 3"])
        self.addCleanup(environment.close)
        started = environment.event()
        inside = wait_until(lambda: len(found := processes_beside(started["Pid"])) >= 3 and found, what="the sleepers")
        self.assertEqual(environment.event(), {"Event": "exited", "ExitCode": 3})
        self.assertFalse([pid for pid in inside if is_alive(pid)])
        wait_until(lambda: not is_alive(started["Pid"]), what="the end of the first process")
        self.wait_for_free_slots()

    def test_a_client_that_goes_away_takes_its_environment_along(self):
        environment, started = self.started(["sh", "-c", "setsid sleep 1000 & sleep 1000"])
        environment.close()
        wait_until(lambda: not is_alive(started["Pid"]), what="the environment's end")
        self.wait_for_free_slots()

    def test_a_client_that_goes_away_at_once_leaves_nothing(self):
        for _ in range(20):
            self.lab.environment(["sleep", "1000"]).close()
        self.wait_for_free_slots()
        self.assertEqual(self.lab.status()["Running"], 0)

    def test_the_timeout_kills(self):
        start = time.monotonic()
        last, _, _ = self.lab.run(["sh", "-c", "trap '' TERM INT; sleep 1000"], timeout=1)
        self.assertEqual(last, {"Event": "exited", "Signal": 9})
        self.assertTrue(0.9 < time.monotonic() - start < 3)

    def test_killing_it_from_the_host_is_reported(self):
        environment, started = self.started()
        os.kill(started["Pid"], signal.SIGKILL)
        self.assertEqual(environment.event(), {"Event": "exited", "Signal": 9})

    def test_200_environments_in_a_row_reuse_the_slots_oldest_first(self):
        self.wait_for_free_slots()
        addresses = []
        start = time.monotonic()
        for number in range(200):
            environment = self.lab.environment(["true"])
            events = environment.events()
            environment.close()
            self.assertEqual(events[-1], {"Event": "exited", "ExitCode": 0}, number)
            addresses.append(events[0]["Address"])
        print(f"    {(time.monotonic() - start) * 1000 / 200:.2f} ms each")
        self.assertEqual(len(set(addresses)), self.slots)
        for number, address in enumerate(addresses[self.slots:]):
            self.assertEqual(address, addresses[number], "another slot than the one that rested longest")

    def test_with_all_slots_in_use_the_next_is_refused_and_the_others_live(self):
        self.wait_for_free_slots()
        running = [self.started() for _ in range(self.slots)]
        last, _, _ = self.lab.run(["true"])
        self.assertEqual(last["Message"], "no slot is free: 8 of 8 run environments, 0 rest after one")
        self.assertEqual(len({event["Address"] for _, event in running}), self.slots)
        status = self.lab.status()
        self.assertEqual((status["Slots"]["Used"], status["Running"]), (8, 8))
        running[0][0].close()
        wait_until(lambda: self.lab.status()["Slots"]["Free"] == 1)
        self.assertEqual(self.lab.run(["true"])[0], {"Event": "exited", "ExitCode": 0})

    def test_a_slot_rests_until_no_connection_of_its_environment_can_speak(self):
        self.wait_for_free_slots()
        # Nobody reads from it, so that the environment ends with data unsent.
        self.lab.spawn("acme", "/usr/bin/python3", "-c", "import socket, time\n"
                       f"with socket.create_server(({SERVER!r}, 9001)) as s:\n  c = s.accept()\n  time.sleep(1000)")
        wait_until(lambda: ":9001" in self.lab.in_namespace("acme", "ss", "-Hltn"), what="a deaf server")
        script = (f"import socket\ns = socket.create_connection(({SERVER!r}, 9001))\ns.setblocking(False)\n"
                  "try:\n  while True: s.send(bytes(1 << 16))\nexcept BlockingIOError: pass")
        last, _, err = self.lab.run(["/usr/bin/python3", "-c", script])
        self.assertEqual(last, {"Event": "exited", "ExitCode": 0}, err)
        self.assertEqual(self.lab.status()["Slots"]["Resting"], 1)
        start = time.monotonic()
        wait_until(lambda: self.lab.status()["Slots"]["Resting"] == 0, seconds=60, what="the end of the rest")
        print(f"    rested {time.monotonic() - start:.1f} s")


class Mistakes(LabTestCase):
    """Each is answered with an error, and the worker host goes on."""

    def answer(self, message, descriptors=3):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client, open(os.devnull, "r+b") as null:
            client.connect(str(self.lab.socket))
            client.settimeout(10)
            socket.send_fds(client, [message], [null.fileno()] * descriptors)
            answer = json.loads(client.recv(1 << 20))
            self.assertEqual(client.recv(1), b"", "the connection stays open after an error")
        self.assertEqual(answer["Event"], "error")
        self.assertEqual(self.lab.status()["Slots"]["Free"], self.slots)
        return answer["Message"]

    def test_messages_that_are_no_requests(self):
        for message in (b"x", b"{}", b"[]", b"null", b"\x00\xff", b"{" * 10000, b'{"Query":"weather"}'):
            with self.subTest(message[:20]):
                self.answer(message)

    def test_requests_with_a_mistake(self):
        good = self.lab.request(["true"])
        rows = [({"Command": []}, "Command"), ({"Command": "true"}, "Command"), ({"Command": [1]}, "Command"),
                ({"Mapping": -1}, "Mapping"), ({"Mapping": 1 << 24}, "Mapping"), ({"Mapping": "100"}, "Mapping"),
                ({"Resolver": "web.internal"}, "Resolver"), ({"Resolver": "10.0.1.53\noptions"}, "Resolver"),
                ({"Environment": {"A": 1}}, "Environment"), ({"Environment": {"A=B": ""}}, "Environment"),
                ({"Environment": {"A": "\0"}}, "Environment"), ({"TimeoutSeconds": -1}, "TimeoutSeconds"),
                ({"Unknown": 1}, "Unknown")]
        for change, named in rows:
            with self.subTest(change):
                self.assertIn(named, self.answer(json.dumps({**good, **change}).encode()))
        for member in good:
            with self.subTest(f"without {member}"):
                self.assertIn(member, self.answer(json.dumps({k: v for k, v in good.items() if k != member}).encode()))

    def test_another_number_of_descriptors(self):
        message = json.dumps(self.lab.request(["true"])).encode()
        for number in (0, 1, 2, 4, 16, 100):
            with self.subTest(number):
                self.assertIn("expected 3", self.answer(message, number))

    def test_a_message_that_is_too_long(self):
        self.assertIn("longer than", self.answer(json.dumps(self.lab.request(["x" * 140_000])).encode()))

    def test_descriptors_do_not_leak(self):
        def count():
            return len(os.listdir(f"/proc/{self.lab.process.pid}/fd"))

        def run_a_few():
            for _ in range(20):
                self.answer(b"{}", 16)
                self.lab.run(["true"])
                self.lab.run(["no-such-program"])
            self.wait_for_free_slots()

        run_a_few()  # what tests before this one had open is closed by then
        before = count()
        run_a_few()
        wait_until(lambda: count() <= before, what=f"{before} descriptors")

    def test_a_second_request_on_a_connection_ends_the_first(self):
        environment, _ = self.started()
        with open(os.devnull, "r+b") as null:
            socket.send_fds(environment.connection, [json.dumps(self.lab.request(["true"])).encode()],
                            [null.fileno()] * 3)
        self.assertEqual(environment.event(), {"Event": "exited", "Signal": 9})

    def test_a_client_that_does_not_listen_hurts_nobody(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as deaf:
            deaf.connect(str(self.lab.socket))
            deaf.setblocking(False)
            try:
                for _ in range(100_000):
                    deaf.send(b'{"Query":"status"}')
            except BlockingIOError:
                pass
            self.assertEqual(self.lab.run(["true"])[0], {"Event": "exited", "ExitCode": 0})


class Restart(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.lab.build_network()
        self.lab.start_servers()

    def test_it_registers_and_renews(self):
        self.lab.control.start()
        self.lab.start()
        wait_until(lambda: len(self.lab.control.registrations) >= 2, seconds=5)
        path, body = self.lab.control.registrations[-1]
        self.assertEqual(path, "/hypernat/v1/worker-hosts/wh1")
        self.assertEqual(body, {"Address": HOST, "Zone": "a", "Socket": str(self.lab.socket), "Slots": 8})
        self.assertEqual((self.lab.status()["Registered"], self.lab.status()["Block"]), (True, BLOCK))

    def test_without_a_control_plane_it_waits_at_first_and_remembers_later(self):
        self.lab.start(wait=False)
        time.sleep(0.5)
        self.assertIsNone(self.lab.process.poll())
        self.assertFalse(self.lab.is_listening())
        self.lab.control.start()
        wait_until(self.lab.is_listening, what="the worker host after its registration")

        self.lab.control.stop()
        wait_until(lambda: not self.lab.status()["Registered"], what="the loss of the control plane")
        self.assertIn("control.sock", self.lab.status()["RegistrationFailure"])
        self.assertEqual(self.lab.shell(f"curl -sS -m 5 http://{SERVER}/")[1], "page of acme")
        self.assertEqual(self.lab.stop(), 0)
        self.lab.start()
        self.assertEqual(self.lab.shell(f"curl -sS -m 5 http://{SERVER}/")[1], "page of acme")

    def test_it_may_be_stopped_while_it_waits_for_the_control_plane(self):
        self.lab.start(wait=False)
        time.sleep(0.3)
        self.assertEqual(self.lab.stop(), 0)

    def test_another_block_ends_it_loudly_and_the_next_start_has_it(self):
        self.lab.control.start()
        self.lab.start()
        self.lab.control.block = "100.64.16.0/20"
        self.assertEqual(self.lab.process.wait(10), 1)
        self.assertIn("100.64.16.0/20", self.lab.log_text())
        self.lab.start()
        self.assertEqual(self.lab.status()["Block"], "100.64.16.0/20")

    def test_sigterm_removes_all_that_was_made(self):
        before = run("ip", "-o", "link", "show")
        namespaces = run("lsns", "-t", "net", "-n", "-o", "NS").split()
        self.lab.control.start()
        self.lab.start()
        environment = self.lab.environment(["sleep", "1000"])
        self.addCleanup(environment.close)
        started = environment.event()
        self.assertEqual(len(self.lab.own_devices()), 9)
        self.assertEqual(self.lab.stop(), 0)
        self.assertFalse(is_alive(started["Pid"]))
        self.assertFalse(self.lab.socket.exists())
        self.assertEqual(run("ip", "-o", "link", "show"), before)
        self.assertEqual(run("lsns", "-t", "net", "-n", "-o", "NS").split(), namespaces)

    def test_a_second_one_with_the_same_state_directory_or_name_is_refused(self):
        self.lab.control.start()
        self.lab.start()
        done = subprocess.run([self.lab.binary, "--config", self.lab.configuration()], capture_output=True, text=True,
                              timeout=30, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another hypernat-workerhost uses", done.stderr)
        path = self.lab.configuration()
        path.write_text(path.read_text().replace("state_directory: ", "state_directory: /run/other"))
        done = subprocess.run([self.lab.binary, "--config", path], capture_output=True, text=True, timeout=30,
                              check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another hypernat-workerhost named wh1 runs on this host", done.stderr)
        self.assertEqual(self.lab.shell(f"curl -sS -m 5 http://{SERVER}/")[1], "page of acme")

    def test_a_start_that_cannot_succeed_says_why_and_leaves_nothing(self):
        self.lab.control.start()
        rows = [(f"address: {HOST}", "address: 192.0.2.77", "192.0.2.77"),
                ("device: uplink", "device: nosuch0", "nosuch0"), ("mtu: 1450", "mtu: 1451", "MTU 1500"),
                ("slots: 8", "slots: 4095", "do not fit the block")]
        for old, new, reason in rows:
            with self.subTest(new):
                path = self.lab.configuration()
                path.write_text(path.read_text().replace(old, new))
                done = subprocess.run([self.lab.binary, "--config", path], capture_output=True, text=True, timeout=30,
                                      check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(reason, done.stderr)
                self.assertEqual(self.lab.own_devices(), [])


class Many(unittest.TestCase):
    def test_hundreds_of_slots_are_made_and_removed_in_seconds_and_say_what_they_cost(self):
        self.make(300, seconds=10)

    @unittest.skipUnless(LONG, "takes half a minute")
    def test_4000_slots_are_made_within_30_seconds(self):
        self.make(4000, seconds=30)

    def make(self, slots, seconds):
        lab = Lab(slots)
        self.addCleanup(lab.close)
        lab.build_network()
        lab.start_servers()
        lab.control.start()
        start = time.monotonic()
        lab.start()
        self.assertLess(time.monotonic() - start, seconds)
        made = lab.status()["SlotsMade"]
        print(f"    {slots} slots in {made['Milliseconds'] / 1000:.1f} s, "
              f"{made['MemAvailableDropPerSlotBytes'] / 1024:.0f} KiB of MemAvailable each")
        self.assertEqual(made["Number"], slots)
        self.assertTrue(0 < made["Milliseconds"] < seconds * 1000)
        if slots >= 4000:  # else what other programs do to the machine's memory drowns it
            self.assertTrue(100 << 10 < made["MemAvailableDropPerSlotBytes"] < 1 << 20, made)
        self.check_view(lab, made)
        self.assertEqual(lab.shell("curl -sS -m 5 http://web.internal/")[1], "page of acme")
        self.check_attaching(lab)
        start = time.monotonic()
        self.assertEqual(lab.stop(), 0)
        print(f"    removed in {time.monotonic() - start:.1f} s")
        self.assertLess(time.monotonic() - start, seconds)
        self.assertEqual(lab.own_devices(), [])

    def check_view(self, lab, made):
        """The operator's command shows the worker host's own figures."""
        rows = [line.split() for line in lab.hypernat("worker-hosts").split("\n")]
        self.assertEqual(rows[1][:3] + rows[1][5:7], ["wh1", "yes", HOST, str(lab.slots), str(lab.slots)])
        self.assertEqual(rows[1][7:11], [str(made["Milliseconds"]), "ms",
                                         str(int(made["MemAvailableDropPerSlotBytes"] / 1024)), "KiB"])
        self.assertEqual(json.loads(lab.hypernat("--json", "worker-hosts"))["WorkerHosts"][0]["Status"]["SlotsMade"],
                         made)

    def check_attaching(self, lab):
        """Microseconds, however many slots there are."""
        microseconds = []
        for _ in range(100):
            environment = lab.environment(["true"])
            started = environment.events()[0]
            environment.close()
            microseconds.append((started["AttachedNs"] - started["ReceivedNs"]) / 1000)
        microseconds.sort()
        print(f"    attached {microseconds[50]:.0f} us after the request was read (median of 100; the longest "
              f"{microseconds[-1]:.0f} us)")
        self.assertLess(microseconds[50], 1000)
