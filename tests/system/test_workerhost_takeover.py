"""Environments outlive their worker host: it goes or is killed, starts again, and no client notices."""

import json
import os
import pathlib
import select
import signal
import time

from workerhost_lab import BLOCK, SERVER, LabTestCase, is_alive, processes_beside, wait_until

COUNT_UP = "i=0; while [ $i -lt 50 ]; do echo $i; i=$((i+1)); sleep 0.05; done; exit 7"


def read_all(pipe, seconds=20):
    """What comes out of a pipe until its end."""
    data = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], seconds)
        if not ready:
            raise TimeoutError(f"no end of the output; so far: {data[-200:]}")
        part = os.read(pipe, 1 << 16)
        if not part:
            return data.decode()
        data += part


class TakeoverTestCase(LabTestCase):
    """A worker host that each test may kill; it runs when the next one begins."""

    def tearDown(self):
        """That it ended is nothing that failed here."""

    def setUp(self):
        self.addCleanup(self.settle)  # after the environments were closed

    def settle(self):
        self.lab.changes = {}
        if self.lab.process.poll() is not None:
            self.lab.start()
        self.wait_for_nothing()

    def restart(self, number=signal.SIGKILL):
        self.lab.stop(number)
        self.lab.start()

    def wait_for_nothing(self):
        """No environment, no slot in use, no entry of a map, no record."""
        def is_clean():
            status = self.lab.status()
            return (status["Slots"]["Free"], status["Running"], status["SteeringEntries"]) == (self.slots, 0, 0)
        try:
            wait_until(is_clean, what="an idle worker host")
        except TimeoutError as error:
            raise AssertionError(f"{error}: {self.lab.status()}; log: {self.lab.log_text()}") from None
        self.assertEqual(self.lab.records(), [])


