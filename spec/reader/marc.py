#!/usr/bin/env python3
"""An independent reader of the memarc archive format, version 1, written from FORMAT.md alone.

    marc.py verify FILE          check everything, print one JSON line
    marc.py cat FILE [SECTION]   print the records as NDJSON (FORMAT.md 6.2)
    marc.py vectors DIR          run the test vectors in DIR

Values stand in marc_values.py, Arrow in marc_arrow.py, the rest here. It needs Python 3.11 and the `zstd` program, nothing
else. It is made to be read and compared with the document, not to be fast: it keeps 48 bytes for each record in memory where
section 5.3 allows sorted runs on disk.

Exit codes: 0 ok, 1 I/O, 2 usage, 3 corrupt or truncated, 7 unknown version or incompatible flag.
"""
from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Callable, Iterable, Optional

from marc_arrow import arrow_rows
from marc_values import (MAX_BLOCK, MAX_CELLS, MAX_ENTRIES, MAX_GUIDE, MAX_NAME, MAX_PAYLOAD, MAX_RECORDS, MAX_WINDOW, MIB, TYPES, BadValue, Cursor,
                         Fail, Number, Row, check_name, from_json, is_utf8, member, quote, sha256, strict_json, to_json, u16, u32)

SKIPPABLE = 0x184D2A5D
ZSTD_MAGIC = 0xFD2FB528
GUIDE_MAGIC = b"\x89marc\r\n\x1a"
TRAILER_MAGIC = b"marc-end"
MANIFEST, CHUNK, END = 0x4D, 0x43, 0x45
ENCODINGS = {"arrow": 1, "ndjson": 2}
INCREMENTAL = 1  # an incompatible flag


# ---------------------------------------------------------------- Frames and blocks (sections 1 to 3)


