#!/usr/bin/env python3
"""A corpus is one text file: an input a line, as hex, sorted, so that it diffs and merges.

corpus.py unpack FILE DIR   a file in DIR for each input
corpus.py pack DIR FILE     the other way, without inputs of more than 200 bytes
corpus.py seed DIR          two first inputs for every version of every message, one with its fields
                            set and one with nulls, in DIR/TARGET; and some for the other targets
"""

import hashlib
import re
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "protocol/tests/data"
# A larger input is found again sooner than it is worth its place in the repository.
INPUT_BYTES_MAX = 200
CODECS = ["gzip", "snappy", "lz4", "zstd"]


def unpack(file, into):
    into.mkdir(parents=True, exist_ok=True)
    if file.exists():
        for line in file.read_text().split():
            write(into, bytes.fromhex(line))


def write(into, data):
    into.mkdir(parents=True, exist_ok=True)
    (into / hashlib.sha1(data).hexdigest()).write_bytes(data)


def pack(directory, file):
    file.parent.mkdir(exist_ok=True)
    inputs = (path.read_bytes() for path in directory.iterdir())
    lines = sorted(data.hex() for data in inputs if 0 < len(data) <= INPUT_BYTES_MAX)
    file.write_text("".join(line + "\n" for line in lines))


def batch():
    """Two records, one with a key and a header. The checksum is wrong, which targets mend."""
    records = b"\x16\0\0\0\x02k\x02v\x02\x02h\x01" + b"\x0e\0\x02\x02\x01\x02v\0"
    fields = struct.pack(">hiqqqhii", 0, 1, 1000, 1001, 5, 0, 3, 2)
    return struct.pack(">qiibI", 0, 49 + len(records), -1, 2, 0) + fields + records


RECORDS = batch()
# Inputs of targets that no message is for.
OTHERS = [
    ("batch", b"\0" + RECORDS + RECORDS),
    ("batch", b"\x81" + RECORDS),
    ("batch", b"\x82" + RECORDS),
    ("batch", b"\x83" + RECORDS),
    ("batch", b"\x84" + RECORDS),
    ("frame", b"\1\0\0" + b"\0\0\0\3abc" + b"\0\0\0\0" + b"\0\0\0\2de"),
    ("frame", b"\0\4\7" + b"\0\0\0\3abc" + b"GET "),
    ("frame", b"\0\4\1" + b"\0\0\0\3abc" + b"\x16\3\1\0"),
    ("frame", b"\0\4\3" + b"\0\0\0\3abc" + b"\xff\0\0\0"),
    *((codec, b"\x84\2\0\7\0\x0bto be, or not to be, to be " * 4) for codec in CODECS),
]


class Message:
    """One message as protocol/tests/data/kafka-schemas.tsv has it."""

    def __init__(self, name, versions, flexible, _key, _listeners):
        self.name = name
        first, last = versions.split("-")
        self.versions = range(int(first), int(last) + 1)
        self.flexible = 1 << 15 if flexible == "-" else int(flexible)
        self.fields = []

    def is_flexible(self, version):
        return version >= self.flexible


class Field:
    def __init__(self, name, kind, versions, null, tag, _ignorable, default):
        self.name, self.kind, self.default = name, kind, default
        self.versions = span(versions)
        self.null = span(null)
        self.tag = None if tag == "-" else int(tag)
        self.fields = []


def span(text):
    if text == "-":
        return range(0)
    first, last = text.split("-")
    return range(int(first), int(last) + 1)


def messages():
    found = []
    for line in (DATA / "kafka-schemas.tsv").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, *rest = line.split("\t")
        depth = len(name) - len(name.lstrip("."))
        if depth == 0:
            found.append(Message(name, *rest))
            around = [found[-1]]
        else:
            del around[depth:]
            around[-1].fields.append(Field(name[depth:], *rest))
            around.append(around[-1].fields[-1])
    return found