class Clients(TakeoverTestCase):
    """What a client sees."""

    def test_output_goes_on_and_the_end_is_told_whatever_stops_the_worker_host(self):
        for number in (signal.SIGHUP, signal.SIGKILL):
            with self.subTest(number.name):
                environment, started = self.started(["sh", "-c", COUNT_UP])
                code = self.lab.stop(number)
                self.assertEqual(code, 0 if number == signal.SIGHUP else -number)
                self.assertTrue(is_alive(started["Pid"]))
                self.lab.start()
                self.assertIn(started["Address"], [one["Address"] for one in self.lab.status()["Environments"]])
                self.assertEqual(read_all(environment.pipes[0]).split(), [str(n) for n in range(50)])
                self.assertEqual(environment.event(), {"Event": "exited", "ExitCode": 7})

    def test_the_end_is_told_while_no_worker_host_is_there(self):
        rows = [("kill -TERM $$", {"Event": "exited", "Signal": 15}), ("exit 42", {"Event": "exited", "ExitCode": 42})]
        for script, expected in rows:
            with self.subTest(script):
                environment, started = self.started(["sh", "-c", f"read line; {script}"], stdin=self.gate())
                self.lab.stop(signal.SIGKILL)
                self.open_gate()
                self.assertEqual(environment.event(), expected)
                wait_until(lambda pid=started["Pid"]: not is_alive(pid), what="its end")
                self.lab.start()
                self.wait_for_nothing()

    def gate(self):
        """The standard input of a command that waits for it."""
        read, self.gate_end = os.pipe()
        self.addCleanup(os.close, read)
        return read

    def open_gate(self):
        os.write(self.gate_end, b"\n")
        os.close(self.gate_end)

    def test_not_one_packet_is_lost_and_connections_stay_open(self):
        script = (f"import socket, sys, time\ns = socket.create_connection(({SERVER!r}, 9001))\n"
                  "sys.stdin.readline()\ns.sendall(b'after the restart')\n"
                  "s.shutdown(socket.SHUT_WR)\nprint(s.recv(100).decode())")
        self.lab.spawn("acme", "socat", f"TCP-LISTEN:9001,bind={SERVER}", "EXEC:cat")
        wait_until(lambda: ":9001" in self.lab.in_namespace("acme", "ss", "-Hltn"), what="an echo server")
        connected, _ = self.started(["/usr/bin/python3", "-c", script], stdin=self.gate())
        wait_until(lambda: self.lab.in_namespace("acme", "ss", "-Htn", "sport", "=", ":9001"), what="a connection")
        pinging, _ = self.started(["ping", "-q", "-i", "0.01", "-c", "200", SERVER])
        for number in (signal.SIGKILL, signal.SIGHUP, signal.SIGKILL):
            self.restart(number)
        self.open_gate()
        self.assertEqual(read_all(connected.pipes[0]), "after the restart\n")
        self.assertEqual(connected.event(), {"Event": "exited", "ExitCode": 0})
        self.assertIn("200 packets transmitted, 200 received", read_all(pinging.pipes[0]))
        self.assertEqual(pinging.event(), {"Event": "exited", "ExitCode": 0})

    def test_the_time_out_ends_it_with_and_without_a_worker_host(self):
        there, _ = self.started(["sh", "-c", "trap '' TERM; sleep 1000"], timeout=3)
        gone, started = self.started(["sh", "-c", "trap '' TERM; sleep 1000"], timeout=1)
        self.lab.stop(signal.SIGKILL)
        self.assertEqual(gone.event(), {"Event": "exited", "Signal": 9})
        self.assertLess(time.monotonic_ns() - started["AttachedNs"], 2_000_000_000)
        self.lab.start()
        self.assertEqual(there.event(), {"Event": "exited", "Signal": 9})
        self.assertLess(time.monotonic_ns() - started["AttachedNs"], 4_000_000_000)
        wait_until(lambda: "its time was up" in self.lab.log_text(), what="a word about it in the log")

    def test_a_client_that_goes_away_takes_its_environment_along_with_and_without_a_worker_host(self):
        first, first_started = self.started(["sh", "-c", "setsid sleep 1000 & sleep 1000"])
        second, second_started = self.started(["sh", "-c", "setsid sleep 1000 & sleep 1000"])
        inside = wait_until(lambda: len(found := processes_beside(first_started["Pid"])) >= 3 and found)
        self.lab.stop(signal.SIGKILL)
        first.close()
        wait_until(lambda: not any(map(is_alive, [first_started["Pid"], *inside])), what="the first one's end")
        self.assertTrue(is_alive(second_started["Pid"]))
        self.lab.start()
        second.close()
        wait_until(lambda: not is_alive(second_started["Pid"]), what="the second one's end")

    def test_killing_what_was_taken_over_is_told(self):
        environment, started = self.started()
        self.restart()
        os.kill(started["Pid"], signal.SIGKILL)
        self.assertEqual(environment.event(), {"Event": "exited", "Signal": 9})

    def test_a_second_request_after_the_takeover_ends_it(self):
        environment, _ = self.started()
        self.restart()
        environment.connection.send(json.dumps(self.lab.request(["true"])).encode())
        self.assertEqual(environment.event(), {"Event": "exited", "Signal": 9})

    def test_its_connection_is_out_of_the_commands_reach(self):
        script = "ls /proc/self/fd | wc -l; ls /proc/1/fd; ls -d /run/*"
        environment, _ = self.started(["sh", "-c", f"read line; {script}"], stdin=self.gate())
        self.restart()
        self.open_gate()
        self.assertEqual(read_all(environment.pipes[0]).split(), ["4", "/run/resolv.conf"])


