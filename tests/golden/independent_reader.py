#!/usr/bin/env python3
"""Reads a drkit repository of format 1 without libdrkit, from docs/format/v1.md alone.

    independent_reader.py REPOSITORY (--password-file F | --key-file F) list
    independent_reader.py REPOSITORY ... verify              everything that the specification demands
    independent_reader.py REPOSITORY ... entries SNAPSHOT    what is in it, as JSON
    independent_reader.py REPOSITORY ... restore SNAPSHOT DIRECTORY

The repository is a directory. Needs PyNaCl and zstandard. It proves that the specification is complete, and gives data
back where nothing else is left; it holds whole objects in memory and makes no attempt to be fast.
"""
import argparse
import hashlib
import json
import os
import stat
import struct
import sys
from pathlib import Path

import nacl.exceptions
import nacl.pwhash.argon2id
import nacl.signing
import zstandard
from nacl import bindings as sodium

MAGIC = b"drkit\x1a"
CONFIG, SLOT, INDEX, SNAPSHOT, LEASE, TOMBSTONE, PACK = 1, 2, 3, 4, 5, 6, 9
FRAME, DIRECTORY, PUBLIC, PRIVATE, KEY_SET = 32, 33, 34, 35, 36
FULL, WRITE = 1, 2
HEADER_BYTES, TRAILER_BYTES, SEAL_BYTES = 109, 8, 40
KIB, MIB = 1 << 10, 1 << 20
MAX_OBJECT = {CONFIG: 64 * KIB, LEASE: 64 * KIB, TOMBSTONE: 64 * KIB, SLOT: MIB, SNAPSHOT: 32 * MIB, INDEX: 64 * MIB}
MAX_PACK, MAX_DIRECTORY, MAX_FRAME, MAX_NODE = 1 << 30, 16 * MIB, 64 * MIB, 32 * MIB
TYPES = {1: "regular", 2: "directory", 3: "symlink", 4: "hardlink", 5: "fifo", 6: "socket", 7: "char_device",
         8: "block_device", 9: "stream"}


class Corrupt(Exception):
    """Stored bytes that are not what they should be."""


class BadKey(Exception):
    """The password or key opens no slot."""


def require(condition, problem):
    if not condition:
        raise Corrupt(problem)


class Reader:
    """Fields of section 1, each in its only encoding."""

    def __init__(self, data):
        self.data, self.at = bytes(data), 0

    def raw(self, count):
        require(count <= len(self.data) - self.at, "bytes end early")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, form):
        return struct.unpack("<" + form, self.raw(struct.calcsize("<" + form)))[0]

    def u8(self):
        return self.number("B")

    def u32(self):
        return self.number("I")

    def u64(self):
        return self.number("Q")

    def i64(self):
        return self.number("q")

    def varint(self, limit=(1 << 64) - 1):
        value = 0
        for shift in range(0, 70, 7):
            part = self.u8()
            value |= (part & 0x7F) << shift
            if not part & 0x80:
                require(part != 0 or shift == 0, "a number is longer than needed")
                require(value <= limit, "a number is out of range")
                return value
        raise Corrupt("a number is too long")

    def count(self, item_bytes):
        return self.varint((len(self.data) - self.at) // item_bytes)

    def blob(self):
        return self.raw(self.varint())

    def left(self):
        return len(self.data) - self.at

    def end(self):
        require(self.left() == 0, "bytes are left over")


def sha256(data):
    return hashlib.sha256(data).digest()


def blake2b(key, data):
    return hashlib.blake2b(data, key=key, digest_size=32).digest()


def tag(key, data):
    return blake2b(blake2b(key, b"drkit tag"), sha256(data))


def unseal(key, associated, sealed, what):
    require(len(sealed) >= SEAL_BYTES, what + " is too short")
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed[24:], associated, sealed[:24], key)
    except nacl.exceptions.CryptoError:
        raise Corrupt(what + " does not open: its bytes are damaged or forged") from None


