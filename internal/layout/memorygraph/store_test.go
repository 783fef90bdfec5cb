package memorygraph_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/memarc/memarc/internal/layout/memorygraph"
	"github.com/memarc/memarc/internal/store/storetest"
)

// raw is a value as it stands in a JSON text.
type raw string

// object writes names and values as Python's json.dumps does. It shares nothing with
// what is tested.
func object(pairs ...any) string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, value(pairs[i])+": "+value(pairs[i+1]))
	}
	return "{" + strings.Join(out, ", ") + "}"
}

func value(v any) string {
	switch v := v.(type) {
	case raw:
		return string(v)
	case nil:
		return "null"
	case int:
		return fmt.Sprint(v)
	case []string:
		var items []string
		for _, s := range v {
			items = append(items, value(s))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string:
		var b strings.Builder
		b.WriteByte('"')
		for _, u := range utf16.Encode([]rune(v)) {
			switch {
			case u == '"' || u == '\\':
				b.WriteByte('\\')
				b.WriteByte(byte(u))
			case u >= ' ' && u <= '~':
				b.WriteByte(byte(u))
			case u == '\n':
				b.WriteString(`\n`)
			case u == '\t':
				b.WriteString(`\t`)
			default:
				fmt.Fprintf(&b, `\u%04x`, u)
			}
		}
		return b.String() + `"`
	}
	panic(fmt.Sprintf("%T", v))
}

func text(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(s, "'", "''"), "\x00", "'||char(0)||'") + "'"
}

// stamp is a time as the product writes it: with six digits of a second or none.
func stamp(n int) string {
	fraction := []string{"", ".000001", ".123456", ".500000"}[n%4]
	return fmt.Sprintf("2026-%02d-%02dT%02d:%02d:12%s+00:00", n%12+1, n%28+1, n%24, n%60, fraction)
}

func rowStamp(n int) string { return fmt.Sprintf("2026-%02d-%02d 07:08:%02d", n%12+1, n%28+1, n%60) }

var types = []string{"task", "code_pattern", "problem", "solution", "project", "technology", "error", "fix", "command", "file_context", "workflow", "general"}

func id(n int) string { return fmt.Sprintf("6f1e%04x-0000-4000-8000-0000%08x", n&0xFFFF, n) }

// memory is the properties of a memory as the product writes them.
func memory(n int) string {
	m := []any{"id", id(n), "type", types[n%len(types)], "title", fmt.Sprintf("Title %d", n), "content", fmt.Sprintf("The otter number%d \n– afloat ☃ 😀 \"quoted\" \x00\x7f\u2028", n),
		"tags", []string{"go", "ü", "a b"}[:n%4], "importance", raw([]string{"0.5", "1.0", "0.30000000000000004", "1e-07"}[n%4]), "confidence", raw("0.8"),
		"usage_count", n % 7, "created_at", stamp(n), "updated_at", stamp(n + 1)}
	if n%2 == 0 {
		m = append(m, "summary", fmt.Sprintf("In short %d", n))
	}
	if n%3 == 0 {
		m = append(m, "effectiveness", raw("0.25"))
	}
	if n%5 == 0 {
		m = append(m, "last_accessed", stamp(n+2))
	}
	if n%3 == 1 {
		files := any("[]")
		if n%2 == 0 {
			files = []string{"a.go", "ü/☃.go"}
		}
		m = append(m, "context_project_path", "/work/otter", "context_files_involved", files, "context_languages", []string{"go"}, "context_frameworks", "[]", "context_technologies", "[]")
		if n%4 == 0 {
			m = append(m, "context_git_commit", "abc", "context_git_branch", "main", "context_working_directory", "/work")
		}
		m = append(m, "context_timestamp", stamp(n+3), "context_session_id", fmt.Sprint("s", n%9), "context_user_id", "ada", "context_additional_metadata", `{"n": {"deep": [1, 2.5, null, "\u00e9"]}}`)
		if n%5 == 0 {
			m = append(m, "context_tenant_id", "acme", "context_team_id", "otters")
		}
		m = append(m, "context_visibility", "project", "context_created_by", "bob")
	}
	return object(m...)
}

