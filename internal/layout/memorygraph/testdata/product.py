"""Writes a store with memorygraph's own classes, or shows one as they read it.

    product.py write PATH | product.py read PATH
"""
import asyncio
import json
import logging
import os
import sys
from datetime import datetime, timezone

logging.disable(logging.ERROR)
mode, path = sys.argv[1:3]
os.environ["MEMORY_SQLITE_PATH"] = path
os.environ["MEMORY_ALLOW_CYCLES"] = "true"

from memorygraph.backends.sqlite_fallback import SQLiteFallbackBackend  # noqa: E402
from memorygraph.models import Memory, MemoryContext, MemoryType, RelationshipProperties, RelationshipType  # noqa: E402
from memorygraph.sqlite_database import SQLiteMemoryDatabase  # noqa: E402


def context(i):
    return MemoryContext(
        project_path="/work/\u2603 %d" % i,
        files_involved=["a.go", "\U0001f600.go"] if i % 3 == 0 else [],
        languages=["go"] if i % 4 else [],
        git_branch="main" if i % 2 else None,
        session_id="s%d" % i if i % 7 == 0 else None,
        user_id="ada" if i % 5 == 0 else None,
        additional_metadata={"n": {"x": [1, 2.5, None, True, "\u00e9"]}} if i % 5 == 0 else {},
        tenant_id="acme" if i % 11 == 0 else None,
        created_by="bob" if i % 11 == 0 else None,
    )


def memory(i):
    return Memory(
        type=list(MemoryType)[i % len(MemoryType)],
        title="Title %d \u2603\U0001f600" % i,
        content="content \x00\x7f\u2028 %d \"quoted\" \\ \n\t/ end" % i,
        tags=["A", "\u00fc", "b c"][: i % 4],
        importance=[0.1, 1, 1e-7, 0.30000000000000004, 5e-324][i % 5],
        summary="in short" if i % 3 else None,
        effectiveness=0.25 if i % 4 == 0 else None,
        usage_count=i,
        last_accessed=datetime(2026, 1, 2, 3, 4, 5, i, tzinfo=timezone.utc) if i % 2 else None,
        context=context(i) if i % 2 else None,
        created_at=datetime(2025, 1, 2, 3, 4, 5, i * 1000, tzinfo=timezone.utc),
    )


async def write(db):
    ids = [await db.store_memory(memory(i)) for i in range(120)]
    for i in range(30):  # memories that are stored again
        again = memory(i)
        again.id, again.title = ids[i], "Changed %d" % i
        await db.store_memory(again)
    edges = []
    for i in range(150):
        properties = RelationshipProperties(strength=i / 150, context=None if i % 2 else "why \u2603 %d" % i, success_rate=None if i % 3 else 1)
        edges.append(await db.create_relationship(ids[i % 120], ids[(i * 7 + 1) % 120], list(RelationshipType)[i % len(RelationshipType)], properties))
    for _ in range(3):
        edges.append(await db.create_relationship(ids[0], ids[1], RelationshipType.CAUSES))
    await db.invalidate_relationship(edges[0], invalidated_by=edges[1])
    await db.invalidate_relationship(edges[5])


async def read(backend, db):
    out = {"memories": {}, "relations": {}}
    for row in backend.execute_sync("SELECT id FROM nodes WHERE label = 'Memory'"):
        m = await db.get_memory(row["id"])
        out["memories"][row["id"]] = m and m.model_dump(mode="json")
        for _, r in await db.get_related_memories(row["id"]):
            out["relations"][r.id] = [r.from_memory_id, r.to_memory_id, r.type.value, r.properties.strength, r.properties.context]
    print(json.dumps(out))


async def main():
    backend = SQLiteFallbackBackend(path)
    await backend.connect()
    await backend.initialize_schema()
    db = SQLiteMemoryDatabase(backend)
    await db.initialize_schema()
    await (write(db) if mode == "write" else read(backend, db))
    await backend.disconnect()


asyncio.run(main())
