"""Mixed traffic of the kind that functions make, at random but by a seed; and the server that it is made with.

    traffic.py serve TENANT ADDRESS
    traffic.py call TENANT SEED SECONDS CROWD SOURCE…

A call that is answered must be answered by its own tenant's server and with its own bytes. `call` prints how often each
kind of call was made, what failed, and what was wrong; what is sent without waiting for an answer is counted only.
"""

import asyncio
import collections
import errno
import hashlib
import json
import random
import socket
import struct
import sys

ECHO_PORT, SUM_PORT, CLOSED_PORT, CROWDED_PORT = 7001, 7002, 7003, 7004
SERVER, BEYOND, SILENT, NOWHERE = "10.0.1.10", "10.0.2.20", "10.0.1.77", "198.18.0.20"
IDLE_SECONDS = 8  # twice the timeout of established TCP
PATIENCE = 15
CALLERS = 12
LEAST_CALLS = 60  # on a machine that is slow


class Echo(asyncio.DatagramProtocol):
    def __init__(self, tenant):
        self.tenant = tenant.encode()
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(self.tenant + data, addr)


async def serve(tenant, address):
    async def answer_with_sum(reader, writer):
        try:
            data = await reader.read(-1)
            writer.write(f"{tenant} {hashlib.sha256(data).hexdigest()}".encode())
            await writer.drain()
        except OSError:
            pass
        writer.close()

    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Echo(tenant), local_addr=(address, ECHO_PORT))
    server = await asyncio.start_server(answer_with_sum, address, SUM_PORT, backlog=512)
    await server.serve_forever()


class Wrong(Exception):
    """An answer that is not this caller's."""


