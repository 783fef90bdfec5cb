"""Runs the library of Portable AI Memory: save, hard or validate, and a folder."""

import json
import os
import random
import sys
from datetime import UTC, datetime, timedelta

from jsonschema import Draft202012Validator
from portable_ai_memory import schemas
from portable_ai_memory.core.integrity import compute_content_hash, compute_integrity_checksum
from portable_ai_memory.core.io import load_embeddings, load_memory_store, save
from portable_ai_memory.core.validator import validate_embeddings, validate_memory_store
from portable_ai_memory.models.embeddings import EmbeddingObject, EmbeddingsFile
from portable_ai_memory.models.memory_store import (
    AccessBlock, ConfidenceBlock, IntegrityBlock, MemoryObject, MemoryStore, MetadataBlock, Owner, ProvenanceBlock, RelationObject, TemporalBlock,
)

mode, folder = sys.argv[1:]
start = datetime(2025, 3, 1, tzinfo=UTC)


def memory(i, content, **more):
    return MemoryObject(
        id=f"m{i}", type=["fact", "goal", "custom"][i % 3], custom_type="dream" if i % 3 == 2 else None, content=content,
        content_hash=compute_content_hash(content), temporal=TemporalBlock(created_at=start + timedelta(microseconds=i * 250_000)),
        provenance=ProvenanceBlock(platform="local", platform_user_id="ada", extraction_method="manual"), **more,
    )


def store(memories, relations=()):
    dumped = [m.model_dump(mode="json", by_alias=True, exclude_none=True) for m in memories]
    return MemoryStore(
        schema_version="1.0", owner=Owner(id="ada"), export_id="e1", export_date=start, memories=memories, relations=list(relations),
        integrity=IntegrityBlock(checksum=compute_integrity_checksum(dumped), total_memories=len(memories)),
    )


if mode == "save":
    memories = [
        memory(i, f"Straße {i} \U0001F600", tags=["a", "b-c"] if i % 2 else [], confidence=ConfidenceBlock(initial=0.9, current=i / 40, decay_model="none"),
               access=AccessBlock(), metadata=MetadataBlock(language="de", domain="Größe", extra={"n": [1, 2.5, None]}), embedding_ref=f"v{i}")
        for i in range(40)
    ]
    edges = [RelationObject(id=f"r{i}", **{"from": f"m{i}", "to": f"m{i + 1}"}, type="extends", confidence=0.5, created_at=start) for i in range(20)]
    save(store(memories, edges), f"{folder}/memory-store.json")
    vectors = [EmbeddingObject(id=f"v{i}", memory_id=f"m{i}", model="voyage-3", dimensions=3, created_at=start, vector=[i / 8, -0.1, 1e-7]) for i in range(40)]
    save(EmbeddingsFile(schema_version="1.0", embeddings=vectors), f"{folder}/embeddings.json")
elif mode == "hard":
    rng = random.Random(7)
    letters = "aΑΣς İIıßẞǅéE\u0301\u1E9B\u0323\x1c\x85\u00a0\u2003\u3000\ufeff\u200b\t\n Ωﬁ\uac00\u1100\u1161😀𐐀"
    memories = []
    for i in range(300):
        content = "".join(rng.choice(letters) for _ in range(rng.randint(1, 14)))
        numbers = [rng.uniform(-1, 1) * 10.0 ** rng.randint(-320, 300) for _ in range(5)] + [rng.randint(-(2**53) + 1, 2**53 - 1), 1e21, 1e-7, -0.0, 5e-324]
        names = {rng.choice(letters) + rng.choice(letters): None for _ in range(3)}
        memories.append(memory(i, content, metadata=MetadataBlock(numbers=numbers, names={n: content for n in names})))
    save(store(memories), f"{folder}/source/memory-store.json")
else:
    raw = json.load(open(f"{folder}/memory-store.json", encoding="utf-8"))
    base = os.path.dirname(schemas.__file__)

    def schema(name):
        return Draft202012Validator(json.load(open(f"{base}/{name}.schema.json", encoding="utf-8")), format_checker=Draft202012Validator.FORMAT_CHECKER)

    issues = [f"{e.json_path}: {e.message}" for e in schema("portable-ai-memory").iter_errors(raw)]
    document = load_memory_store(f"{folder}/memory-store.json")
    issues += [str(i) for i in validate_memory_store(document).errors]
    if document.integrity and compute_integrity_checksum(raw["memories"]) != document.integrity.checksum:
        issues.append("the checksum is not that of the records as they stand")
    if os.path.exists(f"{folder}/embeddings.json"):
        raw = json.load(open(f"{folder}/embeddings.json", encoding="utf-8"))
        issues += [f"{e.json_path}: {e.message}" for e in schema("portable-ai-memory-embeddings").iter_errors(raw)]
        issues += [str(i) for i in validate_embeddings(load_embeddings(f"{folder}/embeddings.json"), document).errors]
    print(json.dumps({"issues": issues}))