def open_box(secret, box):
    public = sodium.crypto_scalarmult_base(secret)
    try:
        return sodium.crypto_box_seal_open(box, public, secret)
    except nacl.exceptions.CryptoError:
        raise Corrupt("a box does not open") from None


def parse_json(data, what):
    def pairs(items):
        require(len(dict(items)) == len(items), what + " has a key twice")
        return dict(items)
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=pairs)
    except ValueError:
        raise Corrupt(what + " is no JSON") from None
    require(isinstance(value, dict), what + " is no JSON object")
    return value


def field(value, key, kind, default=None, what="snapshot"):
    found = value.get(key, default)
    good = isinstance(found, kind) and not (kind is int and isinstance(found, bool))
    require(good, f"{what}: {key} is missing or of another type")
    return found


def from_hex(text, size, what):
    require(isinstance(text, str) and len(text) == 2 * size and set(text) <= set("0123456789abcdef"), what)
    return bytes.fromhex(text)


class Storage:
    """A directory of objects."""

    def __init__(self, root):
        self.root = Path(root)

    def size(self, name):
        return (self.root / name).stat().st_size

    def get(self, name, limit):
        with open(self.root / name, "rb") as file:
            data = file.read(limit + 1)
        require(len(data) <= limit, name + " is larger than its kind allows")
        return data

    def get_range(self, name, offset, length):
        with open(self.root / name, "rb") as file:
            file.seek(offset)
            data = file.read(length)
        require(len(data) == length, name + " is shorter than its index says")
        return data

    def names(self, folder):
        base = self.root / folder
        return sorted(f"{folder}/{p.relative_to(base).as_posix()}" for p in base.rglob("*") if p.is_file())

    def payload(self, name, kind, data=None):
        data = self.get(name, MAX_OBJECT[kind]) if data is None else data
        reader = Reader(data)
        require(len(data) >= 48 and reader.raw(6) == MAGIC, name + " is no drkit object")
        version, found, length = reader.u8(), reader.u8(), reader.u64()
        require(version == 1, f"{name} has format version {version}, which this program does not read")
        require(length == len(data) - 48, name + " has another length than its header says")
        require(sha256(data[:-32]) == data[-32:], name + " does not match its checksum")
        require(found == kind, f"{name} is of kind {found} where {kind} belongs")
        return reader.raw(length)


class Keys:
    """A key set, section 5.3."""

    def __init__(self, plain, repository):
        reader = Reader(plain)
        require(reader.u8() == 1, "key set of an unknown version")
        self.role = reader.u8()
        require(self.role in (FULL, WRITE), "key set with an unknown role")
        begin = reader.at
        self.id_key, _, self.index_key, signing = (reader.raw(32) for _ in range(4))
        count = reader.varint(1000)
        publics = [(reader.u32(), reader.raw(32)) for _ in range(count)]
        shared = plain[begin:reader.at]
        require(publics and all(a[0] < b[0] for a, b in zip(publics, publics[1:])), "generations do not ascend")
        signature = reader.raw(64)
        try:
            nacl.signing.VerifyKey(signing).verify(repository.ad(KEY_SET, sha256(shared)), signature)
        except nacl.exceptions.BadSignatureError:
            raise Corrupt("the list of keys is not signed by its owner") from None
        self.signing_public = signing
        self.data_keys, self.admin_key = {}, None
        if self.role == FULL:
            for generation, public in publics:
                secret = reader.raw(32)
                require(sodium.crypto_scalarmult_base(secret) == public, "a data key does not fit its public half")
                self.data_keys[generation] = secret
            self.admin_key = reader.raw(32)
            seed = reader.raw(32)
            require(bytes(nacl.signing.SigningKey(seed).verify_key) == signing, "the signing key does not fit")
        reader.end()