class Source:
    """The file, read once from front to back."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.offset = file, 0

    def read(self, n: int) -> bytes:
        data = self.file.read(n)
        self.offset += len(data)
        if len(data) < n:
            raise Fail("truncated", f"the file ends after {self.offset} bytes")
        return data

    def skippable(self, cls: str, low: int, high: int, too_large: str) -> bytes:
        """A whole skippable frame whose content has a length from low to high."""
        head = self.read(8)
        magic, size = struct.unpack("<II", head)
        if magic != SKIPPABLE:
            raise Fail(cls, f"no skippable frame {SKIPPABLE:08X} at {self.offset - 8}")
        if not low <= size <= high:
            raise Fail(too_large if size > high else cls, f"the frame at {self.offset - 8} has a length that is not allowed")
        return head + self.read(size)


def read_guide(source: Source) -> tuple[bytes, bool]:
    """Section 2; returns the check, and whether the archive is incremental."""
    frame = source.skippable("guide", 72, MAX_GUIDE, "guide")
    content = frame[8:]
    if not content.startswith(GUIDE_MAGIC):
        raise Fail("guide", "this is not a memarc archive")
    if sha256(frame[:-32]) != frame[-32:]:
        raise Fail("guide", "the guide does not agree with its check")
    version, reserved, incompatible = struct.unpack_from("<HHI", content, 8)
    if version != 1:
        raise Fail("version", f"format version {version} is unknown")
    if incompatible & ~INCREMENTAL:
        raise Fail("feature", f"incompatible feature flags {incompatible & ~INCREMENTAL:08X} are unknown")
    if reserved or any(content[24:40]):
        raise Fail("guide", "reserved bytes of the guide are not zero")
    if not is_utf8(content[40:-32]):
        raise Fail("guide", "the guide text is not valid UTF-8")
    return frame[-32:], bool(incompatible & INCREMENTAL)


@dataclass
class Header:
    """Section 3."""

    offset: int
    kind: int
    encoding: int
    sequence: int
    records: int
    payload_length: int
    data_length: int
    payload_hash: bytes
    name: str
    check: bytes
    frame_length: int


def read_header(source: Source, number: int, previous: bytes) -> Header:
    """A block header. Nothing of it is used before its check, its place in the chain and the limits are verified."""
    offset = source.offset
    frame = source.skippable("header", 128, 128 + MAX_NAME, "limit")
    content = frame[8:]
    if sha256(frame[:-32]) != frame[-32:]:
        raise Fail("header", f"the block header at {offset} does not agree with its check")
    kind, encoding, n, found, sequence, records, payload_length, data_length = struct.unpack_from("<BBHIIIII", content)
    if content[64:96] != previous:
        raise Fail("chain", f"the block at {offset} does not follow the block before it")
    if found != number:
        raise Fail("chain", f"the block at {offset} has number {found}, not {number}")
    if data_length > MAX_BLOCK or payload_length > MAX_PAYLOAD:
        raise Fail("limit", f"block {number} is larger than {MAX_BLOCK} bytes")
    if kind == CHUNK and (data_length > MIB + 1000 * payload_length or records > MAX_RECORDS):
        raise Fail("limit", f"block {number} holds more than its limits allow")
    name = content[96:-32]
    if n != len(name) or any(content[24:32]):
        raise Fail("header", f"the header of block {number} has a wrong name length or reserved bytes")
    if kind == CHUNK:
        if encoding not in ENCODINGS.values() or not records or not name or b"\0" in name or not is_utf8(name):
            raise Fail("header", f"the header of chunk {number} has a bad encoding, record count or name")
    elif kind not in (MANIFEST, END) or encoding or sequence or records or name:
        raise Fail("header", f"the header of block {number} has an unknown kind or fields that must be zero")
    if (kind == MANIFEST) != (number == 0):
        raise Fail("header", f"block {number} is of a kind that may not stand there")
    return Header(offset, kind, encoding, sequence, records, payload_length, data_length, content[32:64], name.decode(),
                  frame[-32:], len(frame))


def read_payload(source: Source, header: Header) -> bytes:
    """The frame after a header, verified against its hash."""
    payload = source.read(header.payload_length)
    if sha256(payload) != header.payload_hash:
        raise Fail("payload", f"the payload at {header.offset + header.frame_length} does not agree with its hash")
    return payload


def control_json(source: Source, header: Header, cls: str) -> dict[str, Any]:
    """The JSON object of a manifest or an end block."""
    payload = read_payload(source, header)
    if payload[:8] != u32(SKIPPABLE) + u32(header.data_length) or len(payload) != 8 + header.data_length:
        raise Fail("payload", f"the {cls} is not in one skippable frame of its length")
    return strict_json(payload[8:], cls)


# ---------------------------------------------------------------- zstd (section 6)


def check_zstd_frame(frame: bytes, data_length: int) -> None:
    """One frame (RFC 8878, 3.1.1) that fills the payload, with content size and checksum, a small window, no dictionary."""
    def number(pos: int, size: int) -> int:
        if pos + size > len(frame):
            raise Fail("zstd", "the zstd frame ends early")
        return int.from_bytes(frame[pos:pos + size], "little")

    if number(0, 4) != ZSTD_MAGIC:
        raise Fail("zstd", "the payload is not a zstd frame")
    descriptor = number(4, 1)
    single = bool(descriptor & 0x20)
    size_bytes = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
    if descriptor & 0x08 or descriptor & 0x03 or not descriptor & 0x04 or not size_bytes:
        raise Fail("zstd", "the zstd frame has a dictionary or a reserved bit, or lacks its checksum or content size")
    pos = 5
    window = 0
    if not single:
        byte = number(pos, 1)
        base = 1 << (10 + (byte >> 3))
        window = base + base // 8 * (byte & 7)
        pos += 1
    content_size = number(pos, size_bytes) + (256 if size_bytes == 2 else 0)
    pos += size_bytes
    if content_size != data_length:
        raise Fail("zstd", "the content size of the zstd frame is not the data length")
    if (content_size if single else window) > MAX_WINDOW:
        raise Fail("zstd", "the zstd frame needs a window of more than 8 MiB")
    last = False
    while not last:
        block = number(pos, 3)
        last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
        if kind == 3:
            raise Fail("zstd", "the zstd frame has a reserved block type")
        pos += 3 + (1 if kind == 1 else size)
    if pos + 4 != len(frame):
        raise Fail("zstd", "the zstd frame does not fill the payload exactly")


def run_zstd(frame: bytes, size: int) -> bytes:
    """Decompresses one frame; reads no more than one byte more than it should give."""
    with tempfile.TemporaryFile() as stdin:
        stdin.write(frame)
        stdin.seek(0)
        with subprocess.Popen(["zstd", "-dc", "-q", "--no-progress", "-M8MiB"], stdin=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as process:
            assert process.stdout
            data = process.stdout.read(size + 1)
            if len(data) > size:
                process.kill()
        if process.returncode or len(data) != size:
            raise Fail("zstd", "the zstd frame does not decompress to its content size")
    return data


# ---------------------------------------------------------------- Manifest (section 4)


@dataclass
class Section:
    """A section of the manifest (4.1), and what has been read of it."""

    name: str
    key: list[int]
    fields: list[tuple[str, str]]
    deletes: str = ""  # of tombstones (section 12)
    replaces: str = ""
    chunks: int = 0
    entries: list[bytes] = field(default_factory=list)  # place and leaf of every record

    def __post_init__(self) -> None:
        names = [name.encode() for name, _ in self.fields]
        self.prefixes = [u16(len(name)) + name for name in names]
        self.order = sorted(range(len(names)), key=names.__getitem__)
        self.index = {name: i for i, (name, _) in enumerate(self.fields)}

    def encode(self, row: Row) -> bytes:
        """The canonical record (5.2)."""
        return b"".join(self.prefixes[i] + row[i] for i in self.order if row[i] is not None)  # type: ignore[operator]

    def add(self, row: Row, record: bytes) -> None:
        """Keeps place and leaf of a record (5.2)."""
        key = b"".join(row[i] or b"\0" for i in self.key)
        self.entries.append(sha256(b"\x04", key)[:16] + sha256(b"\0", record))

    def digest(self) -> bytes:
        """The section digest (5.3)."""
        name = self.name.encode()
        root = merkle_root(entry[16:] for entry in sorted(self.entries))
        return sha256(b"\x02", u16(len(name)), name, struct.pack("<Q", len(self.entries)), root)


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree of RFC 9162, section 2.1.1, over at least one leaf."""
    stack: list[bytes] = []
    for count, leaf in enumerate(leaves, 1):
        stack.append(leaf)
        while count % 2 == 0:
            right = stack.pop()
            stack.append(sha256(b"\x01", stack.pop(), right))
            count //= 2
    while len(stack) > 1:
        right = stack.pop()
        stack.append(sha256(b"\x01", stack.pop(), right))
    return stack[0]


