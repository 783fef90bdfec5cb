"""Counts the rows of a history as mem0's own class reads them.

    history.py STORAGE.PY PATH IDENTIFIERS
"""
import importlib.util
import json
import sys

source, path, identifiers = sys.argv[1:4]
spec = importlib.util.spec_from_file_location("storage", source)
storage = importlib.util.module_from_spec(spec)
spec.loader.exec_module(storage)
manager = storage.SQLiteManager(path)
print(sum(len(manager.get_history(identifier)) for identifier in json.loads(identifiers)))
