"""Runs LangGraph's own stores: product.py write|read|go_on STORE, a path or a URL of PostgreSQL."""
import json
import sqlite3
import sys
from contextlib import contextmanager

mode, where = sys.argv[1:3]
index = {"dims": 3, "embed": lambda texts: [[float(len(t)), 1.0, 0.5] for t in texts], "fields": ["$", "content.content", "tags[*]"]}

if mode == "go_on":  # vectors of another product's model are none of this index
    index = None


@contextmanager
def opened():
    if where.startswith("postgres"):
        from langgraph.store.postgres import PostgresStore

        with PostgresStore.from_conn_string(where, index=index, ttl={"default_ttl": None}) as s:
            yield s
    else:
        from langgraph.store.sqlite import SqliteStore

        with sqlite3.connect(where, isolation_level=None, check_same_thread=False) as c:
            yield SqliteStore(c, index=index, ttl={"default_ttl": None})


def everything(s):
    out, at = [], 0
    while page := s.search((), limit=50, offset=at):
        out, at = out + page, at + len(page)
    return out


with opened() as s:
    s.setup()
    if mode == "write":
        for n in range(60):
            s.put(("memories", f"user {n % 3}"), f"k/{n}", {"kind": "Memory", "content": {"content": f"The otter {n} – ☃"}})
        s.put(("a/b", "100%"), "plain", {"content": "plain", "tags": ["x", "y", "ü"], "n": 1.0, "big": 2**53, "none": None}, ttl=600)
        s.put(("a",), "profile", {"kind": "Profile", "content": {"name": "an otter", "likes": ["fish"]}})
        s.put(("a",), "data", {"data": "by the guides"}, index=False)
        s.put(("a",), "empty", {})
    if mode == "go_on":
        s.put(("memories",), "born", {"content": "a badger"})
    items = sorted(everything(s), key=lambda i: (i.namespace, i.key))
    out = {"items": [[list(i.namespace), i.key, i.value, str(i.created_at), str(i.updated_at)] for i in items]}
    out["found"] = [[list(i.namespace), i.key, round(i.score, 5)] for i in s.search((), query="The otter 7", limit=3)] if index else []
    print(json.dumps(out))