def members_of(obj: Any, kinds: dict[str, type], cls: str) -> None:
    """An object whose members, where they are present, have these types; every number in it is an integer."""
    if not isinstance(obj, dict):
        raise Fail(cls, "a value is not an object")
    for name, kind in kinds.items():
        value = member(obj, name, kind, cls, optional=True)
        if isinstance(value, Number) and not value.is_int:
            raise Fail(cls, f"member {name!r} is not an integer")


def parse_manifest(obj: dict[str, Any]) -> tuple[int, dict[str, Section]]:
    """The encoding of the chunks and the sections, in the manifest's order. Unknown members are ignored."""
    cls = "manifest"
    for name, kind, optional in (("writer", str, False), ("created", str, True), ("encoding", str, False), ("source", dict, False),
                                 ("origin", dict, True), ("spaces", list, True), ("options", dict, True)):
        member(obj, name, kind, cls, optional)
    if obj["encoding"] not in ENCODINGS:
        raise Fail(cls, "the encoding is neither arrow nor ndjson")
    for store in (obj["source"], obj.get("origin", {})):
        for name in ("engine", "layout", "version"):
            member(store, name, str, cls, optional=True)
    for table in member(obj.get("origin", {}), "tables", list, cls, optional=True) or []:
        members_of(table, {"name": str, "columns": list}, cls)
        for column in table.get("columns", []):
            members_of(column, {"name": str, "type": str, "notnull": bool, "keyword": str}, cls)
    for space in obj.get("spaces", []):
        members_of(space, {"id": str, "model": str, "provider": str, "dimension": Number, "element": str, "normalized": bool, "hash": str}, cls)
    if not all(isinstance(value, str) for value in obj.get("options", {}).values()):
        raise Fail(cls, "an option is not a string")
    sections: dict[str, Section] = {}
    listed = member(obj, "sections", list, cls)
    if len(listed) > MAX_ENTRIES:
        raise Fail("limit", "the manifest has more than 4096 sections")
    for item in listed:
        if not isinstance(item, dict):
            raise Fail(cls, "a section is not an object")
        section = parse_section(item)
        if section.name in sections:
            raise Fail(cls, "a section stands twice in the manifest")
        sections[section.name] = section
    return ENCODINGS[obj["encoding"]], sections


