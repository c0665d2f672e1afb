"""Bytes and records of format 1, as docs/format/v1.md specifies them; no libdrkit."""

import hashlib
import json
import os
import struct

import nacl.exceptions
import zstandard
from nacl import bindings as sodium

MAGIC = b"drkit\x1a"
CONFIG, SLOT, INDEX, SNAPSHOT, LEASE, TOMBSTONE, PACK = 1, 2, 3, 4, 5, 6, 9
FRAME, DIRECTORY, PUBLIC, PRIVATE, KEY_SET = 32, 33, 34, 35, 36
FULL, WRITE = 1, 2
DATA, META = 1, 2
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


def text_bytes(text, what):
    """Text of section 8.1: characters that stand for themselves, or U+0000 and hex."""
    if not text.startswith("\0"):
        require(not any(0xD800 <= ord(c) <= 0xDFFF for c in text), what + " has half a character")
        return text.encode("utf-8")
    data = from_hex(text[1:], (len(text) - 1) // 2, what + " has damaged text")
    try:
        itself = not data.decode("utf-8").startswith("\0")
    except UnicodeDecodeError:
        itself = False
    require(not itself, what + " has text that is longer than needed")
    return data


def texts(value, what):
    """An object of text, by bytes."""
    require(all(isinstance(v, str) for v in value.values()), what + " holds no text")
    return {text_bytes(k, what): text_bytes(v, what) for k, v in value.items()}


def field(value, key, kind, default=None, what="snapshot"):
    found = value.get(key, default)
    good = isinstance(found, kind) and not (kind is int and isinstance(found, bool))
    require(good, f"{what}: {key} is missing or of another type")
    return found


def from_hex(text, size, what):
    require(isinstance(text, str) and len(text) == 2 * size and set(text) <= set("0123456789abcdef"), what)
    return bytes.fromhex(text)


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
    kind, flags = reader.u8(), reader.varint(511)
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
    require(bool(flags & 64) == (kind in (1, 9)) and (flags & 64 or not flags & 384), "flags and type disagree")
    require(not flags & 256 or not flags & 32, "a digest that is not known of what is missing")
    if flags & 64:
        record["sha256"] = None if flags & 256 else reader.raw(32)
        require(flags & 32 or record["sha256"] != bytes(32), "a SHA-256 of zeros")
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
