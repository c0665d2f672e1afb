"""A repository of format 1 read from a directory, as docs/format/v1.md specifies it; no libdrkit."""

import hashlib
import re
import struct
from pathlib import Path

import nacl.exceptions
import nacl.pwhash.argon2id
import nacl.signing
from nacl import bindings as sodium

from reader_bytes import *  # noqa: F403


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

    def names(self, folder, digits):
        """Objects whose names are so many hexadecimal digits; others are somebody else's."""
        return [n for n in self.all_names(folder) if re.fullmatch(f"{folder}/[0-9a-f]{{{digits}}}", n)]

    def all_names(self, folder):
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
        require(read == 0, "the repository has features that this program does not know")
        self.may_check = check == 0
        self.keys = self.open_slots(password, key_text)
        require(tag(self.keys.index_key, self.ad(CONFIG, body)) == config_tag, "config is forged or damaged")
        self.packs, self.places, self.content_keys = {}, {}, {}

    def ad(self, kind, identity=b""):
        return MAGIC + bytes((1, kind)) + self.id + identity

    # Section 5: keys.

    def open_slots(self, password, key_text):
        problem = BadKey("the password or key opens no slot")
        for name in self.storage.names("keys", 32):
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
        if reader.raw(16) != self.id:
            return None  # left behind by a creation that was cut short
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
        for name in self.storage.names("index", 64):
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
        name, size, kind, state = reader.raw(32), reader.varint(MAX_PACK), reader.u8(), reader.u8()
        require(kind in (DATA, META), "an index lists a pack of an unknown type")
        require(state in (0, 1), "an index lists a pack in an unknown state")  # condemned ones can be read
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
                self.places.setdefault((kind, chunk), []).append(place)
                at += length
            offset += sealed

    def read_frame(self, path, offset, sealed_bytes, codec, plain_bytes, data=None):
        data = self.storage.get_range(path, offset, sealed_bytes) if data is None else data
        _, _, generation, box, _ = self.packs[path]
        associated = self.ad(FRAME, struct.pack("<BI", codec, plain_bytes))
        what = f"{path}: frame at {offset}"
        encoded = unseal(self.open_content_key(generation, box), associated, data, what)
        return decode(codec, encoded, plain_bytes, what)

    def chunk_id(self, kind, data):
        return blake2b(self.keys.id_key, bytes((kind,)) + sha256(data))

    def read_chunk(self, kind, chunk):
        problem = Corrupt(f"chunk {chunk.hex()} is missing: no index lists it")
        for path, offset, sealed, codec, plain, at, length in self.places.get((kind, chunk), ()):
            try:
                data = self.read_frame(path, offset, sealed, codec, plain)[at:at + length]
                require(self.chunk_id(kind, data) == chunk, f"{path}: a chunk does not match its id")
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
                good = self.chunk_id(kind, plain[at:at + length]) == chunk
                require(good, f"{path}: chunk {chunk.hex()} does not match its id")
                at += length
            offset += sealed_bytes

    # Section 8: snapshots.

    def load_snapshots(self):
        loaded = {}
        for name in self.storage.names("snapshots", 32):
            snapshot = self.load_snapshot(name)
            if snapshot:
                loaded[snapshot["id"]] = snapshot
        forgotten = set()
        for name in self.storage.names("forgotten", 32):
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
        digest = from_hex(before["sha256"], 32, "a predecessor is damaged") if "sha256" in before else None
        found = loaded.get(before.get("id"))
        if found is None:
            require(before.get("id") in forgotten, f"snapshot {before.get('id')} is missing and was never forgotten")
        else:
            require(digest in (None, found["digest"]), f"snapshot {before['id']} was replaced by another")

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
        snapshot["tags"] = texts(field(public, "tags", dict, {}), name)
        for key in ("source_kind", "source_name", "host"):
            snapshot[key] = text_bytes(field(public, key, str, ""), name)
        if self.keys.role == FULL:
            associated = self.ad(PRIVATE, snapshot_id + sha256(sealed_public))
            key = self.open_content_key(generation, box)
            snapshot["private"] = parse_json(unseal(key, associated, sealed_private, name), name)
            snapshot["receipt"] = texts(field(snapshot["private"], "receipt", dict, {}), name)
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
        data = self.read_chunk(META, node)
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
        reader = Reader(self.read_chunk(META, node))
        require(reader.u8() == 3, "no extent node where one belongs")
        extents = parse_extents(reader)
        reader.end()
        return extents

    def content(self, record):
        """Yields (offset, bytes); what lies between is a hole. Checks the file's SHA-256 at the end."""
        digest, position = hashlib.sha256(), 0
        for at, chunk, offset, length in self.extents(record):
            data = self.read_chunk(DATA, chunk)
            require(offset + length <= len(data), "an extent exceeds its chunk")
            hash_zeros(digest, at - position)
            digest.update(data[offset:offset + length])
            position = at + length
            yield at, data[offset:offset + length]
        hash_zeros(digest, record["size"] - position)
        require(record["sha256"] in (None, digest.digest()), f"{record['path']!r}: content does not match its SHA-256")
