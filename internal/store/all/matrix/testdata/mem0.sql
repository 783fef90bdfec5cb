INSERT INTO vectors (id, vector, payload) VALUES
  ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', x'0000803f000000400000404000008040', '{"data":"Likes tea","textLemmatized":"like tea","hash":"0c3ba6cd2ed0d8e3bd8c9b7c0a2a9a11","createdAt":"2026-03-01T10:00:00.123Z","updatedAt":"2026-03-01T10:00:00.123Z","user_id":"ada"}'),
  ('b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', x'0000803f0000004000004040000080bf', '{"category":"naïve","score":1.5,"data":"Two\nlines","hash":"h","createdAt":"2026-03-01T10:00:00.123Z","agent_id":"bot"}');
