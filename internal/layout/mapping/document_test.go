package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// shape of the documents that are tested: every kind of member with every rule.
var testDocument = &store.JSONColumn{Table: "t", Column: "doc", Members: []store.Member{
	{Name: "id", Kind: store.Text, Copy: "id"},
	{Name: "title", Kind: store.Text},
	{Name: "tags", Kind: store.Array},
	{Name: "weight", Kind: store.Real},
	{Name: "count", Kind: store.Integer},
	{Name: "until", Kind: store.Text, Null: true, Copy: "until"},
	{Name: "why", Kind: store.Text, Null: true},
	{Name: "files", Kind: store.Array, EmptyText: true},
	{Name: "gone", Kind: store.Text, Copy: "gone"},
}}

func testCatalogTable() *store.CatalogTable {
	return &store.CatalogTable{Table: format.Table{Name: "t", Columns: []format.TableColumn{{Name: "id"}, {Name: "doc"}, {Name: "until"}}}}
}

func testCodec(t testing.TB) *codec {
	d, ok := newDocument(testDocument, testCatalogTable())
	if !ok {
		t.Fatal("the document does not fit")
	}
	return newCodec(d)
}

// copiesOf are cells for the columns id and until.
func copiesOf(id, until string) []*store.Cells {
	out := store.NewRows(2)
	for i, v := range []string{id, until} {
		if v == "" {
			out.Columns[i].AppendNull()
		} else {
			out.Columns[i].AppendString(v)
		}
	}
	return []*store.Cells{&out.Columns[0], &out.Columns[1]}
}

// expanded is a text as cells, the last of which is the text itself or NULL.
func expanded(c *codec, text []byte, copies []*store.Cells) *store.Rows {
	rows := store.NewRows(len(c.columns) + 1)
	last := &rows.Columns[len(c.columns)]
	if c.expand(text, rows.Columns[:len(c.columns)], copies, 0) {
		last.AppendNull()
	} else {
		last.AppendText(text)
	}
	rows.N = 1
	return rows
}

func rendered(c *codec, rows *store.Rows, copies []*store.Cells) ([]byte, error) {
	var out store.Cells
	out.Reset()
	r := &documentRow{copies: copies, raw: &rows.Columns[len(c.columns)]}
	for i := range c.columns {
		r.members = append(r.members, &rows.Columns[i])
	}
	if err := c.render(&out, r); err != nil {
		return nil, err
	}
	if out.Kinds[0] != store.Text {
		return nil, fmt.Errorf("class %d", out.Kinds[0])
	}
	return out.Bytes(0), nil
}

// show are the cells of a row, by column.
func show(c *codec, rows *store.Rows) string {
	var out []string
	for i := range rows.Columns {
		name := "doc"
		if i < len(c.columns) {
			name = strings.TrimPrefix(c.columns[i], "doc.")
		}
		switch cells := &rows.Columns[i]; cells.Kinds[0] {
		case store.Text:
			out = append(out, fmt.Sprintf("%s=%q", name, cells.Bytes(0)))
		case store.Integer:
			out = append(out, fmt.Sprintf("%s=%d", name, cells.Int(0)))
		case store.Real:
			out = append(out, fmt.Sprintf("%s=%v", name, cells.Float(0)))
		}
	}
	return strings.Join(out, " ")
}

