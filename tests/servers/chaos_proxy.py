#!/usr/bin/env python3
"""A network that misbehaves on demand, between a client and one server on this machine.

    chaos_proxy.py FOLDER HOST:PORT [--http] [--listen PORT] [--seed N]

FOLDER/port        written when connections are accepted
FOLDER/settings    JSON object, read again whenever it changes (replace it by a rename); absent: a perfect network
FOLDER/counts      JSON object: what has happened so far, so that a test can tell that its faults did strike

Settings, for connections ("up": client to server, "down": server to client):
    latency_ms, jitter_ms       every byte arrives so much later, without costing throughput
    up_bps, down_bps            bytes per second of one connection
    reset_after_up, ..._down    reset the connection once it has carried so many bytes
    end_after_down              close it properly after so many bytes, which cuts an answer short
    flip_every_down, ..._up     turn one bit in each stretch of so many bytes
    reset_mean_bytes            reset after a random number of bytes with this mean, up and down together
    black_hole                  take bytes and pass none on
    refuse                      reset everything, new and old
    refuse_first                reset the first N connections
With --http, which needs clear text, also for requests:
    error_rate                  chance of an answer error_status (503) instead of the server's
    error_next                  the next N requests get it; counts down from each new settings file
    error_methods               only these methods, for example ["PUT"]
    retry_after                 seconds, sent along
    reset_rate                  chance of a reset instead of passing the request on
    lost_answer_rate            chance of a reset instead of passing the answer on: the server has done its part
    lost_answer_methods         only these methods
"""
import argparse
import asyncio
import json
import os
import random
import signal
import socket
import struct
import sys
import time

CHUNK = 65536
QUEUED_CHUNKS = 256


class World:
    """Settings, counts and dice of the whole proxy."""

    def __init__(self, folder, seed):
        self.folder = folder
        self.dice = random.Random(seed)
        self.settings = {}
        self.stamp = None
        self.errors_left = 0
        self.counts = dict.fromkeys(("connections", "requests", "errors", "resets", "lost_answers", "flips", "bytes"), 0)

    def look(self):
        try:
            status = os.stat(f"{self.folder}/settings")
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self.stamp:
                with open(f"{self.folder}/settings") as file:
                    self.settings = json.load(file)
                self.stamp = stamp
                self.errors_left = self.settings.get("error_next", 0)
        except (OSError, ValueError):
            pass
        return self.settings

    def get(self, name):
        return self.look().get(name, 0)

    def count(self, name, number=1):
        self.counts[name] += number

    def chance(self, name):
        return self.dice.random() < self.get(name)

    def save(self, name, text):
        with open(f"{self.folder}/{name}.new", "w") as file:
            file.write(text)
        os.replace(f"{self.folder}/{name}.new", f"{self.folder}/{name}")