@dataclass
class Change:
    """The states before and behind an incremental archive (section 12), by section: records and digest."""

    base: dict[str, tuple[int, str]]
    result: dict[str, tuple[int, str]]


def parse_state(obj: Any) -> dict[str, tuple[int, str]]:
    """The sections of a state."""
    cls = "manifest"
    listed = member(obj, "sections", list, cls)
    if len(listed) > MAX_ENTRIES:
        raise Fail("limit", "a state has more than 4096 sections")
    state: dict[str, tuple[int, str]] = {}
    for item in listed:
        if not isinstance(item, dict):
            raise Fail(cls, "a section of a state is not an object")
        name, digest, records = member(item, "name", str, cls), member(item, "digest", str, cls), plain(member(item, "records", Number, cls))
        check_name(name, cls)
        if not isinstance(records, int) or not 0 < records < 1 << 64 or not is_hash(digest):
            raise Fail(cls, "a section of a state has no records or no digest")
        if state and name.encode() <= list(state)[-1].encode():
            raise Fail(cls, "the sections of a state do not ascend")
        state[name] = records, digest
    content = member(obj, "content", str, cls)
    if content != sha256(b"\x03", *(bytes.fromhex(digest) for _, digest in state.values())).hex():
        raise Fail(cls, "the content digest of a state is not that of its sections")
    return state


def is_hash(text: str) -> bool:
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)


def parse_change(obj: dict[str, Any], sections: dict[str, Section], incremental: bool) -> Optional[Change]:
    """Section 12: base, result and the sections of tombstones."""
    cls = "manifest"
    tombs = [s for s in sections.values() if s.deletes or s.replaces]
    base = member(obj, "base", dict, cls, optional=True)
    result = member(obj, "result", dict, cls, optional=True)
    if (base is None) != (result is None) or (base is None) == incremental or base is None and tombs:
        raise Fail(cls, "flag, base, result and tombstones of an incremental archive do not agree")
    if base is None:
        return None
    root = member(base, "root", str, cls)
    if not is_hash(root) or root == "0" * 64:
        raise Fail(cls, "the base has no file root")
    change = Change(parse_state(base), parse_state(result))
    if any(name not in sections or sections[name] in tombs for name in change.result):
        raise Fail(cls, "the result has a section that the archive has not")
    taken = set()
    for s in tombs:
        of = sections.get(s.deletes + s.replaces)
        if s.deletes and s.replaces or (s.deletes, s.replaces) in taken or s.deletes + s.replaces not in change.base or of in tombs:
            raise Fail(cls, f"{s.name!r} does not hold tombstones of one section of the base, or is not the only one")
        taken.add((s.deletes, s.replaces))
        if s.key != list(range(len(s.fields) - 1)) or not s.fields or s.fields[-1][1] != "bytes":
            raise Fail(cls, f"the fields of {s.name!r} are not a key and a leaf")
        if s.replaces and (of is None or [of.fields[i] for i in of.key] != s.fields[:-1]):
            raise Fail(cls, f"{s.name!r} replaces records of a section that the archive has not with this key")
    return change


