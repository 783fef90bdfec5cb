INSERT INTO history (id, memory_id, old_memory, new_memory, event, created_at, updated_at, is_deleted, actor_id, role) VALUES
  ('h1', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', NULL, 'Likes tea', 'ADD', '2026-03-01T10:00:00.123456+00:00', NULL, 0, NULL, NULL),
  ('h2', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'Likes tea', NULL, 'DELETE', NULL, '2026-03-02T10:00:00.123456-07:00', 1, 'ada', 'user');