def abort(writer):
    """Closes so that the other side sees a reset instead of an end."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
    writer.transport.abort()


class Reset(Exception):
    """The connection ends here and now."""


class Link:
    """One client's connection and the one to the server behind it."""

    def __init__(self, world, client, server):
        self.world = world
        self.client_reader, self.client_writer = client
        self.server_reader, self.server_writer = server
        self.carried = {"up": 0, "down": 0}
        self.fate = 0
        self.lose_answer = False

    def reset(self):
        self.world.count("resets")
        raise Reset

    def flip(self, chunk, way):
        every = self.world.get(f"flip_every_{way}")
        if not every:
            return chunk
        out = bytearray(chunk)
        position = every - self.carried[way] % every - 1
        while position < len(out):
            out[position] ^= 1 << self.world.dice.randrange(8)
            self.world.count("flips")
            position += every
        return bytes(out)

    async def send(self, writer, chunk, way):
        """What the wire does to a chunk that is due."""
        world = self.world
        while world.get("black_hole"):
            await asyncio.sleep(0.05)
        if world.get("refuse"):
            self.reset()
        if way == "down" and self.lose_answer:
            world.count("lost_answers")
            raise Reset
        chunk = self.flip(chunk, way)
        for name, end in ((f"reset_after_{way}", self.reset), ("end_after_down", self.finish)):
            limit = world.get(name)
            if limit and (way == "down" or name != "end_after_down") and self.carried[way] + len(chunk) > limit:
                writer.write(chunk[:limit - self.carried[way]])
                await writer.drain()
                await asyncio.sleep(0.02)
                end()
        self.carried[way] += len(chunk)
        world.count("bytes", len(chunk))
        writer.write(chunk)
        await writer.drain()
        mean = world.get("reset_mean_bytes")
        if mean and not self.fate:
            self.fate = sum(self.carried.values()) + world.dice.expovariate(1 / mean)
        if mean and sum(self.carried.values()) > self.fate:
            self.reset()
        rate = world.get(f"{way}_bps")
        if rate:
            await asyncio.sleep(len(chunk) / rate)

    def finish(self):
        self.world.count("resets")
        raise EOFError

    async def deliver(self, queue, writer, way):
        while True:
            due, chunk = await queue.get()
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            if chunk is None:
                writer.write_eof()
                return
            await self.send(writer, chunk, way)

    async def put(self, queue, chunk):
        delay = self.world.get("latency_ms") + self.world.dice.random() * self.world.get("jitter_ms")
        await queue.put((time.monotonic() + delay / 1000, chunk))

    async def take_raw(self, reader, queue):
        while chunk := await reader.read(CHUNK):
            await self.put(queue, chunk)
        await self.put(queue, None)

    async def take_requests(self, queue):
        """Passes requests on one by one, or answers them itself."""
        reader = self.client_reader
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                await self.put(queue, None)
                return
            self.world.count("requests")
            method = head.split(b" ", 1)[0].decode("latin-1")
            await self.one_request(head, method, queue)

    async def one_request(self, head, method, queue):
        world = self.world
        fields = {}
        for line in head.decode("latin-1").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        if world.chance("reset_rate"):
            self.reset()
        chosen = not world.get("error_methods") or method in world.get("error_methods")
        refuse = chosen and (world.errors_left > 0 or world.chance("error_rate"))
        if refuse:
            world.errors_left = max(0, world.errors_left - 1)
        else:
            await self.put(queue, head)
        async for piece in self.body(fields):
            if not refuse:
                await self.put(queue, piece)
        if refuse:
            await self.answer_error(method)
        losable = not world.get("lost_answer_methods") or method in world.get("lost_answer_methods")
        self.lose_answer = not refuse and losable and world.chance("lost_answer_rate")

    async def body(self, fields):
        reader = self.client_reader
        if "chunked" in fields.get("transfer-encoding", "").lower():
            while True:
                line = await reader.readuntil(b"\r\n")
                size = int(line.split(b";")[0], 16)
                yield line + await reader.readexactly(size + 2)
                if size == 0:
                    return
        left = int(fields.get("content-length", 0))
        while left:
            piece = await reader.read(min(left, CHUNK))
            if not piece:
                raise ConnectionError
            left -= len(piece)
            yield piece

    async def answer_error(self, method):
        self.world.count("errors")
        status = self.world.get("error_status") or 503
        text = "" if method == "HEAD" else "chaos\n"
        extra = f"Retry-After: {self.world.get('retry_after')}\r\n" if "retry_after" in self.world.look() else ""
        head = f"HTTP/1.1 {status} Chaos\r\nContent-Length: {len(text)}\r\n{extra}\r\n{text}"
        self.client_writer.write(head.encode())
        await self.client_writer.drain()

    async def run(self, http):
        up, down = asyncio.Queue(QUEUED_CHUNKS), asyncio.Queue(QUEUED_CHUNKS)
        jobs = [
            asyncio.ensure_future(job)
            for job in (
                self.take_requests(up) if http else self.take_raw(self.client_reader, up),
                self.deliver(up, self.server_writer, "up"),
                self.take_raw(self.server_reader, down),
                self.deliver(down, self.client_writer, "down"),
            )
        ]
        try:
            # Ends with the answers, or by the first thing that goes wrong anywhere.
            waiting = set(jobs)
            while not jobs[3].done():
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for job in done:
                    job.result()
        except EOFError:
            self.client_writer.close()
        except (Reset, ConnectionError, OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            abort(self.client_writer)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            abort(self.server_writer)
            self.client_writer.close()


async def serve(arguments):
    world = World(arguments.folder, arguments.seed)
    host, _, port = arguments.target.rpartition(":")

    async def accept(reader, writer):
        world.count("connections")
        if world.get("refuse") or world.counts["connections"] <= world.get("refuse_first"):
            world.count("resets")
            abort(writer)
            return
        try:
            server = await asyncio.open_connection(host, int(port))
        except OSError:
            abort(writer)
            return
        await Link(world, (reader, writer), server).run(arguments.http)

    server = await asyncio.start_server(accept, "127.0.0.1", arguments.listen)
    world.save("port", f"{server.sockets[0].getsockname()[1]}\n")
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    shown = None
    while not ended.is_set():
        if world.counts != shown:
            shown = dict(world.counts)
            world.save("counts", json.dumps(shown) + "\n")
        try:
            await asyncio.wait_for(ended.wait(), 0.1)
        except asyncio.TimeoutError:
            pass
    world.save("counts", json.dumps(world.counts) + "\n")
    # Connections under way are not worth waiting for.
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder")
    parser.add_argument("target")
    parser.add_argument("--http", action="store_true")
    parser.add_argument("--listen", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