class Writer:
    """Writes a message with every field set, or null where that is allowed."""

    def __init__(self, version, flexible, null):
        self.version, self.flexible, self.null = version, flexible, null
        self.number = 2

    def next(self):
        self.number += 1
        return self.number

    def uvarint(self, value):
        out = b""
        while value > 0x7F:
            out += bytes([value & 0x7F | 0x80])
            value >>= 7
        return out + bytes([value])

    def length(self, value, wide):
        if self.flexible:
            return self.uvarint(value + 1)
        return value.to_bytes(4 if wide else 2, "big", signed=True)

    def struct(self, fields):
        here = [field for field in fields if self.version in field.versions]
        out = b"".join(self.field(field) for field in here if field.tag is None)
        if self.flexible:
            tagged = sorted((f for f in here if f.tag is not None), key=lambda f: f.tag)
            if self.null:
                tagged = []
            out += self.uvarint(len(tagged) + (not self.null))
            for field in tagged:
                value = self.field(field)
                out += self.uvarint(field.tag) + self.uvarint(len(value)) + value
            if not self.null:
                out += self.uvarint(1000) + self.uvarint(3) + b"new"
        return out

    def field(self, field):
        null = self.null and self.version in field.null
        if field.kind == "struct" and field.null:
            return b"\xff" if null else b"\x01" + self.struct(field.fields)
        if null:
            return self.length(-1, field.kind != "string")
        if field.kind.startswith("[]"):
            items = [self.value(field.kind[2:], field) for _ in range(1 if self.null else 2)]
            return self.length(len(items), True) + b"".join(items)
        return self.value(field.kind, field)

    def value(self, kind, field):
        if kind == "struct":
            return self.struct(field.fields)
        if kind == "string":
            text = b"abcd"[: 1 + self.next() % 4]
            return self.length(len(text), False) + text
        if kind == "bytes":
            data = RECORDS if field.name == "records" else b"data"
            return self.length(len(data), True) + data
        if kind == "bool":
            return b"\1"
        if kind == "uuid":
            return self.next().to_bytes(16, "big")
        if kind == "float64":
            return struct.pack(">d", self.next() + 0.5)
        return (self.next() % 100).to_bytes(int(re.sub(r"\D", "", kind)) // 8, "big")


def catalog():
    """What protocol/src/catalog.rs lists: the text of each of its groups."""
    text = (ROOT / "protocol/src/catalog.rs").read_text()
    return dict(re.findall(r"^ {12}(\w+) \{\n(.*?)^ {12}\}", text, re.S | re.M))


def wraps():
    """For each message, by name: the target it is for, and its version and bytes as that takes them."""
    groups = catalog()
    table = (ROOT / "protocol/src/api_key.rs").read_text()
    found = {}
    for key, api in re.findall(r"^    [A-Z_0-9]+ = (\d+), (\w+),", table, re.M):
        found[api + "Request"] = ("request", request(int(key)))
        found[api + "Response"] = ("response", response(int(key)))
    headless = re.findall(r"\w+::(\w+);", groups["messages"] + groups["internal_records"])
    for at, name in enumerate(headless, 6):
        found[name] = ("internal_records", lambda version, _, data, at=at: bytes([at, version]) + data)
    for name, number in re.findall(r"\w+\((\w+)\) = (\d+);", groups["metadata_records"]):
        front = [1, int(number)]
        found[name] = ("metadata_records", lambda version, _, data, front=front: bytes([*front, version]) + data)
    topics = re.findall(r" of \"\w+\" \{(.*?)^ {16}\}", groups["coordinator_records"], re.S | re.M)
    for topic, body in enumerate(topics):
        for key, value, number in re.findall(r"\w+: \w+\(\s*(\w+),\s*(\w+)\s*\) = (\d+);", body):
            front = [2 * topic, 0, 0, int(number)]
            found[key] = ("internal_records", lambda _v, _, data, front=front: bytes(front) + data)
            front = [2 * topic + 1, int(number), 0]
            found[value] = ("internal_records", lambda version, _, data, front=front: bytes([*front, version]) + data)
    for at, name in enumerate(["ConsumerProtocolSubscription", "ConsumerProtocolAssignment"]):
        found[name] = ("group", lambda version, _, data, at=at: bytes([at, 0, version]) + data)
    return found


def request(key):
    def wrap(version, flexible, data):
        header = bytes([0, key, 0, version]) + b"\0\0\0\7\0\2me"
        return header + b"\0" * flexible + data

    return wrap


def response(key):
    def wrap(version, flexible, data):
        return bytes([key, version]) + b"\0\0\0\7" + b"\0" * (flexible and key != 18) + data

    return wrap


def seed(into):
    for name, data in OTHERS:
        write(into / name, data)
    wrapped = wraps()
    for message in messages():
        if message.name not in wrapped:
            continue
        target, wrap = wrapped[message.name]
        for version in message.versions:
            flexible = message.is_flexible(version)
            for null in False, True:
                writer = Writer(version, flexible, null)
                write(into / target, wrap(version, flexible, writer.struct(message.fields)))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["unpack", file, into]:
            unpack(Path(file), Path(into))
        case ["pack", directory, file]:
            pack(Path(directory), Path(file))
        case ["seed", into]:
            seed(Path(into))
        case _:
            sys.exit(__doc__)
