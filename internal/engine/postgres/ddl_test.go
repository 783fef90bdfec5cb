package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest/pgserver"
)

// hostile are names, types and defaults that want to be more.
var hostile = []string{
	"plain", "Upper Case", `a"b`, `"`, `""`, `x"); DROP TABLE victim; --`, `x'; DROP TABLE victim; --`, "a\nb", "a;b", "a\x00b", "", " ", "select", "user", "a--b", "/* a", "$$", "$a$", `\`, `\'`, "ctid", "%s", "é", "\xff", "\u202e",
	strings.Repeat("n", 63), strings.Repeat("n", 64), strings.Repeat("é", 31) + "x", strings.Repeat("é", 32), strings.Repeat("😀", 16), strings.Repeat("x", 10<<10), "text", "integer", "text; DROP TABLE victim", "vector(3)", "numeric(10,2)", "text\n", "TEXT",
	"text DEFAULT (SELECT 1)", "victim", "integer[][]", "public.vector", "evil.text", `"char"`, "serial", "regclass", "timestamp(3) without time zone", "bit varying(5)", "pg_catalog.text",
}

// valueJSON is how a shape writes a value; nothing for what it cannot write.
func valueJSON(v format.Value) json.RawMessage {
	raw, err := v.AppendJSON(nil)
	if err != nil {
		return nil
	}
	return raw
}

func hostileShape(table, column, decl, value, keyword string) *format.Table {
	c := format.TableColumn{Name: column, Type: decl, Keyword: keyword}
	if value != "" && keyword == "" {
		c.Default = valueJSON(format.TextValue(value))
	}
	return &format.Table{Name: table, Columns: []format.TableColumn{c, {Name: "n", Type: "bigint"}}, Primary: []string{"n"}, Autoincrement: true, Unique: [][]string{{column}}}
}

// Either an error comes, or exactly that table is there.
func TestHostileShapes(t *testing.T) {
	url := database(t, "CREATE TABLE victim (n int); INSERT INTO victim VALUES (1); CREATE SCHEMA evil; CREATE DOMAIN evil.text AS pg_catalog.text")
	ctx := context.Background()
	d := target(t, url)
	names := func() string {
		var list string
		must(t, d.conn.QueryRow(ctx, "SELECT string_agg(n.nspname || '.' || relname, ' ' ORDER BY relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'v', 'f') AND nspname IN ('public', 'evil')").Scan(&list))
		return list
	}
	made := 0
	for i, h := range hostile {
		for part := range 7 {
			table, column, decl, value, keyword, index := "t", "c", "text", "", "", "i"
			switch part {
			case 0:
				table = h
			case 1:
				column = h
			case 2:
				decl = h
			case 3:
				value = h
			case 4:
				keyword = h
			case 5:
				index = h
			}
			want := hostileShape(table, column, decl, value, keyword)
			if part == 6 {
				want.Primary = []string{h}
			}
			must(t, d.exec(ctx, "SAVEPOINT one"))
			err := d.CreateTable(ctx, want)
			if err == nil {
				err = d.CreateIndex(ctx, table, &format.Index{Name: index, Columns: []string{"n", column}})
			}
			if err == nil {
				err = d.AddColumn(ctx, table, &format.TableColumn{Name: "more " + column[:min(len(column), 20)], Type: decl})
			}
			if err != nil {
				if len(err.Error()) > 1200 {
					t.Errorf("hostile %d, part %d: an error of %d bytes", i, part, len(err.Error()))
				}
				must(t, d.exec(ctx, "ROLLBACK TO one"))
				d.forget()
				continue
			}
			made++
			c, err := d.Catalog(ctx)
			must(t, err)
			got := c.Table(table)
			if got == nil || len(c.Tables) != 2 || len(got.Columns) != 3 || got.Columns[0].Name != column || len(got.Code) != 0 || len(got.Indexes) != 1 || !got.Autoincrement || len(c.Objects) != 1 {
				t.Errorf("hostile %d (%.40q), part %d: there is %+v", i, h, part, c.Tables)
			} else if index == "i" && got.Indexes[0].Name != "i" || index == h && len(h) <= maxName && got.Indexes[0].Name != h || !utf8.ValidString(got.Indexes[0].Name) {
				t.Errorf("index %q of %q", got.Indexes[0].Name, index)
			} else if wantDefault := string(want.Columns[0].Default); string(got.Columns[0].Default) != wantDefault {
				t.Errorf("hostile %d, part %d: default %s, want %s", i, part, got.Columns[0].Default, wantDefault)
			}
			if list := names(); list != "public."+min(table, "victim")+" public."+max(table, "victim") {
				t.Errorf("hostile %d (%.40q), part %d: %s", i, h, part, list)
			}
			must(t, d.exec(ctx, "ROLLBACK TO one"))
			d.forget()
		}
	}
	if made < 100 {
		t.Errorf("only %d tables were made", made)
	}
}

