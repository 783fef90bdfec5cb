package lens_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/memarc/memarc/internal/layout/lens"
)

func TestTextAt(t *testing.T) {
	for _, test := range []struct {
		object, want string
		path         []string
		ok           bool
	}{
		{`{"a":"x"}`, "x", []string{"a"}, true},
		{` { "b" : 1, "a" : "\u00fc \ud83d\ude00 \u0000" } `, "ü 😀 \x00", []string{"a"}, true},
		{`{"a":{"b":"x","a":"y"}}`, "y", []string{"a", "a"}, true},
		{`{"a":"x","a":"y"}`, "y", []string{"a"}, true},
		{`{"\u0061":"x"}`, "x", []string{"a"}, true},
		{`{"a":1}`, "", []string{"a"}, false},
		{`{"a":"x"}`, "", []string{"a", "b"}, false},
		{`{"a":"x"}`, "", nil, false},
		{`["a"]`, "", []string{"a"}, false},
		{`{"a":"\ud800"}`, "", []string{"a"}, false},
		{``, "", []string{"a"}, false},
	} {
		if got, ok := lens.TextAt([]byte(test.object), test.path...); ok != test.ok || ok && got != test.want {
			t.Errorf("%s at %q: %q %v, want %q %v", test.object, test.path, got, ok, test.want, test.ok)
		}
	}
}

func TestWithTextAt(t *testing.T) {
	for _, test := range []struct {
		object, want string
		path         []string
	}{
		{`{"a":"x", "n": 1.0 }`, `{"a":"ü\"", "n": 1.0 }`, []string{"a"}},
		{`{"a":{"b":[] ,"c":"x"}}`, `{"a":{"b":[] ,"c":"ü\""}}`, []string{"a", "c"}},
		{` {"n":1}`, ` {"a":"ü\"","n":1}`, []string{"a"}},
		{`{ }`, `{"a":"ü\"" }`, []string{"a"}},
		{`{"n":1}`, `{"n":1}`, []string{"a", "b"}},
		{`[{}]`, `[{}]`, []string{"a"}},
		{`"{}"`, `"{}"`, []string{"a"}},
	} {
		if got := string(lens.WithTextAt([]byte(test.object), `ü"`, test.path...)); got != test.want {
			t.Errorf("%s at %q: %s, want %s", test.object, test.path, got, test.want)
		}
	}
}

// What was put at a path stands there, and the rest is what it was.
func FuzzWithTextAt(f *testing.F) {
	f.Add(`{"a":"x","b":{"a":[1,{"a":2}]}}`, "ü")
	f.Add(` {} `, "")
	f.Fuzz(func(t *testing.T, object, text string) {
		var before map[string]any
		if json.Unmarshal([]byte(object), &before) != nil || before == nil || !utf8.ValidString(text) {
			return
		}
		out := lens.WithTextAt([]byte(object), text, "a")
		got, ok := lens.TextAt(out, "a")
		var after map[string]any
		if err := json.Unmarshal(out, &after); err != nil || !ok || got != text {
			t.Fatalf("%q in %q: %v %q", text, out, err, got)
		}
		delete(before, "a")
		delete(after, "a")
		if a, b := mustJSON(t, before), mustJSON(t, after); a != b {
			t.Fatalf("%s became %s", a, b)
		}
	})
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
