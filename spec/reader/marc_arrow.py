"""The Arrow IPC stream of a chunk: FORMAT.md, section 6.1. Nothing in it is believed before it is checked."""
from __future__ import annotations

import struct
from typing import Any, Callable, Optional

from marc_values import Fail, Row, check_encoded, check_json_text, check_utf8, list_value, sized, u32

# Numbers of the Arrow flatbuffers schemas (Message.fbs, Schema.fbs).
V5, SCHEMA, RECORD_BATCH = 4, 1, 3
T_INT, T_FLOAT, T_BINARY, T_UTF8, T_BOOL, T_TIMESTAMP, T_LIST = 2, 3, 4, 5, 6, 10, 12
ARROW = {"text": T_UTF8, "json": T_UTF8, "bytes": T_BINARY, "int": T_INT, "float": T_FLOAT, "bool": T_BOOL, "time": T_TIMESTAMP,
         "list": T_LIST, "any": T_BINARY, "map": T_BINARY}
TAGS = {"int": 2, "float": 3, "time": 7}  # section 5.1, the types of 8 bytes


class Table:
    """A flatbuffers table in bytes that may be anything; every access is checked against the buffer."""

    def __init__(self, data: bytes, pos: int) -> None:
        self.data, self.pos = data, pos
        self.vtable = pos - self.get("<i", pos)
        self.slots = (self.get("<H", self.vtable) - 4) // 2
        self.size = self.get("<H", self.vtable + 2)
        self.get(f"{2 * self.slots if self.slots > 0 else 0}s", self.vtable + 4)
        self.get(f"{self.size}s", pos)

    def get(self, fmt: str, pos: int) -> Any:
        if pos < 0 or pos + struct.calcsize(fmt) > len(self.data):
            raise Fail("arrow", "Arrow metadata points outside itself")
        return struct.unpack_from(fmt, self.data, pos)[0]

    def at(self, slot: int, size: int) -> int:
        """Where the field of a slot stands; 0 when it is absent."""
        offset = self.get("<H", self.vtable + 4 + 2 * slot) if slot < self.slots else 0
        if offset and not 4 <= offset <= self.size - size:
            raise Fail("arrow", "an Arrow metadata field stands outside its table")
        return self.pos + offset if offset else 0

    def number(self, slot: int, fmt: str) -> int:
        pos = self.at(slot, struct.calcsize(fmt))
        return self.get(fmt, pos) if pos else 0

    def target(self, slot: int) -> int:
        pos = self.at(slot, 4)
        return pos + self.get("<I", pos) if pos else 0

    def table(self, slot: int) -> Table:
        pos = self.target(slot)
        if not pos:
            raise Fail("arrow", "Arrow metadata lacks a part")
        return Table(self.data, pos)

    def vector(self, slot: int, size: int) -> tuple[int, int]:
        """Position of the first element and number of elements; all of them are inside the buffer."""
        pos = self.target(slot)
        count = self.get("<I", pos) if pos else 0
        if count * size > len(self.data) - pos - 4:
            raise Fail("arrow", "an Arrow metadata vector is longer than its buffer")
        return pos + 4, count

    def tables(self, slot: int) -> list[Table]:
        pos, count = self.vector(slot, 4)
        return [Table(self.data, p + self.get("<I", p)) for p in range(pos, pos + 4 * count, 4)]

    def string(self, slot: int) -> bytes:
        pos, count = self.vector(slot, 1)
        return self.data[pos:pos + count]

    def structs(self, slot: int) -> list[tuple[int, int]]:
        """A vector of FieldNode or Buffer: two i64 each."""
        pos, count = self.vector(slot, 16)
        return [struct.unpack_from("<qq", self.data, p) for p in range(pos, pos + 16 * count, 16)]

    def absent(self, table: Optional[int], *vectors: int) -> None:
        """No dictionary or compression (a table); no custom metadata, features or variadic buffers (vectors)."""
        if table is not None and self.target(table) or any(self.vector(slot, 4)[1] for slot in vectors):
            raise Fail("arrow", "Arrow metadata holds a part that is not allowed")


