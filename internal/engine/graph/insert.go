package graph

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/memarc/memarc/internal/store"
)

// How much is sent at once.
const (
	writeRows  = 1000
	writeBytes = 1 << 20
)

// A batch is rows for one statement that sets the properties of each to a map.
type batch struct {
	t    *Target
	of   string            // the variable that has the properties
	made map[string]string // functions, by the key of the property that they make
	rows []any
}

func (t *Target) newBatch(of string) *batch { return &batch{t: t, of: of} }

// add appends a row: properties, and other fields of row. It fails with errOther if the
// batch's statement cannot take the row.
func (b *batch) add(properties map[string]any, fields map[string]any) error {
	made, plain, arguments, err := b.t.encode(properties)
	if err != nil {
		return err
	}
	if len(b.rows) > 0 && !maps.Equal(made, b.made) {
		return errOther
	}
	b.made = made
	row := map[string]any{"p": plain}
	if len(arguments) > 0 {
		row["x"] = arguments
	}
	maps.Copy(row, fields)
	b.rows = append(b.rows, row)
	return nil
}

var errOther = errors.New("rows of another form")

// encode tells properties that are sent as they are from those that a function makes.
func (t *Target) encode(properties map[string]any) (made map[string]string, plain, arguments map[string]any, err error) {
	plain = make(map[string]any, len(properties))
	for key, v := range properties {
		function, argument, err := t.c.Encode(v)
		switch {
		case err != nil:
			return nil, nil, nil, fmt.Errorf("property %q: %w", key, err)
		case function == "":
			plain[key] = argument
			continue
		case made == nil:
			made, arguments = map[string]string{}, map[string]any{}
		}
		made[key], arguments[key] = function, argument
	}
	return made, plain, arguments, nil
}

// run runs the statement: find says what each row concerns, and set what more is set and
// done.
func (b *batch) run(ctx context.Context, find, set string, row func(values []Value) error) error {
	if len(b.rows) == 0 {
		return nil
	}
	statement := "UNWIND $rows AS row " + find + " SET " + b.of + " = row.p"
	for _, key := range slices.Sorted(maps.Keys(b.made)) {
		name, err := b.t.c.QuoteName(key)
		if err != nil {
			return err
		}
		statement += ", " + b.of + "." + name + " = " + b.made[key] + "(row.x." + name + ")"
	}
	return b.t.c.Run(ctx, statement+set, map[string]Value{"rows": b.rows, "run": b.t.run}, row)
}

