INSERT INTO sdk_sessions (id, content_session_id, memory_session_id, project, user_prompt, started_at, started_at_epoch, status) VALUES
  (1, 'c-1', 'm-1', 'memarc', 'why is it slow?', '2026-03-01T10:00:00.123Z', 1772359200123, 'completed'),
  (7, 'c-2', 'm-2', 'päckchen', NULL, '2026-03-02T10:00:00.000Z', 1772445600000, 'active');
INSERT INTO observations (id, memory_session_id, project, text, type, title, subtitle, facts, narrative, concepts, files_read, files_modified, prompt_number, created_at, created_at_epoch, content_hash, metadata) VALUES
  (1, 'm-1', 'memarc', NULL, 'bugfix', 'A title', 'sub', '["one","two"]', 'It was' || char(10) || 'the index.', '["how-it-works","gotcha"]', '["a.go"]', '[]', 1, '2026-03-01T10:00:00.123Z', 1772359200123, 'a1b2c3d4e5f60718', '{"a": 1.50}'),
  (2, 'm-1', 'memarc', 'only text', 'free word', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-03-01T10:00:01.000Z', 1772359201000, NULL, NULL),
  (40, 'm-2', 'päckchen', '', 'discovery', 'Naïve 🧠 "quotes"', '', '[]', '', '[]', 'no json', NULL, 0, '2026-03-02T10:00:00.000Z', 1772445600000, 'ffffffffffffffff', '{}');
INSERT INTO session_summaries (memory_session_id, project, request, learned, created_at, created_at_epoch) VALUES ('m-1', 'memarc', 'speed', 'indexes help', '2026-03-01T11:00:00.000Z', 1772362800000);
INSERT INTO user_prompts (session_db_id, content_session_id, prompt_number, prompt_text, created_at, created_at_epoch) VALUES (1, 'c-1', 1, 'why is it slow?', '2026-03-01T10:00:00.123Z', 1772359200123);
