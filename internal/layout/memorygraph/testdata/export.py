"""Lets memorygraph's own export and import work on a store of its own.

    export.py import FILE STORE | export.py json STORE FILE | export.py markdown STORE FOLDER
"""
import asyncio
import json
import logging
import os
import sys

logging.disable(logging.ERROR)
mode, source, target = sys.argv[1:4]
store = target if mode == "import" else source
os.environ["MEMORY_SQLITE_PATH"] = store
os.environ["MEMORY_ALLOW_CYCLES"] = "true"

from memorygraph.backends.sqlite_fallback import SQLiteFallbackBackend  # noqa: E402
from memorygraph.sqlite_database import SQLiteMemoryDatabase  # noqa: E402
from memorygraph.utils.export_import import export_to_json, export_to_markdown, import_from_json  # noqa: E402


async def main():
    backend = SQLiteFallbackBackend(store)
    await backend.connect()
    await backend.initialize_schema()
    db = SQLiteMemoryDatabase(backend)
    await db.initialize_schema()
    if mode == "import":
        print(json.dumps(await import_from_json(db, source)))
    elif mode == "json":
        print(json.dumps(await export_to_json(db, target)))
    else:
        await export_to_markdown(db, target)
    await backend.disconnect()


asyncio.run(main())
