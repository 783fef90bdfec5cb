package vectors

import (
	"encoding/hex"
	"slices"
)

// The state before the incremental vectors is a, b, c of the section small, and d twice
// of a section without a key; behind them a is as it was, b is changed, c and one d are
// gone, and e has come. FORMAT.md section 12.
var keyless = section{"bag", nil, fields("x", "int")}

func tombstones(name string, of section) section {
	t := section{name, of.key, nil}
	for _, k := range of.key {
		t.fields = append(t.fields, field{k, of.fields[slices.IndexFunc(of.fields, func(f field) bool { return f.name == k })].kind})
	}
	t.fields = append(t.fields, field{"$leaf", "bytes"})
	return t
}

// tomb is the tombstone of a record.
func tomb(of *section, r row, key ...value) row {
	leaf := sha([]byte{0}, of.record(r))
	return append(append(row{}, key...), blob(string(leaf[:])))
}

// state is what sections hold, as base and result list it.
func state(of map[string][]row, sections ...section) map[string]any {
	listed, digests := []any{}, []byte{3}
	slices.SortFunc(sections, func(a, b section) int { return map[bool]int{true: -1, false: 1}[a.name < b.name] })
	for _, s := range sections {
		if len(of[s.name]) == 0 {
			continue
		}
		digest := s.digest(of[s.name])
		digests = append(digests, digest[:]...)
		listed = append(listed, map[string]any{"name": s.name, "records": len(of[s.name]), "digest": hex.EncodeToString(digest[:])})
	}
	content := sha(digests)
	return map[string]any{"content": hex.EncodeToString(content[:]), "sections": listed}
}

// incremental is the model; change is a fault in the manifest.
func incremental(encoding string, change func(m map[string]any)) archive {
	deleted, replaced, bag := tombstones("deleted:s", small), tombstones("replaced:s", small), tombstones("deleted:bag", keyless)
	d := row{integer(7)}
	base := state(map[string][]row{"s": {pair("a", 1), pair("b", 2), pair("c", 3)}, "bag": {d, d}}, small, keyless)
	root := sha([]byte("the base"))
	base["root"] = hex.EncodeToString(root[:])
	result := state(map[string][]row{"s": {pair("a", 1), pair("b", 20), pair("e", 5)}, "bag": {d}}, small, keyless)
	return archive{encoding: encoding, sections: []section{small, keyless, deleted, replaced, bag}, guide: func(g *guide) { g.incompatible = 1 },
		manifest: func(m map[string]any) {
			m["base"], m["result"] = base, result
			for i, member := range []string{2: "deletes", 3: "replaces", 4: "deletes"} {
				if member != "" {
					m["sections"].([]any)[i].(map[string]any)[member] = []string{2: "s", 3: "s", 4: "bag"}[i]
				}
			}
			if change != nil {
				change(m)
			}
		},
		chunks: []chunk{
			{section: "deleted:s", rows: []row{tomb(&small, pair("c", 3), text("c"))}},
			{section: "replaced:s", rows: []row{tomb(&small, pair("b", 2), text("b"))}},
			{section: "deleted:bag", rows: []row{tomb(&keyless, d)}},
			{section: "s", rows: []row{pair("b", 20), pair("e", 5)}},
		}}
}

// increments are incremental archives, good ones and bad.
func increments(s *set) {
	for _, encoding := range []string{"arrow", "ndjson"} {
		s.ok("increment-"+encoding, "An incremental archive with records deleted, replaced and added.", incremental(encoding, nil))
	}
	none := incremental("ndjson", func(m map[string]any) {
		m["result"] = map[string]any{"content": m["base"].(map[string]any)["content"], "sections": m["base"].(map[string]any)["sections"]}
	})
	none.chunks = nil
	s.ok("increment-empty", "An incremental archive in which nothing has changed.", none)

	bad := func(name, comment string, change func(m, section map[string]any)) {
		s.bad("manifest", "increment-"+name, comment, 0, incremental("ndjson", func(m map[string]any) { change(m, m["sections"].([]any)[2].(map[string]any)) }))
	}
	part := func(m map[string]any, name string) map[string]any { return m[name].(map[string]any) }
	unflagged := incremental("ndjson", nil)
	unflagged.guide = nil
	s.bad("manifest", "increment-no-flag", "A base without the flag.", 0, unflagged)
	flagged := three("ndjson")
	flagged.guide = func(g *guide) { g.incompatible = 1 }
	s.bad("manifest", "increment-no-base", "The flag without a base.", 0, flagged)
	bad("no-result", "No result.", func(m, _ map[string]any) { delete(m, "result") })
	bad("no-root", "A base without its file root.", func(m, _ map[string]any) { delete(part(m, "base"), "root") })
	bad("no-content", "A base without its content digest.", func(m, _ map[string]any) { delete(part(m, "base"), "content") })
	bad("no-sections", "A result without sections.", func(m, _ map[string]any) { delete(part(m, "result"), "sections") })
	bad("content", "A result whose content digest is another.", func(m, _ map[string]any) { part(m, "result")["content"] = part(m, "base")["content"] })
	bad("order", "A base whose sections do not ascend.", func(m, _ map[string]any) { slices.Reverse(part(m, "base")["sections"].([]any)) })
	bad("unknown", "Tombstones of a section that the base does not have.", func(_, s map[string]any) { s["deletes"] = "nobody" })
	bad("twice", "Two sections of tombstones of one section.", func(m, s map[string]any) { m["sections"].([]any)[4].(map[string]any)["deletes"] = "s" })
	bad("both", "A section that deletes and replaces.", func(_, s map[string]any) { s["replaces"] = "s" })
	bad("field", "Tombstones with a field more.", func(_, s map[string]any) {
		s["fields"] = append(s["fields"].([]any), map[string]any{"name": "z", "type": "bytes"})
	})
	bad("leaf-type", "Tombstones whose leaf is a text.", func(_, s map[string]any) { s["fields"].([]any)[1].(map[string]any)["type"] = "text" })
	bad("key", "Tombstones that are replaced under another key.", func(m, _ map[string]any) {
		m["sections"].([]any)[3].(map[string]any)["fields"].([]any)[0].(map[string]any)["type"] = "int"
	})
	bad("result-unknown", "A result with a section that the archive does not have.", func(m, _ map[string]any) {
		m["sections"] = append(m["sections"].([]any)[:1:1], m["sections"].([]any)[2:4]...)
	})

	late := incremental("ndjson", nil)
	late.chunks = append(late.chunks[3:4:4], late.chunks[:3]...)
	s.bad("header", "increment-late", "Tombstones behind records.", 1, late)
	short := incremental("ndjson", nil)
	short.chunks[0].rows = []row{{text("c"), blob("short")}}
	s.bad("record", "increment-leaf", "A tombstone whose leaf has 5 bytes.", 0, short)
	null := incremental("arrow", nil)
	null.chunks[0].rows = []row{{text("c"), nil}}
	s.bad("record", "increment-leaf-null", "A tombstone without a leaf.", 0, null)
	many := incremental("ndjson", nil)
	many.chunks[2].rows = slices.Repeat(many.chunks[2].rows, 3)
	s.bad("end", "increment-count", "More tombstones than the base has records.", 4, many)
	fewer := incremental("ndjson", nil)
	fewer.chunks = fewer.chunks[1:]
	s.bad("end", "increment-fewer", "A tombstone less than the result needs.", 3, fewer)
	unfollowed := incremental("ndjson", nil)
	unfollowed.chunks[1].rows[0][0] = text("x")
	s.bad("end", "increment-unfollowed", "A record that is replaced, without a next version.", 4, unfollowed)
}
