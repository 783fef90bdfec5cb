INSERT INTO users (id, username, email, password_hash, is_active, created_at, updated_at) VALUES (1, 'ada', 'ada@example.org', '$2b$12$hash', 1, '2025-09-10 08:00:00.000001', '2025-09-10 08:00:00.000001');
INSERT INTO recording_contexts (id, name, owner_id, visibility, is_active, created_at, updated_at) VALUES (1, 'work', 1, 'private', 1, '2025-09-10 08:00:00.000000', '2025-09-10 08:00:00.000000'), (3, 'home', NULL, 'public', 0, NULL, NULL);
INSERT INTO memories (id, user_id, context, type, source, data, created_at, updated_at) VALUES
  (1, NULL, 'work', 'command', 'shell', '{"command": "ls -la", "output": "total 0\n"}', '2025-09-10 08:00:01.000000', '2025-09-10 08:00:01.000000'),
  (2, 1, 'work', 'test', 'cli', '{"message": "it caf\u00e9 works", "context": "work"}', '2025-09-10 08:00:02.123456', '2025-09-11 08:00:02.123456'),
  (73, 1, 'nowhere', 'command_execution', 'zsh_session', '{"command": "false", "exit_code": 1, "pwd": "/tmp"}', NULL, NULL);
