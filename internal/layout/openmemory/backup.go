package openmemory

import (
	"context"
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/textfile"
	"github.com/memarc/memarc/internal/store"
)

// The product's own backup is a ZIP file, memories_export_USER.zip, of one user's memories:
// memories.json has rows of its tables, and memories.jsonl.gz says of the memories what a
// vector store needs to have them again. The second is made of the first. A script of the
// product's makes the same with identifiers in another form. memarc's own table is a member
// of its own, which the product passes over.

// backupEngine is the name of the engine in manifests, for such files.
const backupEngine = "backup"

// backupVersion is the one that memories.json says.
const backupVersion = 1

// The members of a backup.
const (
	rowsMember    = "memories.json"
	logicalMember = "memories.jsonl.gz"
	sidecarMember = "memarc.jsonl"
)

// backupTable has what memories.json says beside rows, and backupIDs is the name in it of
// the form of the identifiers.
const (
	backupTable = "backup"
	backupIDs   = "$ids"
	hexIDs      = `"hex"`
)

var backupColumns = []string{"member", "value"}

// backupMembers are the members of memories.json that hold rows, in their order; the first
// is one row and no list.
var backupMembers = []struct{ member, table string }{
	{"user", "users"}, {"apps", "apps"}, {"categories", "categories"}, {"memories", "memories"},
	{"memory_categories", "memory_categories"}, {"status_history", "memory_status_history"}, {"access_controls", "access_controls"},
}

// categoryIDs is a member of a memory that repeats what memory_categories says.
const categoryIDs = "category_ids"

var backupKinds = &kinds{
	of: map[kind]declaration{
		uuid: {"TEXT", "text"}, text: {"TEXT", "text"}, document: {"TEXT", "json"}, moment: {"TEXT", "time-python"},
		boolean: {"INTEGER", "int-bool"}, integer: {"INTEGER", "int"}, state: {"TEXT", "text"},
	},
	epoch: format.TextValue("1970-01-01T00:00:00+00:00"), epochLiteral: "'1970-01-01T00:00:00+00:00'", yes: "1",
}

// A backupRows is a table of memories.json.
type backupRows struct {
	table
	form *textfile.Form
}

var backups = func() map[string]*backupRows {
	out := map[string]*backupRows{}
	for _, m := range backupMembers {
		t := tables[slices.IndexFunc(tables, func(t table) bool { return t.name == m.table })]
		f := &textfile.Form{What: strings.TrimSuffix(m.member, "s")}
		t.columns = slices.DeleteFunc(slices.Clone(t.columns), func(c column) bool { return c.name == "vector" })
		for _, c := range t.columns {
			field := textfile.Field{Member: c.name, Column: c.name, Needed: c.required, Null: true}
			switch c.kind {
			case document, boolean:
				field.Kind = textfile.Value
			case integer:
				field.Kind = textfile.Number
			}
			if t.name == "users" && c.name == "metadata" {
				field.Kind = textfile.Value
			}
			f.Fields = append(f.Fields, field)
		}
		out[t.name] = &backupRows{t, f}
	}
	return out
}()

// columnNames are those of the table and the one of what they do not say.
func (b *backupRows) columnNames() []string { return b.form.Columns() }

var backupSchema = func() *store.Schema {
	s := &store.Schema{}
	for _, m := range backupMembers {
		b := backups[m.table]
		primary := b.primary
		if primary == "" {
			primary = "id"
		}
		def := store.TableDef{Name: b.name, Constraints: []store.Statement{{SQL: "PRIMARY KEY (" + primary + ")"}}}
		for _, c := range b.columns {
			decl := backupKinds.of[c.kind].declared
			if c.required {
				decl += " NOT NULL"
			}
			def.Columns = append(def.Columns, store.ColumnDef{Name: c.name, Decl: decl})
		}
		def.Columns = append(def.Columns, store.ColumnDef{Name: textfile.Other, Decl: "TEXT"})
		s.Tables = append(s.Tables, def)
	}
	s.Tables = append(s.Tables, store.TableDef{Name: backupTable, Columns: []store.ColumnDef{
		{Name: backupColumns[0], Decl: "TEXT PRIMARY KEY NOT NULL"}, {Name: backupColumns[1], Decl: "TEXT NOT NULL"}}})
	// The user of records of other products that bring none: the one whom they name.
	user := "coalesce((SELECT user_id FROM memories LIMIT 1), '" + strangerID + "')"
	s.Adopt = []store.Statement{{Object: "users", SQL: "INSERT INTO users (id, user_id, name, metadata, created_at, updated_at) SELECT " + user + ", CASE WHEN " + user + " = '" + strangerID +
		"' THEN '" + strangerName + "' ELSE " + user + " END, NULL, '{}', " + backupKinds.epochLiteral + ", " + backupKinds.epochLiteral + " WHERE NOT EXISTS (SELECT 1 FROM users)"}}
	return s
}()

