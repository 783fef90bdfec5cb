package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A Target is a graph opened for writing (run.go).
type Target struct {
	DB
	fresh    bool
	run      string
	started  bool
	stopBeat func()
	indexed  map[string]bool // labels whose key was seen to
}

var (
	_ store.Target     = (*Target)(nil)
	_ store.Schemaless = (*Target)(nil)
)

// OpenTarget returns the graph of a client for writing. It first ends what another
// program has left undone.
func OpenTarget(ctx context.Context, c Client, name string) (*Target, error) {
	t := &Target{DB: DB{c: c, name: name}, stopBeat: func() {}, indexed: map[string]bool{}}
	err := t.settleRuns(ctx)
	if err == nil {
		t.fresh = true
		err = c.Read(ctx, Reading{Match: "(n)", Return: []string{"count(n)"}}, func(v []Value) error {
			n, ok := v[0].(int64)
			t.fresh = ok && n == 0
			return nil
		})
	}
	if err != nil {
		return nil, errors.Join(t.failed("open", err), c.Close())
	}
	return t, nil
}

// Fresh tells that the graph held nothing before.
func (t *Target) Fresh() bool { return t.fresh }

// begin marks the graph before the first thing is written to it.
func (t *Target) begin(ctx context.Context) error {
	if t.started {
		return nil
	}
	if err := t.startRun(ctx); err != nil {
		return t.failed("write", err)
	}
	return nil
}

// Exec runs a statement of a layout's own schema.
func (t *Target) Exec(ctx context.Context, statement string) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	t.catalog = nil
	if err := t.c.Define(ctx, statement); err != nil {
		return fmt.Errorf("run %.60q: %w", statement, t.failed("write", err))
	}
	return nil
}

// Declare says which columns a table of a layout's schema has.
func (t *Target) Declare(ctx context.Context, def *store.TableDef) error {
	table := t.newTable(def.Name)
	for i := range def.Columns {
		if !table.HasColumn(def.Columns[i].Name) {
			addColumn(table, def.Columns[i].Name)
		}
	}
	t.declare(table)
	return t.begin(ctx)
}

func (t *Target) declare(table *store.CatalogTable) {
	t.declared = append(t.declared, table)
	t.catalog = nil
}

// CreateTable creates a table from a shape that may come from an archive.
func (t *Target) CreateTable(ctx context.Context, shape *format.Table) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	if isPlain(shape.Name) {
		t.catalog = nil
		return t.createPlain(ctx, shape.Name, shape.Columns)
	}
	if shape.Name != edges {
		if _, err := labelsOf(shape.Name); err != nil {
			return t.failed("write", err)
		}
	}
	table := t.newTable(shape.Name)
	for _, c := range shape.Columns {
		if !table.HasColumn(c.Name) {
			addColumn(table, c.Name)
		}
	}
	t.declare(table)
	for _, key := range shape.Unique {
		labels, err := labelsOf(shape.Name)
		if err != nil || len(labels) != 1 || len(key) != 1 {
			continue // compareShapes tells of it
		}
		if err := t.c.Unique(ctx, labels[0], key[0]); err != nil {
			return fmt.Errorf("table %q: %w", shape.Name, t.failed("write", err))
		}
	}
	return nil
}

func (t *Target) createPlain(ctx context.Context, name string, columns []format.TableColumn) error {
	raw, err := json.Marshal(columns)
	if err != nil {
		return err
	}
	err = t.c.Run(ctx, "CREATE (n:"+tableLabel+") SET n.name = $name, n.columns = $columns, n."+runKey+" = $run", map[string]Value{"name": name, "columns": string(raw), "run": t.run}, nil)
	if err != nil {
		return fmt.Errorf("table %q: %w", name, t.failed("write", err))
	}
	return nil
}

// Drop removes a table of memarc's own.
func (t *Target) Drop(ctx context.Context, table string) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	t.catalog = nil
	label, err := t.c.QuoteName(plainLabel(table))
	if err == nil {
		err = t.remove(ctx, "(n:"+label+")", plainLabel(table), nil)
	}
	if err == nil {
		err = t.remove(ctx, "(n:"+tableLabel+") WHERE n.name = $name", tableLabel, map[string]Value{"name": table})
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", table, t.failed("drop", err))
	}
	return nil
}