class Repository:
    def __init__(self, root, password=None, key_text=None):
        self.storage = Storage(root)
        config = Reader(self.storage.payload("config", CONFIG))
        self.id = config.raw(16)
        config.i64()
        read, _, check, _ = (config.u64() for _ in range(4))
        body, config_tag = config.data[:config.at], config.raw(32)
        config.end()
        require(read == 0 and check == 0, "the repository has features that this program does not know")
        self.keys = self.open_slots(password, key_text)
        require(tag(self.keys.index_key, self.ad(CONFIG, body)) == config_tag, "config is forged or damaged")
        self.packs, self.places, self.content_keys = {}, {}, {}

    def ad(self, kind, identity=b""):
        return MAGIC + bytes((1, kind)) + self.id + identity

    # Section 5: keys.

    def open_slots(self, password, key_text):
        problem = BadKey("the password or key opens no slot")
        for name in self.storage.names("keys"):
            try:
                keys = self.open_slot(name, password, key_text)
            except Corrupt as error:
                problem = error
                continue
            if keys:
                return keys
        raise problem

    def open_slot(self, name, password, key_text):
        slot_id = from_hex(name.split("/")[-1], 16, name + " is not named as a slot")
        reader = Reader(self.storage.payload(name, SLOT))
        way, role = reader.u8(), reader.u8()
        require(way in (1, 2) and role in (FULL, WRITE), name + " is damaged")
        reader.i64()
        reader.blob()
        if way == 1:
            salt, passes, memory = reader.raw(16), reader.u64(), reader.u64()
        else:
            public = reader.raw(32)
        header = reader.data[:reader.at]
        sealed = reader.blob()
        body, slot_tag = reader.data[:reader.at], reader.raw(32)
        reader.end()
        if way == 1:
            if password is None:
                return None
            require(1 <= passes <= 64 and 8 * KIB <= memory <= 1 << 30, name + " asks for too much")
            wrapping = nacl.pwhash.argon2id.kdf(32, password, salt, passes, memory)
        else:
            secret = key_of_text(key_text) if key_text else None
            if secret is None or sodium.crypto_scalarmult_base(secret) != public:
                return None
            wrapping, sealed = open_box(secret, sealed[:80]), sealed[80:]
        try:
            plain = unseal(wrapping, self.ad(KEY_SET, slot_id + header), sealed, name)
        except Corrupt:
            return None  # another password's slot
        keys = Keys(plain, self)
        require(keys.role == role, name + " has another role inside")
        if keys.role == FULL:
            require(tag(keys.admin_key, self.ad(SLOT, slot_id + body)) == slot_tag, name + " is forged")
        return keys

    def open_content_key(self, generation, box):
        if (generation, box) not in self.content_keys:
            require(generation in self.keys.data_keys, f"no data key of generation {generation}")
            key = open_box(self.keys.data_keys[generation], box)
            require(len(key) == 32, "a content key has the wrong length")
            self.content_keys[generation, box] = key
        return self.content_keys[generation, box]

    # Sections 6 and 7: packs and index.

    def load_index(self):
        segments, replaced = {}, set()
        for name in self.storage.names("index"):
            data = self.storage.get(name, MAX_OBJECT[INDEX])
            digest = sha256(data)
            require(digest.hex() == name.split("/")[-1], name + " is not named by its SHA-256")
            sealed = self.storage.payload(name, INDEX, data)
            reader = Reader(unseal(self.keys.index_key, self.ad(INDEX), sealed, name))
            replaced.update(reader.raw(32) for _ in range(reader.count(32)))
            segments[digest] = [self.parse_index_pack(reader) for _ in range(reader.count(32))]
            reader.end()
        for digest, packs in segments.items():
            if digest not in replaced:
                for pack in packs:
                    self.add_pack(*pack)

    def parse_index_pack(self, reader):
        name, size, kind = reader.raw(32), reader.varint(MAX_PACK), reader.u8()
        require(kind in (1, 2), "an index lists a pack of an unknown type")
        generation, box, frames = reader.u32(), reader.raw(80), reader.varint()
        require(HEADER_BYTES + frames + SEAL_BYTES + TRAILER_BYTES <= size, "an index lists a pack that is too small")
        return name, size, kind, generation, box, parse_directory(reader, frames)

    def add_pack(self, name, size, kind, generation, box, directory):
        path = f"{'data' if kind == 1 else 'meta'}/{name.hex()[:2]}/{name.hex()}"
        self.packs[path] = (size, kind, generation, box, directory)
        offset = HEADER_BYTES
        for sealed, codec, chunks in directory:
            plain, at = sum(length for _, length in chunks), 0
            for chunk, length in chunks:
                place = (path, offset, sealed, codec, plain, at, length)
                self.places.setdefault(chunk, []).append(place)
                at += length
            offset += sealed

    def read_frame(self, path, offset, sealed_bytes, codec, plain_bytes, data=None):
        data = self.storage.get_range(path, offset, sealed_bytes) if data is None else data
        _, _, generation, box, _ = self.packs[path]
        associated = self.ad(FRAME, struct.pack("<BI", codec, plain_bytes))
        what = f"{path}: frame at {offset}"
        encoded = unseal(self.open_content_key(generation, box), associated, data, what)
        return decode(codec, encoded, plain_bytes, what)

    def read_chunk(self, chunk):
        problem = Corrupt(f"chunk {chunk.hex()} is missing: no index lists it")
        for path, offset, sealed, codec, plain, at, length in self.places.get(chunk, ()):
            try:
                data = self.read_frame(path, offset, sealed, codec, plain)[at:at + length]
                require(blake2b(self.keys.id_key, sha256(data)) == chunk, f"{path}: a chunk does not match its id")
                return data
            except (Corrupt, OSError) as error:
                problem = error if isinstance(error, Corrupt) else Corrupt(f"{path}: {error}")
        raise problem

    def verify_pack(self, path):
        size, kind, generation, box, directory = self.packs[path]
        data = self.storage.get(path, MAX_PACK)
        require(len(data) == size, path + " has another size than its index says")
        require(sha256(data).hex() == path.split("/")[-1], path + " is not named by its SHA-256")
        header = Reader(data[:HEADER_BYTES])
        require(header.raw(8) == MAGIC + bytes((1, PACK)), path + " has a damaged header")
        same = (header.u8(), header.raw(16), header.u32(), header.raw(80)) == (kind, self.id, generation, box)
        require(same, path + " has another header than its index says")
        trailer = Reader(data[-TRAILER_BYTES:])
        length = trailer.u32()
        require(trailer.raw(4) == b"dkp1" and length <= MAX_DIRECTORY, path + " has a damaged trailer")
        end = len(data) - TRAILER_BYTES
        require(HEADER_BYTES + length <= end, path + " has a directory longer than itself")
        sealed = data[end - length:end]
        reader = Reader(unseal(self.keys.index_key, self.ad(DIRECTORY, data[:HEADER_BYTES]), sealed, path))
        require(parse_directory(reader, end - length - HEADER_BYTES) == directory, path + " and its index disagree")
        reader.end()
        if self.keys.role != FULL:
            return
        offset = HEADER_BYTES
        for sealed_bytes, codec, chunks in directory:
            plain = self.read_frame(path, offset, sealed_bytes, codec, sum(n for _, n in chunks),
                                    data[offset:offset + sealed_bytes])
            at = 0
            for chunk, length in chunks:
                good = blake2b(self.keys.id_key, sha256(plain[at:at + length])) == chunk
                require(good, f"{path}: chunk {chunk.hex()} does not match its id")
                at += length
            offset += sealed_bytes

    # Section 8: snapshots.

    def load_snapshots(self):
        loaded = {}
        for name in self.storage.names("snapshots"):
            snapshot = self.load_snapshot(name)
            if snapshot:
                loaded[snapshot["id"]] = snapshot
        forgotten = set()
        for name in self.storage.names("forgotten"):
            snapshot_id = name.split("/")[-1]
            associated = self.ad(TOMBSTONE, from_hex(snapshot_id, 16, name + " is not named as a tombstone"))
            unseal(self.keys.index_key, associated, self.storage.payload(name, TOMBSTONE), name)
            forgotten.add(snapshot_id)
            loaded.pop(snapshot_id, None)
        for snapshot in loaded.values():
            for before in field(snapshot["public"], "predecessors", list, []):
                self.check_predecessor(before, loaded, forgotten)
        return sorted(loaded.values(), key=lambda s: (s["time_ns"], s["id"]))

    @staticmethod
    def check_predecessor(before, loaded, forgotten):
        require(isinstance(before, dict), "a predecessor is damaged")
        digest = from_hex(before.get("sha256"), 32, "a predecessor is damaged")
        found = loaded.get(before.get("id"))
        if found is None:
            require(before.get("id") in forgotten, f"snapshot {before.get('id')} is missing and was never forgotten")
        else:
            require(found["digest"] == digest, f"snapshot {before['id']} was replaced by another")

    def load_snapshot(self, name):
        id_text = name.split("/")[-1]
        snapshot_id = from_hex(id_text, 16, name + " is not named as a snapshot")
        data = self.storage.get(name, MAX_OBJECT[SNAPSHOT])
        reader = Reader(self.storage.payload(name, SNAPSHOT, data))
        sealed_public, generation, box, sealed_private = reader.blob(), reader.u32(), reader.raw(80), reader.blob()
        reader.end()
        plain = unseal(self.keys.index_key, self.ad(PUBLIC, snapshot_id), sealed_public, name)
        public = parse_json(plain, name)
        if field(public, "fenced", bool, False):
            return None
        snapshot = {"id": id_text, "digest": sha256(data), "public": public, "time_ns": field(public, "time_ns", int, 0),
                    "status": "complete" if public.get("status") == "complete" else "partial"}
        field(public, "stats", dict)
        if self.keys.role == FULL:
            associated = self.ad(PRIVATE, snapshot_id + sha256(sealed_public))
            key = self.open_content_key(generation, box)
            snapshot["private"] = parse_json(unseal(key, associated, sealed_private, name), name)
        return snapshot

    def find(self, prefix):
        found = [s for s in self.load_snapshots() if prefix == "latest" or s["id"].startswith(prefix)]
        require(found, "no such snapshot")
        return found[-1]

    # Section 10: manifests.

    def records(self, snapshot):
        require("private" in snapshot, "this key may add backups but not read them")
        root = from_hex(snapshot["private"].get("manifest_root"), 32, "snapshot: no manifest")
        last = None
        for record in self.walk(root, field(snapshot["private"], "manifest_level", int, 0), None):
            if last is not None:
                require(order_key(last["path"]) < order_key(record["path"]), "records are out of order")
                below = last["type"] not in ("directory", "symlink") and record["path"].startswith(last["path"] + b"/")
                require(not below, "a record lies below a file")
            last = record
            yield record

    def walk(self, node, level, expected):
        data = self.read_chunk(node)
        require(len(data) <= MAX_NODE, "a node is too large")
        reader = Reader(data)
        first, count = None, 0
        if level == 0:
            require(reader.u8() == 1, "no leaf where one belongs")
            previous = b""
            while reader.left():
                record = parse_record(reader.blob(), previous)
                previous = record["path"]
                first = previous if first is None else first
                count += 1
                yield record
            require(count or expected is None, "an empty leaf below an inner node")
        else:
            require(reader.u8() == 2 and reader.u8() == level, "no inner node of this level where one belongs")
            children = [(reader.raw(32), reader.varint(), reader.blob()) for _ in range(reader.count(34))]
            reader.end()
            require(children and all(n > 0 for _, n, _ in children), "an inner node is empty")
            ascending = all(order_key(a[2]) < order_key(b[2]) for a, b in zip(children, children[1:]))
            require(ascending, "children are out of order")
            first, count = children[0][2], sum(n for _, n, _ in children)
            for child, records, path in children:
                yield from self.walk(child, level - 1, (records, path))
        require(expected is None or expected == (count, first), "a node differs from what leads to it")

    def extents(self, record):
        """Yields (offset in the file, chunk id, offset in the chunk, length)."""
        position = 0
        lists = [(None, record["extents"])]
        if record["nodes"]:
            lists = [(node[1:], self.extent_node(node[0])) for node in record["nodes"]]
        for expected, extents in lists:
            begin = position
            for chunk, gap, offset, length in extents:
                position += gap
                require(position + length <= record["size"], "extents exceed the file's size")
                yield position, chunk, offset, length
                position += length
            require(expected in (None, (len(extents), position - begin)), "an extent node differs from what leads to it")

    def extent_node(self, node):
        reader = Reader(self.read_chunk(node))
        require(reader.u8() == 3, "no extent node where one belongs")
        extents = parse_extents(reader)
        reader.end()
        return extents

    def content(self, record):
        """Yields (offset, bytes); what lies between is a hole. Checks the file's SHA-256 at the end."""
        digest, position = hashlib.sha256(), 0
        for at, chunk, offset, length in self.extents(record):
            data = self.read_chunk(chunk)
            require(offset + length <= len(data), "an extent exceeds its chunk")
            hash_zeros(digest, at - position)
            digest.update(data[offset:offset + length])
            position = at + length
            yield at, data[offset:offset + length]
        hash_zeros(digest, record["size"] - position)
        require(digest.digest() == record["sha256"], f"{record['path']!r}: content does not match its SHA-256")