// Backup returns the layout of backups for the registry.
func Backup() *store.Layout {
	return &store.Layout{
		Name: Name, Engines: []string{backupEngine}, Latest: backupVersion, Schema: backupSchema, Maps: backupMaps(),
		Fixed: []string{backupTable},
		Detect: func(_ context.Context, c *store.Catalog, _ store.Tables) (int, bool) {
			return backupVersion, c.Has(backupTable, backupColumns...) && c.Has("memory_status_history", "old_state")
		},
	}
}

// backupMaps are the product's, with objects of other products that a file of JSON can hold:
// no member twice, no half of a character.
func backupMaps() []store.TableMap {
	out := maps(backupKinds)
	for _, m := range out {
		for i := range m.Columns {
			if c := &m.Columns[i]; c.Column == "metadata" && c.Make != nil {
				c.Make = func(field fields) format.Value {
					if v := makeMetadata(field); textfile.StrictJSON(v.Bytes) {
						return v
					}
					return format.TextValue("{}")
				}
			}
		}
	}
	return out
}

// Format returns the format of backups.
func Format() *store.FileFormat {
	return &store.FileFormat{
		Name: "openmemory-backup", Engine: backupEngine, Layout: Name, Endings: []string{".zip"}, Sidecar: true,
		Schema: backupSchema, Version: backupVersion,
		Is: isBackup, Read: readBackup, Write: writeBackup, Normal: normalBackup, Fits: fitBackup,
	}
}

// asJSON makes the truth values of the product's tables JSON, and asNumbers the reverse.
func (b *backupRows) asJSON(columns []string, rows *store.Rows) {
	b.booleans(columns, rows, func(out, c *store.Cells, row int) {
		if c.Kinds[row] == store.Integer && c.Int(row)&^1 == 0 {
			out.AppendString([]string{"false", "true"}[c.Int(row)])
		} else {
			out.AppendNull()
		}
	})
}

func (b *backupRows) asNumbers(columns []string, rows *store.Rows) {
	b.booleans(columns, rows, func(out, c *store.Cells, row int) {
		switch string(c.Bytes(row)) {
		case "true":
			out.AppendInt(1)
		case "false":
			out.AppendInt(0)
		default:
			out.AppendNull()
		}
	})
}

func (b *backupRows) booleans(columns []string, rows *store.Rows, convert func(out, c *store.Cells, row int)) {
	for _, c := range b.columns {
		at := slices.Index(columns, c.name)
		if at < 0 || c.kind != boolean {
			continue
		}
		var out store.Cells
		out.Reset()
		for row := range rows.N {
			convert(&out, &rows.Columns[at], row)
		}
		rows.Columns[at] = out
	}
}

// normalBackup makes of rows what a backup gives of them. The product's import fails at an
// identifier that is no UUID.
func normalBackup(name string, columns []string, rows *store.Rows, refuse func(int, string)) {
	b := backups[name]
	if b == nil {
		return
	}
	b.asJSON(columns, rows)
	b.form.Normal(columns, rows, refuse)
	b.indented(columns, rows)
	b.asNumbers(columns, rows)
	for _, c := range b.columns {
		at := slices.Index(columns, c.name)
		if at < 0 || c.kind != uuid {
			continue
		}
		cells := &rows.Columns[at]
		for row := range rows.N {
			if cells.Kinds[row] == store.Text && !isUUID.Match(cells.Bytes(row)) {
				refuse(row, "its "+c.name+" is no UUID")
			}
		}
	}
}

// indented makes of JSON what is read of it when it stands in several lines, as all in
// memories.json does.
func (b *backupRows) indented(columns []string, rows *store.Rows) {
	for _, c := range b.columns {
		at := slices.Index(columns, c.name)
		if at < 0 || c.kind != document {
			continue
		}
		var out store.Cells
		out.Reset()
		for row, kind := range rows.Columns[at].Kinds {
			if kind == store.Text {
				out.AppendText(textfile.AppendJSON(nil, append(slices.Clone(rows.Columns[at].Bytes(row)), '\n')))
			} else {
				out.AppendRow(&rows.Columns[at], row)
			}
		}
		rows.Columns[at] = out
	}
}

// fitBackup refuses a second user, and memories of another: the product's import would give
// them to the one.
func fitBackup(ctx context.Context, db store.Tables, name string, columns []string, rows *store.Rows, refuse func(int, error)) error {
	column := map[string]string{"users": "id", "memories": "user_id"}[name]
	at := slices.Index(columns, column)
	if column == "" || at < 0 {
		return nil
	}
	owner, err := backupOwner(ctx, db)
	if err != nil {
		return err
	}
	for row := range rows.N {
		id := string(rows.Columns[at].Bytes(row))
		if owner == "" {
			owner = id
		}
		if id != owner {
			refuse(row, store.Unfit("a backup is of one user"))
		}
	}
	return nil
}

// backupOwner is the identifier of the user, or that of the memories there are.
func backupOwner(ctx context.Context, db store.Tables) (owner string, err error) {
	for _, from := range [][2]string{{"users", "id"}, {"memories", "user_id"}} {
		for rows, err := range db.Scan(ctx, store.Query{Table: from[0], Columns: from[1:]}) {
			if err != nil {
				return "", err
			}
			if rows.N > 0 {
				return string(rows.Columns[0].Bytes(0)), nil
			}
		}
	}
	return "", nil
}