// remove deletes nodes with a label, so that they can be had back.
func (t *Target) remove(ctx context.Context, match, label string, params map[string]Value) error {
	mine := map[string]Value{"run": t.run}
	maps.Copy(mine, params)
	joined := " WHERE "
	if strings.Contains(match, " WHERE ") {
		joined = " AND "
	}
	// What this run has made never was there.
	if err := t.c.Sweep(ctx, match+joined+"n."+runKey+" = $run AND n."+beforeKey+" IS NULL", "DETACH DELETE n", mine); err != nil {
		return err
	}
	quoted, err := t.c.QuoteName(label)
	if err != nil {
		return err
	}
	mine["table"] = label
	return t.c.Sweep(ctx, match, "SET n:"+deleted+", n."+tableKey+" = $table, n."+runKey+" = $run REMOVE n:"+quoted, mine)
}

// CreateIndex makes the rows of a table be found by the last of the columns.
func (t *Target) CreateIndex(ctx context.Context, table string, ix *format.Index) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	label := ""
	if isPlain(table) {
		label = plainLabel(table)
	} else if labels, err := labelsOf(table); err == nil && len(labels) > 0 {
		label = labels[0]
	} else {
		return nil
	}
	if err := t.c.Index(ctx, label, ix.Columns[len(ix.Columns)-1]); err != nil {
		return fmt.Errorf("table %q: %w", table, t.failed("make an index of", err))
	}
	return nil
}

// AddColumn adds a column to a table.
func (t *Target) AddColumn(ctx context.Context, table string, c *format.TableColumn) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	catalog, err := t.Catalog(ctx)
	if err != nil {
		return err
	}
	have := catalog.Table(table)
	if have == nil {
		return fmt.Errorf("table %q: %w", table, t.failed("write", errors.New("there is no such table")))
	}
	if have.HasColumn(c.Name) { // such as the labels, which are none of a schema's
		return nil
	}
	if !isPlain(table) {
		for _, d := range t.declared {
			if d.Name == table {
				addColumn(d, c.Name)
				t.catalog = nil
				return nil
			}
		}
		d := *have
		addColumn(&d, c.Name)
		t.declare(&d)
		return nil
	}
	t.catalog = nil
	if err := t.remove(ctx, "(n:"+tableLabel+") WHERE n.name = $name", tableLabel, map[string]Value{"name": table}); err != nil {
		return fmt.Errorf("table %q: %w", table, t.failed("write", err))
	}
	return t.createPlain(ctx, table, append(slices.Clone(have.Columns), *c))
}