// Insert inserts rows.
func (t *Target) Insert(ctx context.Context, table string, columns []string, rows *store.Rows, reject func(row int, err error)) error {
	if rows.N == 0 {
		return nil
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	rows, nameless := t.held(table, columns, rows)
	groups, err := t.group(table, columns, rows, nameless, reject)
	if err != nil {
		return fmt.Errorf("table %q: %w", table, t.failed("write", err))
	}
	most := writeRows
	if n := int(t.c.Limit()); table == edges && n > 0 { // what is created is returned
		most = min(most, n)
	}
	for _, g := range groups {
		for from := 0; from < len(g.rows); {
			to, size := from, 0
			for to < len(g.rows) && to-from < most && size < writeBytes {
				size += rowSize(rows, g.rows[to])
				to++
			}
			if err := t.halve(ctx, g, columns, rows, g.rows[from:to], reject); err != nil {
				return fmt.Errorf("table %q: %w", table, t.failed("write", err))
			}
			from = to
		}
	}
	t.catalogGrew(table, columns)
	return nil
}

// catalogGrew forgets the catalog where it lacks columns that have come.
func (t *Target) catalogGrew(table string, columns []string) {
	if t.catalog == nil {
		return
	}
	if have := t.catalog.Table(table); have == nil || slices.ContainsFunc(columns, func(c string) bool { return !have.HasColumn(c) }) {
		t.catalog = nil
	}
}

func rowSize(rows *store.Rows, row int) int {
	n := 32
	for i := range rows.Columns {
		n += len(rows.Columns[i].Bytes(row)) + 16
	}
	return n
}

// A group is rows that one form of statement inserts.
type group struct {
	table  string
	labels []string // of nodes
	number bool     // of nodes that keep a number
	typ    string   // of relationships
	from   end
	to     end
	rows   []int
}

// An end tells by which column a relationship names a node.
type end struct {
	column   int // of rows
	byNumber bool
	searched bool // its key is one that no index finds
}

func (t *Target) group(table string, columns []string, rows *store.Rows, nameless map[int]bool, reject func(row int, err error)) ([]*group, error) {
	var groups []*group
	byName := map[string]*group{}
	at := func(name string) int { return slices.Index(columns, name) }
	cell := func(column, row int) store.Kind {
		if column < 0 {
			return store.Null
		}
		return rows.Columns[column].Kinds[row]
	}
	var base []string
	if table != edges && !isPlain(table) {
		var err error
		if base, err = labelsOf(table); err != nil {
			return nil, err
		}
	} else if isPlain(table) {
		base = []string{plainLabel(table)}
	}
	for row := range rows.N {
		if nameless[row] {
			reject(row, errNameless)
			continue
		}
		g := group{table: table, labels: base}
		name := ""
		if table == edges {
			typ := at(typeColumn)
			if cell(typ, row) != store.Text {
				reject(row, errors.New("a relationship has no type"))
				continue
			}
			g.typ = string(rows.Columns[typ].Bytes(row))
			g.from, g.to = end{column: at(fromColumn)}, end{column: at(toColumn)}
			if cell(g.from.column, row) == store.Null {
				g.from = end{column: at(fromNode), byNumber: true}
			}
			if cell(g.to.column, row) == store.Null {
				g.to = end{column: at(toNode), byNumber: true}
			}
			for _, e := range []*end{&g.from, &g.to} {
				if cell(e.column, row) == store.Text {
					e.searched = !t.c.Finds(string(rows.Columns[e.column].Bytes(row)))
				}
			}
			name = fmt.Sprint(g.from, g.to, g.typ)
		} else if !isPlain(table) {
			g.number = cell(at(nodeColumn), row) == store.Integer
			if i := at(labelsColumn); cell(i, row) == store.Blob {
				v, err := valueOf(&rows.Columns[i], row)
				more, textErr := texts(v)
				if err != nil || textErr != nil {
					return nil, fmt.Errorf("labels of a node are no list of texts")
				}
				g.labels = append(slices.Clone(base), more...)
			}
			name = fmt.Sprint(g.number, tableOf(g.labels))
		}
		if byName[name] == nil {
			byName[name] = &g
			groups = append(groups, &g)
		}
		byName[name].rows = append(byName[name].rows, row)
	}
	return groups, nil
}

// halve inserts rows of a group. Where the server refuses them, halves are tried, down
// to the row that it refuses.
func (t *Target) halve(ctx context.Context, g *group, columns []string, rows *store.Rows, which []int, reject func(row int, err error)) error {
	err := t.insert(ctx, g, columns, rows, which, reject)
	switch {
	case err == nil:
		return nil
	case !t.c.AboutRows(err) && !errors.Is(err, ErrRefused):
		return err
	case len(which) == 1:
		reject(which[0], err)
		return nil
	}
	middle := len(which) / 2
	if err := t.halve(ctx, g, columns, rows, which[:middle], reject); err != nil {
		return err
	}
	return t.halve(ctx, g, columns, rows, which[middle:], reject)
}

func (t *Target) insert(ctx context.Context, g *group, columns []string, rows *store.Rows, which []int, reject func(row int, err error)) error {
	create, err := t.creation(ctx, g)
	if err != nil {
		return err
	}
	of := "n"
	if g.table == edges {
		of = "r"
	}
	b := t.newBatch(of)
	var sent []int
	flush := func() error {
		defer func() { b, sent = t.newBatch(of), nil }()
		if g.table != edges {
			return b.run(ctx, create, ", n."+runKey+" = $run", nil)
		}
		return t.runEdges(ctx, b, create, columns, rows, sent, reject)
	}
	for _, row := range which {
		properties, err := t.properties(g.table, columns, rows, row)
		if err != nil {
			return err
		}
		fields := map[string]any{}
		if g.table == edges {
			fields["i"] = int64(row)
			if fields["a"], err = valueOf(&rows.Columns[g.from.column], row); err != nil {
				return err
			}
			if fields["b"], err = valueOf(&rows.Columns[g.to.column], row); err != nil {
				return err
			}
		}
		err = b.add(properties, fields)
		if errors.Is(err, errOther) {
			if err = flush(); err == nil {
				err = b.add(properties, fields)
			}
		}
		if err != nil {
			return err
		}
		sent = append(sent, row)
	}
	return flush()
}

// creation returns the clause that creates what a group's rows are.
func (t *Target) creation(ctx context.Context, g *group) (string, error) {
	if g.table != edges {
		create := "CREATE (n"
		labels := g.labels
		if g.number {
			labels = append(slices.Clone(labels), numbered)
			if err := t.seeTo(ctx, numbered, numberKey); err != nil {
				return "", err
			}
		}
		if t.preferred(g.table) {
			if err := t.seeTo(ctx, t.label, t.key); err != nil {
				return "", err
			}
		}
		for _, l := range labels {
			quoted, err := t.c.QuoteName(l)
			if err != nil {
				return "", err
			}
			create += ":" + quoted
		}
		return create + ")", nil
	}
	typ, err := t.c.QuoteName(g.typ)
	if err != nil {
		return "", err
	}
	find := ""
	for i, e := range []end{g.from, g.to} {
		variable := []string{"a", "b"}[i]
		label, key := t.label, t.key
		if e.byNumber {
			label, key = numbered, numberKey
		}
		if err := t.seeTo(ctx, label, key); err != nil {
			return "", err
		}
		l, k, err := t.quotePair(label, key)
		if err != nil {
			return "", err
		}
		find += fmt.Sprintf("MATCH (%s:%s) WHERE %s ", variable, l, equal(t.c, variable+"."+k, "row."+variable, !e.searched))
	}
	return find + "CREATE (a)-[r:" + typ + "]->(b)", nil
}

// seeTo makes nodes be found by a key, before many are looked for.
func (t *Target) seeTo(ctx context.Context, label, key string) error {
	if t.indexed[label] {
		return nil
	}
	t.indexed[label] = true
	all, err := t.c.Definitions(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(d Definition) bool {
		return d.Node && (d.Kind == "range" || d.Kind == "unique") && slices.Equal(d.Labels, []string{label}) && len(d.Keys) > 0 && d.Keys[0] == key
	}) {
		return nil
	}
	return t.c.Index(ctx, label, key)
}

// properties returns what a row says as properties of a node or relationship.
func (t *Target) properties(table string, columns []string, rows *store.Rows, row int) (map[string]any, error) {
	out := make(map[string]any, len(columns)+1)
	plain := isPlain(table)
	for i, name := range columns {
		cells := &rows.Columns[i]
		switch {
		case cells.Kinds[row] == store.Null:
		case plain:
			out[name] = packCell(cells, row)
		case name == nodeColumn || name == edgeColumn:
			if cells.Kinds[row] == store.Integer && (name == nodeColumn || !t.named(columns, rows, row)) {
				out[numberKey] = cells.Int(row)
			}
		case slices.Contains([]string{labelsColumn, typeColumn, fromColumn, toColumn, fromNode, toNode}, name):
		case name == moreColumn:
			v, err := valueOf(cells, row)
			if err != nil {
				return nil, fmt.Errorf("column %q: %w", name, err)
			}
			maps.Copy(out, v.(map[string]any)) // held has seen to it
		default:
			v, err := valueOf(cells, row)
			if err != nil {
				return nil, fmt.Errorf("column %q: %w", name, err)
			}
			out[name] = v
		}
	}
	return out, nil
}

var errNoEnd = fmt.Errorf("it starts or ends at a node that is not there: %w", store.ErrDangling)

// runEdges creates relationships, and reports those without a node at an end.
func (t *Target) runEdges(ctx context.Context, b *batch, create string, columns []string, rows *store.Rows, sent []int, reject func(row int, err error)) error {
	made := map[int64]bool{}
	var extra []any
	err := b.run(ctx, create, ", r."+runKey+" = $run RETURN row.i, id(a), id(r)", func(v []Value) error {
		i, ok := v[0].(int64)
		if !ok || int(i) >= rows.N {
			return errReply
		}
		if made[i] { // several nodes have the key: one relationship is enough
			extra = append(extra, map[string]any{"a": v[1], "r": v[2]})
			return nil
		}
		made[i] = true
		for _, ix := range t.edgeIndexes {
			key := store.NewRows(len(ix.keys))
			for k, name := range ix.keys {
				if at := slices.Index(columns, name); at >= 0 {
					key.Columns[k].AppendRow(&rows.Columns[at], int(i))
				} else {
					key.Columns[k].AppendNull()
				}
			}
			if err := ix.add(key, 0, v[1], v[2]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(extra) > 0 {
		if err := t.c.Run(ctx, "UNWIND $rows AS row MATCH (a)-[r]->() WHERE id(a) = row.a AND id(r) = row.r DELETE r", map[string]Value{"rows": extra}, nil); err != nil {
			return err
		}
	}
	for _, row := range sent {
		if !made[int64(row)] {
			reject(row, errNoEnd)
		}
	}
	return nil
}
