INSERT INTO store (prefix, key, value, created_at, updated_at, expires_at, ttl_minutes) VALUES
  ('users.ada.memories', 'k1', CAST('{"kind":"Memory","content":{"content":"likes tea"}}' AS BLOB), '2026-03-01 10:00:00', '2026-03-01 10:00:01', NULL, NULL),
  ('users.ada.memories', 'k/2%', CAST('{"content":"ä line\nand another","score":1.5,"tags":["a"]}' AS BLOB), '2026-03-01 10:00:00', '2026-03-01 10:00:00', '2027-03-01 10:00:00.500000+00:00', 90.5),
  ('', 'root', CAST('{"x":[1,2,{"y":null}]}' AS BLOB), '2026-03-02 10:00:00', '2026-03-02 10:00:00', NULL, NULL);
