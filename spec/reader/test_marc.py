"""Tests of the reader: a tiny writer of archives after FORMAT.md, good archives, and damage of every kind.

    python3 -m unittest test_marc        (in this directory)
"""
from __future__ import annotations

import contextlib
import copy
import functools
import hashlib
import io
import json
import math
import os
import struct
import subprocess
import tempfile
import unittest
from typing import Any, Callable, Optional
from unittest import mock

import marc
import marc_arrow
import marc_values
from marc_values import Fail

sha = marc_values.sha256
Fields = list[tuple[str, str]]

# ---------------------------------------------------------------- A tiny flatbuffers and Arrow writer


class Ref:
    """A part of a flatbuffer that is written after the table that points to it."""

    def __init__(self, write: Callable[["Flat"], int]) -> None:
        self.write = write


class Flat:
    """Writes flatbuffers front to back; every table field takes 8 bytes."""

    def __init__(self) -> None:
        self.out = bytearray(8)

    def align(self, rest: int) -> int:
        while len(self.out) % 8 != rest:
            self.out.append(0)
        return len(self.out)

    def patch(self, pos: int, ref: Ref) -> None:
        struct.pack_into("<I", self.out, pos, ref.write(self) - pos)

    def finish(self, root: Ref) -> bytes:
        self.patch(0, root)
        self.align(0)
        return bytes(self.out)


def table(*slots: Any) -> Ref:
    """A slot is None, (format, number) or a Ref."""
    def write(flat: Flat) -> int:
        flat.align(0)
        vtable = len(flat.out)
        flat.out += struct.pack("<HH", 4 + 2 * len(slots), 4 + 8 * len(slots))
        flat.out += b"".join(struct.pack("<H", 0 if slot is None else 4 + 8 * i) for i, slot in enumerate(slots))
        pos = flat.align(4)
        flat.out += struct.pack("<i", pos - vtable) + bytes(8 * len(slots))
        for i, slot in enumerate(slots):
            where = pos + 4 + 8 * i
            if isinstance(slot, Ref):
                flat.patch(where, slot)
            elif slot is not None:
                struct.pack_into("<" + slot[0], flat.out, where, slot[1])
        return pos
    return Ref(write)


def vector(items: list[Ref]) -> Ref:
    def write(flat: Flat) -> int:
        pos = flat.align(4)
        flat.out += struct.pack("<I", len(items)) + bytes(4 * len(items))
        for i, item in enumerate(items):
            flat.patch(pos + 4 + 4 * i, item)
        return pos
    return Ref(write)


def raw(count: int, data: bytes) -> Ref:
    def write(flat: Flat) -> int:
        pos = flat.align(4)
        flat.out += struct.pack("<I", count) + data
        return pos
    return Ref(write)


def string(text: str) -> Ref:
    return raw(len(text.encode()), text.encode() + b"\0")


def pairs(items: list[tuple[int, int]]) -> Ref:
    return raw(len(items), b"".join(struct.pack("<qq", *item) for item in items))


def message(kind: int, header: Ref, body: bytes = b"", version: int = 4) -> bytes:
    data = Flat().finish(table(("h", version), ("B", kind), header, ("q", len(body))))
    return b"\xff\xff\xff\xff" + struct.pack("<I", len(data)) + data + body


KINDS: dict[str, tuple[int, Ref]] = {
    "text": (5, table()), "json": (5, table()), "bytes": (4, table()), "any": (4, table()), "map": (4, table()),
    "int": (2, table(("i", 64), ("B", 1))), "float": (3, table(("h", 2))), "bool": (6, table()),
    "time": (10, table(("h", 3), string("UTC"))), "list": (12, table())}


def arrow_field(name: str, kind: str) -> Ref:
    number, of_type = KINDS[kind]
    children = [arrow_field("item", "text")] if kind == "list" else []
    return table(string(name), ("B", 1), ("B", number), of_type, None, vector(children))


class Body:
    """The body of a record batch."""

    def __init__(self) -> None:
        self.data = b""
        self.nodes: list[tuple[int, int]] = []
        self.buffers: list[tuple[int, int]] = []

    def buffer(self, data: bytes) -> None:
        self.buffers.append((len(self.data), len(data)))
        self.data += data + bytes(-len(data) % 8)

    def node(self, values: list[Any]) -> None:
        nulls = sum(value is None for value in values)
        self.nodes.append((len(values), nulls))
        self.buffer(bits([value is not None for value in values]) if nulls else b"")

    def offsets(self, lengths: list[int]) -> None:
        self.buffer(struct.pack(f"<{len(lengths) + 1}i", *(sum(lengths[:i]) for i in range(len(lengths) + 1))))

    def binary(self, values: list[Optional[bytes]]) -> None:
        self.node(values)
        self.offsets([len(value or b"") for value in values])
        self.buffer(b"".join(value or b"" for value in values))

    def column(self, kind: str, values: list[Any]) -> None:
        """Values are canonical encodings (5.1) or None."""
        bare = [None if value is None else value[1:] for value in values]
        if kind == "vector":
            for k in range(4):
                self.binary([None if value is None else value[4 + k::4] for value in bare])
        elif kind in ("any", "map"):
            self.binary(values)
        elif kind in ("text", "json", "bytes"):
            self.binary([None if value is None else value[4:] for value in bare])
        elif kind == "list":
            self.node(values)
            items = [[] if value is None else marc_values.Cursor(value).value()[1] for value in values]
            self.offsets([len(item) for item in items])
            self.binary([text for item in items for text in item])
        else:
            self.node(values)
            self.buffer(bits([value == b"\1" for value in bare]) if kind == "bool" else b"".join(value or bytes(8) for value in bare))