def key_of_text(text):
    text = text.rstrip(" \n")
    if not text.startswith("drkit-key-1"):
        raise BadKey("no key file")
    return from_hex(text[len("drkit-key-1"):], 32, "no key file")


def decode(codec, encoded, plain_bytes, what):
    if codec == 0:
        require(len(encoded) == plain_bytes, what + " has the wrong length")
        return encoded
    require(codec == 1, what + " has an unknown codec")
    try:
        require(zstandard.frame_content_size(encoded) == plain_bytes, what + " has the wrong length")
        if plain_bytes == 0:
            return b""
        decoder = zstandard.ZstdDecompressor(max_window_size=4 * MIB).decompressobj()
        plain = decoder.decompress(encoded)
    except zstandard.ZstdError as error:
        raise Corrupt(f"{what} does not decode: {error}") from None
    require(decoder.eof and not decoder.unused_data and len(plain) == plain_bytes, what + " does not decode")
    return plain


def parse_directory(reader, frames_bytes):
    directory, total = [], 0
    for _ in range(reader.count(36)):
        sealed, codec = reader.varint(MAX_FRAME + SEAL_BYTES), reader.u8()
        chunks = [(reader.raw(32), reader.varint(MAX_FRAME)) for _ in range(reader.count(33))]
        require(chunks and sealed >= SEAL_BYTES and sum(n for _, n in chunks) <= MAX_FRAME, "a directory is damaged")
        directory.append((sealed, codec, chunks))
        total += sealed
    require(total == frames_bytes, "frames do not fill their pack")
    return directory


