package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// target opens a database for writing until the test ends.
func target(t testing.TB, url string) *Target {
	t.Helper()
	d, err := OpenTarget(context.Background(), location(t, url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// asked returns the one text that a query gives in a session of its own.
func asked(t testing.TB, url, query string) string {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var text *string
	if err := conn.QueryRow(context.Background(), query).Scan(&text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if text == nil {
		return "NULL"
	}
	return *text
}

// must ends a test at an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// none fails a test for each rejected row.
func none(t testing.TB) func(int, error) {
	return func(row int, err error) { t.Helper(); t.Errorf("row %d is rejected: %v", row, err) }
}

// collected keeps why rows were rejected.
func collected(into map[int]error) func(int, error) {
	return func(row int, err error) { into[row] = err }
}

func rejectedRows(rejected map[int]error) string { return fmt.Sprint(sortedRows(rejected)) }

func TestCommitAndClose(t *testing.T) {
	url := database(t, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
	ctx := context.Background()
	there := "SELECT coalesce(to_regclass('made')::text, 'none') || ' ' || (SELECT count(*) FROM kept)"
	for _, commit := range []bool{false, true} {
		d := target(t, url)
		if d.Fresh() {
			t.Error("fresh with a table")
		}
		must(t, d.CreateTable(ctx, &format.Table{Name: "made", Columns: []format.TableColumn{{Name: "n", Type: "integer"}}}))
		must(t, d.Insert(ctx, "made", []string{"n"}, keysOf([]any{1, 2}), none(t)))
		must(t, d.Insert(ctx, "kept", []string{"n"}, keysOf([]any{2}), none(t)))
		must(t, d.Settle(ctx))
		if got := asked(t, url, there); got != "none 1" {
			t.Fatal("visible before the end: ", got)
		}
		if commit {
			must(t, d.Commit(ctx))
		}
		must(t, d.Close())
		if got, want := asked(t, url, there), map[bool]string{false: "none 1", true: "made 2"}[commit]; got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	if !target(t, pgserver.New(t)).Fresh() {
		t.Error("an empty database is not fresh")
	}
}

func TestCheckpoint(t *testing.T) {
	url := pgserver.New(t)
	ctx := context.Background()
	d := target(t, url)
	must(t, d.CreateTable(ctx, &format.Table{Name: "made", Columns: []format.TableColumn{{Name: "n", Type: "numeric"}}}))
	for i := range 3 {
		must(t, d.Insert(ctx, "made", []string{"n"}, keysOf([]any{fmt.Sprint(i)}), none(t)))
		must(t, d.Checkpoint(ctx))
		if got := asked(t, url, "SELECT count(*)::text FROM made"); got != fmt.Sprint(i+1) {
			t.Fatal(got)
		}
	}
	must(t, d.Insert(ctx, "made", []string{"n"}, keysOf([]any{"9"}), none(t)))
	// Though this import has created the table, others see it now and must not write.
	other, err := pgx.Connect(ctx, url)
	must(t, err)
	defer other.Close(ctx)
	if _, err := other.Exec(ctx, "SET lock_timeout = '50ms'; INSERT INTO made VALUES (7)"); err == nil {
		t.Error("another session writes into a table that is being loaded")
	}
	must(t, d.Close())
	if got := asked(t, url, "SELECT count(*)::text FROM made"); got != "3" {
		t.Fatal(got)
	}
}

// An import into a schema keeps others out, also while it creates the schema.
func TestOneImport(t *testing.T) {
	url := pgserver.New(t)
	ctx := context.Background()
	one := target(t, withParameter(url, "schema=Some+one"))
	begin := time.Now()
	if _, err := OpenTarget(ctx, location(t, withParameter(url, "schema=Some+one"))); !errors.Is(err, store.ErrUsage) || !strings.Contains(err.Error(), "another import") {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > lockPatience+3*time.Second {
		t.Error("refused after", took)
	}
	must(t, target(t, withParameter(url, "schema=other")).Close())
	must(t, one.CreateTable(ctx, &format.Table{Name: "t", Columns: []format.TableColumn{{Name: "n", Type: "bigint"}}}))
	must(t, one.Commit(ctx))
	must(t, one.Close())
	if got := asked(t, url, `SELECT nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relname = 't'`); got != "Some one" {
		t.Fatal(got)
	}
	begin = time.Now()
	d := target(t, withParameter(url, "schema=Some+one"))
	if d.Fresh() || time.Since(begin) > 2*time.Second {
		t.Error("fresh, or slow", time.Since(begin))
	}
	if got := asked(t, url, "SELECT count(*)::text FROM pg_namespace WHERE nspname = 'other'"); got != "0" {
		t.Error("a schema that was not committed is there")
	}
	if _, err := OpenTarget(ctx, location(t, withParameter(url, "schema="+strings.Repeat("x", 64)))); !errors.Is(err, store.ErrUsage) {
		t.Error(err)
	}
}

// A role that may write into a schema need not be able to create one.
func TestWritingRoleIsEnough(t *testing.T) {
	url := database(t, "CREATE SCHEMA s; CREATE TABLE s.t (n int)")
	role := asked(t, url, "SELECT 'memarc_writer_' || oid FROM pg_database WHERE datname = current_database()")
	run(t, url, "CREATE ROLE "+role, "GRANT ALL ON SCHEMA s TO "+role+"; GRANT ALL ON s.t TO "+role)
	t.Cleanup(func() { run(t, url, "DROP OWNED BY "+role, "DROP ROLE "+role) })
	d := target(t, withParameter(url, "schema=s&options=-c%20role%3D"+role))
	must(t, d.Insert(context.Background(), "t", []string{"n"}, keysOf([]any{1}), none(t)))
	must(t, d.Commit(context.Background()))
	must(t, d.Close())
}

// Nothing that stands in the schema takes the place of the server's own.
func TestOwnFunctionsFirst(t *testing.T) {
	url := database(t, `CREATE TABLE t (a text, n numeric); INSERT INTO t VALUES ('a', 1), ('b', 2);
		CREATE FUNCTION always(text, text) RETURNS bool LANGUAGE sql AS 'SELECT true'; CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = always)`)
	ctx := context.Background()
	d := target(t, url)
	must(t, d.Delete(ctx, "t", []string{"a"}, keysOf([]any{"a"})))
	if n, err := d.Count(ctx, "t"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
}

// While a cursor reads ahead, the target can be written.
func TestWriteWhileReading(t *testing.T) {
	url := database(t, "CREATE TABLE a AS SELECT n, repeat('x', 100) AS x FROM generate_series(1, 9000) n; CREATE TABLE b (n int, m numeric, s serial)")
	ctx := context.Background()
	d := target(t, url)
	read := 0
	for rows, err := range d.Scan(ctx, store.Query{Table: "a", Columns: []string{"n"}, Shared: true}) {
		must(t, err)
		read += rows.N
		rejected := map[int]error{}
		must(t, d.Insert(ctx, "b", []string{"n", "m"}, keysOf([]any{1, nil, "x"}, []any{"1", "x", "2"}), collected(rejected)))
		if rejectedRows(rejected) != "[1 2]" {
			t.Fatal(rejected)
		}
		last := int64(read)
		must(t, d.SetSequence(ctx, "b", &last))
	}
	if read != 9000 {
		t.Fatal(read)
	}
	must(t, d.Commit(ctx))
}

func TestSetSequence(t *testing.T) {
	url := database(t, `CREATE TABLE "Serial" (id serial PRIMARY KEY, x text); CREATE TABLE small (id smallserial PRIMARY KEY); CREATE TABLE identity (id int GENERATED ALWAYS AS IDENTITY (START 100 MINVALUE 50) PRIMARY KEY);
		CREATE TABLE plain (id int PRIMARY KEY); CREATE SEQUENCE apart; CREATE TABLE named (id int DEFAULT nextval('apart') PRIMARY KEY);
		INSERT INTO "Serial" (x) VALUES ('a'), ('b'), ('c'); INSERT INTO identity DEFAULT VALUES`)
	ctx := context.Background()
	number := func(n int64) *int64 { return &n }
	last := func(url string) string {
		return asked(t, url, `SELECT string_agg(sequencename || ' ' || coalesce(last_value::text, '-'), ', ' ORDER BY sequencename) FROM pg_sequences`)
	}
	const before = "Serial_id_seq 3, apart -, identity_id_seq 100, small_id_seq -"
	d := target(t, url)
	for name, n := range map[string]*int64{"Serial": nil, "identity": number(7000), "plain": number(3), "named": number(12), "small": number(5)} {
		must(t, d.SetSequence(ctx, name, n))
	}
	if err := d.guarded(ctx, func() error { return d.SetSequence(ctx, "small", number(1<<40)) }); err == nil {
		t.Error("a number beyond the sequence")
	}
	must(t, d.Close())
	if got := last(url); got != before {
		t.Errorf("after a roll back: %s", got)
	}
	d = target(t, url)
	for name, n := range map[string]*int64{"Serial": nil, "identity": number(7000), "plain": number(3), "named": number(12), "small": number(-4)} {
		must(t, d.SetSequence(ctx, name, n))
	}
	must(t, d.Commit(ctx))
	must(t, d.Close())
	if got := last(url); got != "Serial_id_seq -, apart 12, identity_id_seq 7000, small_id_seq -" {
		t.Errorf("after the commit: %s", got)
	}
	run(t, url, `DELETE FROM "Serial"; INSERT INTO "Serial" DEFAULT VALUES; INSERT INTO identity DEFAULT VALUES; INSERT INTO named DEFAULT VALUES; INSERT INTO small DEFAULT VALUES`)
	if got := asked(t, url, `SELECT (SELECT max(id) FROM "Serial") || ' ' || (SELECT max(id) FROM identity) || ' ' || (SELECT max(id) FROM named) || ' ' || (SELECT max(id) FROM small)`); got != "1 7001 13 1" {
		t.Error(got)
	}
	if err := d.SetSetting(ctx, "user_version", 1); err == nil {
		t.Error("a setting was set")
	}
}

func TestReferences(t *testing.T) {
	url := database(t, `CREATE TABLE p (a int, b text, PRIMARY KEY (b, a)); INSERT INTO p VALUES (1, 'x'), (2, 'y');
		CREATE TABLE c (id int PRIMARY KEY, a int, b text, up int);
		INSERT INTO c VALUES (1, 1, 'x', NULL), (2, 1, 'y', 1), (3, NULL, 'q', 1), (4, 7, NULL, 9), (5, 2, 'y', 5), (6, 2, 'x', 77)`)
	ctx := context.Background()
	d := target(t, url)
	for _, c := range []struct {
		f    format.ForeignKey
		want string
	}{
		{format.ForeignKey{Columns: []string{"b", "a"}, Table: "p"}, "[2 6]"},
		{format.ForeignKey{Columns: []string{"a", "b"}, Table: "p", To: []string{"a", "b"}, OnDelete: "set null", OnUpdate: "CASCADE"}, "[2 6]"},
		{format.ForeignKey{Columns: []string{"up"}, Table: "c"}, "[4 6]"},
	} {
		rows, err := d.Dangling(ctx, "c", []string{"id"}, &c.f)
		must(t, err)
		var got []int64
		for row := range rows.N {
			got = append(got, rows.Columns[0].Int(row))
		}
		slices.Sort(got)
		if fmt.Sprint(got) != c.want {
			t.Errorf("%v: %v, want %s", c.f, got, c.want)
		}
		if err := d.AddForeignKey(ctx, "c", &c.f); !errors.Is(err, store.ErrDangling) {
			t.Errorf("%v: rows dangle: %v", c.f, err)
		}
	}
	for _, f := range []format.ForeignKey{
		{Columns: []string{"a"}, Table: "p"}, {Columns: []string{"a"}, Table: "nowhere"}, {Columns: []string{"z"}, Table: "c"}, {Columns: []string{"a"}, Table: "c", To: []string{"z"}},
		{Columns: []string{}, Table: "c", To: []string{}}, {Columns: []string{"up\x00"}, Table: "c"}, {Columns: []string{"up"}, Table: "c", OnDelete: "CASCADE; DROP TABLE p"},
	} {
		if err := d.AddForeignKey(ctx, "c", &f); err == nil {
			t.Errorf("%q: the reference is there", f)
		}
		if f.OnDelete != "" {
			continue
		}
		if _, err := d.Dangling(ctx, "c", []string{"id"}, &f); err == nil {
			t.Errorf("%q: no error", f)
		}
	}
	must(t, d.Delete(ctx, "c", []string{"id"}, keysOf([]any{2, 4, 6})))
	must(t, d.AddForeignKey(ctx, "c", &format.ForeignKey{Columns: []string{"b", "a"}, Table: "p", OnDelete: "cascade"}))
	must(t, d.AddForeignKey(ctx, "c", &format.ForeignKey{Columns: []string{"up"}, Table: "c", OnUpdate: "NO ACTION"}))
	must(t, d.Commit(ctx))
	must(t, d.Close())
	if got := asked(t, url, "SELECT string_agg(pg_get_constraintdef(oid), '; ' ORDER BY oid) FROM pg_constraint WHERE contype = 'f'"); got !=
		"FOREIGN KEY (b, a) REFERENCES p(b, a) ON DELETE CASCADE; FOREIGN KEY (up) REFERENCES c(id)" {
		t.Error(got)
	}
}

const value = "a value "

// broken ends the connection in the middle of a COPY and checks that the error comes
// soon and that nothing hangs.
func broken(t *testing.T, d *Target, url string, ctx context.Context, behind bool, end func()) error {
	t.Helper()
	other, err := pgx.Connect(context.Background(), url)
	must(t, err)
	defer other.Close(context.Background())
	pid := d.conn.PgConn().PID()
	rows := store.NewRows(1)
	text := []byte(strings.Repeat(value, 4<<10))
	for range 2000 {
		rows.Columns[0].AppendText(text)
		rows.N++
	}
	var begin time.Time
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for copied := int64(0); copied < 1<<20; {
			// Before the COPY has begun there is no row.
			if err := other.QueryRow(context.Background(), "SELECT coalesce(sum(bytes_processed), 0) FROM pg_stat_progress_copy WHERE pid = $1", int32(pid)).Scan(&copied); err != nil {
				t.Error(err)
				return
			}
		}
		begin = time.Now()
		end()
	}()
	if behind {
		insertBehind(ctx, d, "big", []string{"x"}, rows)
		rows = keysOf([]any{"and one more"})
	}
	err = d.Insert(ctx, "big", []string{"x"}, rows, none(t))
	if err == nil {
		t.Fatal("the COPY was over before its end came")
	}
	<-ended
	if c := d.Commit(context.Background()); c == nil {
		t.Error("a broken transaction was committed")
	}
	if e := d.Close(); e != nil {
		t.Error(e)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	return err
}

func TestBroken(t *testing.T) {
	const ddl = "CREATE TABLE big (x text); ALTER TABLE big ALTER x SET STORAGE EXTERNAL"
	empty := func(t *testing.T, url string) {
		t.Helper()
		if got := asked(t, url, "SELECT count(*)::text FROM big"); got != "0" {
			t.Error("left behind: ", got)
		}
		d := target(t, url)
		must(t, d.Insert(context.Background(), "big", []string{"x"}, keysOf([]any{"again"}), none(t)))
		must(t, d.Commit(context.Background()))
		must(t, d.Close())
	}
	for how, behind := range map[string]bool{"": false, " behind": true} {
		t.Run("terminated"+how, func(t *testing.T) {
			url := database(t, ddl)
			d := target(t, url)
			pid := d.conn.PgConn().PID()
			err := broken(t, d, url, context.Background(), behind, func() { run(t, url, fmt.Sprintf("SELECT pg_terminate_backend(%d)", pid)) })
			if !strings.Contains(err.Error(), "shut down") || strings.Contains(err.Error(), value) {
				t.Error(err)
			}
			empty(t, url)
		})
		t.Run("cancelled"+how, func(t *testing.T) {
			url := database(t, ddl)
			ctx, cancel := context.WithCancel(context.Background())
			err := broken(t, target(t, url), url, ctx, behind, cancel)
			if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), value) {
				t.Error(err)
			}
			empty(t, url)
		})
		t.Run("server"+how, func(t *testing.T) {
			s := pgserver.Server(t)
			run(t, s.URL(), ddl)
			stopped := make(chan error, 1)
			err := broken(t, target(t, s.URL()), s.URL(), context.Background(), behind, func() { stopped <- s.Stop(true) })
			if strings.Contains(err.Error(), value) {
				t.Error("the error shows a value")
			}
			must(t, <-stopped)
			must(t, s.Start(context.Background()))
			empty(t, s.URL())
		})
	}
}
