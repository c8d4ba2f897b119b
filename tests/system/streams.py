"""Steady streams, and whether a packet or a byte of them is missing.

    streams.py echo ADDRESS
    streams.py hold ADDRESS CONNECTIONS SOCKETS     until SIGTERM; then a line of JSON

`hold` keeps TCP connections that ask and are answered in turn, and UDP sockets that send numbered datagrams all the time.
"""

import asyncio
import json
import signal
import sys

TCP_PORT, UDP_PORT = 7010, 7011
BETWEEN = 0.004  # seconds, of each socket and connection
PATIENCE = 5.0


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


async def echo_stream(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def echo(address):
    await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=(address, UDP_PORT))
    async with await asyncio.start_server(echo_stream, address, TCP_PORT, backlog=256) as server:
        await server.serve_forever()


class Numbered(asyncio.DatagramProtocol):
    """Datagrams 0, 1, … and which of them came back."""

    def __init__(self):
        self.sent = 0
        self.back = set()

    def datagram_received(self, data, _):
        self.back.add(int(data))

    async def send(self, transport, told):
        while not told.is_set():
            transport.sendto(b"%d" % self.sent)
            self.sent += 1
            await asyncio.sleep(BETWEEN)


class Holder:
    def __init__(self, address):
        self.address = address
        self.told = asyncio.Event()
        self.streams = []
        self.turns = 0
        self.failed = []

    async def connection(self, reader, writer):
        while not self.told.is_set():
            question = b"%08d" % self.turns
            writer.write(question)
            try:
                answer = await asyncio.wait_for(reader.readexactly(len(question)), PATIENCE)
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
                self.failed.append(repr(error))
                return
            if answer != question:
                self.failed.append(f"{answer} instead of {question}")
            self.turns += 1
            await asyncio.sleep(BETWEEN)

    async def hold(self, connections, sockets):
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.told.set)
        tasks = []
        for _ in range(connections):
            tasks.append(asyncio.create_task(self.connection(*await asyncio.open_connection(self.address, TCP_PORT))))
        for _ in range(sockets):
            transport, stream = await loop.create_datagram_endpoint(Numbered, remote_addr=(self.address, UDP_PORT))
            self.streams.append(stream)
            tasks.append(asyncio.create_task(stream.send(transport, self.told)))
        print("all open", flush=True)
        await asyncio.gather(*tasks)
        limit = loop.time() + PATIENCE / 2
        while self.missing() and loop.time() < limit:
            await asyncio.sleep(0.01)
        print(json.dumps({"turns": self.turns, "failed": self.failed, "missing": self.missing(),
                          "datagrams": sum(stream.sent for stream in self.streams)}), flush=True)

    def missing(self):
        return sum(stream.sent - len(stream.back) for stream in self.streams)


async def main():
    task, address, *numbers = sys.argv[1:]
    if task == "echo":
        await echo(address)
    else:
        await Holder(address).hold(*map(int, numbers))


if __name__ == "__main__":
    asyncio.run(main())