func TestDocument(t *testing.T) {
	c := testCodec(t)
	for _, test := range []struct{ text, want string }{
		{`{"id": "1", "title": "a", "tags": [], "weight": 1.0, "count": 3, "until": null, "why": null, "files": "[]"}`,
			`title="a" tags="[]" weight=1 count=3 files="[]"`},
		{`{"id": "1", "title": "\u2603 \ud83d\ude00\n", "until": null, "why": "w", "files": ["a", "\u00fc"], "gone": "g"}`,
			`title="☃ 😀\n" why="w" files="[\"a\", \"\\u00fc\"]" gone="g"`},
		{`{"id": "1", "title": "\ud800", "until": null, "why": null}`, `title="\xed\xa0\x80"`},
		{`{"id": "1", "title": "\u0000", "until": null, "why": null}`, `title="\x00"`},
		{`{"id": "1", "title": 1733000000000, "weight": 1, "count": 1.5, "until": null, "why": null}`, `title=1733000000000 weight=1 count=1.5`},
		{`{"id": "1", "tags": ["a","b" ], "weight": NaN, "until": null, "why": null}`, `tags="[\"a\",\"b\" ]" weight=NaN`},
		// Other members than usual, or in another order.
		{`{"id": "1", "title": "a", "until": null}`, `title="a" order="id,title,until"`},
		{`{"id": "1", "title": "a", "why": null}`, `title="a" order="id,title,why"`},
		{`{"title": "a", "until": null, "why": null}`, `title="a" order="title,until,why"`},
		{`{"id": "1", "title": null, "until": null, "why": "w"}`, `why="w" order="id,-title,until,why"`},
		{`{"id": "1", "tags": [], "title": "b", "until": null, "why": null}`, `title="b" tags="[]" order="id,tags,title,until,why"`},
		{`{"id": "1", "title": "b", "until": null, "why": null, "files": null}`, `title="b" order="id,title,until,why,-files"`},
		// What the members do not say.
		{`{"id": "1","title": "a", "until": null, "why": null}`, `title="a" doc=`},
		{`{"id": "2", "title": "a", "until": null, "why": null}`, `id.stale="\"2\"" title="a"`},
		{`{"id": "1", "title": "a", "until": "now", "why": null}`, `title="a" until.stale="\"now\""`},
		{`{"id": "1", "title": "a", "until": [1,2], "why": null}`, `title="a" until.stale="[1,2]"`},
		{`{"id": null, "why": null, "until": 5}`, `id.stale="null" until.stale="5" order="id,why,until"`},
		{`{"id": "1", "title": ["x"], "until": null, "why": "w"}`, `why="w" doc=`},
		{`{"id": "1", "title": true, "until": null, "why": "w"}`, `why="w" doc=`},
		{`{"id": "1", "title": "a", "title": "b", "until": null, "why": null}`, `title="b" doc=`},
		{`{"id": "1", "title": "b", "until": null, "why": null, "more": {"x": [1, "\\"]}}`, `title="b" doc=`},
		{`{"id": "1", "title": "ü", "until": null, "why": null}`, `title="ü" doc=`},
		{`{"id": "1", "title": "\u0041", "until": null, "why": null}`, `title="A" doc=`},
		{`{"id": "1", "title": "\/", "until": null, "why": null}`, `title="/" doc=`},
		{`{"id": "1", "title": "\u00FC", "until": null, "why": null}`, `title="ü" doc=`},
		{`{"id": "1", "weight": 1.50, "until": null, "why": null}`, `weight=1.5 doc=`},
		{`{"id": "1", "weight": 1e5, "until": null, "why": null}`, `weight=100000 doc=`},
		{`{"id": "1", "title": "a", "count": 123456789012345678901, "until": null, "why": null}`, `title="a" doc=`},
		{`{"id": "1", "count": -0, "until": null, "why": null}`, `count=0 doc=`},
		{`{"id": "1", "title": "a", "files": [], "until": null, "why": null}`, `title="a" files="[]" doc=`},
		{` {"id": "1", "title": "a", "until": null, "why": null}`, `title="a" doc=`},
		{`{}`, `doc=`}, {`{"id": "1"}`, `doc=`}, {``, `doc=`}, {`[]`, `doc=`}, {`{"title": "a"`, `doc=`}, {`{"title": "a"} x`, `doc=`},
		{`{"title": "a", }`, `doc=`}, {`{"title": 01}`, `doc=`}, {"{\"title\": \"a\nb\"}", `doc=`}, {"{\"title\": \"\xff\"}", `doc=`}, {`{"title": "\x"}`, `doc=`},
	} {
		rows := expanded(c, []byte(test.text), copiesOf("1", ""))
		want := test.want
		if strings.HasSuffix(want, "doc=") {
			want += fmt.Sprintf("%q", test.text)
		}
		if got := show(c, rows); got != want {
			t.Errorf("%s\ngives %s\nwant  %s", test.text, got, want)
		}
		if got, err := rendered(c, rows, copiesOf("1", "")); err != nil || string(got) != test.text {
			t.Errorf("%s\ncomes back as %s, %v", test.text, got, err)
		}
	}
}