def order_key(path):
    return [0 if byte == 0x2F else byte + 1 for byte in path]


def check_path(path):
    if path:
        require(b"\0" not in path and not {b"", b".", b".."} & set(path.split(b"/")), "a path leaves its tree")


def parse_extents(reader):
    extents = []
    for _ in range(reader.count(35)):
        extents.append((reader.raw(32), reader.varint(), reader.varint((1 << 32) - 1), reader.varint((1 << 32) - 1)))
        require(extents[-1][3] > 0, "an extent is empty")
    return extents


def parse_record(body, previous):
    reader = Reader(body)
    shared = reader.varint(len(previous))
    rest = reader.blob()
    path = previous[:shared] + rest
    require(shared == len(os.path.commonprefix([path, previous])), "a path shares less than it could")
    kind, flags = reader.u8(), reader.varint(255)
    require(kind in TYPES, "a record of an unknown type")
    record = {"path": path, "type": TYPES[kind], "mode": reader.varint(0o7777), "uid": reader.varint((1 << 32) - 1),
              "gid": reader.varint((1 << 32) - 1), "mtime_ns": reader.i64(), "size": reader.varint(), "user": b"",
              "group": b"", "link": b"", "device": 0, "xattrs": [], "problem": None, "extents": [], "nodes": []}
    if flags & 1:
        record["user"], record["group"] = reader.blob(), reader.blob()
        require(record["user"] or record["group"], "flags and fields disagree")
    if flags & 2:
        record["link"] = reader.blob()
        require(record["link"], "flags and fields disagree")
    if flags & 4:
        record["device"] = reader.varint()
        require(record["device"], "flags and fields disagree")
    if flags & 8:
        record["xattrs"] = [(reader.blob(), reader.blob()) for _ in range(reader.count(2))]
        require(record["xattrs"], "flags and fields disagree")
    if flags & 16:
        require((reader.varint(), reader.varint(), reader.i64()) != (0, 0, 0), "flags and fields disagree")
    if flags & 32:
        record["problem"] = (reader.u32(), reader.blob())
    require(bool(flags & 64) == (kind in (1, 9)) and (flags & 64 or not flags & 128), "flags and type disagree")
    if flags & 64:
        record["sha256"] = reader.raw(32)
        if flags & 128:
            record["nodes"] = [(reader.raw(32), reader.varint(), reader.varint()) for _ in range(reader.count(34))]
            require(record["nodes"], "flags and fields disagree")
        else:
            record["extents"] = parse_extents(reader)
    reader.end()
    check_path(path)
    if kind == 4:
        require(record["link"], "a hard link leads nowhere")
        check_path(record["link"])
    return record