// Stored returns what a Lookup would give of rows that Insert takes.
func (t *Target) Stored(_ context.Context, table string, columns []string, rows *store.Rows, want []string) (*store.Rows, error) {
	out := store.NewRows(len(want))
	out.N = rows.N
	rows, nameless := t.held(table, columns, rows)
	for i, name := range want {
		from := slices.Index(columns, name)
		to := &out.Columns[i]
		if from >= 0 && isPlain(table) {
			*to = rows.Columns[from]
			continue
		}
		for row := range rows.N {
			switch {
			case from < 0 || nameless[row] || name == edgeColumn && t.named(columns, rows, row):
				to.AppendNull()
			case rows.Columns[from].Kinds[row] != store.Blob && rows.Columns[from].Kinds[row] != store.Real:
				to.AppendRow(&rows.Columns[from], row)
			default: // another spelling of the value may come back, such as that of NaN
				v, err := valueOf(&rows.Columns[from], row)
				if err == nil {
					err = appendCell(to, v)
				}
				if err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

// named tells whether a relationship has a key, and so needs no number.
func (t *Target) named(columns []string, rows *store.Rows, row int) bool {
	at := slices.Index(columns, t.key)
	return t.label != "" && at >= 0 && rows.Columns[at].Kinds[row] == store.Text
}

// held returns rows without the properties that the server cannot hold: the rest of a
// node or relationship is worth having. It tells which rows would lose their key.
func (t *Target) held(table string, columns []string, rows *store.Rows) (*store.Rows, map[int]bool) {
	nameless := map[int]bool{}
	if isPlain(table) {
		return rows, nameless
	}
	out := rows
	for i, name := range columns {
		if name != moreColumn && !isColumn(name) {
			continue
		}
		_, unsayable := t.c.QuoteName(name)
		cells := &rows.Columns[i]
		for row := range rows.N {
			if cells.Kinds[row] == store.Null {
				continue
			}
			err := unsayable
			if err == nil {
				var v Value
				if v, err = valueOf(cells, row); err == nil && name == moreColumn {
					err = t.holds(v)
				} else if err == nil {
					_, _, err = t.c.Encode(v)
				}
			}
			if err == nil {
				continue
			}
			if out == rows {
				out = &store.Rows{N: rows.N, Columns: slices.Clone(rows.Columns)}
			}
			if &out.Columns[i].Kinds[0] == &cells.Kinds[0] {
				out.Columns[i].Kinds = slices.Clone(cells.Kinds)
			}
			out.Columns[i].Kinds[row] = store.Null
			if name == t.key && t.label != "" {
				nameless[row] = true
			}
		}
	}
	return out, nameless
}

// holds tells whether the server holds a map of properties.
func (t *Target) holds(v Value) error {
	more, ok := v.(map[string]any)
	if !ok {
		return ErrRefused
	}
	for key, v := range more {
		if isColumn(key) {
			return ErrRefused
		}
		if _, err := t.c.QuoteName(key); err != nil {
			return err
		}
		if _, _, err := t.c.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

var errNameless = fmt.Errorf("%w: its key", ErrRefused)

// SetSequence does nothing: no graph counts.
func (t *Target) SetSequence(context.Context, string, *int64) error { return nil }

// SetSetting fails: a graph has no settings that stores keep.
func (t *Target) SetSetting(_ context.Context, name string, _ int64) error {
	return fmt.Errorf("setting %q is unknown", name)
}

// Dangling returns nothing: no relationship is without its ends.
func (t *Target) Dangling(context.Context, string, []string, *format.ForeignKey) (*store.Rows, error) {
	return nil, nil
}

// AddForeignKey does nothing.
func (t *Target) AddForeignKey(context.Context, string, *format.ForeignKey) error { return nil }

// Settle does nothing: nothing is set aside.
func (t *Target) Settle(context.Context) error { return nil }

// Checkpoint fails: a graph has each batch at once, and marks it.
func (t *Target) Checkpoint(context.Context) error {
	return fmt.Errorf("%w: a graph takes an import in steps by itself; leave --commit-every out", store.ErrUsage)
}

// Commit makes everything stay.
func (t *Target) Commit(ctx context.Context) error {
	if !t.started {
		return nil
	}
	if err := t.finishRun(ctx); err != nil {
		return t.failed("commit", err)
	}
	return nil
}

// Unchanged tells nothing of a target, which this program itself changes.
func (t *Target) Unchanged() error { return nil }

// Abandon ends the connection and undoes nothing: the graph goes with its server.
func (t *Target) Abandon() error {
	t.stopBeat()
	t.started = false
	return t.DB.Close()
}

// undoPatience is how long Close tries to undo.
const undoPatience = 5 * time.Minute

// Close undoes what was not committed and ends the connection.
func (t *Target) Close() error {
	t.stopBeat()
	var err error
	if t.started {
		ctx, cancel := context.WithTimeout(context.Background(), undoPatience)
		defer cancel()
		if err = t.undo(ctx); err != nil {
			err = fmt.Errorf("what was written is marked, and the next import will undo it: %w", t.failed("undo the import into", err))
		} else if t.fresh {
			err = t.c.Discard(ctx)
		}
		t.started = false
	}
	return errors.Join(err, t.DB.Close())
}
