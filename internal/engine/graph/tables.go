package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// DB is a graph as a database of tables (names.go). It implements store.Tables.
type DB struct {
	c    Client
	name string // the location without its password
	// The label whose nodes stand in one table whatever other labels they have, and the
	// key by which relationships name them.
	label, key string
	// Tables that a layout or an archive has declared, whether they have rows or not.
	declared []*store.CatalogTable
	catalog  *store.Catalog
	ours     map[string]bool // labels
	// What is added to the ids of nodes and relationships without a number, out of the way
	// of numbers.
	offset, edgeOffset int64
	edgeIndexes        map[string]*edgeIndex // by their keys
	// doubled are the keys that several nodes have, and so name none.
	doubled []any
}

var (
	_ store.Tables  = (*DB)(nil)
	_ store.Labeled = (*DB)(nil)
)

// Open returns the graph of a client for reading.
func Open(ctx context.Context, c Client, name string) (*DB, error) {
	d := &DB{c: c, name: name}
	run, err := findRun(ctx, c)
	if err == nil && run != nil {
		err = fmt.Errorf("open %q: %w: an import into the graph is running or was interrupted; wait for its end, or run it again", name, store.ErrUsage)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return d, nil
}

// Prefer makes nodes with a label stand in one table, and relationships name them by
// a key.
func (d *DB) Prefer(label, key string) {
	if d.label != label || d.key != key {
		d.label, d.key, d.catalog = label, key, nil
	}
}

func (d *DB) failed(what string, err error) error {
	return fmt.Errorf("%s %q: %w", what, d.name, err)
}

// A set is what the graph has of one table.
type set struct {
	columns map[string]bool
	rows    int64
}

// Catalog lists what the graph holds.
func (d *DB) Catalog(ctx context.Context) (*store.Catalog, error) {
	if d.catalog != nil {
		return d.catalog, nil
	}
	plain, err := d.plainTables(ctx)
	if err != nil {
		return nil, d.failed("read", err)
	}
	sets, err := d.sets(ctx)
	if err != nil {
		return nil, d.failed("read", err)
	}
	c := &store.Catalog{Engine: d.c.Engine()}
	for _, t := range d.declared {
		c.Tables = append(c.Tables, *t)
	}
	names := make([]string, 0, len(sets))
	for name := range sets {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { // relationships come after the nodes
		if (a == edges) != (b == edges) {
			if a == edges {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		t := c.Table(name)
		if t == nil {
			c.Tables = append(c.Tables, *d.newTable(name))
			t = &c.Tables[len(c.Tables)-1]
		}
		var more []string
		for column := range sets[name].columns {
			if !t.HasColumn(column) {
				more = append(more, column)
			}
		}
		slices.Sort(more)
		for _, column := range more {
			addColumn(t, column)
		}
	}
	slices.SortStableFunc(c.Tables, func(a, b store.CatalogTable) int {
		switch {
		case a.Name == edges && b.Name != edges:
			return 1
		case b.Name == edges && a.Name != edges:
			return -1
		}
		return 0
	})
	c.Tables = append(c.Tables, plain...)
	if err := d.definitions(ctx, c); err != nil {
		return nil, d.failed("read", err)
	}
	if err := d.numbers(ctx); err != nil {
		return nil, d.failed("read", err)
	}
	d.catalog = c
	return c, nil
}

func addColumn(t *store.CatalogTable, name string) {
	t.Columns = append(t.Columns, format.TableColumn{Name: name})
	t.Classes = append(t.Classes, store.Typed)
}

// newTable returns a table of nodes or relationships with the columns that are no
// properties.
func (d *DB) newTable(name string) *store.CatalogTable {
	t := &store.CatalogTable{Table: format.Table{Name: name}}
	switch {
	case name == edges:
		addColumn(t, edgeColumn)
		if d.label == "" {
			t.Columns[0].NotNull, t.Primary = true, []string{edgeColumn}
		}
		addColumn(t, typeColumn)
		if d.label != "" {
			addColumn(t, fromColumn)
			addColumn(t, toColumn)
		}
		addColumn(t, fromNode)
		addColumn(t, toNode)
	case d.preferred(name):
		addColumn(t, labelsColumn)
		addColumn(t, nodeColumn)
	default:
		addColumn(t, nodeColumn)
		t.Columns[0].NotNull, t.Primary = true, []string{nodeColumn}
	}
	return t
}

func (d *DB) preferred(table string) bool {
	return d.label != "" && table == tableOf([]string{d.label})
}

// tableFor returns the table in which nodes with these labels stand; "" for those of
// memarc's own.
func (d *DB) tableFor(labels []string) string {
	own := slices.DeleteFunc(slices.Clone(labels), d.isOurs)
	switch {
	case d.label != "" && slices.Contains(own, d.label):
		return tableOf([]string{d.label})
	case len(own) == 0 && slices.ContainsFunc(labels, func(l string) bool { return l != numbered }):
		return ""
	}
	return tableOf(own)
}

// sets counts nodes and relationships, and lists their keys.
func (d *DB) sets(ctx context.Context) (map[string]*set, error) {
	sets := map[string]*set{}
	at := func(name string) *set {
		if sets[name] == nil {
			sets[name] = &set{columns: map[string]bool{}}
		}
		return sets[name]
	}
	read := func(match string, returns []string, take func(values []Value) error) error {
		return d.c.Read(ctx, Reading{Match: match, Return: returns}, take)
	}
	err := read("(n)", []string{"labels(n)", "count(n)"}, func(v []Value) error {
		labels, n, err := labelsAnd[int64](v)
		if table := d.tableFor(labels); err == nil && table != "" {
			at(table).rows += n
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = read("(n) UNWIND keys(n) AS k", []string{"labels(n)", "k", "count(n)"}, func(v []Value) error {
		labels, key, err := labelsAnd[string](v[:2])
		if table := d.tableFor(labels); err == nil && table != "" && !hidden(key) {
			at(table).columns[columnOf(key)] = true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = read("()-[r]->()", []string{"count(r)"}, func(v []Value) error {
		if n, ok := v[0].(int64); ok && n > 0 {
			at(edges).rows = n
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sets, read("()-[r]->() UNWIND keys(r) AS k", []string{"k", "count(r)"}, func(v []Value) error {
		if key, ok := v[0].(string); ok && !hidden(key) {
			at(edges).columns[columnOf(key)] = true
		}
		return nil
	})
}

// columnOf is the column in which a property stands.
func columnOf(key string) string {
	if isColumn(key) {
		return key
	}
	return moreColumn
}

// appendMore appends the properties whose keys are no names of columns.
func appendMore(cells *store.Cells, properties map[string]any) error {
	more := map[string]any{}
	for key, v := range properties {
		if !isColumn(key) {
			more[key] = v
		}
	}
	if len(more) == 0 {
		cells.AppendNull()
		return nil
	}
	return appendCell(cells, more)
}

func hidden(key string) bool { return key == runKey || key == beforeKey || key == numberKey }

var errReply = errors.New("the server's reply is malformed")

func labelsAnd[T any](v []Value) (labels []string, with T, err error) {
	if len(v) != 2 {
		return nil, with, errReply
	}
	if labels, err = texts(v[0]); err != nil {
		return nil, with, err
	}
	with, ok := v[1].(T)
	if !ok {
		return nil, with, errReply
	}
	return labels, with, nil
}

func texts(v Value) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, errReply
	}
	out := make([]string, len(list))
	for i := range list {
		if out[i], ok = list[i].(string); !ok {
			return nil, errReply
		}
	}
	return out, nil
}

// tableLabel is the label of nodes that say which tables of memarc's own there are.
const tableLabel = ourPrefix + "Table"

// plainTables lists memarc's own tables, and notes their labels.
func (d *DB) plainTables(ctx context.Context) (tables []store.CatalogTable, err error) {
	d.ours = map[string]bool{tableLabel: true, runLabel: true, numbered: true, deleted: true}
	err = d.c.Read(ctx, Reading{Match: "(n:" + tableLabel + ")", Return: []string{"n.name", "n.columns"}}, func(v []Value) error {
		name, ok1 := v[0].(string)
		raw, ok2 := v[1].(string)
		t := store.CatalogTable{Table: format.Table{Name: name}}
		if !ok1 || !ok2 || !isPlain(name) || json.Unmarshal([]byte(raw), &t.Columns) != nil {
			return fmt.Errorf("a node with the label %s is not as memarc writes it", tableLabel)
		}
		for range t.Columns {
			t.Classes = append(t.Classes, store.Null)
		}
		if label := plainLabel(name); !d.ours[label] {
			d.ours[label] = true
			tables = append(tables, t)
		}
		return nil
	})
	return tables, err
}

// isOurs tells whether a label is one of memarc's own: that of a table, or one of those
// that it needs to keep tables.
func (d *DB) isOurs(label string) bool { return d.ours[label] }

// definitions adds indexes and constraints: to the shape of a table, where they are
// over properties of its nodes, or else as objects of the graph.
func (d *DB) definitions(ctx context.Context, c *store.Catalog) error {
	all, err := d.c.Definitions(ctx)
	if err != nil {
		return err
	}
	for _, def := range all {
		// Those of tables that are gone stay behind.
		if slices.ContainsFunc(def.Labels, func(l string) bool {
			return d.isOurs(l) || strings.HasPrefix(l, ourPrefix) && c.Table(tableOf([]string{l})) == nil
		}) {
			continue
		}
		o := store.CatalogObject{Type: "index", Name: def.Name}
		if def.Constraint {
			o.Type = "constraint"
		}
		if t := c.Table(tableOf(def.Labels)); t != nil && def.Node && len(def.Labels) == 1 && len(def.Keys) == 1 && (def.Kind == "range" || def.Kind == "unique") {
			o.Table, o.Plain = t.Name, true
			if def.Kind == "unique" {
				o.Type = "index"
				t.Unique = append(t.Unique, def.Keys)
			} else {
				t.Indexes = append(t.Indexes, format.Index{Name: def.Name, Columns: def.Keys})
			}
		}
		c.Objects = append(c.Objects, o)
	}
	return nil
}

// numbers finds out which numbers of nodes are taken, and which keys name none.
func (d *DB) numbers(ctx context.Context) error {
	d.doubled = nil
	var err error
	if d.offset, err = d.next(ctx, "(n:"+numbered+")", "n"); err != nil {
		return err
	}
	if d.edgeOffset, err = d.next(ctx, "()-[r]->()", "r"); err != nil || d.label == "" {
		return err
	}
	label, key, err := d.quotePair(d.label, d.key)
	if err != nil {
		return err
	}
	return d.c.Read(ctx, Reading{Match: "(n:" + label + ") WITH n." + key + " AS k, count(n) AS c WHERE c > 1 AND k IS NOT NULL", Return: []string{"k"}}, func(v []Value) error {
		d.doubled = append(d.doubled, v[0])
		return nil
	})
}

// next returns the number after the greatest that there is.
func (d *DB) next(ctx context.Context, match, of string) (n int64, err error) {
	err = d.c.Read(ctx, Reading{Match: match, Return: []string{"max(" + of + "." + numberKey + ")"}}, func(v []Value) error {
		if most, ok := v[0].(int64); ok {
			if most >= math.MaxInt64>>1 {
				return fmt.Errorf("the number %d in %s is too great", most, numberKey)
			}
			n = most + 1
		}
		return nil
	})
	return n, err
}

func (d *DB) quotePair(label, key string) (string, string, error) {
	l, err := d.c.QuoteName(label)
	if err != nil {
		return "", "", err
	}
	k, err := d.c.QuoteName(key)
	return l, k, err
}

// pattern returns how the rows of a table are matched, as n or as r from a to b.
func (d *DB) pattern(table string) (match, where string, err error) {
	switch {
	case table == edges:
		return "(a)-[r]->(b)", "", nil
	case isPlain(table):
		label, err := d.c.QuoteName(plainLabel(table))
		return "(n:" + label + ")", "", err
	}
	labels, err := labelsOf(table)
	if err != nil {
		return "", "", err
	}
	match = "(n"
	for _, l := range labels {
		quoted, err := d.c.QuoteName(l)
		if errors.Is(err, ErrRefused) { // no node has such a label
			return "(n)", "false", nil
		}
		if err != nil {
			return "", "", err
		}
		match += ":" + quoted
	}
	if !d.preferred(table) { // no list comprehension: Memgraph had none for long
		where = fmt.Sprintf("size(labels(n)) = CASE WHEN '%s' IN labels(n) THEN %d ELSE %d END", numbered, len(labels)+1, len(labels))
	}
	return match + ")", where, nil
}

func and(conditions ...string) string {
	return strings.Join(slices.DeleteFunc(conditions, func(c string) bool { return c == "" }), " AND ")
}

// Count returns the number of rows of a table.
func (d *DB) Count(ctx context.Context, table string) (n int64, err error) {
	match, where, err := d.pattern(table)
	if err != nil {
		return 0, d.failed("read", err)
	}
	what := "count(n)"
	if table == edges {
		what = "count(r)"
	}
	err = d.c.Read(ctx, Reading{Match: match, Where: where, Return: []string{what}}, func(v []Value) error {
		n, _ = v[0].(int64)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("table %q: %w", table, d.failed("count rows of", err))
	}
	return n, nil
}

// Distinct returns the distinct combinations of columns of a table, in the order of
// their cells.
func (d *DB) Distinct(ctx context.Context, table string, columns []string, limit int) (*store.Rows, error) {
	out, seen := store.NewRows(len(columns)), map[string]bool{}
	for rows, err := range d.Scan(ctx, store.Query{Table: table, Columns: columns}) {
		if err != nil {
			return nil, err
		}
		for row := range rows.N {
			var id []byte
			for i := range columns {
				id = rows.Columns[i].Value(row).Append(id)
			}
			if seen[string(id)] {
				continue
			}
			if seen[string(id)] = true; len(seen) > limit {
				return nil, fmt.Errorf("table %q of %q: more than %d distinct values", table, d.name, limit)
			}
			out.AppendRow(rows, row)
		}
	}
	return out, nil
}

// How much a run of rows holds at most.
const (
	runRows  = 4096
	runBytes = 4 << 20
)

var errEnough = errors.New("enough")

// Scan yields the rows of a table in the order in which the server has them.
func (d *DB) Scan(ctx context.Context, q store.Query) iter.Seq2[*store.Rows, error] {
	return func(yield func(*store.Rows, error) bool) {
		r, take, err := d.reading(ctx, q.Table, q.Columns)
		if err == nil {
			err = d.filter(&r, q)
		}
		if err != nil {
			yield(nil, fmt.Errorf("table %q: %w", q.Table, d.failed("read", err)))
			return
		}
		rows := store.NewRows(len(q.Columns))
		err = d.c.Read(ctx, r, func(values []Value) error {
			if err := take(values, rows); err != nil {
				return err
			}
			if rows.N >= runRows || rows.N%64 == 0 && rows.Size() >= runBytes {
				if !yield(rows, nil) {
					return errEnough
				}
				rows.Reset()
			}
			return nil
		})
		switch {
		case errors.Is(err, errEnough):
		case err != nil:
			yield(nil, fmt.Errorf("table %q: %w", q.Table, d.failed("read", err)))
		case rows.N > 0:
			yield(rows, nil)
		}
	}
}

// filter adds a query's conditions to a reading.
func (d *DB) filter(r *Reading, q store.Query) error {
	of := "n."
	if q.Table == edges {
		of = "r."
	}
	if q.Where != "" {
		r.Where = and(r.Where, "("+q.Where+"\n)")
	}
	for i, f := range q.Filters {
		key, err := d.c.QuoteName(f.Column)
		if err != nil {
			return err
		}
		switch f.Is {
		case store.IsNull:
			r.Where = and(r.Where, of+key+" IS NULL")
		case store.NotNull:
			r.Where = and(r.Where, of+key+" IS NOT NULL")
		case store.Equal:
			name := fmt.Sprintf("f%d", i)
			if r.Params == nil {
				r.Params = map[string]Value{}
			}
			r.Params[name] = packText(f.Text)
			r.Where = and(r.Where, equal(d.c, of+key, "$"+name, d.c.Finds(r.Params[name])))
		}
	}
	return nil
}

func packText(text string) Value {
	cells := &store.Cells{}
	cells.Reset()
	cells.AppendString(text)
	return packCell(cells, 0)
}

// reading returns what reads columns of a table, and what appends a record of it to
// rows.
func (d *DB) reading(ctx context.Context, table string, columns []string) (r Reading, take func(values []Value, rows *store.Rows) error, err error) {
	if _, err := d.Catalog(ctx); err != nil {
		return r, nil, err
	}
	if r.Match, r.Where, err = d.pattern(table); err != nil {
		return r, nil, err
	}
	if table == edges {
		return d.readEdges(r, columns)
	}
	r.On, r.Properties, r.Return = "n", []string{"n"}, []string{"id(n)", "labels(n)"}
	plain, main := isPlain(table), d.preferred(table)
	return r, func(values []Value, rows *store.Rows) error {
		properties, ok := values[0].(map[string]any)
		if !ok || len(values) != 3 {
			return errReply
		}
		for i, name := range columns {
			cells := &rows.Columns[i]
			switch {
			case plain:
				err = unpackCell(cells, properties[name])
			case name == nodeColumn && main && d.names(properties[d.key]):
				cells.AppendNull()
			case name == nodeColumn:
				cells.AppendInt(d.number(properties[numberKey], values[1]))
			case name == labelsColumn && main:
				err = d.appendLabels(cells, values[2])
			case name == moreColumn:
				err = appendMore(cells, properties)
			case !isColumn(name):
				cells.AppendNull()
			default:
				err = appendCell(cells, properties[name])
			}
			if err != nil {
				return fmt.Errorf("column %q: %w", name, err)
			}
		}
		rows.N++
		return nil
	}, nil
}

// names tells whether a key names one node.
func (d *DB) names(key Value) bool {
	switch key.(type) {
	case string, int64:
		return !slices.Contains(d.doubled, key)
	}
	return false
}

// number returns the number of a node, given what its property holds and its id.
func (d *DB) number(property, id Value) int64 { return numberOf(property, id, d.offset) }

func numberOf(property, id Value, offset int64) int64 {
	if n, ok := property.(int64); ok {
		return n
	}
	n, _ := id.(int64)
	return n + offset
}

// appendLabels appends the labels of a node beyond that of its table.
func (d *DB) appendLabels(cells *store.Cells, v Value) error {
	labels, err := texts(v)
	if err != nil {
		return err
	}
	labels = slices.DeleteFunc(labels, func(l string) bool { return l == d.label || d.isOurs(l) })
	if len(labels) == 0 {
		cells.AppendNull()
		return nil
	}
	slices.Sort(labels)
	list := make([]any, len(labels))
	for i, l := range labels {
		list[i] = l
	}
	return appendCell(cells, list)
}

// What a reading of relationships returns behind their properties.
const (
	edgeType = iota + 1
	edgeStart
	edgeID
	edgeEnd
	startNumber
	endNumber
	startKey
	endKey
)

func (d *DB) readEdges(r Reading, columns []string) (Reading, func(values []Value, rows *store.Rows) error, error) {
	r.On, r.Properties = "a", []string{"r"}
	r.Return = []string{"type(r)", "id(a)", "id(r)", "id(b)", "a." + numberKey, "b." + numberKey}
	if d.label != "" {
		key, err := d.c.QuoteName(d.key)
		if err != nil {
			return r, nil, err
		}
		r.Params = map[string]Value{"label": d.label}
		for _, end := range []string{"a", "b"} {
			r.Return = append(r.Return, "CASE WHEN $label IN labels("+end+") THEN "+end+"."+key+" END")
		}
	}
	return r, func(values []Value, rows *store.Rows) error {
		properties, ok := values[0].(map[string]any)
		if !ok || len(values) != 1+len(r.Return) {
			return errReply
		}
		var from, to Value
		if d.label != "" {
			if d.names(values[startKey]) {
				from = values[startKey]
			}
			if d.names(values[endKey]) {
				to = values[endKey]
			}
		}
		for i, name := range columns {
			cells := &rows.Columns[i]
			var err error
			switch name {
			case edgeColumn:
				if _, named := properties[d.key].(string); named && d.label != "" {
					cells.AppendNull()
				} else {
					cells.AppendInt(numberOf(properties[numberKey], values[edgeID], d.edgeOffset))
				}
			case typeColumn:
				err = appendCell(cells, values[edgeType])
			case fromColumn:
				err = appendCell(cells, from)
			case toColumn:
				err = appendCell(cells, to)
			case fromNode:
				d.appendNumber(cells, from, values[startNumber], values[edgeStart])
			case toNode:
				d.appendNumber(cells, to, values[endNumber], values[edgeEnd])
			case moreColumn:
				err = appendMore(cells, properties)
			default:
				err = appendCell(cells, properties[name])
			}
			if err != nil {
				return fmt.Errorf("column %q: %w", name, err)
			}
		}
		rows.N++
		return nil
	}, nil
}

func (d *DB) appendNumber(cells *store.Cells, key, property, id Value) {
	if key != nil {
		cells.AppendNull()
		return
	}
	cells.AppendInt(d.number(property, id))
}

// Unchanged fails if somebody else may have written since reading began.
func (d *DB) Unchanged() error {
	if err := d.c.Unchanged(context.Background()); err != nil {
		return d.failed("read", err)
	}
	return nil
}

// Losses returns what reading could not tell exactly.
func (d *DB) Losses() []format.Loss {
	var out []format.Loss
	for _, l := range d.c.Losses() {
		out = append(out, format.Loss{Code: "inexact", Where: l.Where, Count: l.Count, Reason: "the server does not tell these numbers to the last bit"})
	}
	return out
}

// Close ends the connection.
func (d *DB) Close() error { return d.c.Close() }