// A text beside members that say something else loses against them, but for what they
// do not know.
func TestDocumentChanged(t *testing.T) {
	c := testCodec(t)
	text := `{"more": {"x":1}, "id": "1", "title": "old", "until": "stale", "tags":["a"], "why": null,"else":2}`
	rows := expanded(c, []byte(text), copiesOf("1", "now"))
	if got, err := rendered(c, rows, copiesOf("1", "now")); string(got) != text {
		t.Errorf("got %s, %v", got, err)
	}
	at := slices.Index(c.columns, "doc.title")
	rows.Columns[at].Reset()
	rows.Columns[at].AppendString("new")
	want := `{"id": "1", "title": "new", "tags": ["a"], "until": "stale", "why": null, "more": {"x":1}, "else":2}`
	if got, err := rendered(c, rows, copiesOf("1", "now")); string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	last := &rows.Columns[len(c.columns)]
	last.Reset()
	last.AppendString("no JSON")
	if got, err := rendered(c, rows, copiesOf("1", "")); string(got) != `{"id": "1", "title": "new", "tags": ["a"], "until": "stale", "why": null}` {
		t.Errorf("got %s, %v", got, err)
	}
	rows.Columns[at].Reset()
	rows.Columns[at].AppendString("\xff")
	if _, err := rendered(c, rows, copiesOf("1", "")); err == nil {
		t.Error("a text that is not UTF-8 is taken")
	}
	rows.Columns[at].Reset()
	rows.Columns[at].AppendBlob([]byte("x"))
	if _, err := rendered(c, rows, copiesOf("1", "")); err == nil {
		t.Error("bytes are taken")
	}
	at = slices.Index(c.columns, "doc.tags")
	rows.Columns[at].Reset()
	rows.Columns[at].AppendString(`["a"`)
	if _, err := rendered(c, rows, copiesOf("1", "")); err == nil {
		t.Error("half a list is taken")
	}
}

// Members that come and go take their places in a text that has its own order.
func TestDocumentOrder(t *testing.T) {
	c := testCodec(t)
	rows := expanded(c, []byte(`{"why": "w", "title": "a", "files": null, "id": "1"}`), copiesOf("1", ""))
	set := func(name, v string) {
		cells := &rows.Columns[slices.Index(c.columns, "doc."+name)]
		cells.Reset()
		if v == "" {
			cells.AppendNull()
		} else {
			cells.AppendString(v)
		}
	}
	set("title", "")
	set("why", "")
	set("gone", "g")
	set("files", "[]")
	want := `{"why": null, "files": "[]", "id": "1", "gone": "g"}`
	if got, err := rendered(c, rows, copiesOf("1", "now")); string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	set("order", "id,nothing,-title,id,,why")
	want = `{"id": "1", "title": null, "why": null, "files": "[]", "gone": "g"}`
	if got, err := rendered(c, rows, copiesOf("1", "now")); string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

// Any bytes come back; any members that a text can say do.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		`{"id": "1", "title": "a\u2603", "tags": ["x"], "weight": 0.5, "count": 3, "until": null, "why": null, "files": "[]", "gone": "g"}`,
		`{"id": "1", "title": "\ud83d\ude00\udc00\ud83d", "weight": 1e-07, "until": null, "why": "\u007f"}`, `{"tags": [[{"a": "b"}], NaN, -Infinity], "files": "x"}`,
	} {
		f.Add([]byte(s), "title ☃", 0.5, int64(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, title string, weight float64, count int64) {
		c := testCodec(t)
		for _, copies := range [][]*store.Cells{copiesOf("1", ""), copiesOf("", "now")} {
			rows := expanded(c, text, copies)
			got, err := rendered(c, rows, copies)
			if err != nil || !bytes.Equal(got, text) {
				t.Fatalf("%q gives %s and comes back as %q, %v", text, show(c, rows), got, err)
			}
			// Without the text, what is written says the same members.
			last := &rows.Columns[len(c.columns)]
			if last.Kinds[0] != store.Null {
				last.Reset()
				last.AppendNull()
				members := show(c, rows)
				if got, err := rendered(c, rows, copies); err == nil {
					again := expanded(c, got, copies)
					if show(c, again) != members || again.Columns[len(c.columns)].Kinds[0] != store.Null {
						t.Fatalf("%s is written as %s and read as %s", members, got, show(c, again))
					}
				} else if members != "" {
					t.Fatalf("%s: %v", members, err)
				}
			}
		}
		rows := store.NewRows(len(c.columns) + 1)
		for i, name := range c.columns {
			switch cells := &rows.Columns[i]; name {
			case "doc.title", "doc.why":
				cells.AppendString(strings.ToValidUTF8(title, "\ufffd"))
			case "doc.weight":
				if math.IsNaN(weight) {
					weight = math.Float64frombits(pyNaN)
				}
				cells.AppendFloat(weight)
			case "doc.count":
				cells.AppendInt(count)
			default:
				cells.AppendNull()
			}
		}
		rows.Columns[len(c.columns)].AppendNull()
		rows.N = 1
		got, err := rendered(c, rows, copiesOf("1", "now"))
		if err != nil {
			t.Fatal(err)
		}
		if again := expanded(c, got, copiesOf("1", "now")); show(c, again) != show(c, rows) {
			t.Fatalf("%s is written as %s and read as %s", show(c, rows), got, show(c, again))
		}
		if !math.IsNaN(weight) && !math.IsInf(weight, 0) && !json.Valid(got) {
			t.Fatalf("%s is no JSON", got)
		}
	})
}