def arrow_message(data: bytes, pos: int, kind: int) -> tuple[Table, int, int]:
    """An encapsulated message of the IPC stream: its header table, where its body starts, where it ends."""
    if len(data) - pos < 8 or data[pos:pos + 4] != b"\xff\xff\xff\xff":
        raise Fail("arrow", "an Arrow message lacks its continuation marker")
    size = int.from_bytes(data[pos + 4:pos + 8], "little")
    start = pos + 8 + size
    if size % 8 or size < 8 or start > len(data):
        raise Fail("arrow", "an Arrow message has a bad metadata length")
    metadata = data[pos + 8:start]
    message = Table(metadata, int.from_bytes(metadata[:4], "little"))
    body = message.number(3, "<q")
    if message.number(0, "<h") != V5 or message.number(1, "<B") != kind:
        raise Fail("arrow", "an Arrow message is of another kind or version")
    message.absent(None, 4)
    if body < 0 or body % 8 or body > len(data) - start:
        raise Fail("arrow", "an Arrow message has a bad body length")
    if kind == SCHEMA and body:
        raise Fail("arrow", "the schema message has a body")
    return message.table(2), start, start + body


def check_column(column: Table, name: Optional[str], kind: int) -> None:
    """One field of the schema; name None is the element of a list."""
    column.absent(4, 6)
    if column.number(2, "<B") != kind or name is not None and (column.string(0) != name.encode() or column.number(1, "<B") != 1):
        raise Fail("arrow", "an Arrow column has another name or type than the manifest says, or is not nullable")
    of_type = column.table(3)
    good = (kind == T_INT and of_type.number(0, "<i") == 64 and of_type.number(1, "<B") == 1
            or kind == T_FLOAT and of_type.number(0, "<h") == 2
            or kind == T_TIMESTAMP and of_type.number(0, "<h") == 3 and of_type.string(1) == b"UTC"
            or kind in (T_BINARY, T_UTF8, T_BOOL, T_LIST))
    if not good or column.vector(5, 4)[1] != (kind == T_LIST):
        raise Fail("arrow", "an Arrow column has another type than the manifest says")
    if kind == T_LIST:
        check_column(column.tables(5)[0], None, T_UTF8)


class Batch:
    """The record batch: its nodes and buffers are handed out in the order of the schema."""

    def __init__(self, table: Table, body: bytes, rows: int) -> None:
        self.body, self.rows, self.used = body, rows, 0
        self.nodes, self.buffers = table.structs(1), table.structs(2)
        self.nodes.reverse()
        self.buffers.reverse()
        table.absent(3, 4)
        if table.number(0, "<q") != rows:
            raise Fail("arrow", "the record batch has another number of rows than the block header says")

    def buffer(self, need: int = 0) -> bytes:
        offset, length = self.buffers.pop() if self.buffers else (0, -1)
        if min(offset, length) < 0 or offset % 8 or offset + length > len(self.body) or length < need:
            raise Fail("arrow", "an Arrow buffer is missing, too short or outside the body")
        if length:
            if offset < self.used:
                raise Fail("arrow", "Arrow buffers overlap or are not in the order of their columns")
            self.used = offset + length
        return self.body[offset:offset + length]

    def node(self, rows: Optional[int]) -> tuple[int, list[bool]]:
        """Length of the next array, and for each element whether it is there."""
        length, nulls = self.nodes.pop() if self.nodes else (-1, 0)
        if length < 0 or length > len(self.body) // 4 and rows is None or rows not in (None, length) or rows is None and nulls:
            raise Fail("arrow", "an Arrow array is missing or has another length than the batch")
        valid = self.buffer()
        if not nulls:
            return length, [True] * length
        bits = unpack_bits(valid, length)
        if bits.count(False) != nulls:
            raise Fail("arrow", "an Arrow array has another number of nulls than it says")
        return length, bits

    def offsets(self, there: list[bool]) -> tuple[int, ...]:
        """The offsets of an array; a null slot spans nothing."""
        length = len(there)
        data = self.buffer()
        if not data and not length:
            return (0,)
        if len(data) < 4 * (length + 1):
            raise Fail("arrow", "an Arrow offsets buffer is too short")
        found = struct.unpack_from(f"<{length + 1}i", data)
        if found[0] != 0 or any(a > b for a, b in zip(found, found[1:])):
            raise Fail("arrow", "Arrow offsets do not start at 0 or do not ascend")
        if any(a != b and not ok for ok, a, b in zip(there, found, found[1:])):
            raise Fail("arrow", "a null of an Arrow array spans bytes or items")
        return found

    def binary(self, rows: Optional[int]) -> Row:
        """A Utf8 or Binary array; rows is None for the child of a list, which has a length of its own and no nulls."""
        length, there = self.node(rows)
        offsets = self.offsets(there)
        data = self.buffer(need=offsets[-1])
        return [data[offsets[i]:offsets[i + 1]] if there[i] else None for i in range(length)]

    def column(self, kind: str) -> Row:
        """The values of a field, encoded as in 5.1."""
        if kind == "vector":
            return [vector_value(parts) for parts in zip(*[self.binary(self.rows) for _ in range(4)])]
        if kind in ("text", "json", "bytes", "any", "map"):
            encode: Callable[[bytes], bytes] = {
                "text": lambda v: sized(4, check_utf8(v)), "json": lambda v: sized(5, check_json_text(v)),
                "bytes": lambda v: sized(6, v), "any": lambda v: check_encoded("any", v), "map": lambda v: check_encoded("map", v)}[kind]
            return [None if value is None else encode(value) for value in self.binary(self.rows)]
        _, there = self.node(self.rows)
        if kind == "list":
            offsets = self.offsets(there)
            items = self.binary(None)
            if offsets[-1] != len(items):
                raise Fail("arrow", "the elements of an Arrow list are not as many as its offsets say")
            return [list_value([check_utf8(item or b"") for item in items[a:b]]) if ok else None
                    for ok, a, b in zip(there, offsets, offsets[1:])]
        if kind == "bool":
            bits = unpack_bits(self.buffer(), self.rows)
            return [bytes((1, bit)) if ok else None for ok, bit in zip(there, bits)]
        data = self.buffer(need=8 * self.rows)
        tag = bytes((TAGS[kind],))
        return [tag + data[8 * i:8 * i + 8] if ok else None for i, ok in enumerate(there)]