class Caller:
    def __init__(self, tenant, seed, sources):
        self.tenant = tenant
        self.random = random.Random(seed)
        self.sources = sources
        self.made = collections.Counter()
        self.failed = collections.Counter()
        self.wrong = collections.Counter()
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.raw.setblocking(False)

    async def run(self, seconds, crowd):
        end = asyncio.get_running_loop().time() + seconds
        kinds = {self._page: 12, self._sum: 8, self._echo: 12, self._abandon: 6, self._refused: 4, self._silent: 4,
                 self._ping: 6, self._garbage: 6}
        await asyncio.gather(self._crowd(crowd), self._call_until(end, {self._idle: 1}),
                             *[self._call_until(end, kinds) for _ in range(CALLERS)])
        return {"made": self.made, "failed": self.failed, "wrong": self.wrong}

    async def _call_until(self, end, kinds):
        while asyncio.get_running_loop().time() < end or sum(self.made.values()) < LEAST_CALLS:
            (call,) = self.random.choices(list(kinds), kinds.values())
            kind = call.__name__.strip("_")
            self.made[kind] += 1
            try:
                await asyncio.wait_for(call(), PATIENCE)
            except Wrong as wrong:
                self.wrong[f"{kind}: {wrong}"] += 1
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
                self.failed[f"{kind}: {type(error).__name__} {error}"] += 1

    def _expect_own(self, answer, wanted):
        if answer != wanted:
            raise Wrong(f"{answer[:80]!r} instead of {wanted[:80]!r}")

    async def _connect(self, port, address=SERVER):
        return await asyncio.open_connection(address, port, local_addr=(self.random.choice(self.sources), 0))

    # What must be answered.

    async def _page(self):
        reader, writer = await self._connect(80, self.random.choice([SERVER, BEYOND]))
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        answer = await reader.read(-1)
        writer.close()
        if not answer:
            raise OSError("no page")
        self._expect_own(answer.split(b"\r\n\r\n")[-1], f"This is {self.tenant}.\n".encode())

    async def _sum(self):
        """Half-closed while the answer is under way."""
        data = self.random.randbytes(self.random.choice([1, 1000, 30_000, 200_000]))
        reader, writer = await self._connect(SUM_PORT)
        writer.write(data)
        writer.write_eof()
        answer = await reader.read(-1)
        writer.close()
        if not answer:
            raise OSError("no sum")
        self._expect_own(answer, f"{self.tenant} {hashlib.sha256(data).hexdigest()}".encode())

    async def _echo(self):
        """UDP may lose a packet, not five one after another; one in four goes in fragments, and comes back so."""
        question = self.random.randbytes(self.random.randint(8, self.random.choice([1300, 1300, 1300, 20_000])))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.setblocking(False)
            udp.bind((self.random.choice(self.sources), 0))
            udp.connect((SERVER, ECHO_PORT))
            for _ in range(5):
                try:
                    udp.send(question)
                    answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(udp, 65536), 1)
                    return self._expect_own(answer, self.tenant.encode() + question)
                except asyncio.TimeoutError:
                    continue
                except OSError as error:  # the NAT told the kernel how wide the outside is: the next try goes in fragments
                    if error.errno != errno.EMSGSIZE:
                        raise
        raise OSError("no echo")

    async def _refused(self):
        try:
            _, writer = await self._connect(CLOSED_PORT)
        except ConnectionRefusedError:
            return
        writer.close()
        raise Wrong("somebody listens")

    async def _idle(self):
        """Comes back when the NAT has forgotten it: is reset, never left waiting."""
        reader, writer = await self._connect(SUM_PORT)
        await asyncio.sleep(IDLE_SECONDS)
        writer.write(b"still there?")
        try:
            await asyncio.wait_for(reader.read(-1), 3)
        except ConnectionResetError:
            return
        finally:
            writer.transport.abort()
        raise OSError("not reset")

    # What is sent, and no more.

    async def _abandon(self):
        """Ends by a RST in the middle."""
        _, writer = await self._connect(SUM_PORT)
        writer.write(self.random.randbytes(5000))
        await asyncio.sleep(0.01)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def _silent(self):
        """Nobody there, or no way there; given up soon."""
        try:
            _, writer = await asyncio.wait_for(self._connect(80, self.random.choice([SILENT, NOWHERE])), 0.5)
        except (OSError, asyncio.TimeoutError):
            return
        writer.close()
        raise Wrong("somebody answers")

    async def _ping(self):
        echo = struct.pack("!BBHHH", 8, 0, 0, self.random.getrandbits(16), 1) + self.random.randbytes(self.random.randint(0, 1200))
        total = sum(struct.unpack(f"!{len(echo + echo[:len(echo) % 2]) // 2}H", echo + bytes(len(echo) % 2)))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        self._send(self.random.choice(self.sources), 1, echo[:2] + struct.pack("!H", ~total & 0xFFFF) + echo[4:])

    async def _garbage(self):
        """Fragments without a rest, other protocols, noise in the place of a header, sources that are not ours."""
        noise = self.random.randbytes(self.random.randint(0, 600))
        source = self.random.choice([*self.sources, *self.sources, "8.8.8.8", SERVER])
        protocol = self.random.choice([1, 6, 17, 17, 47, self.random.getrandbits(8)])
        self._send(source, protocol, noise, self.random.choice([0, 0, 0x2000, 0x2005, 0x0010]))

    async def _crowd(self, size):
        """So many flows to one remote that its ports are searched for, not guessed."""
        for port in range(1024, 1024 + size):
            self._send(self.sources[0], 17, struct.pack("!HHHH", port, CROWDED_PORT, 8, 0))
            if port % 64 == 0:
                await asyncio.sleep(0.001)

    def _send(self, source, protocol, payload, fragment=0):
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), self.random.getrandbits(16), fragment, 64, protocol, 0,
                             socket.inet_aton(source), socket.inet_aton(SERVER))
        try:
            self.raw.sendto(header + payload, (SERVER, 0))
        except OSError:  # its queue is full
            self.made["not sent"] += 1


async def main():
    task, tenant, *rest = sys.argv[1:]
    if task == "serve":
        await serve(tenant, *rest)
    else:
        seed, seconds, crowd, *sources = rest
        print(json.dumps(await Caller(tenant, f"{tenant}/{seed}", sources).run(float(seconds), int(crowd))))


if __name__ == "__main__":
    asyncio.run(main())