// What programs write is what we write.
func TestSpellings(t *testing.T) {
	for _, p := range []struct {
		spelling     store.Spelling
		program, arg string
		script       string
		finite       bool
	}{
		{store.Python, "python3", "-c", pythonWrites + `
    print(json.dumps({"why": v, "x": [v]}))
`, false},
		{store.JavaScript, "node", "-e", `
const words = require("fs").readFileSync(0, "utf8").split("\n")
for (const word of words) {
  const kind = word[0], rest = word.slice(1)
  let v
  if (kind === "f") v = Buffer.from(rest, "hex").readDoubleBE(0)
  else if (kind === "t") v = Buffer.from(rest, "hex").toString()
  else v = String.fromCharCode(parseInt(rest, 16))
  console.log(JSON.stringify({"why": v, "x": [v]}))
}`, true},
	} {
		t.Run(fmt.Sprint(p.program, p.spelling), func(t *testing.T) {
			words := testWords(p.finite)
			lines := programWrites(t, p.program, p.arg, p.script, words)
			d, ok := newDocument(&store.JSONColumn{Table: "t", Column: "doc", Spelling: p.spelling, Members: []store.Member{{Name: "why", Kind: store.Text}, {Name: store.OtherMembers}}}, testCatalogTable())
			if !ok {
				t.Fatal("the document does not fit")
			}
			c := newCodec(d)
			for i, line := range lines {
				if line == "{}" {
					continue
				}
				rows := expanded(c, []byte(line), nil)
				if rows.Columns[3].Kinds[0] != store.Null {
					t.Fatalf("%s: %s is not what we write", words[i], line)
				}
				if got, err := rendered(c, rows, nil); err != nil || string(got) != line {
					t.Fatalf("%s: wrote %s, %v; the program %s", words[i], got, err, line)
				}
			}
		})
	}
}

const pythonWrites = `
import json, struct, sys
for word in sys.stdin.read().split():
    kind, rest = word[0], word[1:]
    if kind == "f": v = struct.unpack(">d", bytes.fromhex(rest))[0]
    elif kind == "t": v = bytes.fromhex(rest).decode()
    else: v = chr(int(rest, 16))
`