class Slots(TakeoverTestCase):
    """What the worker host knows."""

    def test_status_lists_what_was_taken_over(self):
        _, acme = self.started()
        _, globex = self.started(tenant="globex")
        _, alone = self.started(mapping=0)
        before = {one["Slot"]: one for one in self.lab.status()["Environments"]}
        time.sleep(0.2)
        self.restart()
        status = self.lab.status()
        self.assertEqual((status["Running"], status["Slots"]["Used"], status["Slots"]["Free"]), (3, 3, self.slots - 3))
        self.assertEqual(status["SteeringEntries"], 4)
        after = {one["Slot"]: one for one in status["Environments"]}
        rows = [(acme, "acme-test", 100), (globex, "globex-test", 200), (alone, "acme-test", 0)]
        for event, function, mapping in rows:
            one = after[event["Slot"]]
            self.assertEqual((one["Function"], one["Mapping"], one["Address"], one["Pid"]),
                             (function, mapping, event["Address"], event["Pid"]))
            self.assertGreaterEqual(one["Milliseconds"], before[event["Slot"]]["Milliseconds"] + 200)
            self.assertLess(one["Milliseconds"], 60_000)

    def test_new_environments_get_other_slots_and_old_slots_come_back(self):
        kept = [self.started() for _ in range(3)]
        self.restart()
        new = [self.started() for _ in range(self.slots - 3)]
        addresses = [event["Address"] for _, event in kept + new]
        self.assertEqual(len(set(addresses)), self.slots)
        refusal = self.lab.run(["true"])[0]["Message"]
        self.assertEqual(refusal, "no slot is free: 8 of 8 run environments, 0 rest after one")
        for environment, _ in kept:
            environment.close()
        wait_until(lambda: self.lab.status()["Slots"]["Free"] == 3, what="the slots of the former life")
        again = [self.started(["curl", "-sS", "-m", "5", f"http://{SERVER}/"]) for _ in range(3)]
        self.assertEqual({event["Address"] for _, event in again}, {event["Address"] for _, event in kept})
        for environment, _ in again:
            self.assertEqual(read_all(environment.pipes[0]), "page of acme\n")

    def test_an_environment_that_ended_meanwhile_is_attached_no_more(self):
        _, started = self.started()
        self.lab.stop(signal.SIGKILL)
        os.kill(started["Pid"], signal.SIGKILL)
        wait_until(lambda: not is_alive(started["Pid"]))
        self.assertEqual(self.lab.records(), [str(started["Slot"])])
        self.lab.start()
        status = self.lab.status()
        self.assertEqual((status["SteeringEntries"], status["Slots"]["Free"], self.lab.records()), (0, self.slots, []))

    def test_a_record_cut_short_by_a_power_cut_is_removed(self):
        self.lab.stop()
        (self.lab.folder / "wh1" / "environments" / "5").write_bytes(b"")
        (self.lab.folder / "wh1" / "environments" / "6.new").write_bytes(b"")
        self.lab.start()
        self.assertIn("environments/5: ", self.lab.log_text())
        self.assertEqual(self.lab.records(), [])

    def test_a_process_that_has_the_number_of_a_dead_one_is_left_alone(self):
        _, started = self.started()
        record = self.lab.folder / "wh1" / "environments" / str(started["Slot"])
        content = bytearray(record.read_bytes())
        self.lab.stop(signal.SIGKILL)
        os.kill(started["Pid"], signal.SIGKILL)
        time.sleep(0.02)  # processes are told apart by hundredths of a second
        stranger = self.lab.spawn("acme", "sleep", "1000")
        wait_until(lambda: pathlib.Path(f"/proc/{stranger.pid}/comm").read_text() == "sleep\n")
        content[:8] = stranger.pid.to_bytes(8, "little")
        record.write_bytes(content)
        self.lab.start()
        self.assertEqual(self.lab.status()["Running"], 0)
        self.lab.stop()
        self.assertIsNone(stranger.poll())