def check_change(change: Change, sections: dict[str, Section]) -> None:
    """Section 12: base, tombstones, records and result agree by count."""
    living = {s.name for s in sections.values() if not s.deletes and not s.replaces}
    for name in living | set(change.base):
        gone = sum(len(s.entries) for s in sections.values() if name in (s.deletes, s.replaces))
        came = len(sections[name].entries) if name in living else 0
        had, has = change.base.get(name, (0, "")), change.result.get(name, (0, ""))
        if gone > had[0] or had[0] - gone + came != has[0] or not gone and not came and had != has:
            raise Fail("end", f"base, tombstones and records of {name!r} do not make its result")
    for s in sections.values():
        if s.replaces:
            places = Counter(entry[:16] for entry in sections[s.replaces].entries)
            if Counter(entry[:16] for entry in s.entries) - places:
                raise Fail("end", f"a record of {s.replaces!r} is replaced, and there is no next version of it")


def parse_section(item: dict[str, Any]) -> Section:
    """One section (4.1)."""
    cls = "manifest"
    name = member(item, "name", str, cls)
    check_name(name, cls)
    listed = member(item, "fields", list, cls)
    if len(listed) > MAX_ENTRIES:
        raise Fail("limit", "a section has more than 4096 fields")
    fields: dict[str, str] = {}
    for entry in listed:
        if not isinstance(entry, dict):
            raise Fail(cls, "a field is not an object")
        field_name, kind = member(entry, "name", str, cls), member(entry, "type", str, cls)
        check_name(field_name, cls)
        member(entry, "note", str, cls, optional=True)
        if kind not in TYPES or field_name in fields or field_name == "$section":
            raise Fail(cls, "a field has an unknown type, stands twice or has a name that is taken")
        fields[field_name] = kind
    if any(fields.get(f"{field_name}.{k}", "vector") != "vector" for field_name, kind in fields.items() if kind == "vector" for k in range(4)):
        raise Fail(cls, "a field has the name of a column of a vector")
    positions = {field_name: i for i, field_name in enumerate(fields)}
    key = member(item, "key", list, cls)
    if not all(isinstance(part, str) and part in positions for part in key) or len(set(key)) != len(key):
        raise Fail(cls, "a key names what is not a field of its section, or a field twice")
    deletes, replaces = (member(item, kind, str, cls, optional=True) or "" for kind in ("deletes", "replaces"))
    return Section(name, [positions[part] for part in key], list(fields.items()), deletes, replaces)


# ---------------------------------------------------------------- NDJSON (section 6.2)


def ndjson_rows(data: bytes, section: Section, records: int) -> list[Row]:
    """One object and one newline per record; `$section` first, then the fields in the manifest's order."""
    if data[-1:] != b"\n" or data.count(b"\n") != records:
        raise Fail("ndjson", "the chunk has another number of lines than the block header says")
    rows: list[Row] = []
    for line in data[:-1].split(b"\n"):
        obj = strict_json(line, "ndjson")
        members = iter(obj.items())
        if next(members, None) != ("$section", section.name):
            raise Fail("ndjson", "a record does not begin with its section")
        row: Row = [None] * len(section.fields)
        last = -1
        for name, value in members:
            position = section.index.get(name, -1)
            if position <= last:
                raise Fail("ndjson", "a record has an unknown member, or members in another order than the manifest")
            last = position
            row[position] = from_json(section.fields[position][1], value)
        rows.append(row)
    return rows