// programWrites is what a program prints for words.
func programWrites(t *testing.T, program, arg, script string, words []string) []string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if strings.Contains(os.Getenv("MEMARC_TEST_REQUIRE"), strings.TrimSuffix(filepath.Base(program), "3")) {
			t.Fatal(err)
		}
		t.Skipf("NOT PROVEN, %s: %v: that documents are written as the program does", program, err)
	}
	cmd := exec.Command(path, arg, script)
	cmd.Stdin = strings.NewReader(strings.Join(words, "\n"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(words) {
		t.Fatalf("%d lines for %d values", len(lines), len(words))
	}
	return lines
}

// testWords are values: bits of floats, texts, and halves of surrogate pairs.
func testWords(finite bool) (words []string) {
	r := rand.New(rand.NewPCG(1, 2))
	floats := []float64{math.Inf(1), math.Inf(-1)}
	if finite {
		floats = nil
	}
	for _, v := range []float64{0, 1, 0.1, 1e16, 9999999999999998, 1e-4, 0.00009999999999999999, 1e-5, 1e-6, 9.9e-7, 1e-7, 1e22, 1e21, 123456789012345680, 5e-324, math.MaxFloat64, 0.30000000000000004, 100, 1e15} {
		floats = append(floats, v, -v)
	}
	for range 20_000 {
		floats = append(floats, math.Float64frombits(r.Uint64()), r.Float64(), float64(r.IntN(1e6))/1000, math.Pow(10, float64(r.IntN(40)-20)))
	}
	for _, v := range floats {
		if !finite || !math.IsNaN(v) && !math.IsInf(v, 0) {
			words = append(words, fmt.Sprintf("f%016x", math.Float64bits(v)))
		}
	}
	var texts []string
	for c := range rune(0x3000) {
		texts = append(texts, string(c))
	}
	for _, s := range append(texts, "😀", "\U0010FFFF", "\uffff", "\ue000", "\ufeff", "a\"b\\c/d\b\f\n\r\t") {
		words = append(words, fmt.Sprintf("t%x", s))
	}
	for surrogate := 0xD800; surrogate < 0xE000; surrogate += 37 {
		words = append(words, fmt.Sprintf("u%04x", surrogate))
	}
	return words
}

// Members that are not listed stand together in a column of their own, and come back
// where they were.
func TestOtherMembers(t *testing.T) {
	for _, p := range []struct {
		spelling store.Spelling
		text     string
		want     string
	}{
		{store.Python, `{"a": 1, "title": "t", "b": [1,2], "count": 3}`, `title="t" count=3 *="{\"a\": 1, \"b\": [1,2]}" order="*,title,*,count"`},
		{store.JavaScript, `{"title":"t","count":3,"b":{"x":null},"a":1}`, `title="t" count=3 *="{\"b\":{\"x\":null},\"a\":1}"`},
		{store.JavaScript, `{"*":1}`, `*="{\"*\":1}"`},
		{store.JavaScript, `{"title":"t" ,"a":1}`, `title="t" *="{\"a\":1}" doc="{\"title\":\"t\" ,\"a\":1}"`},
		{store.JSONB, `{"a": 1, "count": 3, "title": "t"}`, `title="t" count=3 *="{\"a\": 1}"`},
		{store.JSONB, `{"a": 1.50, "title": null}`, `*="{\"a\": 1.50}" order="*,-title"`},
		{store.JSONB, `{"count": 1.50}`, `count=1.5 doc="{\"count\": 1.50}"`},
	} {
		d, ok := newDocument(&store.JSONColumn{Table: "t", Column: "doc", Spelling: p.spelling, Members: []store.Member{{Name: "title", Kind: store.Text}, {Name: "count", Kind: store.Real}, {Name: store.OtherMembers}}}, testCatalogTable())
		if !ok {
			t.Fatal("the document does not fit")
		}
		c := newCodec(d)
		rows := expanded(c, []byte(p.text), nil)
		if got := show(c, rows); got != p.want {
			t.Errorf("%s: %s, want %s", p.text, got, p.want)
		}
		got, err := rendered(c, rows, nil)
		if p.spelling == store.JSONB && rows.Columns[len(c.columns)].Kinds[0] == store.Null { // the server puts members in its own order
			var a, b map[string]json.RawMessage
			if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(p.text), &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
				t.Errorf("%s: wrote %s", p.text, got)
			}
		} else if string(got) != p.text || err != nil {
			t.Errorf("%s: wrote %s, %v", p.text, got, err)
		}
	}
	// Another product's members never take the place of those that are listed.
	d, _ := newDocument(&store.JSONColumn{Table: "t", Column: "doc", Spelling: store.JavaScript, Members: []store.Member{{Name: "title", Kind: store.Text}, {Name: store.OtherMembers}}}, testCatalogTable())
	c := newCodec(d)
	for others, want := range map[string]string{
		`{"a" : 1, "title": "no",  "b": "ä"}`: `{"title":"t","a":1,"b":"ä"}`, `[1]`: `{"title":"t"}`, `{"a":`: `{"title":"t"}`, `{}`: `{"title":"t"}`, `{"a":1 "b":2}`: `{"title":"t"}`,
	} {
		if got, err := rendered(c, cellsOf(4, []string{"t", others, "-", "-"}), nil); err != nil || string(got) != want {
			t.Errorf("%s: wrote %s, %v, want %s", others, got, err, want)
		}
	}
}

