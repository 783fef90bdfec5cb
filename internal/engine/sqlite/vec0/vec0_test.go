package vec0_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/internal/engine/sqlite/vec0"
	"github.com/memarc/memarc/internal/store/storetest"
)

type blob struct {
	Hex string `json:"hex"`
}

// theirs runs statements with sqlite-vec itself, by a Python that has it.
func theirs(t *testing.T, path string, statements [][]any) [][][]any {
	t.Helper()
	python := os.Getenv("MEMARC_TEST_SQLITE_VEC")
	if python == "" {
		const why = "MEMARC_TEST_SQLITE_VEC names no Python with sqlite-vec: that it reads what memarc writes, and memarc what it writes"
		if slices.Contains(strings.Fields(os.Getenv("MEMARC_TEST_REQUIRE")), "sqlite-vec") {
			t.Fatal(why)
		}
		t.Skip("NOT PROVEN, " + why)
	}
	var in, complaints bytes.Buffer
	for _, s := range statements {
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.Command(python, "testdata/theirs.py", path)
	cmd.Stdin, cmd.Stderr = &in, &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaints.String())
	}
	var all [][][]any
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var rows [][]any
		if err := json.Unmarshal(lines.Bytes(), &rows); err != nil {
			t.Fatalf("%s: %.300s", statements[len(all)], lines.Bytes())
		}
		all = append(all, rows)
	}
	return all
}

// ours runs a statement through the module; an error is that of SQLite.
func ours(t *testing.T, c *sqlite3.Conn, statement []any) [][]any {
	t.Helper()
	s, _, err := c.Prepare(statement[0].(string))
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	defer s.Close()
	for i, v := range statement[1:] {
		switch v := v.(type) {
		case blob:
			raw, _ := hex.DecodeString(v.Hex)
			err = s.BindBlob(i+1, raw)
		case string:
			err = s.BindText(i+1, v)
		case float64:
			err = s.BindFloat(i+1, v)
		case int:
			err = s.BindInt(i+1, v)
		case nil:
			err = s.BindNull(i + 1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	out := [][]any{}
	for s.Step() {
		row := make([]any, s.ColumnCount())
		for i := range row {
			switch s.ColumnType(i) {
			case sqlite3.INTEGER:
				row[i] = float64(s.ColumnInt64(i)) // as JSON has it
			case sqlite3.FLOAT:
				row[i] = s.ColumnFloat(i)
			case sqlite3.TEXT:
				row[i] = s.ColumnText(i)
			case sqlite3.BLOB:
				row[i] = map[string]any{"hex": hex.EncodeToString(s.ColumnRawBlob(i))}
			}
		}
		out = append(out, row)
	}
	if err := s.Err(); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return out
}

// A shape is a declaration, with what makes values for its columns.
type shape struct {
	declaration string
	columns     []string
	values      []func(r *rand.Rand) any
	wrap        []string // how sqlite-vec wants a value
}

func bytesOf(n int) func(r *rand.Rand) any {
	return func(r *rand.Rand) any {
		raw := make([]byte, n)
		for i := range raw {
			raw[i] = byte(r.IntN(100))
		}
		return blob{hex.EncodeToString(raw)}
	}
}

func oneOf(all ...any) func(r *rand.Rand) any {
	return func(r *rand.Rand) any { return all[r.IntN(len(all))] }
}

var shapes = map[string]shape{
	"plain":         {"e FLOAT[3] distance_metric=cosine, chunk_size=8", []string{"e"}, []func(*rand.Rand) any{bytesOf(12)}, []string{"?"}},
	"default chunk": {"e float[2]", []string{"e"}, []func(*rand.Rand) any{bytesOf(8)}, []string{"?"}},
	"partitions": {"store TEXT partition key, e f32[2], n integer partition key, chunk_size=16", []string{"store", "e", "n"},
		[]func(*rand.Rand) any{oneOf("a", "b", "ü"), bytesOf(8), oneOf(1, 2)}, []string{"?", "?", "?"}},
	"all kinds": {"a float[2], i int8[5] distance_metric=l1, b bit[16], +note text, +raw blob, m text, n int, f float, yes boolean, chunk_size=8", []string{"a", "i", "b", "note", "raw", "m", "n", "f", "yes"},
		[]func(*rand.Rand) any{bytesOf(8), bytesOf(5), bytesOf(2), oneOf("x", nil, "é\n"), oneOf(blob{"0001"}, nil), oneOf("", "short", "exactly 12 by", "a long text of more than twelve bytes"), oneOf(-1, 7, 1<<40), oneOf(0.5, -1e300), oneOf(0, 1)},
		[]string{"?", "vec_int8(?)", "vec_bit(?)", "?", "?", "?", "?", "?", "?"}},
}

// script makes random statements: of sqlite-vec where native, else for the module. Both do
// the same, and the rows that must be there are returned by their number.
func script(s shape, r *rand.Rand, native bool, steps int, rows map[int][]any) [][]any {
	var out [][]any
	for range steps {
		id := 1 + r.IntN(40)
		switch _, there := rows[id]; {
		case there && r.IntN(3) == 0:
			out = append(out, []any{"DELETE FROM t WHERE rowid = ?", id})
			delete(rows, id)
		case there:
			at := slices.Index(s.columns, "a")
			if at < 0 {
				at = slices.Index(s.columns, "e")
			}
			v := s.values[at](r)
			out = append(out, []any{"UPDATE t SET " + s.columns[at] + " = ? WHERE rowid = ?", v, id})
			rows[id][at] = v
		default:
			row := []any{}
			marks := slices.Repeat([]string{"?"}, len(s.columns))
			if native {
				marks = s.wrap
			}
			for _, make := range s.values {
				row = append(row, make(r))
			}
			out = append(out, append([]any{"INSERT INTO t (rowid, " + strings.Join(s.columns, ", ") + ") VALUES (?, " + strings.Join(marks, ", ") + ")", id}, row...))
			rows[id] = row
		}
	}
	return out
}

// expected shows rows as a query gives them.
func expected(rows map[int][]any) [][]any {
	out := [][]any{}
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		row := []any{float64(id)}
		for _, v := range rows[id] {
			switch v := v.(type) {
			case blob:
				row = append(row, map[string]any{"hex": v.Hex})
			case int:
				row = append(row, float64(v))
			default:
				row = append(row, v)
			}
		}
		out = append(out, row)
	}
	return out
}

// sqlite-vec and the module work on one file in turns: each reads what the other has
// written, and neighbours are found among all rows and no others.
func TestInTurns(t *testing.T) {
	for name, s := range shapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Log("seed", seed)
			turns(t, s, rand.New(rand.NewPCG(seed, 1)))
		})
	}
}

