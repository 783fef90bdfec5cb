package memorygraph

import (
	"math"
	"strings"
	"testing"

	"github.com/memarc/memarc/format"
)

func record(pairs ...any) fields {
	all := map[string]format.Value{}
	for i := 0; i < len(pairs); i += 2 {
		v, ok := pairs[i+1].(format.Value)
		if !ok {
			v = format.TextValue(pairs[i+1].(string))
		}
		all[pairs[i].(string)] = v
	}
	return func(name string) format.Value { return all[name] }
}

func at(ns int64) format.Value { return format.Value{Type: format.Time, Cell: uint64(ns)} }

func listOf(items ...string) format.Value {
	v := format.Value{Type: format.List}
	for _, s := range items {
		v.List = append(v.List, []byte(s))
	}
	return v
}

func document(s string) format.Value { return format.Value{Type: format.JSON, Bytes: []byte(s)} }

func TestMake(t *testing.T) {
	const null = "NULL"
	long := strings.Repeat("ä", 300)
	for _, c := range []struct {
		name string
		make maker
		from fields
		want string
	}{
		{"title kept", makeTitle, record("title", " T\x00 "), " T\x00 "},
		{"title too long", makeTitle, record("title", long), strings.Repeat("ä", 200)},
		{"title of spaces", makeTitle, record("title", " \n\u00a0", "content", "\n one \ntwo"), "one"},
		{"title of a long line", makeTitle, record("content", long), strings.Repeat("ä", 80)},
		{"title of nothing", makeTitle, record(), "memorygraph"},
		{"content kept", makeContent, record("content", " c\n"), " c\n"},
		{"content of nothing", makeContent, record("content", " ", "id", "1"), "1"},
		{"content of summary", makeContent, record("summary", "s", "title", "t"), "s"},
		{"summary", makeSummary, record("summary", strings.Repeat("ä", 501)), strings.Repeat("ä", 500)},
		{"no summary", makeSummary, record("summary", ""), null},
		{"kind", makeKind, record("kind", "Solution"), "solution"},
		{"other kind", makeKind, record("kind", "decision"), "general"},
		{"relation", makeRelation, record("type", "depends-on"), "DEPENDS_ON"},
		{"other relation", makeRelation, record("type", "semantic"), "RELATED_TO"},
		{"tags", makeTags(list), record("tags", listOf("Go", " ", "Ü b ", "\x00")), `["go", "\u00fc b", "\u0000"]`},
		{"no tags", makeTags(list), record(), `[]`},
		{"micros", moment("a"), record("a", at(1_770_891_072_123_456_789)), "2026-02-12T10:11:12.123456+00:00"},
		{"seconds", moment("a"), record("a", at(1_770_891_072_000_000_123)), "2026-02-12T10:11:12+00:00"},
		{"before 1970", moment("a"), record("a", at(-1)), "1969-12-31T23:59:59.999999+00:00"},
		{"the first time", moment("a"), record("a", at(math.MinInt64)), "1677-09-21T00:12:43.145225+00:00"},
		{"the last time", moment("a"), record("a", at(math.MaxInt64)), "2262-04-11T23:47:16.854775+00:00"},
		{"another time", moment("a", "b", epoch), record("b", at(0)), "1970-01-01T00:00:00+00:00"},
		{"no time", moment("a"), record(), null},
		{"epoch", moment("a", epoch), record(), "1970-01-01T00:00:00+00:00"},
		{"row time", second("a"), record("a", at(1_770_891_072_999_999_999)), "2026-02-12 10:11:12"},
		{"row time before 1970", second("a"), record("a", at(-1)), "1969-12-31 23:59:59"},
		{"project", plain("project"), record("project", "[work"), "[work"},
		{"project like JSON", plain("project"), record("project", "[1]"), null},
		{"no context", inContext(empty), record("title", "t"), null},
		{"context", inContext(empty), record("session", "s"), "[]"},
		{"visibility", makeVisibility, record("visibility", "Private"), "private"},
		{"group", makeVisibility, record("visibility", "group"), "team"},
		{"other visibility", makeVisibility, record("visibility", "x"), "project"},
		{"metadata", makeMetadata, record("metadata", document(`{"a":1}`)), `{"a":1}`},
		{"no object", makeMetadata, record("metadata", document(`[1]`)), `{}`},
		{"null", makeMetadata, record("metadata", document(`null`)), `{}`},
		{"edge", makeEdgeID, record("id", "e"), "e"},
		{"nameless edge", makeEdgeID, record("source_id", "a", "target_id", "b", "type", "c"), ""},
	} {
		got := null
		if v := c.make(c.from); v.Type != format.Null {
			got = string(v.Bytes)
		}
		if c.name == "nameless edge" {
			if len(got) != 36 || got[14] != '5' || strings.IndexByte("89ab", got[19]) < 0 || got != string(c.make(c.from).Bytes) ||
				got == string(makeEdgeID(record("source_id", "b", "target_id", "a", "type", "c")).Bytes) {
				t.Errorf("%s: %s", c.name, got)
			}
			continue
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for from, want := range map[float64]float64{0.25: 0.25, 7: 1, -1: 0, math.Inf(1): 1, math.NaN(): 0.5} {
		if got := share("importance", 0.5)(record("importance", format.FloatValue(from))); math.Float64frombits(got.Cell) != want {
			t.Errorf("importance %v becomes %v", from, math.Float64frombits(got.Cell))
		}
	}
	for from, want := range map[int64]int64{5: 5, -1: 0} {
		if got := makeCount(record("access_count", format.IntValue(from))); int64(got.Cell) != want {
			t.Errorf("%d becomes %d", from, int64(got.Cell))
		}
	}
}
