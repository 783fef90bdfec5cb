package vectors

import "strings"

// badLines are faults of NDJSON chunks. FORMAT.md section 6.2.
func badLines(s *set) {
	whole := func(class, name, comment, data string) {
		a := three("ndjson")
		a.chunks[1].rows = []row{pair("c", 3)}
		a.chunks[1].data = []byte(data)
		s.bad(class, "ndjson-"+name, comment, 1, a)
	}
	whole("ndjson", "no-newline", "No newline at the end.", `{"$section":"s","k":"c","n":3}`)
	whole("ndjson", "empty-line", "An empty line.", "\n")
	whole("ndjson", "empty-line-behind", "An empty line behind the record.", `{"$section":"s","k":"c","n":3}`+"\n\n")
	whole("ndjson", "two-lines", "More lines than records.", strings.Repeat(`{"$section":"s","k":"c","n":3}`+"\n", 2))
	whole("ndjson", "broken-line", "A record on two lines.", "{\"$section\":\"s\",\n\"k\":\"c\",\"n\":3}\n")
	whole("ndjson", "two-values", "Two objects in a line.", `{"$section":"s"}{"$section":"s"}`+"\n")
	whole("ndjson", "array", "A line that is an array.", "[]\n")
	whole("ndjson", "no-section", "No section.", `{"k":"c","n":3}`+"\n")
	whole("ndjson", "empty-object", "An object without members.", "{}\n")
	whole("ndjson", "section-later", "The section is not the first member.", `{"k":"c","$section":"s","n":3}`+"\n")
	whole("ndjson", "section-other", "Another section.", `{"$section":"t","k":"c","n":3}`+"\n")
	whole("ndjson", "section-twice", "The section stands twice.", `{"$section":"s","$section":"s","k":"c","n":3}`+"\n")
	whole("ndjson", "unknown-member", "An unknown member.", `{"$section":"s","k":"c","n":3,"x":1}`+"\n")
	whole("ndjson", "member-case", "A member in another case.", `{"$section":"s","K":"c","n":3}`+"\n")
	whole("ndjson", "duplicate", "A member that stands twice.", `{"$section":"s","k":"c","k":"c","n":3}`+"\n")
	whole("ndjson", "duplicate-escaped", "A member that stands twice, once with an escape.", `{"$section":"s","k":"c","\u006b":"c","n":3}`+"\n")
	whole("ndjson", "order", "Members in another order than the manifest.", `{"$section":"s","n":3,"k":"c"}`+"\n")
	whole("ndjson", "utf8", "A line that is not UTF-8.", "{\"$section\":\"s\",\"k\":\"\xff\",\"n\":3}\n")
	whole("ndjson", "bom", "A byte order mark.", "\xef\xbb\xbf"+`{"$section":"s","k":"c","n":3}`+"\n")
	whole("ndjson", "surrogate", "An escape of a lone surrogate.", `{"$section":"s","k":"\ud83dx","n":3}`+"\n")
	whole("ndjson", "comma", "A comma behind the last member.", `{"$section":"s","k":"c","n":3,}`+"\n")
	whole("ndjson", "space", "White space that JSON does not know.", "{\"$section\":\"s\",\"k\":\"c\",\"n\":3}\f\n")
	whole("ndjson", "cut", "An object that is cut short.", `{"$section":"s","k":"c","n":3`+"\n")
	whole("limit", "nesting", "JSON that is nested 66 deep.", `{"$section":"s","k":`+deepArray(65)+"}\n")

	values := map[string]map[string]string{
		"text":   {"number": `1`, "null": `null`, "object": `{"t":"/w=="}`},
		"json":   {"object": `{}`, "cut": `"{"`, "empty": `""`, "number": `1`},
		"bytes":  {"string": `"AA=="`, "no-padding": `{"b":"AA"}`, "bits": `{"b":"AB=="}`, "url": `{"b":"_w=="}`, "newline": `{"b":"AA==\n"}`, "two": `{"b":"","c":1}`, "other": `{"t":"/w=="}`, "empty": `{}`},
		"int":    {"fraction": `1.0`, "exponent": `1e2`, "minus-zero": `-0`, "max": `9223372036854775808`, "min": `-9223372036854775809`, "string": `"1"`, "bool": `true`, "zero": `01`, "plus": `+1`},
		"float":  {"string": `"1"`, "infinity": `1e309`, "finite-hex": `{"f":"3ff0000000000000"}`, "upper-hex": `{"f":"7FF8000000000000"}`, "short-hex": `{"f":"7ff800000000000"}`, "number-inside": `{"f":1.5}`, "nan": `NaN`, "point": `1.`, "hex": `{"f":"0x7ff80000000000"}`},
		"bool":   {"number": `1`, "string": `"true"`},
		"time":   {"no-zone": `"2026-01-02T03:04:05"`, "offset": `"2026-01-02T03:04:05+00:00"`, "trailing-zero": `"2026-01-02T03:04:05.50Z"`, "zero-fraction": `"2026-01-02T03:04:05.0Z"`, "empty-fraction": `"2026-01-02T03:04:05.Z"`, "ten-digits": `"2026-01-02T03:04:05.0000000001Z"`, "long-fraction": `"2026-01-02T03:04:05.100000000000000000000000000000000000000000000000000Z"`, "comma": `"2026-01-02T03:04:05,5Z"`, "lower-t": `"2026-01-02t03:04:05Z"`, "lower-z": `"2026-01-02T03:04:05z"`, "leap-second": `"2016-12-31T23:59:60Z"`, "february": `"2026-02-29T00:00:00Z"`, "hour": `"2026-01-02T24:00:00Z"`, "short-hour": `"2026-01-02T3:04:05Z"`, "late": `"2262-04-11T23:47:16.854775808Z"`, "early": `"1677-09-21T00:12:43.145224191Z"`, "year-5": `"10000-01-01T00:00:00Z"`, "number": `0`},
		"list":   {"number": `[1]`, "null": `[null]`, "object": `{}`, "string": `"a"`, "nested": `[["a"]]`},
		"vector": {"array": `[1]`, "odd": `"AAA="`, "no-padding": `"AAAAAA"`, "object": `{"v":""}`},
		"any": {"null": `null`, "float": `1.5`, "exponent": `1e2`, "minus-zero": `-0`, "empty": `{}`, "utf8": `{"t":"QQ=="}`, "finite-hex": `{"f":"3ff0000000000000"}`, "infinity": `{"f":1e309}`, "unknown": `{"x":1}`, "two": `{"b":"","f":1}`,
			"array": `[]`, "list": `{"l":[1]}`, "json": `{"j":"}"}`, "time": `{"d":"2026-01-02T03:04:05.50Z"}`, "vector": `{"v":"AAA="}`, "map": `{"m":{"a":1}}`, "int-max": `9223372036854775808`},
		"map": {"empty": `{}`, "null": `null`, "name-empty": `{"":1}`, "name-nul": `{"a\u0000":1}`, "inside": `{"a":{"m":{"b":1}}}`, "twice": `{"a":1,"\u0061":1}`, "name-long": `{"` + strings.Repeat("n", 1025) + `":1}`, "array": `[]`},
	}
	grammar := map[string]bool{"int-zero": true, "int-plus": true, "float-nan": true, "float-point": true, "map-twice": true}
	for kind, forms := range values {
		for name, written := range forms {
			class := "record"
			if grammar[kind+"-"+name] {
				class = "ndjson"
			}
			a := form(kind, written, nil)
			if len(written) > 80 {
				written = written[:80] + "…"
			}
			s.bad(class, "form-"+kind+"-"+name, "A "+kind+" may not be written as "+written+".", 1, a)
		}
	}
}