func turns(t *testing.T, s shape, r *rand.Rand) {
	native := r.IntN(2) == 0
	path := filepath.Join(t.TempDir(), "t.db")
	rows := map[int][]any{}
	query := []any{"SELECT rowid, " + strings.Join(s.columns, ", ") + " FROM t ORDER BY rowid"}
	create := []any{"CREATE VIRTUAL TABLE t USING vec0(" + s.declaration + ")"}
	for turn := range 4 {
		statements := script(s, r, native, 60, rows)
		if turn == 0 {
			statements = slices.Insert(statements, 0, create)
		}
		want := expected(rows)
		at := slices.IndexFunc(s.columns, func(name string) bool { return name == "a" || name == "e" })
		checks := [][]any{query, {"PRAGMA integrity_check"}, {"SELECT count(*), count(DISTINCT rowid) FROM t WHERE " + s.columns[at] + " MATCH ? AND k = 100", s.values[at](r)}}
		var got [][][]any
		if native {
			got = theirs(t, path, slices.Concat(statements, checks))[len(statements):]
		} else {
			c := storetest.Open(t, path)
			if err := c.Exec("BEGIN"); err != nil {
				t.Fatal(err)
			}
			for _, one := range statements {
				ours(t, c, one)
			}
			if err := c.Exec("COMMIT"); err != nil {
				t.Fatal(err)
			}
			c.Close()
			got = theirs(t, path, checks)
		}
		c := storetest.Open(t, path)
		if got := ours(t, c, query); !reflect.DeepEqual(got, want) {
			t.Fatalf("turn %d: the module reads\n%v, want\n%v", turn, got, want)
		}
		for _, id := range []int{1, 20, 40} {
			_, there := rows[id]
			if got := ours(t, c, []any{"SELECT count(*) FROM t WHERE rowid = ?", id}); (got[0][0] == 1.0) != there {
				t.Errorf("row %d: %v", id, got)
			}
		}
		c.Close()
		if !reflect.DeepEqual(got[0], want) {
			t.Fatalf("turn %d: sqlite-vec reads\n%v, want\n%v", turn, got[0], want)
		}
		if n := float64(len(want)); got[1][0][0] != "ok" || got[2][0][0] != n || got[2][0][1] != n {
			t.Errorf("turn %d: integrity %v, neighbours %v of %v", turn, got[1], got[2], n)
		}
		native = !native
	}
}

