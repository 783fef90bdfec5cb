package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/memarc/memarc/internal/store"
)

// Bad rows among many are rejected by their numbers, one line each, and the others
// are there in their order.
func TestInsertRejects(t *testing.T) {
	const ddl = `CREATE EXTENSION vector; CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN filled AS text CHECK (value <> ''); CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1);
		CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL CHECK (name <> 'bad'), up int REFERENCES parent, v vector(2), u uuid, j jsonb, d filled DEFAULT 'x', %s at int GENERATED ALWAYS AS IDENTITY, secret text DEFAULT 'hidden');
		INSERT INTO t (id, name) VALUES (1000, 'there'); CREATE INDEX ON t (name)`
	ctx := context.Background()
	wide := make([]byte, 20000) // that no compression makes fit into an index
	r := rand.New(rand.NewPCG(7, 7))
	for i := range wide {
		wide[i] = byte('!' + r.IntN(90))
	}
	// What is changed in a row, and what the error says of it.
	type fault struct {
		column string
		value  any
		says   string
	}
	faults := map[int]fault{
		3: {"name", "bad", "t_name_check"}, 17: {"id", 1000, "t_pkey"}, 18: {"id", 5, "t_pkey"}, 40: {"name", nil, "not-null"}, 41: {"up", 9, "t_up_fkey"},
		55: {"v", []float32{1, 2, 3}, "3 dimensions"}, 56: {"v", []float32{1, float32(math.NaN())}, "no finite number"}, 60: {"name", "a\x00b", "NUL"}, 61: {"name", "\xff", "UTF-8"},
		70: {"u", "nope", "no UUID"}, 71: {"j", "{", "no JSON"}, 72: {"j", `"\ud83d"`, "json"}, 73: {"d", "", "filled_check"}, 74: {"name", string(wide), "index row"}, 75: {"j", `{"a":"\u0000"}`, "Unicode"}, 99: {"id", nil, "not-null"},
	}
	casts := map[int]fault{
		4: {"n", "1.x", "numeric"}, 19: {"day", "2026-13-01", "date"}, 20: {"m", "\x1b[31mangry", "mood"}, 80: {"bits", "1010", "bit"}, 81: {"n", strings.Repeat("9", 200000), "overflow"}, 82: {"day", 5, "another class"}, 83: {"list", "{1,x}", "numeric"},
	}
	for _, staged := range []bool{false, true} {
		columns := []string{"id", "name", "up", "v", "u", "j", "d", "at"}
		base := []any{0, "fine", 1, []float32{1, 2}, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", `{"b": 1}`, "d", 0}
		bad, more := faults, ""
		if staged {
			columns, base = append(columns, "n", "day", "m", "bits", "list"), append(base, "1.50", "2026-02-03", "sad", "101", "{1.0,NULL}")
			more = "n numeric, day date, m mood, bits bit(3), list numeric[],"
			bad = map[int]fault{}
			for _, all := range []map[int]fault{faults, casts} {
				for row, f := range all {
					bad[row] = f
				}
			}
		}
		url := database(t, fmt.Sprintf(ddl, more))
		values := make([][]any, len(columns))
		for i, name := range columns {
			for row := range 100 {
				v := base[i]
				switch name {
				case "id":
					v = row
				case "at":
					v = 500 + row
				}
				if f, ok := bad[row]; ok && f.column == name {
					v = f.value
				}
				values[i] = append(values[i], v)
			}
		}
		d := target(t, url)
		rejected := map[int]error{}
		must(t, d.Insert(ctx, "t", columns, keysOf(values...), collected(rejected)))
		for row, err := range rejected {
			says := err.Error()
			if f, ok := bad[row]; !ok || !strings.Contains(says, f.says) || len(says) > 400 || strings.ContainsAny(says, "\n\x1b\x00") || strings.Contains(says, "hidden") || strings.Contains(says, "fine") {
				t.Errorf("row %d: %v", row, err)
			}
		}
		if len(rejected) != len(bad) {
			t.Errorf("rejected %s", rejectedRows(rejected))
		}
		must(t, d.Commit(ctx))
		must(t, d.Close())
		var want []string
		for row := range 100 {
			if _, ok := bad[row]; !ok {
				want = append(want, fmt.Sprint(row))
			}
		}
		if got := asked(t, url, "SELECT string_agg(id::text, ' ' ORDER BY ctid) FROM t WHERE id < 1000 AND at = 500 + id"); got != strings.Join(want, " ") {
			t.Errorf("staged %v: %s\nwant %s", staged, got, want)
		}
		if staged {
			if got := asked(t, url, "SELECT n || ' ' || day || ' ' || m || ' ' || bits || ' ' || list::text FROM t WHERE id = 0"); got != "1.50 2026-02-03 sad 101 {1.0,NULL}" {
				t.Error(got)
			}
		}
	}
}

// Rows that refer to others of the same batch are not lost where a bad row parts them.
func TestInsertForwardReferences(t *testing.T) {
	for _, more := range []string{"", ", n numeric DEFAULT 1"} {
		url := database(t, "CREATE TABLE t (id int PRIMARY KEY, up int REFERENCES t, x text CHECK (x <> 'bad')"+more+")")
		d := target(t, url)
		columns, values := []string{"id", "up", "x"}, make([][]any, 3)
		for row := range 64 {
			up, x := any(row+1), "ok"
			switch row {
			case 20:
				x = "bad" // and with it what leads to it: 0 to 19
			case 40:
				up = 999 // and 21 to 39
			case 63:
				up = nil
			}
			values[0], values[1], values[2] = append(values[0], row), append(values[1], up), append(values[2], x)
		}
		if more != "" {
			columns = append(columns, "n")
			values = append(values, make([]any, 64))
		}
		rejected := map[int]error{}
		must(t, d.Insert(context.Background(), "t", columns, keysOf(values...), collected(rejected)))
		must(t, d.Commit(context.Background()))
		must(t, d.Close())
		if got := asked(t, url, "SELECT min(id) || ' ' || max(id) || ' ' || count(*) FROM t"); got != "41 63 23" || len(rejected) != 41 {
			t.Errorf("%s; rejected %s", got, rejectedRows(rejected))
		}
	}
}

func TestInsertEmpty(t *testing.T) {
	d := target(t, database(t, "CREATE TABLE t (a int, b date)"))
	ctx := context.Background()
	must(t, d.Insert(ctx, "t", []string{"a"}, store.NewRows(1), none(t)))
	for _, columns := range [][]string{{"a"}, {"b"}} {
		rejected := map[int]error{}
		must(t, d.Insert(ctx, "t", columns, keysOf([]any{[]byte("x"), []byte("y")}), collected(rejected)))
		if len(rejected) != 2 {
			t.Error(rejected)
		}
	}
	if err := d.Insert(ctx, "nowhere", []string{"a"}, keysOf([]any{1}), none(t)); err == nil {
		t.Error("a table that is not there")
	}
	if err := d.Insert(ctx, "t", []string{"z"}, keysOf([]any{1}), none(t)); err == nil {
		t.Error("a column that is not there")
	}
	must(t, d.Commit(ctx))
}

// insertBehind inserts rows behind the caller's back; one that is refused is an error.
func insertBehind(ctx context.Context, d *Target, name string, columns []string, rows *store.Rows) {
	d.Behind(func(db store.Target) error {
		var refused error
		err := db.Insert(ctx, name, columns, rows, func(_ int, err error) { refused = err })
		return errors.Join(err, refused)
	})
}

// What is written behind is there, in its order, before anything else is done; its
// failure ends the import.
func TestBehind(t *testing.T) {
	ctx, columns := context.Background(), []string{"a", "b"}
	open := func() (*Target, string) {
		url := database(t, "CREATE TABLE t (n serial, a int CHECK (a <> 666), b text); CREATE TABLE days (day date)")
		return target(t, url), url
	}
	d, url := open()
	for i := range 50 {
		insertBehind(ctx, d, "t", columns, keysOf([]any{2 * i, 2*i + 1}, []any{strings.Repeat("x", 1+i*1000), nil}))
		if i%7 == 0 {
			if n, err := d.Count(ctx, "t"); err != nil || n != int64(2*i+2) {
				t.Error(n, err)
			}
		}
	}
	insertBehind(ctx, d, "t", columns, store.NewRows(2))
	insertBehind(ctx, d, "days", []string{"day"}, keysOf([]any{"2026-02-03"})) // by way of a staging table
	must(t, d.Commit(ctx))
	if got := asked(t, url, "SELECT day::text FROM days"); got != "2026-02-03" {
		t.Error(got)
	}
	if got := asked(t, url, "SELECT count(*) || ' ' || sum(length(b)) || ' ' || bool_and(a = n - 1) FROM t"); got != "100 1225050 true" {
		t.Error(got)
	}
	one := keysOf([]any{3}, []any{"y"})
	for name, use := range map[string]func(d *Target) error{
		"commit":  func(d *Target) error { return nil },
		"insert":  func(d *Target) error { return d.Insert(ctx, "t", columns, one, none(t)) },
		"settle":  func(d *Target) error { return d.Settle(ctx) },
		"catalog": func(d *Target) error { _, err := d.Catalog(ctx); return err },
		"lookup":  func(d *Target) error { _, _, err := d.Lookup(ctx, "t", columns, columns, one); return err },
		"update":  func(d *Target) error { return d.Update(ctx, "t", columns[:1], columns[1:], one, func(int, error) {}) },
		"delete":  func(d *Target) error { return d.Delete(ctx, "t", columns, one) },
		"exec":    func(d *Target) error { return d.Exec(ctx, "CREATE TABLE u ()") },
		"scan": func(d *Target) error {
			for _, err := range d.Scan(ctx, store.Query{Table: "t", Columns: columns}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"behind":     func(d *Target) error { insertBehind(ctx, d, "t", columns, one); return nil },
		"checkpoint": func(d *Target) error { return d.Checkpoint(ctx) },
	} {
		d, url := open()
		must(t, d.Insert(ctx, "t", columns, keysOf([]any{1}, []any{"x"}), none(t)))
		insertBehind(ctx, d, "t", columns, keysOf([]any{2, 666}, []any{"secret", "secret"}))
		err := use(d)
		if end := d.Commit(ctx); end == nil {
			t.Errorf("%s: committed", name)
		} else if err == nil {
			err = end
		}
		if err == nil || !strings.Contains(err.Error(), "t_a_check") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
		must(t, d.Close())
		if got := asked(t, url, "SELECT count(*)::text FROM t"); got != "0" {
			t.Errorf("%s: left behind: %s", name, got)
		}
	}
	d, url = open() // nobody waits for it
	insertBehind(ctx, d, "t", columns, keysOf([]any{1}, []any{"x"}))
	must(t, d.Close())
	if got := asked(t, url, "SELECT count(*)::text FROM t"); got != "0" {
		t.Error("left behind:", got)
	}
}

func TestUpdateDelete(t *testing.T) {
	url := database(t, `CREATE EXTENSION vector; CREATE TABLE t (id int PRIMARY KEY, a text, b int, j jsonb, k json, n numeric, v vector(2), x text CHECK (x <> 'bad'), day date, changed int DEFAULT 0);
		INSERT INTO t (id, a, b, j, k, n) SELECT i, CASE WHEN i % 2 = 0 THEN 'a' || i END, i, ('{"i":' || i || '}')::jsonb, ('{"i":' || i || '}')::json, i + 0.50 FROM generate_series(1, 40) i;
		CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.changed = 1; RETURN new; END'; CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch(); ALTER TABLE t ENABLE ALWAYS TRIGGER touch`)
	ctx := context.Background()
	d := target(t, url)
	for _, c := range []struct {
		keys, columns []string
		rows          *store.Rows
		want          string // rejected
	}{
		{[]string{"id"}, []string{"x"}, keysOf([]any{1, 99, 2, nil, 3}, []any{"one", "?", "bad", "?", "three"}), "[1 2 3]"},
		{[]string{"a", "b"}, []string{"x"}, keysOf([]any{nil, "a4", "a6", nil}, []any{5, 4, 7, 6}, []any{"five", "four", "?", "?"}), "[2 3]"},
		{[]string{"j"}, []string{"x"}, keysOf([]any{`{"i": 8}`, `{"i":88}`, `{`}, []any{"eight", "?", "?"}), "[1 2]"},
		{[]string{"k"}, []string{"x"}, keysOf([]any{`{"i":9}`, `{"i": 9}`}, []any{"nine", "?"}), "[1]"},
		{[]string{"n"}, []string{"day", "v"}, keysOf([]any{"10.5", "x", "11.500", "12.5", "13.5"}, []any{"2026-01-02", "2026-01-02", "yesterdays", nil, "2026-01-03"}, []any{[]float32{1, 2}, nil, nil, []float32{1}, nil}), "[1 2 3]"},
		{[]string{"id"}, []string{"x"}, keysOf([]any{14, 15, 14}, []any{"first", "fifteen", "last"}), "[]"},
		{[]string{"id"}, nil, keysOf([]any{99}), "[]"},
	} {
		rejected := map[int]error{}
		must(t, d.Update(ctx, "t", c.keys, c.columns, c.rows, collected(rejected)))
		if got := rejectedRows(rejected); got != c.want {
			t.Errorf("%v: rejected %s, want %s: %v", c.keys, got, c.want, rejected)
		}
	}
	for _, c := range []struct {
		keys []string
		rows *store.Rows
	}{
		{[]string{"id"}, keysOf([]any{20, 98, nil, "x", 21})}, {[]string{"a", "b"}, keysOf([]any{nil, "a24", "a26", nil}, []any{23, 24, 25, nil})}, {[]string{"j"}, keysOf([]any{`{"i": 28}`, "{", `"\ud800"`})},
		{[]string{"k"}, keysOf([]any{`{"i":29}`})}, {[]string{"n"}, keysOf([]any{"30.5", "x", "31.50"})}, {[]string{"day"}, keysOf([]any{"never"})},
	} {
		must(t, d.Delete(ctx, "t", c.keys, c.rows))
	}
	must(t, d.Commit(ctx))
	must(t, d.Close())
	if got := asked(t, url, "SELECT string_agg(id || '=' || x, ' ' ORDER BY id) FROM t WHERE x IS NOT NULL"); got != "1=one 3=three 4=four 5=five 8=eight 9=nine 14=last 15=fifteen" {
		t.Error(got)
	}
	if got := asked(t, url, "SELECT string_agg(id || '=' || day || coalesce(v::text, '-'), ' ' ORDER BY id) FROM t WHERE day IS NOT NULL"); got != "10=2026-01-02[1,2] 13=2026-01-03-" {
		t.Error(got)
	}
	if got := asked(t, url, "SELECT string_agg(i::text, ' ') FROM generate_series(1, 40) i WHERE NOT EXISTS (SELECT FROM t WHERE id = i)"); got != "20 21 23 24 28 29 30 31" {
		t.Error(got)
	}
	if got := asked(t, url, "SELECT (SELECT sum(changed) FROM t) || ' ' || (SELECT tgenabled::text FROM pg_trigger WHERE tgname = 'touch')"); got != "0 A" {
		t.Error("trigger: ", got)
	}
}

// A row that others refer to cannot be deleted, and that is no silence.
func TestDeleteReferred(t *testing.T) {
	d := target(t, database(t, "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int REFERENCES p); INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (1)"))
	if err := d.Delete(context.Background(), "p", []string{"id"}, keysOf([]any{2, 1})); err == nil || !strings.Contains(err.Error(), "c_p_fkey") {
		t.Error(err)
	}
}

// What Stored says of random rows is what Lookup gives, defaults included.
func TestStoredIsLookup(t *testing.T) {
	const seed = 20260203
	r := rand.New(rand.NewPCG(seed, 1))
	url := database(t, typesDDL)
	values := map[string][]any{
		"bool": {0, 1}, "int2": {-5, 5}, "int4": {1 << 30}, "int8": {math.MinInt64, math.MaxInt64}, "oid": {1 << 31}, "float4": {0.5, math.Inf(1), math.NaN()}, "float8": {0.1, math.Copysign(0, -1), math.NaN()}, "text": {"", "a\nb", "é"}, "varchar(5)": {"abc", "äöüßé"},
		"varchar": {"x"}, "char(4)": {"", "ä", "ab  "}, "uuid": {"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}, "json": {` {"a" : 1}`}, "jsonb": {`{"b":1,"a":[1.50, 1e2],"b":2}`, "null", `"\u00e9"`}, "bytea": {[]byte{0, 255}}, "timestamptz": {0, 1, math.MaxInt64},
		"timestamp": {-1}, "timestamp(3)": {-1000}, "vector(3)": {[]float32{1, 2, 3}}, "halfvec(2)": {[]float32{0.5, 2}}, "bool[]": {"[true, null]"}, "int4[]": {"[ 1,2]", "[]"}, "text[]": {`["a", "\u00e4"]`}, "float8[]": {"[1.50]"}, "uuid[]": {"[]"},
	}
	defaults := map[string]string{"bool": "true", "int4": "-7", "float8": "1.5", "text": `E'it''s \\ a'`, "char(4)": "'ab'", "jsonb": `'{"z":1, "a":1}'`, "timestamptz": "'2020-01-01 12:00:00+02'", "vector(3)": "'[1,2,3]'", "int4[]": "'{1,2}'", "uuid": "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "varchar(5)": "NULL"}
	ctx := context.Background()
	d := target(t, url)
	var names []string
	var ddl strings.Builder
	ddl.WriteString("CREATE TABLE t (id int PRIMARY KEY")
	for _, s := range samples {
		if _, ok := values[s.decl]; ok {
			names = append(names, s.decl)
			fmt.Fprintf(&ddl, ", %s %s", store.QuoteName(s.decl), s.decl)
			if def, ok := defaults[s.decl]; ok {
				ddl.WriteString(" DEFAULT " + def)
			}
		}
	}
	must(t, d.Exec(ctx, ddl.String()+")"))
	for round := range 30 {
		columns := []string{"id"}
		for _, name := range names {
			if r.IntN(3) > 0 {
				columns = append(columns, name)
			}
		}
		cells := make([][]any, len(columns))
		for row := range 20 {
			cells[0] = append(cells[0], round*20+row)
			for i, name := range columns[1:] {
				var v any
				if n := r.IntN(len(values[name]) + 1); n > 0 {
					v = values[name][n-1]
				}
				cells[i+1] = append(cells[i+1], v)
			}
		}
		rows := keysOf(cells...)
		told, err := d.Stored(ctx, "t", columns, rows, names)
		must(t, err)
		if told == nil {
			t.Fatalf("seed %d: nothing is known of %v", seed, columns)
		}
		must(t, d.Insert(ctx, "t", columns, rows, none(t)))
		found, at, err := d.Lookup(ctx, "t", []string{"id"}, names, keysOf(cells[0]))
		must(t, err)
		for row := range told.N {
			for i, name := range names {
				if !told.Columns[i].Equal(row, &found.Columns[i], at[row]) {
					t.Fatalf("seed %d, round %d, row %d, %s: told %q, found %q", seed, round, row, name, show(&told.Columns[i], row, 0), show(&found.Columns[i], at[row], 0))
				}
			}
		}
	}
	must(t, d.Exec(ctx, "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'; CREATE TRIGGER change BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION change()"))
	if told, err := d.Stored(ctx, "t", []string{"id"}, keysOf([]any{1}), names); told != nil || err != nil {
		t.Error("a trigger may change rows, and Stored says", told, err)
	}
	must(t, d.Exec(ctx, "CREATE TABLE s (a int DEFAULT random() * 5, b timestamptz DEFAULT now(), n numeric DEFAULT 1, s serial, x text)"))
	for _, want := range []string{"a", "b", "n", "s"} {
		if told, err := d.Stored(ctx, "s", []string{"x"}, keysOf([]any{"x"}), []string{want}); told != nil || err != nil {
			t.Error(want, told, err)
		}
	}
}