def record_line(section: Section, row: Row) -> str:
    """A record as a line of NDJSON."""
    parts = ['"$section":' + quote(section.name)]
    for (name, kind), value in zip(section.fields, row):
        if value is None:
            continue
        if kind == "map":
            members = Cursor(value).map()
            text = "{" + ",".join(quote(key) + ":" + to_json("any", tag, inner) for key, tag, inner in members) + "}"
        else:
            text = to_json(kind, *Cursor(value).value())
        parts.append(quote(name) + ":" + text)
    return "{" + ",".join(parts) + "}"


# ---------------------------------------------------------------- The archive (sections 1, 5.3, 7)


@dataclass
class Reading:
    """What has been read and verified so far."""

    records: int = 0
    released: Any = field(default_factory=hashlib.sha256)
    sections: list[dict[str, Any]] = field(default_factory=list)
    content: bytes = b""
    root: bytes = b""


def read_archive(file: BinaryIO, reading: Reading, emit: Callable[[Section, Row], None] = lambda section, row: None) -> None:
    """Verifies a whole archive; emit is called with each record of each chunk that has been wholly verified."""
    source = Source(file)
    check, incremental = read_guide(source)
    header = read_header(source, 0, check)
    manifest = control_json(source, header, "manifest")
    encoding, sections = parse_manifest(manifest)
    change = parse_change(manifest, sections, incremental)
    living = False
    index: list[list[Any]] = []
    while True:
        header = read_header(source, len(index) + 1, header.check)
        if header.kind == END:
            break
        section = sections.get(header.name)
        if section is None or header.encoding != encoding:
            raise Fail("header", "a chunk has a section or an encoding that the manifest does not name")
        if header.records * len(section.fields) > MAX_CELLS:
            raise Fail("limit", f"block {len(index) + 1} has too many records for the fields of its section")
        if header.sequence != section.chunks:
            raise Fail("chain", f"chunk {header.sequence} of {header.name!r} stands where {section.chunks} should")
        tombs = bool(section.deletes or section.replaces)
        if tombs and living:
            raise Fail("header", "tombstones stand behind records")
        living = living or not tombs
        payload = read_payload(source, header)
        check_zstd_frame(payload, header.data_length)
        data = run_zstd(payload, header.data_length)
        try:
            if encoding == ENCODINGS["arrow"]:
                rows = arrow_rows(data, section.fields, header.records)
            else:
                rows = ndjson_rows(data, section, header.records)
            if tombs and any(row[-1] is None or len(row[-1]) != 1 + 4 + 32 for row in rows):
                raise BadValue("a tombstone names no leaf")
        except BadValue as error:
            raise Fail("record", f"block {len(index) + 1}: {error}") from None
        section.chunks += 1
        prefix = header.name.encode()
        prefix = u16(len(prefix)) + prefix
        for row in rows:
            record = section.encode(row)
            section.add(row, record)
            reading.released.update(prefix + u32(len(record)) + record)
            emit(section, row)
        reading.records += header.records
        index.append([header.name, header.sequence, header.records, header.offset, header.frame_length + header.payload_length,
                      header.check.hex()])
    digests = {s.name: s.digest() for s in sorted(sections.values(), key=lambda s: s.name.encode()) if s.entries}
    reading.content = sha256(b"\x03", *digests.values())
    reading.sections = [{"name": name, "records": len(sections[name].entries), "digest": digest.hex()}
                        for name, digest in digests.items()]
    check_end(control_json(source, header, "end"), reading, index)
    if change:
        check_change(change, sections)
    trailer = source.skippable("trailer", 48, 48, "trailer")
    if trailer[8:] != struct.pack("<Q", header.offset) + header.check + TRAILER_MAGIC:
        raise Fail("trailer", "the trailer is not what the rest of the archive says")
    if file.read(1):
        raise Fail("trailing", f"bytes follow the trailer at {source.offset}")
    reading.root = header.check


