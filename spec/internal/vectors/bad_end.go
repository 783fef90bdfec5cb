package vectors

import "strings"

// badEnd are faults of the end block and of the trailer. FORMAT.md section 7.
func badEnd(s *set) {
	zeros := strings.Repeat("0", 64)
	change := func(name, comment string, f func(end map[string]any)) {
		a := three("arrow")
		a.end = f
		s.bad("end", "end-"+name, comment, 3, a)
	}
	for _, member := range []string{"complete", "records", "sections", "content", "losses", "index"} {
		change("no-"+member, "An end block without "+member+".", func(end map[string]any) { delete(end, member) })
		change("null-"+member, "null for "+member+".", func(end map[string]any) { end[member] = nil })
	}
	change("incomplete", "An end block that does not say complete.", func(end map[string]any) { end["complete"] = false })
	change("complete-number", "complete is a number.", func(end map[string]any) { end["complete"] = 1 })
	change("records", "Another number of records.", func(end map[string]any) { end["records"] = 6 })
	change("records-string", "A number of records that is a string.", func(end map[string]any) { end["records"] = "5" })
	change("content", "Another content digest.", func(end map[string]any) { end["content"] = zeros })
	change("content-upper", "A content digest in upper case.", func(end map[string]any) { end["content"] = strings.ToUpper(end["content"].(string)) })
	change("sections-none", "No section.", func(end map[string]any) { end["sections"] = []any{} })
	change("sections-twice", "A section that stands twice.", func(end map[string]any) {
		end["sections"] = append(end["sections"].([]any), end["sections"].([]any)[0])
	})
	for name, v := range map[string]any{"name": "t", "records": 4, "digest": zeros} {
		change("section-"+name, "A section with another "+name+".", func(end map[string]any) { end["sections"].([]any)[0].(map[string]any)[name] = v })
		change("section-no-"+name, "A section without "+name+".", func(end map[string]any) { delete(end["sections"].([]any)[0].(map[string]any), name) })
	}
	change("index-none", "No index.", func(end map[string]any) { end["index"] = []any{} })
	change("index-short", "An index without the last chunk.", func(end map[string]any) { end["index"] = end["index"].([]any)[:2] })
	change("index-order", "An index in another order.", func(end map[string]any) {
		index := end["index"].([]any)
		index[0], index[1] = index[1], index[0]
	})
	for i, name := range []string{"section", "sequence", "records", "offset", "length", "check"} {
		change("index-"+name, "An index entry with another "+name+".", func(end map[string]any) {
			end["index"].([]any)[1].([]any)[i] = []any{"t", 7, 7, 7, 7, zeros}[i]
		})
		change("index-null-"+name, "An index entry with null for its "+name+".", func(end map[string]any) { end["index"].([]any)[0].([]any)[i] = nil })
	}
	change("index-five", "An index entry of five.", func(end map[string]any) { end["index"].([]any)[0] = end["index"].([]any)[0].([]any)[:5] })
	change("index-seven", "An index entry of seven.", func(end map[string]any) { end["index"].([]any)[0] = append(end["index"].([]any)[0].([]any), 1) })
	change("losses-object", "A loss ledger that is no array.", func(end map[string]any) { end["losses"] = map[string]any{} })
	change("losses-number", "A loss that is a number.", func(end map[string]any) { end["losses"] = []any{1} })
	change("losses-count", "A loss with a count that is a string.", func(end map[string]any) { end["losses"] = []any{map[string]any{"count": "1"}} })
	raw := func(class, name, comment string, rewrite func(string) string) {
		a := three("arrow")
		a.endText = rewrite
		s.bad(class, "end-"+name, comment, 3, a)
	}
	raw("end", "records-fraction", "A number of records with a fraction.", func(t string) string { return strings.Replace(t, `"records":5`, `"records":5.0`, 1) })
	raw("end", "records-exponent", "A number of records with an exponent.", func(t string) string { return strings.Replace(t, `"records":5`, `"records":5e0`, 1) })
	raw("end", "duplicate", "A member that stands twice.", func(t string) string { return t[:len(t)-1] + `,"complete":true}` })
	raw("end", "array", "An array.", func(t string) string { return "[" + t + "]" })
	raw("end", "cut", "JSON that is cut short.", func(t string) string { return t[:len(t)-1] })
	raw("end", "twice", "Two JSON values.", func(t string) string { return t + "{}" })
	raw("end", "surrogate", "An escape of a lone surrogate.", func(t string) string { return t[:len(t)-1] + `,"x":"\udfff"}` })
	raw("limit", "nesting", "JSON that is nested 65 deep.", func(t string) string { return t[:len(t)-1] + `,"x":` + deepArray(64) + "}" })

	a := one("ndjson", "int", integer(1))
	a.end = func(end map[string]any) {
		sections := end["sections"].([]any)
		sections[0], sections[1] = sections[1], sections[0]
	}
	s.bad("end", "end-sections-order", "Sections that do not ascend.", 2, a)
	a = three("ndjson")
	a.sections = append(a.sections, section{"t", nil, nil})
	a.end = func(end map[string]any) {
		end["sections"] = append(end["sections"].([]any), map[string]any{"name": "t", "records": 0, "digest": zeros})
	}
	s.bad("end", "end-section-empty", "A section without records.", 3, a)
	a = archive{encoding: "ndjson", sections: []section{small}, end: func(end map[string]any) { end["content"] = zeros }}
	s.bad("end", "end-content-empty", "An archive without records whose content digest is not SHA-256(03).", 0, a)
	a = archive{encoding: "ndjson", sections: []section{small}, end: func(end map[string]any) { delete(end, "records") }}
	s.bad("end", "end-no-records-empty", "An archive without records whose end block does not count them.", 0, a)

	for name, at := range map[string]int{"frame-magic": 0, "length": 4, "offset": 8, "root": 16, "magic": 55} {
		a := three("ndjson")
		a.trailer = func(frame []byte) []byte {
			frame = cat(frame)
			frame[at] ^= 1
			return frame
		}
		s.bad("trailer", "trailer-"+name, "A trailer with another "+name+".", 3, a)
	}
	a = three("ndjson")
	a.trailer = func(frame []byte) []byte { return skippable(append(cat(frame[8:]), 0)) }
	s.bad("trailer", "trailer-long", "A trailer with a byte more.", 3, a)
}
