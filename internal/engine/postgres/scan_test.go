package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/memarc/memarc/internal/store"
)

const manyRows = "CREATE TABLE many (id int, note text, n numeric); INSERT INTO many SELECT i, repeat('x', 100), i FROM generate_series(1, 20000) i"

func TestScan(t *testing.T) {
	d := open(t, database(t, manyRows, "CREATE TABLE parted (k int, v text) PARTITION BY RANGE (k); CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10); INSERT INTO parted VALUES (1, 'a')",
		"CREATE TABLE parent (k int); CREATE TABLE child (more int) INHERITS (parent); INSERT INTO child VALUES (1, 2)", "CREATE TABLE bare (); INSERT INTO bare DEFAULT VALUES; INSERT INTO bare DEFAULT VALUES"))
	for _, shared := range []bool{false, true} {
		for _, columns := range [][]string{{"id", "note"}, {"n", "id"}} {
			rows, err := scan(d, store.Query{Table: "many", Columns: columns, Shared: shared})
			if err != nil || rows.N != 20000 {
				t.Fatal(rows.N, err)
			}
		}
		rows, err := scan(d, store.Query{Table: "many", Columns: []string{"id"}, Where: "id % 2 = 0 -- even", Shared: shared})
		if err != nil || rows.N != 10000 || rows.Columns[0].Int(1) != 4 {
			t.Fatal(rows.N, err)
		}
		if rows, err = scan(d, store.Query{Table: "parted", Columns: []string{"v", "k"}, Shared: shared}); err != nil || rows.N != 1 {
			t.Fatal(rows.N, err)
		}
		if rows, err = scan(d, store.Query{Table: "parent", Columns: []string{"k"}, Shared: shared}); err != nil || rows.N != 0 {
			t.Fatal(rows.N, err)
		}
		if rows, err = scan(d, store.Query{Table: "bare", Shared: shared}); err != nil || rows.N != 2 {
			t.Fatal(rows.N, err)
		}
		for _, where := range []string{"id = ", "nope = 1", "id = 1; DROP TABLE many", "true) UNION SELECT (1", "1 / (id - 5) > 0"} {
			if _, err := scan(d, store.Query{Table: "many", Columns: []string{"id"}, Where: where, Shared: shared}); !errors.Is(err, store.ErrUsage) {
				t.Errorf("condition %q: %v", where, err)
			}
			if d.conn.PgConn().TxStatus() != 'T' && !shared {
				t.Fatalf("condition %q ended the transaction", where)
			}
			if d.conn.PgConn().TxStatus() == 'E' { // the cursor had begun to give rows
				if err := d.exec(context.Background(), "ROLLBACK; "+snapshot+settings); err != nil {
					t.Fatal(err)
				}
				if err := d.setPath(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, q := range []store.Query{{Table: "nope"}, {Table: "many", Columns: []string{"nope"}}} {
		if _, err := scan(d, q); err == nil {
			t.Fatal(q)
		}
	}
}

// A consumer may take the slices of a run, and go away at any moment.
func TestAbandonedScan(t *testing.T) {
	url := database(t, manyRows, "INSERT INTO many SELECT i, repeat('x', 1000), i FROM generate_series(1, 50000) i")
	d := open(t, url)
	ctx := context.Background()
	run(t, url, "DELETE FROM many WHERE id < 100") // after the snapshot
	for after := range 4 {
		for _, shared := range []bool{false, true} {
			n := 0
			for rows, err := range d.Scan(ctx, store.Query{Table: "many", Columns: []string{"id", "note"}, Shared: shared}) {
				if err != nil {
					t.Fatal(err)
				}
				rows.Columns[1] = store.Cells{}
				if n++; n > after {
					break
				}
			}
			if got, err := d.Count(ctx, "many"); err != nil || got != 70000 {
				t.Fatal(after, shared, got, err)
			}
		}
	}
	func() {
		defer func() { _ = recover() }()
		for range d.Scan(ctx, store.Query{Table: "many", Columns: []string{"id"}}) {
			panic("consumer")
		}
	}()
	if rows, err := scan(d, store.Query{Table: "many", Columns: []string{"id"}}); err != nil || rows.N != 70000 {
		t.Fatal(rows.N, err)
	}
}

func TestCancelledScan(t *testing.T) {
	d := open(t, database(t, manyRows))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range d.Scan(ctx, store.Query{Table: "many", Columns: []string{"id"}}) {
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

// Between the runs of a shared scan the connection is free.
func TestSharedScan(t *testing.T) {
	d := open(t, database(t, manyRows))
	n := 0
	for rows, err := range d.Scan(context.Background(), store.Query{Table: "many", Columns: []string{"id"}, Shared: true}) {
		if err != nil {
			t.Fatal(err)
		}
		_, found, err := d.Lookup(context.Background(), "many", []string{"id"}, []string{"note"}, rows)
		if err != nil || found[0] < 0 {
			t.Fatal(found, err)
		}
		n += rows.N
	}
	if n != 20000 {
		t.Fatal(n)
	}
}

// fuzzColumns has a column of every kind of codec, and one without.
func fuzzColumns() []*column {
	var out []*column
	for _, oid := range []uint32{pgtype.BoolOID, pgtype.Int2OID, pgtype.OIDOID, pgtype.Float4OID, pgtype.TextOID, pgtype.UUIDOID, pgtype.JSONBOID, pgtype.ByteaOID,
		pgtype.TimestamptzOID, pgtype.TextArrayOID, pgtype.BoolArrayOID, pgtype.Float8ArrayOID} {
		c, kind := baseCodec(oid, -1)
		out = append(out, &column{name: "c", codec: c, kind: kind})
	}
	return append(out, &column{name: "v", codec: vectorCodec(-1, false)}, &column{name: "h", codec: vectorCodec(-1, true)}, &column{name: "t"})
}

// FuzzDecode feeds a COPY stream in pieces: it must not panic, must not depend on
// how it is cut, and every cell that comes out is well formed.
func FuzzDecode(f *testing.F) {
	header := append([]byte(copySignature), make([]byte, 8)...)
	columns := fuzzColumns()
	row := func(value []byte) []byte {
		out := binary.BigEndian.AppendUint16(bytes.Clone(header), uint16(len(columns)))
		for range columns {
			if value == nil {
				out = binary.BigEndian.AppendUint32(out, 0xffffffff)
				continue
			}
			out = append(binary.BigEndian.AppendUint32(out, uint32(len(value))), value...)
		}
		return append(out, 0xff, 0xff)
	}
	f.Add(row(nil), 3)
	f.Add(row([]byte{1}), 1)
	f.Add(row([]byte{0, 1, 0, 0, 1, 2, 3, 4}), 7)
	f.Add([]byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\xff\xff\xff\xff"), 5)
	for i, sample := range []string{`["a",null]`, `[true]`, `[1.5]`} {
		raw, err := columns[9+i].codec.encode(nil, cellsOf(sample), 0)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(row(raw), 11)
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		piece = 1 + piece&0xff
		read := func(size int) (*store.Rows, bool) {
			r := newCopyReader(columns)
			for p := stream; len(p) > 0; {
				n := min(size, len(p))
				if used, err := r.Write(p[:n]); used != n || err != nil {
					t.Fatal("Write fails")
				}
				p = p[n:]
			}
			go func() { _ = r.end(true) }() // what is wrong with the stream shows in ended
			out := store.NewRows(len(columns))
			for rows := range r.full {
				for i := range rows.N {
					out.AppendRow(rows, i)
				}
			}
			return out, r.ended
		}
		if len(stream) > 1<<16 {
			return // pieces of a few bytes would take too long
		}
		whole, ended := read(len(stream) + 1)
		cut, cutEnded := read(piece)
		if whole.N != cut.N || ended != cutEnded {
			t.Fatal("the pieces matter")
		}
		for i := range whole.Columns {
			for row := range whole.N {
				if !whole.Columns[i].Equal(row, &cut.Columns[i], row) {
					t.Fatal("the pieces matter")
				}
			}
		}
		for _, c := range columns { // each codec by itself
			out := store.NewRows(1)
			if err := c.decode(stream, &out.Columns[0]); err != nil {
				continue
			}
			if out.Columns[0].Len() != 1 {
				t.Fatal("no cell")
			}
			if c.codec == nil || c.codec.oid == pgtype.TextOID || c.codec.oid == pgtype.JSONBOID {
				continue
			}
			raw, err := c.codec.encode(nil, &out.Columns[0], 0)
			if errors.Is(err, errRefused) {
				continue // what a server would not send
			}
			again := store.NewRows(1)
			if err != nil || c.codec.decode(raw, &again.Columns[0]) != nil || !again.Columns[0].Equal(0, &out.Columns[0], 0) {
				t.Fatalf("encode does not undo decode of %x: %v", stream, err)
			}
		}
	})
}

func TestConfined(t *testing.T) {
	for where, ok := range map[string]bool{
		"a = 1": true, "(a = 1) AND b": true, "a = ')'": true, `"a)" = 1`: true, "a = E'\\')'": true, "a = '\\' AND b = ')'": true, "a -- )": true, "a /* ) /* ) */ ) */ = 1": true,
		"a = $x$)$x$": true, "a = $$)$$": true, "e = 'a' AND b": true, "a = E'x'\n'\\')'": true, "date'2020-01-01' < d": true,
		")": false, "a) OR (b": false, "(a": false, "a = '": false, `"a`: false, "a /* b": false, "a /* /* */": false, "a = $x$ b": false, "a; b": false,
		"a = '\\') OR ('": false, "a = 'x' AND b = '\\') OR ('": false, "a = E'\\'": false, "a$x$ ) $x$": false, "1$a$ ) $a$": false, "1e'\\'": false, "a -- b\n)": false, "a -- b\r)": false, "a\x00": false,
	} {
		if err := confined(where); (err == nil) != ok {
			t.Errorf("condition %q: %v", where, err)
		} else if err != nil && (!errors.Is(err, store.ErrUsage) || !strings.Contains(err.Error(), "not one condition")) {
			t.Error(err)
		}
	}
}

func BenchmarkCopyOut(b *testing.B) {
	d := open(b, database(b, "CREATE EXTENSION vector; CREATE TABLE e (id uuid, note text, at timestamptz, v vector(384))",
		"INSERT INTO e SELECT gen_random_uuid(), repeat('note ', 20), now(), (SELECT array_agg(i + j * 0.001) FROM generate_series(1, 384) j)::vector FROM generate_series(1, 100000) i", "VACUUM ANALYZE e"))
	b.ResetTimer()
	n := 0
	for range b.N {
		for rows, err := range d.Scan(context.Background(), store.Query{Table: "e", Columns: []string{"id", "note", "at", "v"}}) {
			if err != nil {
				b.Fatal(err)
			}
			n += rows.N
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}
