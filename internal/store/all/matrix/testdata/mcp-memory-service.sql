INSERT INTO memories (id, content_hash, content, tags, memory_type, metadata, created_at, updated_at, created_at_iso, updated_at_iso, deleted_at) VALUES
  (1, '1111111111111111111111111111111111111111111111111111111111111111', 'Likes tea', 'food,drink', 'observation', '{}', 1772359200.25, 1772359300.5, '2026-03-01T10:00:00.250000Z', '2026-03-01T10:01:40.500000Z', NULL),
  (2, '2222222222222222222222222222222222222222222222222222222222222222', 'Naïve 🧠', 'untagged', 'decision', '{"a": [1, 2]}', 1772359200.0, 1772359200.0, NULL, NULL, NULL),
  (9, '9999999999999999999999999999999999999999999999999999999999999999', 'Gone', '', NULL, NULL, 1772359200.125, NULL, NULL, NULL, 1772459200.0);
INSERT INTO memory_graph (source_hash, target_hash, similarity, connection_types, metadata, created_at, relationship_type) VALUES
  ('1111111111111111111111111111111111111111111111111111111111111111', '2222222222222222222222222222222222222222222222222222222222222222', 0.75, '["semantic"]', '{}', 1772359400.5, 'supports');
INSERT INTO beliefs (belief_hash, content, created_at, updated_at) VALUES ('b', 'tea is good', '2026-03-01T10:00:00Z', '2026-03-01T10:00:00Z');
