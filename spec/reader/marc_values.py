"""JSON and values of the memarc format: FORMAT.md, sections 5.1 and 6.2, and the limits of section 9."""
from __future__ import annotations

import base64
import datetime
import hashlib
import json
import math
import re
import struct
from dataclasses import dataclass
from typing import Any, NoReturn, Optional

TYPES = ("text", "json", "bytes", "int", "float", "bool", "time", "list", "vector", "any", "map")

# Section 9.
MIB = 1 << 20
MAX_GUIDE, MAX_BLOCK, MAX_PAYLOAD, MAX_ENTRIES, MAX_NAME, MAX_NESTING = 65536, 64 * MIB, 65 * MIB, 4096, 1024, 64
MAX_RECORDS, MAX_CELLS, MAX_ITEMS = 1048576, 16777216, 65536
MAX_WINDOW = 8 * MIB  # section 6
MAX_JSON_NESTING = 10000  # of a value of type json (4.1)

Row = list[Optional[bytes]]  # one value of section 5.1, tag included, for each field of the section; None is null


class Fail(Exception):
    """A violated MUST, with its class."""

    def __init__(self, cls: str, message: str) -> None:
        super().__init__(message)
        self.cls = cls


class BadValue(Exception):
    """A value that violates its type; the caller says where."""


def sha256(*parts: bytes) -> bytes:
    """SHA-256 over the concatenation of the parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def u16(n: int) -> bytes:
    return struct.pack("<H", n)


def u32(n: int) -> bytes:
    return struct.pack("<I", n)


# ---------------------------------------------------------------- JSON (sections 4, 6.2, 7)


@dataclass(frozen=True)
class Number:
    """A JSON number as it was written."""

    text: str

    @property
    def is_int(self) -> bool:
        return not any(c in ".eE" for c in self.text)


TOKEN = re.compile(
    r'[ \t\n\r]*+(?:([{}\[\],:])|("(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")'
    r"|(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null))")


def json_depth(text: str) -> int:
    """The nesting of one JSON value, found without recursion; ValueError when the text is not one (RFC 8259)."""
    stack: list[str] = []
    depth = pos = 0
    want = "v"  # v value, V value or ], k name, K name or }, : colon, a comma or closing bracket, . nothing more
    while want != ".":
        token = TOKEN.match(text, pos)
        if not token:
            raise ValueError("not a JSON value")
        pos = token.end()
        mark, string = token[1], token[2]
        closed = False
        if want in "vV" and mark in ("{", "["):
            stack.append(mark)
            depth = max(depth, len(stack))
            want = "K" if mark == "{" else "V"
        elif want in "vV" and not mark:
            closed = True
        elif want in "kK" and string is not None:
            want = ":"
        elif want == ":" and mark == ":":
            want = "v"
        elif want == "a" and mark == ",":
            want = "k" if stack[-1] == "{" else "v"
        elif mark in ("}", "]") and want in ("a", "K" if mark == "}" else "V") and stack[-1] == {"}": "{", "]": "["}[mark]:
            stack.pop()
            closed = True
        else:
            raise ValueError("not a JSON value")
        if closed:
            want = "a" if stack else "."
    if text[pos:].strip(" \t\n\r"):
        raise ValueError("more than one JSON value")
    return depth


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return members


def no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


STRICT = json.JSONDecoder(object_pairs_hook=unique_names, parse_int=Number, parse_float=Number, parse_constant=no_constant)
LOOSE = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=no_constant)
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def check_strings(value: Any) -> None:
    """Refuses strings with lone surrogates, which no UTF-8 holds."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict):
        for name, member in value.items():
            name.encode()
            check_strings(member)
    elif isinstance(value, list):
        for member in value:
            check_strings(member)