// Two programs call a member by other keys: each writes its own, and a text keeps those
// that it has.
func TestMemberKeys(t *testing.T) {
	dialect := func(key, also string, spelling store.Spelling) *codec {
		d, ok := newDocument(&store.JSONColumn{Table: "t", Column: "doc", Spelling: spelling, Members: []store.Member{
			{Name: "made_at", Kind: store.Text, Key: key, Also: []string{also, "made"}}, {Name: "who", Kind: store.Text}, {Name: store.OtherMembers},
		}}, testCatalogTable())
		if !ok {
			t.Fatal("the document does not fit")
		}
		return newCodec(d)
	}
	script, python := dialect("madeAt", "made_at", store.JavaScript), dialect("", "madeAt", store.Python)
	for _, p := range []struct{ text, want, other string }{
		{`{"madeAt":"1","who":"w"}`, `made_at="1" who="w"`, `{"made_at": "1", "who": "w"}`},
		{`{"who":"w","madeAt":"1"}`, `made_at="1" who="w" order="who,made_at"`, `{"who": "w", "made_at": "1"}`},
		{`{"made_at":"1","who":"w"}`, `made_at="1" who="w" order="=made_at,who"`, `{"made_at": "1", "who": "w"}`},
		{`{"made":"1"}`, `made_at="1" order="=made"`, `{"made": "1"}`},
		{`{"made":null,"who":"w"}`, `who="w" order="-=made,who"`, `{"made": null, "who": "w"}`},
		{`{"made_at":"1","x":{"madeAt":2},"madeAt":"2"}`, `made_at="2" *="{\"x\":{\"madeAt\":2}}" doc="{\"made_at\":\"1\",\"x\":{\"madeAt\":2},\"madeAt\":\"2\"}"`, ""},
	} {
		rows := expanded(script, []byte(p.text), nil)
		if got := show(script, rows); got != p.want {
			t.Errorf("%s: %s, want %s", p.text, got, p.want)
		}
		if got, err := rendered(script, rows, nil); err != nil || string(got) != p.text {
			t.Errorf("%s: wrote %s, %v", p.text, got, err)
		}
		if p.other == "" {
			continue
		}
		if got, err := rendered(python, rows, nil); err != nil || string(got) != p.other {
			t.Errorf("%s: the other wrote %s, %v, want %s", p.text, got, err, p.other)
		}
		if got, err := rendered(script, expanded(python, []byte(p.other), nil), nil); err != nil || string(got) != p.text && !strings.Contains(p.want, "=made_at") {
			t.Errorf("%s: by way of the other %s, %v", p.text, got, err)
		}
	}
	// Others' members do not take its place, by whatever key.
	if got, err := rendered(script, cellsOf(5, []string{"1", "-", `{"made_at": 5, "made": 6, "madeAt": 7, "x": 8}`, "-", "-"}), nil); err != nil || string(got) != `{"madeAt":"1","x":8}` {
		t.Errorf("wrote %s, %v", got, err)
	}
}

func BenchmarkDocument(b *testing.B) {
	c := testCodec(b)
	text := []byte(`{"id": "1", "title": "` + strings.Repeat("some words ", 100) + `\u2603", "tags": ["a", "b"], "weight": 0.8414, "count": 3, "until": null, "why": null, "files": ["a.go"], "gone": "2026-01-02T03:04:05.000006+00:00"}`)
	copies := copiesOf("1", "")
	b.Run("expand", func(b *testing.B) {
		rows := store.NewRows(len(c.columns))
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			rows.Reset()
			if !c.expand(text, rows.Columns, copies, 0) {
				b.Fatal("not the same")
			}
		}
	})
	b.Run("render", func(b *testing.B) {
		rows := expanded(c, text, copies)
		r := &documentRow{copies: copies, raw: &rows.Columns[len(c.columns)]}
		for i := range c.columns {
			r.members = append(r.members, &rows.Columns[i])
		}
		var out store.Cells
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			out.Reset()
			if err := c.render(&out, r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