def plain(value: Any) -> Any:
    """JSON with its integers as numbers; other numbers stay as they were written."""
    if isinstance(value, Number):
        return int(value.text) if value.is_int and len(value.text) < 32 else value
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def check_end(obj: dict[str, Any], reading: Reading, index: list[list[Any]]) -> None:
    """Section 7: the end block says what has been read."""
    if obj.get("complete") is not True:
        raise Fail("end", "the end block does not say that the archive is complete")
    found = [{name: plain(item.get(name)) for name in ("name", "records", "digest")} if isinstance(item, dict) else None
             for item in member(obj, "sections", list, "end")]
    for what, said, read in (("records", plain(obj.get("records")), reading.records), ("sections", found, reading.sections),
                             ("content", obj.get("content"), reading.content.hex()), ("index", plain(obj.get("index")), index)):
        if json.dumps(said, default=str) != json.dumps(read):
            raise Fail("end", f"{what} of the end block is not what the archive holds")
    for loss in member(obj, "losses", list, "end"):
        members_of(loss, {"code": str, "where": str, "count": Number, "reason": str, "accepted": bool}, "end")


# ---------------------------------------------------------------- Command line


def verify(path: str) -> tuple[int, dict[str, Any]]:
    """Exit code and result line for a file."""
    reading = Reading()
    try:
        with open(path, "rb") as file:
            read_archive(file, reading)
    except Fail as fail:
        return 7 if fail.cls in ("version", "feature") else 3, {
            "ok": False, "class": fail.cls, "error": str(fail), "records": reading.records, "released": reading.released.hexdigest()}
    return 0, {"ok": True, "root": reading.root.hex(), "content": reading.content.hex(), "records": reading.records,
               "sections": reading.sections, "released": reading.released.hexdigest()}


def cat(path: str, only: Optional[str]) -> int:
    def emit(section: Section, row: Row) -> None:
        if only is None or section.name == only:
            sys.stdout.write(record_line(section, row) + "\n")

    try:
        with open(path, "rb") as file:
            read_archive(file, Reading(), emit)
    except Fail as fail:
        sys.stdout.flush()
        print(f"marc: {fail.cls}: {fail}", file=sys.stderr)
        return 7 if fail.cls in ("version", "feature") else 3
    return 0


def check_vector(path: str) -> list[str]:
    """What is wrong with one test vector; path has no extension."""
    with open(path + ".json", "rb") as file:
        want = json.load(file)
    required = {"name", "comment", "expect", "exit", "records", "released"} | ({"class"} if want.get("expect") == "fail" else set())
    unknown = set(want) - required - {"class", "root", "content"}
    if unknown or required - set(want) or want["expect"] not in ("ok", "fail"):
        return [f"the description lacks {sorted(required - set(want))}, has unknown {sorted(unknown)}, or expects nonsense"]
    if want["name"] != os.path.basename(path):
        return ["the description has another name"]
    code, result = verify(path + ".marc")
    got = {**result, "exit": code, "expect": "ok" if result["ok"] else "fail"}
    wrong = [f"{name} is {got.get(name)!r}, not {want[name]!r}" for name in
             ("expect", "exit", "class", "records", "released", "root", "content") if name in want and got.get(name) != want[name]]
    return wrong + ([f"error: {got['error']}"] if wrong and not result["ok"] else [])


def vectors(directory: str) -> int:
    names = sorted({os.path.splitext(name)[0] for name in os.listdir(directory) if name.endswith((".marc", ".json"))})
    failed = 0
    for name in names:
        try:
            wrong = check_vector(os.path.join(directory, name))
        except (FileNotFoundError, ValueError, AttributeError) as error:
            wrong = [str(error)]
        if wrong:
            failed += 1
            print(f"{name}: {'; '.join(wrong)}")
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed or not names else 0


def main(args: list[str]) -> int:
    try:
        match args:
            case ["verify", path]:
                code, result = verify(path)
                print(json.dumps(result))
                return code
            case ["cat", path]:
                return cat(path, None)
            case ["cat", path, section]:
                return cat(path, section)
            case ["vectors", directory]:
                return vectors(directory)
        print("usage: marc.py verify FILE | cat FILE [SECTION] | vectors DIR", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"marc: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