def strict_json(data: bytes, cls: str) -> dict[str, Any]:
    """One JSON object: valid UTF-8, no duplicate names, nesting at most 64 (sections 4 and 9)."""
    try:
        text = data.decode()
        if data.count(b"[") + data.count(b"{") > MAX_NESTING and json_depth(text) > MAX_NESTING:
            raise Fail("limit", f"JSON is nested deeper than {MAX_NESTING}")
        value = STRICT.decode(text)
        if SURROGATE.search(text):
            check_strings(value)
    except ValueError as error:  # UnicodeError is one
        raise Fail(cls, f"bad JSON: {error}") from None
    if not isinstance(value, dict):
        raise Fail(cls, "not a JSON object")
    return value


def check_json_text(data: bytes) -> bytes:
    """A value of type json: UTF-8 text that is one JSON value; its names are not looked at (4.1)."""
    try:
        text = data.decode()
        if data.count(b"[") + data.count(b"{") > MAX_NESTING:
            if json_depth(text) > MAX_JSON_NESTING:
                raise BadValue("a json value is nested deeper than 10 000")
        else:
            LOOSE.decode(text)
    except ValueError:
        raise BadValue("a json value is not one JSON value in UTF-8") from None
    return data


def member(obj: dict[str, Any], name: str, kind: type, cls: str, optional: bool = False) -> Any:
    """A member of an object, of the type the table says."""
    if name not in obj and optional:
        return None
    if not isinstance(obj.get(name), kind):
        raise Fail(cls, f"member {name!r} is missing or has another type")
    return obj[name]


def check_name(name: str, cls: str) -> bytes:
    """A name: 1 to 1024 bytes of UTF-8 without NUL (section 1)."""
    data = name.encode()
    if len(data) > MAX_NAME:
        raise Fail("limit", "a name is longer than 1024 bytes")
    if not data or b"\0" in data:
        raise Fail(cls, "a name is empty or holds NUL")
    return data


# ---------------------------------------------------------------- Values (sections 5.1 and 6.2)

EPOCH = datetime.datetime(1970, 1, 1)
TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{0,8}[1-9]))?Z")
HEX16 = re.compile(r"[0-9a-f]{16}")


def sized(tag: int, data: bytes) -> bytes:
    return struct.pack("<BI", tag, len(data)) + data


def int_value(tag: int, n: int) -> bytes:
    """An int or a time: i64."""
    if not -(1 << 63) <= n < 1 << 63:
        raise BadValue("a number does not fit in 64 bits")
    return struct.pack("<Bq", tag, n)


def list_value(items: list[bytes]) -> bytes:
    return b"\x08" + u32(len(items)) + b"".join(u32(len(item)) + item for item in items)


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
        return True
    except UnicodeDecodeError:
        return False


def check_utf8(data: bytes) -> bytes:
    if not is_utf8(data):
        raise BadValue("a text is not valid UTF-8")
    return data