def hash_zeros(digest, count):
    zeros = bytes(MIB)
    while count > 0:
        digest.update(zeros[:min(count, MIB)])
        count -= MIB


class Restore:
    """Makes a tree; everything is reached from the target's directory without following a link."""

    def __init__(self, repository, root):
        self.repository, self.root = repository, os.fsencode(os.path.abspath(root))
        self.directories, self.links, self.problems = [], [], 0

    def place(self, path):
        return os.path.join(self.root, path) if path else self.root

    def run(self, snapshot):
        os.makedirs(self.root, exist_ok=True)
        require(not os.listdir(self.root), "the target is not empty")
        for record in self.repository.records(snapshot):
            self.make(record)
        for record in self.links:
            self.make_parents(record["path"])
            require(stat.S_ISREG(os.lstat(self.place(record["link"])).st_mode), "a hard link to no file")
            os.link(self.place(record["link"]), self.place(record["path"]))
        for record in reversed(self.directories):
            self.apply(record)
        return self.problems

    def make_parents(self, path):
        for end in [i for i, byte in enumerate(path) if byte == 0x2F]:
            place = self.place(path[:end])
            if os.path.islink(place):
                os.unlink(place)  # what it led to was backed up with it
            if not os.path.lexists(place):
                os.mkdir(place, 0o700)
            require(stat.S_ISDIR(os.lstat(place).st_mode), "a record lies below a file")

    def make(self, record):
        path, kind = self.place(record["path"]), record["type"]
        if record["problem"]:
            self.problems += 1
            print(f"missing: {record['path']!r}: {os.fsdecode(record['problem'][1])}", file=sys.stderr)
        self.make_parents(record["path"])
        if kind == "directory":
            if record["path"]:
                os.mkdir(path, 0o700)
            self.directories.append(record)
        elif record["problem"]:
            return
        elif kind in ("regular", "stream"):
            with open(path, "xb") as file:
                for offset, data in self.repository.content(record):
                    file.seek(offset)
                    file.write(data)
                file.truncate(record["size"])
            self.apply(record)
        elif kind == "symlink":
            os.symlink(record["link"], path)
            self.apply(record)
        elif kind == "hardlink":
            self.links.append(record)
        else:
            self.make_special(record, path)

    def make_special(self, record, path):
        modes = {"fifo": stat.S_IFIFO, "socket": stat.S_IFSOCK, "char_device": stat.S_IFCHR,
                 "block_device": stat.S_IFBLK}
        try:
            os.mknod(path, modes[record["type"]] | 0o600, record["device"])
        except PermissionError as error:
            print(f"not made: {error}", file=sys.stderr)
            return
        self.apply(record)

    def apply(self, record):
        path, link = self.place(record["path"]), record["type"] == "symlink"
        if record["type"] == "stream":
            return
        if os.geteuid() == 0:
            os.lchown(path, record["uid"], record["gid"])
        for name, value in record["xattrs"]:
            try:
                os.setxattr(path, name, value, follow_symlinks=False)
            except OSError as error:
                print(f"{record['path']!r}: {os.fsdecode(name)} not set: {error.strerror}", file=sys.stderr)
        if not link:
            os.chmod(path, record["mode"])
        os.utime(path, ns=(record["mtime_ns"], record["mtime_ns"]), follow_symlinks=False)