func TestCreatedDefaults(t *testing.T) {
	d := target(t, pgserver.New(t))
	ctx := context.Background()
	none := format.Value{}
	for i, c := range []struct {
		decl    string
		value   format.Value
		keyword string
		want    string
	}{
		{"INTEGER", format.IntValue(5), "", "5"}, {"bigint", format.IntValue(-1 << 63), "", "-9223372036854775808"}, {"REAL", format.FloatValue(1.5), "", "1.5"}, {"double precision", format.FloatValue(math.Inf(-1)), "", "-Infinity"},
		{"double precision", format.FloatValue(math.NaN()), "", "NaN"}, {"boolean", format.Value{Type: format.Bool, Cell: 1}, "", "1"}, {"boolean", none, "FALSE", "0"}, {"TEXT", format.TextValue(`it's \\ " \`), "", `it's \\ " \`},
		{"text", none, "", "NULL"}, {"numeric(5,1)", format.FloatValue(2.5), "", "2.5"}, {"jsonb", format.TextValue(`{"a":1}`), "", `{"a": 1}`}, {"date", format.TextValue("2020-01-02"), "", "2020-01-02"}, {"text[]", format.TextValue("{}"), "", "[]"},
	} {
		value := valueJSON(c.value)
		name := fmt.Sprint("t", i)
		must(t, d.CreateTable(ctx, &format.Table{Name: name, Columns: []format.TableColumn{{Name: "a", Type: "integer"}, {Name: "b", Type: c.decl, Default: value, Keyword: c.keyword}}}))
		must(t, d.AddColumn(ctx, name, &format.TableColumn{Name: "c", Type: c.decl, Default: value, Keyword: c.keyword, NotNull: c.want != "NULL"}))
		must(t, d.AddColumn(ctx, name, &format.TableColumn{Name: "d", Type: c.decl, NotNull: true}))
		must(t, d.Insert(ctx, name, []string{"a"}, keysOf([]any{1}), func(_ int, err error) { t.Error(err) }))
		rows, err := scan(&d.DB, store.Query{Table: name, Columns: []string{"b", "c"}})
		must(t, err)
		for i := range 2 {
			if got := show(&rows.Columns[i], 0, 0); got != c.want {
				t.Errorf("%s %s%s: %q, want %q", c.decl, value, c.keyword, got, c.want)
			}
		}
	}
}

// quotedParts are names and texts in quotes, which have no end but their own quote.
var quotedParts = regexp.MustCompile(`"(?:[^"]|"")+"|'(?:[^']|'')*'`)

// ownWords are all that stands outside of quotes: our words, and numbers.
var ownWords = regexp.MustCompile(`^(?:CREATE TABLE|PRIMARY KEY|UNIQUE|NOT NULL|DEFAULT|GENERATED BY DEFAULT AS IDENTITY|NULL|TRUE|FALSE|true|false|CURRENT_TIMESTAMP|CURRENT_DATE|CURRENT_TIME|LOCALTIMESTAMP|LOCALTIME|clock_timestamp\(\)|gen_random_uuid\(\)|` +
	`smallint|integer|bigint|oid|boolean|real|double precision|text|bytea|uuid|jsonb|json|date|name|inet|cidr|macaddr|interval|tsvector|tsquery|xml|money|numeric|character varying|character|bit varying|bit|timestamp|time|with time zone|without time zone|vector|halfvec|sparsevec|` +
	`-?[0-9]+|\(|\)|\[|\]|,|\.| )*$`)

func FuzzDDL(f *testing.F) {
	for _, h := range hostile {
		f.Add(h, "c", "text", "v", "")
		f.Add("t", h, "integer", "", "TRUE")
		f.Add("t", "c", h, h, "")
		f.Add("t", "c", "date", "", h)
	}
	f.Fuzz(func(t *testing.T, table, column, decl, value, keyword string) {
		shape := hostileShape(table, column, decl, value, keyword)
		sql, err := tableSQL("public", shape)
		if name := indexName(table); len(name) > maxName || utf8.ValidString(table) && !utf8.ValidString(name) {
			t.Errorf("index name %q", name)
		}
		if err != nil {
			return
		}
		if strings.Contains(sql, "\x00") || !utf8.ValidString(sql) {
			t.Errorf("no text for a server: %q", sql)
		}
		quoted := quotedParts.FindAllString(sql, -1)
		if bare := quotedParts.ReplaceAllString(sql, ""); !ownWords.MatchString(bare) {
			t.Errorf("foreign words: %q of %q", bare, sql)
		}
		// The names are whole, each a part in quotes of its own.
		want := []string{store.QuoteName("public"), store.QuoteName(table), store.QuoteName(column)}
		for i, w := range want {
			if len(quoted) <= i || quoted[i] != w {
				t.Errorf("quoted parts %q, want %q", quoted, want)
				break
			}
		}
	})
}