// odd are properties that the product does not write today, but has or might have.
func odd() []string {
	long := strings.Repeat("ü", 300)
	base := func(n int, more ...any) string {
		return object(append([]any{"id", id(n), "type", "task", "title", "odd", "content", "c", "tags", []string{}, "importance", raw("0.5"), "confidence", raw("0.8"), "usage_count", 0, "created_at", stamp(n), "updated_at", stamp(n)}, more...)...)
	}
	return []string{
		strings.Replace(base(0), `"odd"`, value(long), 1),
		strings.Replace(base(1), value(stamp(1))+"}", "1733000000123}", 1),
		strings.ReplaceAll(base(2), "+00:00", ""),
		strings.ReplaceAll(base(3), stamp(3), "2026-01-02T03:04:05.123Z"),
		base(4, "context_project_path", "[1]", "context_visibility", "project"),
		strings.Replace(base(5), `"task"`, `"observation"`, 1),
		strings.Replace(base(6), `"odd"`, `"\ud800 \udc00\ud83d"`, 1),
		base(7, "context_tenant_id", nil),
		base(8, "context_visibility", "team", "context_tenant_id", "late"),
		strings.ReplaceAll(strings.ReplaceAll(base(9), ": ", ":"), ", ", ","),
		base(10, "fork", raw(`{"x": [1, {"y": "\u00fc"}]}`)),
		base(11, "title", "twice"),
		strings.Replace(base(12), `"tags": []`, `"tags": "[]"`, 1),
		strings.Replace(base(13), `"tags": []`, `"tags": ["a", 1, null]`, 1),
		strings.Replace(base(14), "0.5", "1", 1),
		strings.Replace(base(15), "0.5", "NaN", 1),
		strings.Replace(base(16), "0.5", "0.50", 1),
		strings.Replace(base(17), `"usage_count": 0`, `"usage_count": 12345678901234567890`, 1),
		strings.Replace(base(18), `"odd"`, `["a"]`, 1),
		strings.Replace(base(19), `"odd"`, `null`, 1),
		strings.Replace(base(20), `"odd"`, `"é\/"`, 1),
		strings.Replace(base(21), id(21), "another", 1),
		base(22, "context_additional_metadata", "no JSON", "context_languages", raw("[]")),
		`{}`, `{"id": "` + id(24) + `"}`, `[]`, ``, `no JSON`, `{"id": "` + id(28) + `", "title": "cut`,
		base(29) + " ", base(30, "summary", "", "last_accessed", nil),
		object("text", "Otter", "type", "technology", "id", id(31), "occurrence_count", 3, "last_seen", stamp(3)),
		object("id", id(32), "memory_id", id(1), "success", raw("true"), "description", "it worked", "impact", raw("0.75")),
	}
}

// edge is the properties of a relationship; those of the first versions have no times
// of their own.
func edge(n int, name string, temporal bool) string {
	why := any(nil)
	switch n % 3 {
	case 1:
		why = "because ☃"
	case 2:
		why = `{"text": "partially implements", "scope": "partial", "components": [], "conditions": [], "evidence": [], "temporal": null, "exceptions": []}`
	}
	rate := any(nil)
	if n%4 == 0 {
		rate = raw("0.75")
	}
	m := []any{"strength", raw("0.5"), "confidence", raw("0.8"), "context", why, "evidence_count", n%3 + 1, "success_rate", rate, "created_at", stamp(n),
		"last_validated", stamp(n + 1), "validation_count", n % 5, "counter_evidence_count", 0}
	if temporal {
		m = append(m, "valid_from", stamp(n), "valid_until", nil, "recorded_at", stamp(n+1), "invalidated_by", nil)
	}
	return object(append(m, "id", name)...)
}

// A form is how a store's table of relationships looks.
type form struct {
	version int
	more    []string // columns that an interrupted change has added
}

var forms = map[string]form{
	"current":       {version: 10},
	"first":         {version: 9},
	"half migrated": {version: 9, more: []string{"valid_until TIMESTAMP", "invalidated_by TEXT"}},
	"one column":    {version: 9, more: []string{"valid_until TIMESTAMP"}},
	"all nullable":  {version: 9, more: []string{"valid_from TIMESTAMP", "valid_until TIMESTAMP", "recorded_at TIMESTAMP", "invalidated_by TEXT"}},
	"empty then":    {version: 9, more: []string{"recorded_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP", "valid_from TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP", "valid_until TIMESTAMP", "invalidated_by TEXT"}},
}

func (f form) has(column string) bool {
	if f.version == 10 {
		return true
	}
	for _, c := range f.more {
		if strings.HasPrefix(c, column+" ") {
			return true
		}
	}
	return false
}