class Ends(TakeoverTestCase):
    """When a takeover is not what is wanted, or not possible."""

    def test_sigterm_after_a_takeover_ends_everything(self):
        environment, started = self.started()
        self.restart()
        self.assertEqual(self.lab.stop(), 0)
        self.assertFalse(is_alive(started["Pid"]))
        with self.assertRaises(EOFError):
            environment.event()
        self.assertEqual((self.lab.own_devices(), self.lab.records()), ([], []))

    def test_sigterm_before_the_control_plane_has_answered_ends_everything(self):
        environment, started = self.started()
        self.lab.stop(signal.SIGKILL)
        self.lab.control.stop()
        (self.lab.folder / "wh1" / "block").unlink()
        self.lab.start(wait=False)
        wait_until(lambda: "not registered" in self.lab.log_text().split("listening on")[-1], what="its waiting")
        self.assertTrue(is_alive(started["Pid"]))
        self.assertEqual(self.lab.stop(), 0)
        self.assertFalse(is_alive(started["Pid"]))
        self.assertEqual((self.lab.own_devices(), self.lab.records()), ([], []))
        environment.close()
        self.lab.control.start()
        self.lab.start()

    def test_sighup_with_nothing_running_leaves_nothing(self):
        self.assertEqual(self.lab.stop(signal.SIGHUP), 0)
        self.assertEqual((self.lab.own_devices(), self.lab.records(), self.lab.socket.exists()), ([], [], False))

    def test_what_cannot_be_kept_is_ended_and_everybody_is_told_why(self):
        rows = [({"mtu: 1450": "mtu: 1400"}, "mtu was 1450 when its network was made, and is 1400 now"),
                ({"gateway: 169.254.100.1": "gateway: 169.254.100.2"}, "gateway was 169.254.100.1"),
                ({"vxlan_port: 4789": "vxlan_port: 4790"}, "vxlan_port was 4789")]
        for changes, reason in rows:
            with self.subTest(reason):
                self.ends_with(reason, changes)

    def test_another_block_ends_what_runs_and_says_so(self):
        self.addCleanup(setattr, self.lab.control, "block", BLOCK)
        self.ends_with("in the block 100.64.16.0/20 that the control plane gives now", block="100.64.16.0/20")
        self.lab.stop()

    def ends_with(self, reason, changes=None, block=None):
        environment, started = self.started()
        self.lab.stop(signal.SIGKILL)
        self.lab.changes = changes or {}
        self.lab.control.block = block or BLOCK
        self.lab.start()
        event = environment.event()
        self.assertEqual(event["Event"], "error")
        self.assertIn(reason, event["Message"])
        self.assertIn(reason, self.lab.log_text())
        self.assertFalse(is_alive(started["Pid"]))
        self.assertEqual((self.lab.status()["Slots"]["Free"], self.lab.records()), (self.slots, []))
        self.lab.stop()
        self.lab.changes = {}
        self.lab.control.block = BLOCK
        self.lab.start()

    def test_fewer_slots_end_only_those_beyond(self):
        environments = [self.started() for _ in range(self.slots)]
        self.lab.stop(signal.SIGKILL)
        self.lab.changes = {"slots: 8": "slots: 4"}
        self.lab.start()
        for environment, event in environments:
            self.assertEqual(is_alive(event["Pid"]), event["Slot"] < 4)
            if event["Slot"] >= 4:
                self.assertIn("`slots` is 4 now", environment.event()["Message"])
        self.assertEqual(self.lab.status()["Slots"], {"Total": 4, "Free": 0, "Used": 4, "Resting": 0})
        self.lab.stop()

    def test_a_start_that_fails_leaves_what_runs_to_the_next(self):
        environment, _ = self.started(["sh", "-c", COUNT_UP])
        self.lab.stop(signal.SIGKILL)
        self.lab.changes = {"address: 192.0.2.11": "address: 192.0.2.77"}
        self.lab.start(wait=False)
        self.assertEqual(self.lab.process.wait(20), 1)
        self.lab.changes = {}
        self.lab.start()
        self.assertEqual(self.lab.status()["Slots"]["Used"], 1)
        self.assertEqual(read_all(environment.pipes[0]).split(), [str(n) for n in range(50)])
        self.assertEqual(environment.event(), {"Event": "exited", "ExitCode": 7})