// Texts as keys, and what they are found by.
func TestTextKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	theirs(t, path, [][]any{{"CREATE VIRTUAL TABLE t USING vec0(id text primary key, e float[2])"}, {"INSERT INTO t(id, e) VALUES ('one', '[1,2]'), ('two', '[3,4]')"}})
	storetest.Exec(t, path, "INSERT INTO t(id, e) VALUES ('three', x'0000803f00000040')", "DELETE FROM t WHERE id = 'one'", "UPDATE t SET e = x'0000000000000000' WHERE id IS 'two'")
	got := theirs(t, path, [][]any{{"SELECT id, vec_to_json(e) FROM t ORDER BY id"}})
	if want := fmt.Sprint([][]any{{"three", "[1.000000,2.000000]"}, {"two", "[0.000000,0.000000]"}}); fmt.Sprint(got[0]) != want {
		t.Errorf("%v, want %v", got[0], want)
	}
}

// What sqlite-vec refuses or the module does not know is left alone.
func TestParse(t *testing.T) {
	for _, args := range [][]string{
		nil, {""}, {"e"}, {"e float"}, {"e float[]"}, {"e float[0]"}, {"e float[8193]"}, {"e float[99999999999999999999]"}, {"e float[2] indexed by rescore(quantizer=bit)"},
		{"e bit[7]"}, {"e float[2]", "E float[2]"}, {"e float[2]", "k text"}, {"e float[2]", "chunk_size=7"}, {"e float[2]", "chunk_size=8192"}, {"e float[2]", "rowid int"},
		{"e float[2]", "x y"}, {"e float[2]", "what=1"}, {"\"e\" float[2]"}, {"e float[2]", "a text primary key", "b text primary key"}, {"+ text"}, {"e float[2]", "+"},
	} {
		if _, err := vec0.Parse(args); err == nil {
			t.Errorf("%q is understood", args)
		}
	}
	for _, args := range [][]string{{"e float[2]"}, {" e  FLOAT [ 8192 ]  distance_metric = L2 "}, {"e i8[3]", "s Text Partition Key", "+a blob", "m bool", "chunk_size=8"}} {
		d, err := vec0.Parse(args)
		if err != nil {
			t.Errorf("%q: %v", args, err)
			continue
		}
		again, err := vec0.ParseSQL(d.CreateSQL(`a "vec0(" b`))
		if err != nil || !reflect.DeepEqual(again, d) {
			t.Errorf("%q comes back as %+v, %v", args, again, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("CREATE VIRTUAL TABLE t USING vec0(e float[2] distance_metric=cosine, s text partition key, +a text, chunk_size=8)")
	f.Fuzz(func(t *testing.T, sql string) {
		d, err := vec0.ParseSQL(sql)
		if err != nil {
			return
		}
		again, err := vec0.ParseSQL(d.CreateSQL("t"))
		if err != nil || !reflect.DeepEqual(again, d) {
			t.Errorf("%q comes back as %+v, %v", sql, again, err)
		}
	})
}

// Shadow tables that sqlite-vec would never make are an error that names the table.
func TestDamaged(t *testing.T) {
	for _, damage := range []string{
		"UPDATE t_rowids SET chunk_offset = -1 WHERE rowid = 3", "UPDATE t_rowids SET chunk_offset = 8 WHERE rowid = 3", "UPDATE t_rowids SET chunk_offset = 9223372036854775807",
		"UPDATE t_rowids SET chunk_id = 77 WHERE rowid = 3", "UPDATE t_rowids SET chunk_id = NULL", "UPDATE t_rowids SET chunk_id = 'x'", "UPDATE t_rowids SET chunk_offset = 1 WHERE rowid = 3",
		"UPDATE t_chunks SET validity = x''", "UPDATE t_chunks SET validity = zeroblob(1)", "UPDATE t_chunks SET validity = zeroblob(100000000)", "UPDATE t_chunks SET rowids = x'00'", "UPDATE t_chunks SET rowids = 7",
		"UPDATE t_chunks SET size = 1000000000000", "UPDATE t_chunks SET size = 'x'", "DELETE FROM t_chunks", "UPDATE t_vector_chunks00 SET vectors = x'0000'", "UPDATE t_vector_chunks00 SET vectors = zeroblob(50000000)",
		"UPDATE t_vector_chunks00 SET vectors = 5", "DELETE FROM t_vector_chunks00", "DROP TABLE t_vector_chunks00", "DROP TABLE t_chunks", "DROP TABLE t_rowids", "DELETE FROM t_auxiliary WHERE rowid = 3",
		"UPDATE t_metadatachunks00 SET data = x'00'", "UPDATE t_metadatachunks00 SET data = unhex(replace(hex(zeroblob(128)), '00', 'ff'))", "DELETE FROM t_metadatatext00",
		"CREATE TABLE x (rowid INTEGER PRIMARY KEY, id, chunk_id INTEGER, chunk_offset INTEGER); DROP TABLE t_rowids; CREATE VIEW t_rowids AS SELECT 1 AS rowid, 2 AS id, 3 AS chunk_id, 4 AS chunk_offset",
	} {
		t.Run(damage, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "t.db")
			storetest.Exec(t, path, "CREATE VIRTUAL TABLE t USING vec0(e float[2], +a text, m text, chunk_size=8)",
				"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) INSERT INTO t(rowid, e, a, m) SELECT i, zeroblob(8), 'a', 'a text of more than 12 bytes' FROM n", damage)
			c := storetest.Open(t, path)
			defer c.Close()
			err := c.Exec("SELECT rowid, e, a, m FROM t ORDER BY rowid")
			if err == nil || !strings.Contains(err.Error(), `"t"`) {
				t.Errorf("error %v", err)
			}
			// Whatever happens to a write, nothing panics.
			for _, sql := range []string{"INSERT INTO t(rowid, e, a, m) VALUES (9, zeroblob(8), '', 'a text of more than 12 bytes')", "DELETE FROM t WHERE rowid = 3", "UPDATE t SET e = zeroblob(8) WHERE rowid = 4", "DROP TABLE t"} {
				_ = c.Exec(sql)
			}
		})
	}
}

// Values that a column does not take are refused and leave no trace.
func TestRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	storetest.Exec(t, path, "CREATE VIRTUAL TABLE t USING vec0(e float[2], s text partition key, b boolean, chunk_size=8)", "INSERT INTO t(rowid, e, s, b) VALUES (1, zeroblob(8), 'a', 0)")
	before := storetest.Read(t, path)
	c := storetest.Open(t, path)
	defer c.Close()
	for _, sql := range []string{
		"INSERT INTO t(rowid, e, s, b) VALUES (1, zeroblob(8), 'a', 0)", "INSERT INTO t(rowid, e, s, b) VALUES (2, zeroblob(7), 'a', 0)", "INSERT INTO t(rowid, e, s, b) VALUES (2, NULL, 'a', 0)",
		"INSERT INTO t(rowid, e, s, b) VALUES (2, '[1,2]', 'a', 0)", "INSERT INTO t(rowid, e, s, b) VALUES (2, zeroblob(8), 5, 0)", "INSERT INTO t(rowid, e, s, b) VALUES (2, zeroblob(8), 'a', 2)",
		"INSERT INTO t(rowid, e, s, b) VALUES ('x', zeroblob(8), 'a', 0)", "UPDATE t SET e = x'00' WHERE rowid = 1",
	} {
		if err := c.Exec(sql); err == nil || !strings.Contains(err.Error(), "constraint") {
			t.Errorf("%s: error %v", sql, err)
		}
	}
	storetest.SameDump(t, before, storetest.Read(t, path))
}