// create makes a store with so many memories, of which the first has many edges.
func create(t testing.TB, path string, f form, memories, hub int, strange bool) {
	t.Helper()
	c := storetest.Open(t, path)
	defer c.Close()
	run := func(s string) {
		t.Helper()
		if err := c.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	run("PRAGMA foreign_keys=0") // as the product has it
	for _, s := range memorygraph.CreateStatements(f.version) {
		run(s)
	}
	for _, col := range f.more {
		run("ALTER TABLE relationships ADD COLUMN " + col)
	}
	if len(f.more) == 4 {
		run("CREATE INDEX idx_relationships_temporal ON relationships(valid_from, valid_until)")
		run("CREATE INDEX idx_relationships_current ON relationships(valid_until) WHERE valid_until IS NULL")
	}
	run("BEGIN")
	for n := range memories {
		run(fmt.Sprintf("INSERT INTO nodes VALUES (%s, 'Memory', %s, %s, %s)", text(id(n+1000)), text(memory(n+1000)), text(rowStamp(n)), text(rowStamp(n+1))))
	}
	rel := 0
	add := func(from, to, typ string, set map[string]string, properties string) {
		t.Helper()
		name := fmt.Sprintf("edge-%05d", rel)
		temporal := f.version == 10 || strange && rel%7 == 0
		if properties == "" {
			properties = edge(rel, name, temporal)
		}
		columns := []string{"id", "from_id", "to_id", "rel_type", "properties", "created_at"}
		values := []string{text(name), text(from), text(to), text(typ), text(properties), text(rowStamp(rel))}
		for column, v := range map[string]string{"valid_from": text(stamp(rel)), "valid_until": "NULL", "recorded_at": text(stamp(rel + 1)), "invalidated_by": "NULL"} {
			if set[column] != "" {
				v = set[column]
			}
			if f.has(column) {
				columns, values = append(columns, column), append(values, v)
			}
		}
		run("INSERT INTO relationships (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")")
		rel++
	}
	for n := range hub {
		add(id(1000), id(1000+1+n%(memories-1)), "RELATED_TO", nil, "")
	}
	for n := range memories / 2 {
		add(id(1000+n), id(1000+(n*7+1)%memories), []string{"SOLVES", "CAUSES", "FIXES"}[n%3], nil, "")
	}
	for range 3 { // parallel
		add(id(1001), id(1002), "SOLVES", nil, "")
	}
	add(id(1003), id(1003), "SOLVES", nil, "") // a loop
	// Invalidated: the product changes the columns alone.
	add(id(1004), id(1005), "SOLVES", map[string]string{"valid_until": text(stamp(3)), "invalidated_by": "'edge-00001'"}, "")
	add(id(1004), id(1005), "SOLVES", map[string]string{"valid_until": text(stamp(3))}, "")
	add(id(1004), "nowhere", "SOLVES", nil, "")
	if strange {
		add(id(1004), id(1006), "SOLVES", map[string]string{"valid_from": "'2026-01-02 03:04:05'"}, "")
		for n, p := range odd() {
			label := "Memory"
			if n >= 31 {
				label = []string{"Entity", "Outcome"}[n-31]
			}
			run(fmt.Sprintf("INSERT INTO nodes VALUES (%s, %s, %s, %s, NULL)", text(id(n)), text(label), text(p), []string{"NULL", "1733000000", "'2026-01-02T03:04:05'", "'yesterday'"}[n%4]))
		}
		run("INSERT INTO nodes VALUES ('blob', 'Memory', x'7b7d', 1.5, x'00')")
		run("INSERT INTO nodes VALUES ('bytes', 'Memory', CAST(x'7b22ff227d' AS TEXT), 1.5, x'00')")
		run("INSERT INTO nodes VALUES ('', 'Memory', 5, NULL, NULL)")
		run("INSERT INTO nodes VALUES (NULL, 'Memory', " + text(memory(7)) + ", NULL, NULL)")
		add(id(1), id(2), "CUSTOM", nil, `{}`)
		add(id(1), id(2), "CUSTOM", nil, `{"strength": 1, "fork": true}`)
		add(id(1), id(2), "CUSTOM", nil, strings.ReplaceAll(edge(5, "other", true), ": ", ":"))
		add(id(1), id(2), "CUSTOM", map[string]string{"recorded_at": "1733000000"}, edge(6, "edge", true))
	}
	run("COMMIT")
}
