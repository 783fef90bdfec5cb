"""Writes a store with mcp-memory-service's own classes, or shows one as they read it.

    product.py write PATH | product.py read PATH | product.py hash < JSON list
"""
import asyncio
import json
import logging
import os
import sys

logging.disable(logging.CRITICAL)
mode, path = (sys.argv + [""])[1:3]
os.environ["MCP_MEMORY_SQLITE_PATH"] = path
os.environ["MCP_MEMORY_BASE_DIR"] = os.path.dirname(path) or "."
os.environ["MCP_MEMORY_ALLOW_HASH_EMBEDDINGS"] = "1"
os.environ["MCP_SYNC_EVENTLOG"] = "on"

from mcp_memory_service.models.memory import Memory  # noqa: E402
from mcp_memory_service.storage.graph import GraphStorage  # noqa: E402
from mcp_memory_service.storage.sqlite_vec import SqliteVecMemoryStorage  # noqa: E402
from mcp_memory_service.utils.hashing import generate_content_hash  # noqa: E402


async def write(db):
    hashes = []
    for i in range(30):
        content = "  Content NUMBER %d \u00c4\u0130\u03a3 \u2603\U0001f600 \n" % i
        hashes.append(generate_content_hash(content))
        ok, why = await db.store(Memory(
            content=content, content_hash=hashes[i], tags=["a", "\u00fc b", "c:d"][: i % 4],
            memory_type=["observation", "decision", None][i % 3], metadata={"n": [i, 1.5, None, "\u00e9"]} if i % 2 else {}))
        assert ok, why
    for i in (3, 8):
        await db.delete(hashes[i])
    await db.update_memory_metadata(hashes[4], {"tags": ["new"], "metadata": {"edited": True}})
    await db.retrieve("number 7", n_results=3)
    graph = GraphStorage(path)
    for i in range(10, 20):
        await graph.store_association(hashes[i], hashes[i + 1], i / 20, ["semantic", "temporal"], {"why": "\u2603"}, relationship_type=["causes", "related"][i % 2])


async def read(db):
    memories = await db.get_all_memories()
    out = {}
    for m in memories:
        found = await db.retrieve(m.content, n_results=3)
        out[m.content_hash] = dict(
            content=m.content, hash=generate_content_hash(m.content) == m.content_hash, tags=m.tags, type=m.memory_type,
            metadata={k: v for k, v in m.metadata.items() if not k.startswith(("access", "last_access"))}, created=m.created_at_iso,
            close=sum(abs(m.created_at - n.created_at) < 1 for n in memories) > 0, found=len(found), itself=any(r.memory.content_hash == m.content_hash for r in found))
    edges = db.conn.execute("SELECT source_hash, target_hash, relationship_type, similarity FROM memory_graph ORDER BY 1, 2, 3").fetchall()
    full = db.conn.execute("SELECT count(*) FROM memory_content_fts").fetchone()[0]
    # The product goes on with the store.
    content = "stored afterwards"
    ok, why = await db.store(Memory(content=content, content_hash=generate_content_hash(content), tags=["t"], memory_type="observation"))
    ok2, _ = await db.delete(generate_content_hash(content))
    check = db.conn.execute("PRAGMA integrity_check").fetchall()
    json.dump(dict(memories=out, edges=edges, full=full, stored=bool(ok), why=str(why), deleted=bool(ok2), check=check[0][0]), sys.stdout)


async def main():
    db = SqliteVecMemoryStorage(path)
    await db.initialize()
    await (write if mode == "write" else read)(db)


if mode == "hash":
    json.dump([generate_content_hash(c) for c in json.load(sys.stdin)], sys.stdout)
else:
    asyncio.run(main())
