package aimemory

import (
	"math"
	"strings"
	"testing"

	"github.com/memarc/memarc/format"
)

// record gives the fields of a record of another product.
func record(all map[string]format.Value) fields {
	return func(name string) format.Value { return all[name] }
}

func texts(pairs ...string) fields {
	all := map[string]format.Value{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = format.TextValue(pairs[i+1])
	}
	return record(all)
}

func TestMake(t *testing.T) {
	long := strings.Repeat("ä", 100)
	for _, c := range []struct {
		name string
		make func(fields) format.Value
		from fields
		want string
	}{
		{"title kept", makeTitle, texts("title", "T", "content", "c", "id", "1"), "T"},
		{"title with controls", makeTitle, texts("title", "a\x00\nb"), "ab"},
		{"title too long", makeTitle, texts("title", strings.Repeat("ä", 600)), strings.Repeat("ä", 512)},
		{"first line", makeTitle, texts("content", "\n \x00 one\ttwo \nthree", "id", "1"), "one two · 6b86b273ff34"},
		{"summary", makeTitle, texts("summary", "s", "id", "2"), "s · d4735e3a265e"},
		{"shortened", makeTitle, texts("content", long, "id", "1"), strings.Repeat("ä", 80) + " · 6b86b273ff34"},
		{"no line", makeTitle, texts("content", "\n\n", "id", "1"), "6b86b273ff34"},
		{"nothing", makeTitle, texts(), "e3b0c44298fc"},
		{"namespace", makeNamespace, texts("namespace", "a/b"), "a/b"},
		{"spaces", makeNamespace, texts("namespace", ` /my project\\x//./../y `), "my-project/x/y"},
		{"deep", makeNamespace, texts("namespace", "1/2/3/4/5/6/7/8/9"), "1/2/3/4/5/6/7/8"},
		{"project", makeNamespace, texts("namespace", "..", "project", "memarc"), "memarc"},
		{"global", makeNamespace, texts(), "global"},
		{"too long", makeNamespace, texts("namespace", "a/"+strings.Repeat("b", 600)), "a"},
		{"relation", makeRelation, texts("type", "advances"), "advances"},
		{"unknown relation", makeRelation, texts("type", "causes"), "related_to"},
		{"no relation", makeRelation, texts(), "related_to"},
		{"state", makeState, texts("state", "done"), "done"},
		{"hidden state", makeState, texts("state", "tombstoned"), "open"},
		{"agent", makeMetadata, texts("agent", "did:key:z6 ü<x>"), `{"agent_id":"did:key:z6x"}`},
		{"owner", makeMetadata, texts("owner", "ada"), `{"agent_id":"ada"}`},
		{"nobody", makeMetadata, texts("agent", "☃"), `{}`},
		{"metadata", makeMetadata, record(map[string]format.Value{"metadata": {Type: format.JSON, Bytes: []byte(` {"a": 1.0}`)}}), `{"a": 1.0}`},
		{"agent in metadata", makeMetadata, record(map[string]format.Value{"metadata": {Type: format.JSON, Bytes: []byte(`{"a":1}`)}, "agent": format.TextValue("ada")}), `{"agent_id":"ada","a":1}`},
		{"agent in no metadata", makeMetadata, record(map[string]format.Value{"metadata": {Type: format.JSON, Bytes: []byte(`{ }`)}, "agent": format.TextValue("ada")}), `{"agent_id":"ada" }`},
		{"agent there", makeMetadata, record(map[string]format.Value{"metadata": {Type: format.JSON, Bytes: []byte(`{"agent_id":"eve"}`)}, "agent": format.TextValue("ada")}), `{"agent_id":"eve"}`},
		{"null", makeMetadata, record(map[string]format.Value{"metadata": {Type: format.JSON, Bytes: []byte(`null`)}}), `{}`},
		{"NUL in PostgreSQL", through("jsonb", makeMetadata), record(map[string]format.Value{"metadata": {Type: format.JSON, Bytes: []byte(`{"a":"\u0000"}`)}}), `{"a":"\ufffd"}`},
		{"no object", makeMetadata, record(map[string]format.Value{"metadata": {Type: format.JSON, Bytes: []byte(`[1]`)}}), `{}`},
	} {
		if got := c.make(c.from); got.Type != format.Text || string(got.Bytes) != c.want {
			t.Errorf("%s: %q, want %q", c.name, got.Bytes, c.want)
		}
	}
	for from, want := range map[float64]float64{0.5: 0.5, 2: 1, -1: 0, math.Inf(1): 1, math.NaN(): 1} {
		if got := makeConfidence(record(map[string]format.Value{"confidence": format.FloatValue(from)})); math.Float64frombits(got.Cell) != want {
			t.Errorf("confidence %v becomes %v", from, math.Float64frombits(got.Cell))
		}
	}
	if got := makeDimension(record(map[string]format.Value{"vector": {Type: format.Vector, Bytes: make([]byte, 12)}})); got.Type != format.Int || got.Cell != 3 {
		t.Errorf("dimension %d", got.Cell)
	}
}