def describe(record):
    """As expected.json has it."""
    shown = {"path_hex": record["path"].hex(), "type": record["type"], "mode": record["mode"],
             "mtime_ns": record["mtime_ns"], "size": record["size"]}
    if record["link"]:
        shown["link_hex"] = record["link"].hex()
    if record["problem"]:
        shown["problem"] = record["problem"][0]
    if "sha256" in record:
        shown["sha256"] = record["sha256"].hex()
    if record["xattrs"]:
        shown["xattrs"] = {name.hex(): value.hex() for name, value in record["xattrs"]}
    return shown


def verify(repository):
    """Every object that the index and the snapshots name, and every file."""
    snapshots = repository.load_snapshots()
    for path in sorted(repository.packs):
        repository.verify_pack(path)
    if repository.keys.role == FULL:
        for snapshot in snapshots:
            regular, targets = set(), set()
            for record in repository.records(snapshot):
                if record["type"] == "regular":
                    regular.add(record["path"])
                elif record["type"] == "hardlink":
                    targets.add(record["link"])
                if "sha256" in record and not record["problem"]:
                    for _ in repository.content(record):
                        pass
            require(targets <= regular, "a hard link leads to no file of its snapshot")
    return {"snapshots": len(snapshots), "packs": len(repository.packs), "chunks": len(repository.places)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository")
    parser.add_argument("--password-file")
    parser.add_argument("--key-file")
    parser.add_argument("command", choices=["list", "verify", "entries", "restore"])
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    password = Path(options.password_file).read_bytes().rstrip(b"\n") if options.password_file else None
    key_text = Path(options.key_file).read_text() if options.key_file else None
    try:
        repository = Repository(options.repository, password, key_text)
        repository.load_index()
        if options.command == "verify":
            print(json.dumps(verify(repository)))
        elif options.command == "list":
            shown = [{k: s[k] for k in ("id", "status", "time_ns", "public")} for s in repository.load_snapshots()]
            print(json.dumps(shown, indent=1))
        elif options.command == "entries":
            print(json.dumps([describe(r) for r in repository.records(repository.find(options.arguments[0]))], indent=1))
        else:
            snapshot = repository.find(options.arguments[0])
            problems = Restore(repository, options.arguments[1]).run(snapshot)
            return 3 if problems or snapshot["status"] != "complete" else 0
    except (Corrupt, BadKey) as error:
        print(f"independent_reader: {error}", file=sys.stderr)
        return 5 if isinstance(error, Corrupt) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