class Cursor:
    """Reads values of section 5.1 from bytes that may be anything."""

    def __init__(self, data: bytes) -> None:
        self.data, self.pos = data, 0

    def take(self, n: int) -> bytes:
        if n > len(self.data) - self.pos:
            raise BadValue("a value ends early")
        self.pos += n
        return self.data[self.pos - n:self.pos]

    def length(self, size: int = 4) -> int:
        return int.from_bytes(self.take(size), "little")

    def value(self, nullable: bool = False) -> tuple[int, Any]:
        """Tag and content of the next value, which is neither a map nor, unless nullable, null."""
        tag = self.take(1)[0]
        if tag == 0 and nullable:
            return tag, None
        if tag == 1:
            bit = self.take(1)[0]
            if bit > 1:
                raise BadValue("a bool is neither 0 nor 1")
            return tag, bit == 1
        if tag in (2, 7):
            return tag, struct.unpack("<q", self.take(8))[0]
        if tag == 3:
            return tag, self.take(8)
        if tag in (4, 6):
            return tag, self.take(self.length())
        if tag == 5:
            return tag, check_json_text(self.take(self.length()))
        if tag == 8:
            items = self.length()
            if items > MAX_ITEMS:
                raise BadValue(f"a list inside any or map has more than {MAX_ITEMS} items")
            return tag, [check_utf8(self.take(self.length())) for _ in range(items)]
        if tag == 9:
            return tag, self.take(4 * self.length())
        raise BadValue(f"tag {tag:02X} is unknown or not allowed here")

    def map(self) -> list[tuple[str, int, Any]]:
        """The members of a map: name, tag, content."""
        if self.take(1) != b"\x0a":
            raise BadValue("not a map")
        members: list[tuple[str, int, Any]] = []
        last = b""
        count = self.length()
        if count > MAX_ENTRIES:
            raise BadValue(f"a map has more than {MAX_ENTRIES} entries")
        for _ in range(count):
            name = self.take(self.length(2))
            if not 0 < len(name) <= MAX_NAME or b"\0" in name or not is_utf8(name):
                raise BadValue("a map has a bad name")
            if name <= last:
                raise BadValue("the names of a map do not ascend")
            last = name
            members.append((name.decode(), *self.value(nullable=True)))
        if not members:
            raise BadValue("an empty map is absent")
        return members

    def end(self) -> None:
        if self.pos != len(self.data):
            raise BadValue("bytes follow a value")


def check_encoded(kind: str, data: bytes) -> bytes:
    """An `any` or `map` column holds exactly one well-formed value per row (6.1)."""
    cursor = Cursor(data)
    if kind == "map":
        cursor.map()
    else:
        cursor.value()
    cursor.end()
    return data


def float_from_json(value: Any) -> bytes:
    """A number, or 16 hex digits for what no number can say (6.2)."""
    if isinstance(value, Number):
        number = float(value.text)
        if math.isinf(number):
            raise BadValue("a number is too large for a float")
        return b"\x03" + struct.pack("<d", number)
    if not isinstance(value, str) or not HEX16.fullmatch(value):
        raise BadValue("a float is neither a number nor 16 hex digits")
    bits = bytes.fromhex(value)[::-1]
    if math.isfinite(struct.unpack("<d", bits)[0]):
        raise BadValue("a finite float is written as hex digits")
    return b"\x03" + bits


def base64_from_json(value: Any) -> bytes:
    if not isinstance(value, str):
        raise BadValue("base64 is not a string")
    try:
        data = base64.b64decode(value.encode("ascii"), validate=True)
    except ValueError:
        raise BadValue("bad base64") from None
    if base64.b64encode(data).decode() != value:
        raise BadValue("base64 in a form that is not the only one")
    return data


def time_from_json(value: Any) -> bytes:
    found = TIME.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise BadValue("not a time")
    try:
        passed = datetime.datetime(*map(int, found.groups()[:6])) - EPOCH  # type: ignore[arg-type]
    except ValueError:
        raise BadValue("not a time of the calendar") from None
    return int_value(7, (passed.days * 86400 + passed.seconds) * 10**9 + int((found[7] or "").ljust(9, "0")))


