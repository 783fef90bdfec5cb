package vectors

import "strings"

// badManifest are faults of the manifest and of its schema. FORMAT.md sections
// 1, 4 and 9.
func badManifest(s *set) {
	raw := func(class, name, comment string, rewrite func(string) string) {
		a := three("ndjson")
		a.manifestText = rewrite
		s.bad(class, "manifest-"+name, comment, 0, a)
	}
	add := func(class, name, comment, members string) {
		raw(class, name, comment, func(t string) string { return t[:len(t)-1] + "," + members + "}" })
	}
	raw("manifest", "empty", "No JSON.", func(string) string { return "" })
	raw("manifest", "array", "An array.", func(t string) string { return "[" + t + "]" })
	raw("manifest", "cut", "JSON that is cut short.", func(t string) string { return t[:len(t)-1] })
	raw("manifest", "twice", "Two JSON values.", func(t string) string { return t + "{}" })
	raw("manifest", "bom", "A byte order mark.", func(t string) string { return "\xef\xbb\xbf" + t })
	raw("manifest", "space", "White space that JSON does not know.", func(t string) string { return t + "\v" })
	raw("manifest", "comma", "A comma before the closing brace.", func(t string) string { return t[:len(t)-1] + ",}" })
	add("manifest", "utf8", "A string that is not UTF-8.", `"x":"`+"\xff\"")
	add("manifest", "surrogate", "An escape of a lone surrogate.", `"x":"\ud800"`)
	add("manifest", "surrogate-name", "An escape of a lone surrogate in a name.", `"\udc00":1`)
	add("manifest", "nan", "A number that JSON does not know.", `"x":NaN`)
	add("manifest", "zero-number", "A number that begins with a zero.", `"x":01`)
	add("manifest", "control", "A control character in a string.", "\"x\":\"\n\"")
	add("manifest", "duplicate", "A member that stands twice.", `"writer":"x"`)
	add("manifest", "duplicate-escaped", "A member that stands twice, once with an escape.", `"a":1,"\u0061":2`)
	add("manifest", "duplicate-inside", "A member that stands twice in an unknown object.", `"x":{"y":[{"z":1,"z":1}]}`)
	add("limit", "nesting", "JSON that is nested 65 deep.", `"x":`+strings.Repeat("[", 64)+strings.Repeat("]", 64))
	add("limit", "nesting-deep", "JSON that is nested 2001 deep.", `"x":`+strings.Repeat("[", 2000)+strings.Repeat("]", 2000))
	add("manifest", "created-null", "null for a member that is absent.", `"created":null`)
	add("manifest", "created-number", "A time that is a number.", `"created":1`)
	add("manifest", "options-number", "An option that is not a string.", `"options":{"a":1}`)
	add("manifest", "spaces-object", "Spaces that are no array.", `"spaces":{}`)
	add("manifest", "dimension", "An integer with a fraction.", `"spaces":[{"id":"a","dimension":3.0}]`)
	add("manifest", "dimension-exponent", "An integer with an exponent.", `"spaces":[{"id":"a","dimension":3e0}]`)
	add("manifest", "origin", "An origin that is no object.", `"origin":[]`)

	change := func(class, name, comment string, f func(m, section map[string]any)) {
		a := three("ndjson")
		a.manifest = func(m map[string]any) { f(m, m["sections"].([]any)[0].(map[string]any)) }
		s.bad(class, "manifest-"+name, comment, 0, a)
	}
	for _, member := range []string{"writer", "encoding", "source", "sections"} {
		change("manifest", "no-"+member, "A manifest without "+member+".", func(m, _ map[string]any) { delete(m, member) })
		change("manifest", "null-"+member, "null for "+member+".", func(m, _ map[string]any) { m[member] = nil })
	}
	for _, member := range []string{"name", "key", "fields"} {
		change("manifest", "section-no-"+member, "A section without "+member+".", func(_, s map[string]any) { delete(s, member) })
		change("manifest", "section-null-"+member, "A section with null for "+member+".", func(_, s map[string]any) { s[member] = nil })
	}
	change("manifest", "encoding-unknown", "An unknown encoding.", func(m, _ map[string]any) { m["encoding"] = "csv" })
	change("manifest", "encoding-number", "An encoding that is a number.", func(m, _ map[string]any) { m["encoding"] = 1 })
	change("manifest", "section-null", "A section that is null.", func(m, _ map[string]any) { m["sections"] = []any{nil} })
	change("manifest", "section-twice", "A section that stands twice.", func(m, s map[string]any) { m["sections"] = []any{s, s} })
	for name, bad := range map[string]string{"empty": "", "nul": "a\x00b"} {
		change("manifest", "section-name-"+name, "A section name that is none: "+name+".", func(_, s map[string]any) { s["name"] = bad })
		change("manifest", "field-name-"+name, "A field name that is none: "+name+".", func(_, s map[string]any) {
			s["fields"] = append(s["fields"].([]any), map[string]any{"name": bad, "type": "int"})
		})
	}
	more := func(fields ...any) func(_, s map[string]any) {
		return func(_, s map[string]any) { s["fields"] = append(s["fields"].([]any), fields...) }
	}
	one := func(name, kind string) map[string]any { return map[string]any{"name": name, "type": kind} }
	change("limit", "section-name-long", "A section name of 1025 bytes.", func(_, s map[string]any) { s["name"] = strings.Repeat("s", 1025) })
	change("limit", "field-name-long", "A field name of 1025 bytes.", more(one(strings.Repeat("é", 512)+"e", "int")))
	change("manifest", "field-twice", "A field that stands twice.", more(one("k", "text")))
	change("manifest", "field-section", "A field with the name $section.", more(one("$section", "text")))
	change("manifest", "field-plane", "A field with the name of a vector's column.", more(one("v.3", "bytes"), one("v", "vector")))
	change("manifest", "field-type", "An unknown type.", more(one("x", "decimal")))
	change("manifest", "field-type-null", "The type null, which only values have.", more(one("x", "null")))
	change("manifest", "field-no-type", "A field without type.", more(map[string]any{"name": "x"}))
	change("manifest", "field-note", "A note that is no string.", more(map[string]any{"name": "x", "type": "int", "note": 1}))
	change("manifest", "key-unknown", "A key with a field that the section does not have.", func(_, s map[string]any) { s["key"] = []any{"x"} })
	change("manifest", "key-twice", "A key that names a field twice.", func(_, s map[string]any) { s["key"] = []any{"k", "k"} })
}