def bits(flags: list[bool]) -> bytes:
    out = bytearray((len(flags) + 7) // 8)
    for i, flag in enumerate(flags):
        out[i >> 3] |= flag << (i & 7)
    return bytes(out)


def arrow_stream(fields: Fields, rows: list[marc_values.Row], change: Callable[[Body], None] = lambda body: None) -> bytes:
    columns = [(f"{name}.{k}", "bytes") if kind == "vector" else (name, kind)
               for name, kind in fields for k in range(4 if kind == "vector" else 1)]
    body = Body()
    for i, (_, kind) in enumerate(fields):
        body.column(kind, [row[i] for row in rows])
    change(body)
    schema = table(None, vector([arrow_field(*column) for column in columns]))
    batch = table(("q", len(rows)), pairs(body.nodes), pairs(body.buffers))
    return message(1, schema) + message(3, batch, body.data) + b"\xff\xff\xff\xff\0\0\0\0"


# ---------------------------------------------------------------- A tiny archive writer


@functools.cache
def compress(data: bytes, *options: str) -> bytes:
    command = ["zstd", "-q", "-c", *(options or ("--check", f"--stream-size={len(data)}"))]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def skippable(content: bytes) -> bytes:
    return struct.pack("<II", 0x184D2A5D, len(content)) + content


def sealed(content: bytes) -> bytes:
    """A skippable frame whose last 32 bytes are its check."""
    frame = struct.pack("<II", 0x184D2A5D, len(content) + 32) + content
    return frame + sha(frame)


class Writer:
    """Writes an archive block by block; the hooks damage one thing and leave the hashes right."""

    def __init__(self, encoding: str, sections: dict[str, tuple[list[str], Fields]], **hooks: Any) -> None:
        self.encoding, self.sections, self.hooks = encoding, sections, hooks
        guide = b"\x89marc\r\n\x1a" + struct.pack("<HHIII", 1, 0, 0, 0, 0) + bytes(16) + b"zstd -dc FILE\n"
        self.out = sealed(self.hook("guide", guide))
        self.check, self.number = self.out[-32:], 0
        self.index: list[list[Any]] = []
        self.records: dict[str, list[bytes]] = {}
        self.keys: dict[str, list[bytes]] = {}
        manifest = {"writer": "test 1", "encoding": encoding, "source": {"engine": "none", "layout": "none", "version": "1"}, "sections": [
            {"name": name, "key": key, "fields": [{"name": n, "type": k} for n, k in fields]} for name, (key, fields) in sections.items()]}
        self.control(0x4D, "manifest", manifest)

    def hook(self, name: str, value: Any) -> Any:
        return self.hooks[name](value) if name in self.hooks else value

    def block(self, kind: int, payload: bytes, size: int, encoding: int = 0, sequence: int = 0, records: int = 0, name: str = "") -> None:
        hook = {0x4D: "manifest_header", 0x43: "header", 0x45: "end_header"}[kind]
        values = [kind, encoding, len(name.encode()), self.number, sequence, records, len(payload), size, bytes(8), sha(payload), self.check]
        header = sealed(self.hook(hook + "_bytes", struct.pack("<BBHIIIII8s32s32s", *self.hook(hook, values)) + name.encode()))
        self.last = len(self.out)
        if kind == 0x43:
            self.index.append([name, sequence, records, len(self.out), len(header) + len(payload), header[-32:].hex()])
        self.out += header + payload
        self.check = header[-32:]
        self.number += 1

    def control(self, kind: int, hook: str, obj: Any) -> None:
        content = self.hook(hook + "_text", json.dumps(self.hook(hook, obj)).encode())
        payload = self.hook(hook + "_payload", skippable(content))
        self.block(kind, payload, len(content))

    def chunk(self, name: str, rows: list[marc_values.Row], data: Optional[bytes] = None) -> None:
        """Rows are canonical values; data replaces the decompressed payload."""
        key, fields = self.sections[name]
        section = marc.Section(name, [[f for f, _ in fields].index(k) for k in key], fields)
        if data is None and self.encoding == "arrow":
            data = arrow_stream(fields, rows)
        elif data is None:
            data = "".join(marc.record_line(section, row) + "\n" for row in rows).encode()
        data = self.hook("data", data)
        sequence = sum(entry[0] == name for entry in self.index)
        self.block(0x43, self.hook("zstd", compress(data)), len(data), {"arrow": 1, "ndjson": 2}[self.encoding], sequence, len(rows), name)
        for row in rows:
            values = sorted((f.encode(), value) for (f, _), value in zip(fields, row) if value is not None)
            self.records.setdefault(name, []).append(b"".join(struct.pack("<H", len(f)) + f + value for f, value in values))
            self.keys.setdefault(name, []).append(b"".join(row[i] or b"\0" for i in section.key))

    def finish(self) -> bytes:
        sections, digests = [], []
        for name in sorted(self.records, key=str.encode):
            leaves = sorted((sha(b"\4", key)[:16], sha(b"\0", record)) for key, record in zip(self.keys[name], self.records[name]))
            n = name.encode()
            digests.append(sha(b"\2", struct.pack("<H", len(n)), n, struct.pack("<Q", len(leaves)), tree([leaf for _, leaf in leaves])))
            sections.append({"name": name, "records": len(leaves), "digest": digests[-1].hex()})
        self.content = sha(b"\3", *digests)
        end = {"complete": True, "records": sum(len(r) for r in self.records.values()), "sections": sections, "content": self.content.hex(),
               "losses": [{"code": "c", "where": "w", "count": 1, "reason": "r", "accepted": False}], "index": self.index}
        self.control(0x45, "end", end)
        trailer = skippable(struct.pack("<Q", self.last) + self.check + b"marc-end")
        return self.out + self.hook("trailer", trailer)


def tree(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, as it is written there."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha(b"\1", tree(leaves[:k]), tree(leaves[k:]))


# ---------------------------------------------------------------- Samples


def t(text: str) -> bytes:
    return marc_values.sized(4, text.encode())


def i(number: int) -> bytes:
    return b"\2" + struct.pack("<q", number)


def f(number: float) -> bytes:
    return b"\3" + struct.pack("<d", number)


def mapped(**members: bytes) -> bytes:
    return b"\x0a" + struct.pack("<I", len(members)) + b"".join(
        struct.pack("<H", len(k.encode())) + k.encode() + v for k, v in sorted(members.items(), key=lambda m: m[0].encode()))


VECTOR = b"\x09" + struct.pack("<I3f", 3, 1.5, -0.0, math.inf)
FULL: Fields = [("z", "text"), ("j", "json"), ("b", "bytes"), ("i", "int"), ("f", "float"), ("o", "bool"), ("t", "time"), ("l", "list"),
                ("v", "vector"), ("a", "any"), ("m", "map")]
ANYS = [b"\1\0", b"\1\1", i(-5), f(-0.0), f(1e300), b"\3\1\0\0\0\0\0\xf8\x7f", t("ü\x1b\x9b\0"), marc_values.sized(4, b"\xff"),
        marc_values.sized(5, b"[1.0, {}]"), marc_values.sized(6, b"\0\1"), b"\7" + struct.pack("<q", -1), marc_values.list_value([b"", b"x"]), VECTOR]
ROWS: list[marc_values.Row] = [
    [t("one"), marc_values.sized(5, b' {"a":1,"a":2} '), marc_values.sized(6, b"\xff\0"), i(-(1 << 63)), f(0.1), b"\1\1",
     b"\7" + struct.pack("<q", (1 << 63) - 1), marc_values.list_value([b"a", "ß".encode()]), VECTOR, ANYS[0], mapped(x=b"\0", y=ANYS[7])],
    [None] * 11,
    *[[t(str(n)), None, marc_values.sized(6, b""), i(n), f(math.nan), b"\1\0", b"\7" + struct.pack("<q", -(1 << 63)), marc_values.list_value([]),
       b"\x09\0\0\0\0", value, mapped(**{f"k{n}": value for n, value in enumerate(ANYS)})] for n, value in enumerate(ANYS)]]
SECTIONS: dict[str, tuple[list[str], Fields]] = {"full": (["z", "i"], FULL), "tiny": ([], [("x", "text")]), "none": (["k"], [("k", "any")])}


def full(encoding: str, **hooks: Any) -> Writer:
    writer = Writer(encoding, SECTIONS, **hooks)
    writer.chunk("full", ROWS[:7])
    writer.chunk("tiny", [[t("same")], [t("same")], [None]])
    writer.chunk("full", ROWS[7:])
    return writer


def small(encoding: str = "ndjson", **hooks: Any) -> Writer:
    writer = Writer(encoding, {"s": (["k"], [("k", "text"), ("n", "int")])}, **hooks)
    writer.chunk("s", [[t("a"), i(1)], [t("b"), None]])
    return writer


def one(kind: str, value: Optional[bytes], data: Optional[bytes] = None, encoding: str = "ndjson", **hooks: Any) -> bytes:
    """An archive with one record of one field."""
    writer = Writer(encoding, {"s": (["x"], [("x", kind)])}, **hooks)
    writer.chunk("s", [[value]], data)
    return writer.finish()


def read(data: bytes) -> dict[str, Any]:
    """What `verify` says about an archive in memory."""
    reading = marc.Reading()
    try:
        marc.read_archive(io.BytesIO(data), reading)
    except Fail as fail:
        return {"ok": False, "class": fail.cls, "error": str(fail), "records": reading.records}
    return {"ok": True, "records": reading.records, "content": reading.content, "root": reading.root, "released": reading.released.hexdigest()}


cached_zstd = mock.patch("marc.run_zstd", functools.cache(marc.run_zstd))


class Good(unittest.TestCase):
    def test_both_encodings(self) -> None:
        results = []
        for encoding in ("ndjson", "arrow"):
            writer = full(encoding)
            result = read(writer.finish())
            self.assertTrue(result["ok"], result)
            self.assertEqual(result["content"], writer.content)
            self.assertEqual(result["root"], writer.check)
            self.assertEqual(result["records"], len(ROWS) + 3)
            results.append((result["content"], result["released"]))
        self.assertEqual(results[0], results[1])

    def test_no_records(self) -> None:
        result = read(Writer("arrow", SECTIONS).finish())
        self.assertTrue(result["ok"], result)
        self.assertEqual(result["content"], hashlib.sha256(b"\3").digest())
        self.assertTrue(read(Writer("ndjson", {}).finish())["ok"])

    def test_no_fields(self) -> None:
        for encoding in ("ndjson", "arrow"):
            writer = Writer(encoding, {"s": ([], [])})
            writer.chunk("s", [[], []])
            self.assertTrue(read(writer.finish())["ok"])

    def test_merkle_root(self) -> None:
        for n in range(1, 40):
            leaves = [bytes([n, k]) for k in range(n)]
            self.assertEqual(marc.merkle_root(leaves), tree(leaves))

    def test_later_members_and_flags(self) -> None:
        more = lambda obj: {**obj, "new": {"deep": [None]}}
        self.assertTrue(read(small(manifest=more, end=more).finish())["ok"])
        self.assertTrue(read(small(guide=lambda g: g[:16] + b"\1\0\0\0\2\0\0\0" + g[24:]).finish())["ok"])

    def test_forms_of_numbers_and_strings(self) -> None:
        for kind, text, value in (("float", "1.50e0", f(1.5)), ("float", "-0", f(-0.0)), ("float", "-0.0e9", f(-0.0)), ("float", "1e-999", f(0)),
                                  ("int", "9223372036854775807", i((1 << 63) - 1)), ("text", r'"\u0061\/\ud83d\ude00"', t("a/😀")),
                                  ("time", '"1970-01-01T00:00:01.5Z"', b"\7" + struct.pack("<q", 1500000000)), ("any", '{"f":1}', f(1)),
                                  ("map", '{"b":1,"a":null}', mapped(a=b"\0", b=i(1))),
                                  ("json", json.dumps("[" * 10000 + "]" * 10000), marc_values.sized(5, b"[" * 10000 + b"]" * 10000))):
            result = read(one(kind, value, f'{{"$section":"s", "x" : {text} }}\n'.encode()))
            self.assertTrue(result["ok"], (kind, text[:50], result))

    def test_lines(self) -> None:
        section = marc.Section("s", [], [("f", "float"), ("t", "time"), ("a", "any")])
        for row, line in (([f(1e22), b"\7" + struct.pack("<q", -1), None], '"f":1e22,"t":"1969-12-31T23:59:59.999999999Z"'),
                          ([f(-0.0), b"\7" + bytes(8), f(1e-7)], '"f":-0,"t":"1970-01-01T00:00:00Z","a":{"f":1e-7}'),
                          ([f(-math.inf), None, t("\x1b\x7f")], '"f":{"f":"fff0000000000000"},"a":"\\u001b\\u007f"')):
            self.assertEqual(marc.record_line(section, row), '{"$section":"s",' + line + "}")


class Damage(unittest.TestCase):
    @cached_zstd
    def test_truncated_everywhere(self) -> None:
        for encoding in ("ndjson", "arrow"):
            data = small(encoding).finish()
            for n in range(len(data)):
                result = read(data[:n])
                self.assertEqual(result.get("class"), "truncated", (n, result))

    @cached_zstd
    def test_every_bit(self) -> None:
        for encoding in ("ndjson", "arrow"):
            data = bytearray(small(encoding).finish())
            for n in range(8 * len(data)):
                data[n >> 3] ^= 1 << (n & 7)
                self.assertFalse(read(bytes(data))["ok"], n)
                data[n >> 3] ^= 1 << (n & 7)

    @cached_zstd
    def test_every_bit_of_the_arrow_stream(self) -> None:
        """With right hashes: the reader may accept padding, but it must never fail in another way, and never read other records."""
        fields: Fields = [("k", "text"), ("n", "int"), ("l", "list"), ("v", "vector"), ("m", "map")]
        rows: list[marc_values.Row] = [[t("a"), i(1), ROWS[0][7], VECTOR, mapped(x=i(1))], [None, i(2), None, None, None]]
        good = bytearray(arrow_stream(fields, rows))
        self.assertEqual(marc_arrow.arrow_rows(bytes(good), fields, 2), rows)
        for n in range(8 * len(good)):
            good[n >> 3] ^= 1 << (n & 7)
            with contextlib.suppress(Fail, marc_values.BadValue):
                marc_arrow.arrow_rows(bytes(good), fields, 2)
            good[n >> 3] ^= 1 << (n & 7)
        for n in range(len(good)):
            with self.assertRaises(Fail):
                marc_arrow.arrow_rows(bytes(good[:n]), fields, 2)

    def fails(self, cls: str, data: bytes, records: Optional[int] = None) -> None:
        result = read(data)
        self.assertEqual(result.get("class"), cls, result)
        if records is not None:
            self.assertEqual(result["records"], records)

    def test_guide(self) -> None:
        for cls, hook in (("version", lambda g: g[:8] + b"\2" + g[9:]), ("feature", lambda g: g[:12] + b"\2" + g[13:]),
                          ("manifest", lambda g: g[:12] + b"\1" + g[13:]),
                          ("guide", lambda g: g[:10] + b"\1" + g[11:]), ("guide", lambda g: g[:39] + b"\1" + g[40:]),
                          ("guide", lambda g: g + b"\xff"), ("guide", lambda g: b"x" + g[1:]), ("guide", lambda g: g[:39]),
                          ("guide", lambda g: g + bytes(65536))):
            self.fails(cls, small(guide=hook).finish(), 0)
        self.fails("guide", b"00714cam a2200205 a 4500")

    def test_header(self) -> None:
        def put(position: int, value: Any) -> Callable[[list[Any]], list[Any]]:
            return lambda values: values[:position] + [value] + values[position + 1:]
        for cls, position, value in (("header", 0, 0x44), ("header", 0, 0x4D), ("header", 1, 0), ("header", 1, 1), ("header", 1, 3),
                                     ("header", 2, 2), ("chain", 3, 2), ("chain", 4, 1), ("header", 5, 0), ("limit", 5, 1048577),
                                     ("limit", 6, 1 << 31), ("limit", 7, (64 << 20) + 1), ("limit", 7, 2 << 20), ("header", 8, b"\0" * 7 + b"\1"),
                                     ("payload", 9, bytes(32)), ("chain", 10, bytes(32)), ("ndjson", 5, 3), ("zstd", 7, 1)):
            self.fails(cls, small(header=put(position, value)).finish(), 0)
        for hook in ("manifest_header", "end_header"):
            for position, value in ((0, 0x43), (1, 1), (4, 1), (5, 1)):
                self.fails("header", small(**{hook: put(position, value)}).finish())
            self.fails("payload", small(**{hook: put(7, 0)}).finish())
            self.fails("limit", small(**{hook: put(7, 65 << 20)}).finish())
        for name in ("t", "\0", ""):
            self.fails("header", small(header=put(2, len(name)), header_bytes=lambda h, n=name: h[:96] + n.encode()).finish())
        self.fails("limit", small(header=put(2, 1025), header_bytes=lambda h: h[:96] + b"s" * 1025).finish())

    def test_manifest(self) -> None:
        base: dict[str, Any] = {}
        small(manifest=lambda obj: base.update(copy.deepcopy(obj)) or obj)
        section = base["sections"][0]
        field = section["fields"][0]
        many = [{"name": str(n), "type": "int"} for n in range(4097)]
        for cls, change in (("manifest", {"writer": 1}), ("manifest", {"encoding": "csv"}), ("manifest", {"source": None}), ("manifest", {"origin": []}),
                            ("manifest", {"sections": [section, section]}), ("manifest", {"sections": [{**section, "key": ["x"]}]}),
                            ("manifest", {"sections": [{**section, "fields": [field, field]}]}), ("manifest", {"sections": [{"name": "s"}]}),
                            ("manifest", {"sections": [{**section, "fields": [{"name": "k", "type": "null"}]}]}), ("manifest", {"spaces": [1]}), ("manifest", {"spaces": [{"id": None}]}),
                            ("manifest", {"created": None}), ("manifest", {"sections": [{**section, "key": ["k", "k"]}]}), ("manifest", {"origin": {"tables": [{"columns": 1}]}}),
                            ("manifest", {"sections": [{**section, "fields": [field, {"name": "$section", "type": "int"}]}]}),
                            ("manifest", {"sections": [{**section, "fields": [field, {"name": "v", "type": "vector"}, {"name": "v.3", "type": "int"}]}]}),
                            ("manifest", {"sections": [{**section, "name": "a\0"}]}), ("manifest", {"options": {"a": 1}}),
                            ("limit", {"sections": [{**section, "name": "a" * 1025}]}), ("limit", {"sections": [{**section, "fields": many}]}),
                            ("limit", {"sections": [{"name": str(n), "key": [], "fields": []} for n in range(4097)]}), ("limit", {"deep": nested(65)})):
            self.fails(cls, small(manifest=lambda obj, change=change: {**obj, **change}).finish())
        self.assertTrue(read(small(manifest=lambda obj: {**obj, "deep": nested(63)}).finish())["ok"])
        for change_text in (lambda text: text[:-1] + b',"writer":"x"}', lambda text: text[:-1] + b',"a":{"b":1,"\\u0062":2}}', lambda text: text + b"{}",
                            lambda text: b"\xef\xbb\xbf" + text, lambda text: text[:-1] + b',"a":"\xff"}', lambda text: text[:-1] + b',"a":NaN}',
                            lambda text: text[:-1] + b',"a":"\\ud800"}', lambda text: text[:-1] + b",}", lambda text: b"[" + text + b"]"):
            self.fails("manifest", small(manifest_text=change_text).finish())
        self.fails("payload", small(manifest_payload=lambda p: b"\x50" + p[1:]).finish())

    def test_zstd(self) -> None:
        text = b'{"$section":"s","x":"a"}\n'
        check, size = "--check", f"--stream-size={len(text)}"
        for frame in (compress(text, "--no-check", size), compress(text, check), compress(text) + compress(b"", check, "--stream-size=0"),
                      compress(text) + skippable(b""), skippable(b"") + compress(text), compress(text)[:-1], compress(text) + b"\0",
                      compress(text)[:-1] + bytes([compress(text)[-1] ^ 1]), compress(text + b"\n"), b"\x28\xb5\x2f\xfd", b"", b"text"):
            self.fails("zstd", one("text", t("a"), text, zstd=lambda _, frame=frame: frame), 0)
        value = "".join(sha(bytes([n & 255, n >> 8])).hex() for n in range(1000)) + "a" * (9 << 20)
        big = b'{"$section":"s","x":"' + value.encode() + b'"}\n'
        for options in (("--long=24",), ("--single-thread", "--ultra", "-20", "--zstd=wlog=24")):
            frame = compress(big, check, f"--stream-size={len(big)}", *options)
            self.fails("zstd", one("text", t(value), big, zstd=lambda _, frame=frame: frame))
        frame = compress(big, check, f"--stream-size={len(big)}", "--zstd=wlog=23")
        self.assertTrue(read(one("text", t(value), big, zstd=lambda _: frame))["ok"])
        # A frame that says 1 byte and gives 128 KiB: an RLE block.
        frame = b"\x28\xb5\x2f\xfd\x24\x19" + (1 | 1 << 1 | (1 << 17) << 3).to_bytes(3, "little") + b"a" + bytes(4)
        self.fails("zstd", one("text", t("a"), text, zstd=lambda _: frame))

    def test_ndjson(self) -> None:
        for cls, line in (("ndjson", '{"$section":"s","x":"a"}'), ("ndjson", "\n"), ("ndjson", '{"x":"a","$section":"s"}\n'), ("ndjson", '{"$section":"t","x":"a"}\n'),
                          ("ndjson", '{"$section":"s","x":"a","x":"a"}\n'), ("ndjson", '{"$section":"s","y":1}\n'), ("record", '{"$section":"s","x":null}\n'),
                          ("ndjson", '{"$section":"s"}\n{"$section":"s"}\n'), ("ndjson", "[]\n"), ("ndjson", "{}\n"), ("ndjson", '{"$section":"s","x":"\ud800"}\n'),
                          ("ndjson", '{"$section":"s","x":"\\ud800"}\n'), ("limit", '{"$section":"s","x":' + "[" * 64 + "]" * 64 + "}\n")):
            self.fails(cls, one("text", t("a"), line.encode("utf-8", "surrogatepass")))
        writer = Writer("ndjson", {"s": ([], [("a", "int"), ("b", "int")])})
        writer.chunk("s", [[i(1), i(2)]], b'{"$section":"s","b":2,"a":1}\n')
        self.fails("ndjson", writer.finish())
        for kind, values in {
                "text": ["1", "{}"], "json": ['"{"', '""', '"1 2"', '"NaN"', "1", '"' + "[" * 70 + "]" * 69 + '"', '"' + "[" * 10001 + "]" * 10001 + '"', '"\ufeff1"'],
                "bytes": ['"AA=="', '{"b":"AA"}', '{"b":"AB=="}', '{"b":"A_=="}', '{"b":"AA==\\n"}', '{"b":"","c":1}', "{}", '{"f":1}'],
                "int": ["-0", "1.0", "1e0", "9223372036854775808", "-9223372036854775809", '"1"', "true", "1" + "0" * 5000],
                "float": ['{"f":1}', "1e999", '{"f":"7FF0000000000000"}', '{"f":"3ff0000000000000"}', '{"f":"7ff000000000000"}', '"1"'],
                "bool": ["1", '"true"'], "list": ["[1]", "{}", "[null]"], "vector": ['"AAA="', '"AAAAAA"', "[]"],
                "time": ['"1970-01-01T00:00:00"', '"1970-01-01T00:00:01.50Z"', '"1970-01-01T00:00:00.0Z"', '"1970-01-01T00:00:00.Z"', '"1970-01-01T00:00:00.0000000000Z"', '"1970-02-29T00:00:00Z"',
                         '"1970-01-01T00:00:60Z"', '"2262-04-11T23:47:16.854775808Z"', '"1970-01-01t00:00:00z"', '"1970-01-01T00:00:00+00:00"', "0",
                         '"0000-01-01T00:00:00Z"', '"1970-01-01T24:00:00Z"'],
                "any": ["-0", "null", "1.5", "{}", '{"t":"QQ=="}', '{"f":"3ff0000000000000"}', '{"x":1}', '{"b":"","f":1}', "[]", '{"l":[1]}', '{"j":"}"}'],
                "map": ["{}", "null", '{"":1}', '{"a":{"b":{"c":1}}}', '{"a\\u0000":1}', '{"' + "a" * 1025 + '":1}', "[]"]}.items():
            for value in values:
                with self.subTest(kind=kind, value=value[:40]):
                    self.fails("record", one(kind, None, f'{{"$section":"s","x":{value}}}\n'.encode()), 0)

    def test_arrow_values(self) -> None:
        for kind, values in {
                "text": [b"\xff", b"\xed\xa0\x80"], "json": [b"{", b"", b"\xff"],
                "any": [b"", b"\0", b"\1\2", b"\1\1\1", b"\2\0", b"\4\5\0\0\0a", b"\x0b", mapped(a=i(1)), marc_values.sized(5, b"]"), b"\x08\xff\xff\xff\xff",
                        b"\x09\xff\xff\xff\x7f", marc_values.list_value([b"\xff"])],
                "map": [i(1), b"\x0a\0\0\0\0", mapped(a=mapped(b=i(1))), mapped(a=i(1)) + b"\0", b"\x0a\2\0\0\0\1\0b\0\1\0a\0", b"\x0a\2\0\0\0\1\0a\0\1\0a\0",
                        b"\x0a\1\0\0\0\0\0\0", b"\x0a\1\0\0\0\1\0\xff\0", b"\x0a\xff\xff\xff\xff"]}.items():
            for value in values:
                with self.subTest(kind=kind, value=value):
                    encoded = marc_values.sized(4, value) if kind in ("text", "json") else value
                    self.fails("record", one(kind, None, arrow_stream([("x", kind)], [[encoded]]), "arrow"), 0)

    def test_arrow_structure(self) -> None:
        fields: Fields = [("v", "vector")]
        row: marc_values.Row = [VECTOR]

        def stream(change: Callable[[Body], None]) -> bytes:
            return arrow_stream(fields, [row], change)

        def shorter(body: Body) -> None:
            body.buffers[1:3] = [(len(body.data), 8), body.buffers[2]]
            body.data += struct.pack("<ii", 0, 2)

        good = stream(lambda body: None)
        schema = table(None, vector([arrow_field(f"v.{k}", "bytes") for k in range(4)]))
        head, tail = message(1, schema), good[len(message(1, schema)):]
        self.assertEqual(head + tail, good)
        for data in (stream(shorter), stream(lambda body: body.nodes.pop()), stream(lambda body: body.buffers.pop()), stream(lambda body: body.nodes.append((1, 0))),
                     stream(lambda body: body.buffers.append((0, 0))), stream(lambda body: body.nodes.__setitem__(0, (1, 1))),
                     stream(lambda body: body.nodes.__setitem__(0, (2, 0))), stream(lambda body: body.buffers.__setitem__(1, (0, 4))),
                     stream(lambda body: body.buffers.__setitem__(2, (1 << 62, 8))), stream(lambda body: body.buffers.__setitem__(2, (-8, 8))),
                     stream(lambda body: body.buffers.__setitem__(4, body.buffers[1])), message(1, schema, bytes(8)) + tail,
                     good[:-8], good + b"\0" * 8, good[:-8] + tail, head + good, tail, head + good[-8:], b"",
                     message(1, schema, version=3) + tail, message(3, schema) + tail,
                     message(1, table(("h", 1), vector([arrow_field(f"v.{k}", "bytes") for k in range(4)]))) + tail,
                     message(1, table(None, vector([arrow_field(f"v.{k}", "text") for k in range(4)]))) + tail,
                     message(1, table(None, vector([arrow_field(f"v.{k}", "bytes") for k in (0, 1, 3, 2)]))) + tail,
                     message(1, table(None, vector([arrow_field(f"v.{k}", "bytes") for k in range(5)]))) + tail,
                     message(1, table(None, vector([arrow_field(f"v.{k}", "bytes") for k in range(4)]), vector([table(string("k"), string("v"))]))) + tail):
            self.fails("arrow", one("text", None, data, "arrow", manifest=lambda obj: (obj["sections"][0].update(
                key=[], fields=[{"name": "v", "type": "vector"}]), obj)[1]), 0)

    def test_end_and_trailer(self) -> None:
        for change in ({"complete": False}, {"complete": 1}, {"records": 3}, {"records": "2"}, {"records": 2.0}, {"sections": []}, {"content": "00" * 32},
                       {"index": []}, {"losses": None}, {"losses": [1]}, {"losses": [{"count": 1.5}]}, {"losses": [{"code": None}]}, {"index": None}):
            self.fails("end", small(end=lambda obj, change=change: {**obj, **change}).finish(), 2)
        for n, value in enumerate(("t", 1, 1, 0, 0, "00" * 32)):
            self.fails("end", small(end=lambda obj: (obj["index"][0].__setitem__(n, value), obj)[1]).finish(), 2)
        self.fails("end", small(end_text=lambda text: text[:-1] + b',"complete":true}').finish())
        for hook in (lambda p: p[:8] + b"\1" + p[9:], lambda p: p[:-1] + b"x", lambda p: skippable(p[8:] + b"\0"), lambda p: b"\x50" + p[1:]):
            self.fails("trailer", small(trailer=hook).finish(), 2)
        self.fails("trailing", small().finish() + b"\0", 2)
        self.fails("truncated", small(trailer=lambda _: b"").finish(), 2)

    def test_order_of_chunks(self) -> None:
        """Chunks taken out, swapped or repeated break the chain."""
        writer = full("ndjson")
        data = writer.finish()
        a, b, c = (data[entry[3]:entry[3] + entry[4]] for entry in writer.index)
        start, stop = writer.index[0][3], writer.index[2][3] + writer.index[2][4]
        for middle in (a + c, b + a + c, a + a + b + c, b""):
            self.fails("chain", data[:start] + middle + data[stop:])


def nested(depth: int) -> Any:
    """A JSON value that is nested so deep."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


class CommandLine(unittest.TestCase):
    def run_main(self, *args: str) -> tuple[int, str]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            code = marc.main(list(args))
        return code, out.getvalue()

    def test_commands(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            base = os.path.join(directory, "v")
            data = full("arrow").finish()
            with open(base + ".marc", "wb") as file:
                file.write(data)
            code, out = self.run_main("verify", base + ".marc")
            result = json.loads(out)
            self.assertEqual((code, result["ok"], result["records"]), (0, True, len(ROWS) + 3))
            plain = subprocess.run(["zstd", "-dc"], input=full("ndjson").finish(), stdout=subprocess.PIPE, check=True).stdout.decode()
            self.assertEqual(self.run_main("cat", base + ".marc"), (0, plain))
            self.assertEqual(self.run_main("cat", base + ".marc", "tiny")[1].count("\n"), 3)
            vector: dict[str, Any] = {"name": "v", "comment": "", "expect": "ok", "exit": 0, **{name: result[name] for name in ("records", "released", "root", "content")}}
            for change, failed in (({}, 0), ({"records": 1}, 1), ({"more": 1}, 1), ({"expect": "fail"}, 1), ({"released": ""}, 1)):
                with open(base + ".json", "w") as text:
                    json.dump({**vector, **change}, text)
                code, out = self.run_main("vectors", directory)
                self.assertEqual((code, out.splitlines()[-1]), (failed, f"{1 - failed} passed, {failed} failed"))
            with open(base + ".marc", "wb") as file:
                file.write(data[:-1])
            code, out = self.run_main("verify", base + ".marc")
            broken = json.loads(out)
            self.assertEqual((code, broken["class"], broken["released"]), (3, "truncated", result["released"]))
            self.assertEqual(self.run_main("verify", os.path.join(directory, "missing"))[0], 1)
            self.assertEqual(self.run_main("verify")[0], 2)


if __name__ == "__main__":
    unittest.main()