def from_json(kind: str, value: Any) -> bytes:
    """The value of a field of the given type, from its NDJSON form (4.1 and 6.2)."""
    if kind in ("text", "json") and isinstance(value, str):
        data = value.encode()
        return sized(4, data) if kind == "text" else sized(5, check_json_text(data))
    if kind == "int" and isinstance(value, Number) and value.is_int and value.text != "-0":
        return int_value(2, int(value.text) if len(value.text) < 32 else 1 << 64)
    if kind == "float" and isinstance(value, Number):
        return float_from_json(value)
    if kind == "float" and isinstance(value, dict) and list(value) == ["f"] and isinstance(value["f"], str):
        return float_from_json(value["f"])
    if kind == "bytes" and isinstance(value, dict) and list(value) == ["b"]:
        return sized(6, base64_from_json(value["b"]))
    if kind == "bool" and isinstance(value, bool):
        return b"\x01\x01" if value else b"\x01\x00"
    if kind == "time":
        return time_from_json(value)
    if kind == "list" and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return list_value([item.encode() for item in value])
    if kind == "vector":
        data = base64_from_json(value)
        if len(data) % 4:
            raise BadValue("a vector ends inside an element")
        return b"\x09" + u32(len(data) // 4) + data
    if kind == "any":
        return any_from_json(value)
    if kind == "map" and isinstance(value, dict) and value:
        names = sorted((name.encode(), name) for name in value)
        if len(names) > MAX_ENTRIES:
            raise BadValue(f"a map has more than {MAX_ENTRIES} entries")
        if any(not 0 < len(data) <= MAX_NAME or b"\0" in data for data, _ in names):
            raise BadValue("a map has a bad name")
        return b"\x0a" + u32(len(names)) + b"".join(
            u16(len(data)) + data + (b"\0" if value[name] is None else any_from_json(value[name])) for data, name in names)
    raise BadValue(f"not a value of type {kind}")


def any_from_json(value: Any) -> bytes:
    """A value that carries its own type (6.2)."""
    if isinstance(value, bool):
        return from_json("bool", value)
    if isinstance(value, Number):
        return from_json("int", value)
    if isinstance(value, str):
        return from_json("text", value)
    if isinstance(value, dict) and len(value) == 1:
        name, inner = next(iter(value.items()))
        if name == "f":
            return float_from_json(inner)
        if name == "t":
            data = base64_from_json(inner)
            if is_utf8(data):
                raise BadValue("a text that is valid UTF-8 is written as base64")
            return sized(4, data)
        if name == "b":
            return from_json("bytes", value)
        if name == "l" and isinstance(inner, list) and len(inner) > MAX_ITEMS:
            raise BadValue(f"a list inside any or map has more than {MAX_ITEMS} items")
        if name in ("j", "d", "l", "v"):
            return from_json({"j": "json", "d": "time", "l": "list", "v": "vector"}[name], inner)
    raise BadValue("not a value of type any")


def quote(text: str) -> str:
    """A JSON string without terminal control characters (section 10)."""
    return re.sub("[\x7f-\x9f]", lambda m: f"\\u{ord(m[0]):04x}", json.dumps(text, ensure_ascii=False))


def float_to_json(bits: bytes) -> str:
    number = struct.unpack("<d", bits)[0]
    if not math.isfinite(number):
        return quote(bits[::-1].hex())
    text = repr(number)
    text = text[:-2] if text.endswith(".0") else text
    return re.sub(r"e([+-]?)0*", lambda m: "e" + m[1].strip("+"), text)


def to_json(kind: str, tag: int, value: Any) -> str:
    """The NDJSON form of a value; kind is the field's type, or `any` (6.2)."""
    if tag == 0:
        return "null"
    if tag == 1:
        return "true" if value else "false"
    if tag == 2:
        return str(value)
    if tag == 4 and is_utf8(value):
        return quote(value.decode())
    if tag == 3:
        letter, text = "f", float_to_json(value)
        if kind == "float" and text[0] == '"':
            kind = "any"
    elif tag == 5:
        letter, text = "j", quote(value.decode())
    elif tag == 7:
        seconds, rest = divmod(value, 10**9)
        fraction = f".{rest:09d}".rstrip("0") if rest else ""
        letter, text = "d", quote((EPOCH + datetime.timedelta(seconds=seconds)).isoformat() + fraction + "Z")
    elif tag == 8:
        letter, text = "l", "[" + ",".join(quote(item.decode()) for item in value) + "]"
    else:
        letter, text = {4: "t", 6: "b", 9: "v"}[tag], quote(base64.b64encode(value).decode())
        kind = "any" if tag == 6 else kind
    return f'{{"{letter}":{text}}}' if kind == "any" else text