def unpack_bits(data: bytes, count: int) -> list[bool]:
    if len(data) < (count + 7) // 8:
        raise Fail("arrow", "an Arrow bitmap is too short")
    return [bool(data[i >> 3] >> (i & 7) & 1) for i in range(count)]


def vector_value(parts: tuple[Optional[bytes], ...]) -> Optional[bytes]:
    """Joins the four byte columns of a vector (6.1)."""
    if all(part is None for part in parts):
        return None
    lengths = {-1 if part is None else len(part) for part in parts}
    if len(lengths) != 1:
        raise Fail("arrow", "the four columns of a vector differ in their nulls or lengths")
    joined = bytearray(4 * lengths.pop())
    for k, part in enumerate(parts):
        joined[k::4] = part or b""
    return b"\x09" + u32(len(joined) // 4) + bytes(joined)


def arrow_rows(data: bytes, fields: list[tuple[str, str]], records: int) -> list[Row]:
    """One schema message, one record batch message, the end of the stream."""
    schema, _, pos = arrow_message(data, 0, SCHEMA)
    schema.absent(None, 2, 3)
    expected = [(f"{name}.{k}", T_BINARY) if kind == "vector" else (name, ARROW[kind])
                for name, kind in fields for k in range(4 if kind == "vector" else 1)]
    if schema.number(0, "<h") != 0 or schema.vector(1, 4)[1] != len(expected):
        raise Fail("arrow", "the Arrow schema is big-endian or has another number of columns than the manifest says")
    for column, (name, kind) in zip(schema.tables(1), expected):
        check_column(column, name, kind)
    table, start, end = arrow_message(data, pos, RECORD_BATCH)
    if data[end:] != b"\xff\xff\xff\xff\0\0\0\0":
        raise Fail("arrow", "the Arrow stream does not end after its record batch")
    batch = Batch(table, data[start:end], records)
    columns = [batch.column(kind) for _, kind in fields]
    if batch.nodes or batch.buffers:
        raise Fail("arrow", "the record batch has more arrays than the schema")
    return [list(row) for row in zip(*columns)] if columns else [[] for _ in range(records)]
