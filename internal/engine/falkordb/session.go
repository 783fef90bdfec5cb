package falkordb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store"
)

// A session works on one graph of a server. It implements graph.Client.
type session struct {
	c       *Client
	name    string // of the graph
	there   bool   // the graph exists
	made    bool   // by this session
	most    int64  // rows of a reply, 0 for any number
	drop    func(context.Context) error
	frozen  bool // name is a copy's that nobody else changes
	alone   bool // the server is the session's own
	live    bool // the server is that of a file
	end     func() error
	written int64 // statements that others may have written by, as reading began
	inexact map[string]uint64
	known   knownKeys
}

var _ graph.Client = (*session)(nil)

// Engine returns the engine for the registry.
func Engine() *store.Engine {
	return &store.Engine{
		Name:   "falkordb",
		Claims: func(l store.Location) bool { return slices.Contains(Schemes, l.Scheme) },
		Open: func(ctx context.Context, l store.Location) (store.Tables, error) {
			s, err := open(ctx, l)
			if err != nil {
				return nil, err
			}
			if !s.there {
				return nil, errors.Join(fmt.Errorf("open %q: %w: there is no graph %q", l, store.ErrNotFound, s.name), s.Close())
			}
			if err := s.freeze(ctx); err != nil {
				return nil, errors.Join(err, s.Close())
			}
			return graph.Open(ctx, s, l.String())
		},
		OpenTarget: func(ctx context.Context, l store.Location) (store.Target, error) {
			s, err := open(ctx, l)
			if err != nil {
				return nil, err
			}
			return graph.OpenTarget(ctx, s, l.String())
		},
	}
}

func open(ctx context.Context, l store.Location) (*session, error) {
	c, err := Open(ctx, l.Scheme+":"+l.Path)
	if err != nil {
		return nil, err
	}
	name := c.Graph()
	if name == "" {
		names, err := c.Graphs(ctx)
		if err == nil && len(names) != 1 {
			err = fmt.Errorf("%w: location %q names no graph, and the server has %d: %s; write falkordb://HOST:PORT/GRAPH", store.ErrUsage, l, len(names), quoteList(names))
		}
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		name = names[0]
	}
	return newSession(ctx, c, name)
}

func newSession(ctx context.Context, c *Client, name string) (s *session, err error) {
	s = &session{c: c, name: name, inexact: map[string]uint64{}}
	s.there, err = c.GraphExists(ctx, s.name)
	if err == nil {
		s.most, err = c.MaxRows(ctx)
	}
	if errors.Is(err, ErrDenied) {
		s.most, err = cautious, nil
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return s, nil
}

// cautious is how many rows a reply is taken to have where the limit is a secret.
const cautious = 1000

func quoteList(names []string) string {
	const most = 10
	out := make([]string, 0, most)
	for _, n := range names[:min(len(names), most)] {
		out = append(out, strconv.Quote(n))
	}
	return strings.Join(out, ", ")
}

// copyLife is how long a copy of a graph outlives the program, if it is killed.
const copyLife = 15 * time.Minute

// freeze makes the session read a copy of the graph, as it is at one moment. Where the
// server does not let it, Unchanged looks whether others have written.
func (s *session) freeze(ctx context.Context) error {
	name, drop, err := s.c.Freeze(ctx, s.name)
	switch {
	case err == nil:
		s.name, s.drop, s.frozen = name, drop, true
		return s.renew(ctx)
	case errors.Is(err, ErrDenied) || errors.Is(err, ErrReadOnly) || errors.Is(err, ErrExhausted):
		s.written, err = s.writes(ctx)
		return err
	}
	return err
}

func (s *session) renew(ctx context.Context) error {
	if !s.frozen {
		return nil
	}
	if err := s.c.redis.Expire(ctx, s.name, copyLife).Err(); err != nil {
		return s.c.failed("copy", s.name, err)
	}
	return nil
}

// writes counts the commands by which the server's graphs may have changed; -1 if the
// server does not tell.
func (s *session) writes(ctx context.Context) (int64, error) {
	text, err := s.c.redis.Info(ctx, "commandstats").Result()
	if err != nil {
		if errors.Is(s.c.explain(err), ErrDenied) {
			return -1, nil
		}
		return 0, s.c.failed("read the statistics of", "", err)
	}
	n := int64(0)
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), ":calls=")
		switch strings.ToLower(strings.TrimPrefix(name, "cmdstat_")) {
		case "graph.query", "graph.effect", "graph.bulk", "graph.delete", "del", "unlink", "rename", "restore", "flushall", "flushdb":
			calls, _, _ := strings.Cut(rest, ",")
			if v, err := strconv.ParseInt(calls, 10, 64); err == nil {
				n += v
			}
		}
	}
	return n, nil
}

// Engine is the name of the kind of server.
func (*session) Engine() string { return "falkordb" }

// page is how many nodes' ids a part of a reading spans.
const page = 2000

// Read runs a reading, in parts that the server gives whole.
func (s *session) Read(ctx context.Context, r graph.Reading, row func(values []graph.Value) error) error {
	if !s.there {
		return nil
	}
	s.known = knownKeys{} // those of other nodes are of no use
	if r.On == "" {
		return s.readWhole(ctx, r, row)
	}
	last := int64(-1)
	err := s.query(ctx, "MATCH (n) RETURN max(id(n))", nil, func(v []graph.Value) error {
		if n, ok := v[0].(int64); ok {
			last = n
		}
		return nil
	})
	for from := int64(0); err == nil && from <= last; from += page {
		if err = s.renew(ctx); err == nil {
			err = s.readPage(ctx, r, from, min(from+page, last+1), row)
		}
	}
	return err
}

// readPage reads what concerns nodes of a range of ids. Where the reply may have been
// cut off, halves are read.
func (s *session) readPage(ctx context.Context, r graph.Reading, from, to int64, row func([]graph.Value) error) error {
	one := r
	id := "id(" + r.On + ")"
	// Parameters, because the server keeps what it has made of a text that it knows.
	one.Where = id + " >= $first AND " + id + " < $last"
	if r.Where != "" {
		one.Where = r.Where + " AND " + one.Where
	}
	one.Params = map[string]graph.Value{"first": from, "last": to}
	maps.Copy(one.Params, r.Params)
	if s.most > 0 && to-from == 1 {
		return s.readSlices(ctx, one, row)
	}
	rows, full, err := s.ask(ctx, one, "")
	if err != nil {
		return err
	}
	if full {
		middle := (from + to) / 2
		if err := s.readPage(ctx, r, from, middle, row); err != nil {
			return err
		}
		return s.readPage(ctx, r, middle, to, row)
	}
	return give(rows, row)
}

// readSlices reads in the order of all that is returned, as many rows at a time as the
// server gives.
func (s *session) readSlices(ctx context.Context, r graph.Reading, row func([]graph.Value) error) error {
	var order []string
	for i := range r.Return {
		order = append(order, column(i))
	}
	for at := int64(0); ; at += s.most {
		rows, _, err := s.ask(ctx, r, fmt.Sprintf(" ORDER BY %s SKIP %d LIMIT %d", strings.Join(order, ", "), at, s.most))
		if err != nil {
			return err
		}
		if err := give(rows, row); err != nil || int64(len(rows)) < s.most {
			return err
		}
	}
}

// readWhole reads what no node's id parts.
func (s *session) readWhole(ctx context.Context, r graph.Reading, row func([]graph.Value) error) error {
	if s.most > 0 && (r.Unwind == nil || len(r.Unwind) == 1) {
		return s.readSlices(ctx, r, row)
	}
	rows, full, err := s.ask(ctx, r, "")
	if err != nil {
		return err
	}
	if full {
		first, second := r, r
		first.Unwind, second.Unwind = r.Unwind[:len(r.Unwind)/2], r.Unwind[len(r.Unwind)/2:]
		if err := s.readWhole(ctx, first, row); err != nil {
			return err
		}
		return s.readWhole(ctx, second, row)
	}
	return give(rows, row)
}

func give(rows [][]graph.Value, row func([]graph.Value) error) error {
	for _, values := range rows {
		if err := row(values); err != nil {
			return err
		}
	}
	return nil
}

func column(i int) string { return "c" + strconv.Itoa(i) }

// knownKeys are those under which doubles were read, and lists with doubles.
type knownKeys struct{ doubles, lists []any }

// The parameters with these keys.
const (
	doublesKey = "memarc_doubles"
	listsKey   = "memarc_lists"
)

// mostKnown is how many keys are looked for in every node; where there are more, its
// own keys are.
const mostKnown = 32

// text writes a reading's statement.
func text(r graph.Reading, behind string, known bool) string {
	var b strings.Builder
	if r.Unwind != nil {
		b.WriteString("UNWIND $rows AS row ")
	}
	b.WriteString("MATCH " + r.Match)
	if r.Where != "" {
		b.WriteString(" WHERE " + r.Where)
	}
	b.WriteString(" RETURN ")
	for i, v := range r.Properties {
		if i > 0 {
			b.WriteString(", ")
		}
		split := SplitProperties(v)
		if known {
			split = SplitKeys(v, doublesKey, listsKey)
		}
		fmt.Fprintf(&b, "properties(%s) AS p%d, %s AS s%d", v, i, split, i)
	}
	for i, e := range r.Return {
		if i > 0 || len(r.Properties) > 0 {
			b.WriteString(", ")
		}
		b.WriteString(e + " AS " + column(i))
	}
	return b.String() + behind
}

func params(r graph.Reading, known *knownKeys) map[string]any {
	out := maps.Clone(r.Params)
	if out == nil {
		out = map[string]any{}
	}
	if r.Unwind != nil {
		out["rows"] = r.Unwind
	}
	if known != nil {
		out[doublesKey], out[listsKey] = append([]any{}, known.doubles...), append([]any{}, known.lists...)
	}
	return out
}

// ask runs a reading's statement, and returns its rows with exact doubles. full tells
// that the server may have left others out.
//
// To split the doubles of every property takes several times as long as to read them as
// printed. So only those are split under whose keys there were doubles before, in the
// same statement: what is joined is of one moment. Where a double shows under another
// key, the statement is run again with that.
func (s *session) ask(ctx context.Context, r graph.Reading, behind string) (rows [][]graph.Value, full bool, err error) {
	for {
		known := &s.known
		if len(r.Properties) == 0 || len(known.doubles)+len(known.lists) > mostKnown {
			known = nil
		}
		res, err := s.c.ReadOnlyQuery(ctx, s.name, text(r, behind, known != nil), params(r, known))
		if err != nil {
			return nil, false, err
		}
		if s.most > 0 && int64(res.Len()) >= s.most && behind == "" {
			return nil, true, nil
		}
		rows, inexact, missing, err := exactRows(res, r)
		if err != nil {
			return nil, false, err
		}
		if len(missing.doubles)+len(missing.lists) == 0 {
			for key, n := range inexact {
				s.inexact[key] += n
			}
			return rows, false, nil
		}
		asked := func(key any) bool {
			return slices.Contains(s.known.doubles, key) && slices.Contains(missing.doubles, key) || slices.Contains(s.known.lists, key) && slices.Contains(missing.lists, key)
		}
		if known == nil || slices.ContainsFunc(slices.Concat(missing.doubles, missing.lists), asked) {
			return nil, false, errReply
		}
		s.known.doubles = append(s.known.doubles, missing.doubles...)
		s.known.lists = append(s.known.lists, missing.lists...)
	}
}

// exactRows decodes rows. It returns how many values under a key are not known to be
// exact, and the keys of doubles that were not split.
func exactRows(res *Result, r graph.Reading) (rows [][]graph.Value, inexact map[string]uint64, missing knownKeys, err error) {
	n := len(r.Properties)
	rows = make([][]graph.Value, 0, res.Len())
	inexact = map[string]uint64{}
	for values, err := range res.Rows() {
		if err != nil {
			return nil, nil, missing, err
		}
		if len(values) != 2*n+len(r.Return) {
			return nil, nil, missing, errReply
		}
		out := make([]graph.Value, 0, n+len(r.Return))
		for i := range n {
			properties, ok := values[2*i].(map[string]any)
			if !ok {
				return nil, nil, missing, errReply
			}
			lost, unsplit, err := joinProperties(properties, values[2*i+1])
			if err != nil {
				return nil, nil, missing, err
			}
			for _, key := range lost {
				inexact[key]++
			}
			for _, key := range unsplit {
				to := &missing.doubles
				if _, list := properties[key].([]any); list {
					to = &missing.lists
				}
				if !slices.Contains(*to, any(key)) {
					*to = append(*to, key)
				}
			}
			out = append(out, properties)
		}
		rows = append(rows, append(out, values[2*n:]...))
	}
	return rows, inexact, missing, nil
}

func (s *session) query(ctx context.Context, statement string, params map[string]any, row func([]graph.Value) error) error {
	res, err := s.c.ReadOnlyQuery(ctx, s.name, statement, params)
	if err != nil {
		return err
	}
	for values, err := range res.Rows() {
		if err == nil {
			err = row(values)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Run runs a statement that writes.
func (s *session) Run(ctx context.Context, statement string, params map[string]graph.Value, row func(values []graph.Value) error) error {
	res, err := s.c.Query(ctx, s.name, statement, params)
	if err != nil {
		return err
	}
	s.exists()
	if row == nil {
		return nil
	}
	if s.most > 0 && int64(res.Len()) >= s.most {
		return fmt.Errorf("the server returns %d rows at most, and may have left some out: raise RESULTSET_SIZE", s.most)
	}
	for values, err := range res.Rows() {
		if err == nil {
			err = row(values)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Limit is how many rows the server surely returns: a reply that is full may lack some.
func (s *session) Limit() int64 { return max(0, s.most-1) }

func (s *session) exists() {
	if !s.there {
		s.there, s.made = true, true
	}
}

// Sweep runs an action on all that a pattern matches.
func (s *session) Sweep(ctx context.Context, match, action string, params map[string]graph.Value) error {
	if !s.there {
		return nil
	}
	_, err := s.c.Query(ctx, s.name, "MATCH "+match+" "+action, params)
	return err
}

// AboutRows tells whether an error concerns the rows that were written alone.
func (*session) AboutRows(err error) bool {
	return errors.Is(err, ErrConstraint) || errors.Is(err, ErrRefused)
}

// Encode returns how a value is written as a property.
func (*session) Encode(v graph.Value) (function string, argument graph.Value, err error) {
	if function, argument, err = Constructor(v); err == nil {
		if list, ok := v.([]any); ok {
			err = checkItems(list)
		} else if _, ok := v.(map[string]any); ok {
			err = refused("no property is a map")
		} else if d, ok := v.(graph.Duration); ok && d.Days != 0 {
			err = refused("a duration comes back as seconds alone")
		}
		if err == nil && function == "" {
			err = checkLiteral(argument)
		}
	}
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", graph.ErrRefused, err)
	}
	return function, argument, nil
}

// checkItems refuses what the server does not take in a list of a property.
func checkItems(list []any) error {
	for _, item := range list {
		switch item := item.(type) {
		case nil:
			return refused("a list in a property has no null")
		case bool, int64, float64, string:
		case []any:
			if err := checkItems(item); err != nil {
				return err
			}
		default:
			return refused("a list in a property has no %T", item)
		}
	}
	return nil
}

func checkLiteral(v graph.Value) error {
	switch v := v.(type) {
	case string:
		return checkText(v, "the text")
	case nil, bool, int64:
		return nil
	}
	_, err := AppendLiteral(nil, v)
	return err
}

// QuoteName quotes a name.
func (*session) QuoteName(name string) (string, error) {
	quoted, err := QuoteName(name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", graph.ErrRefused, err)
	}
	return quoted, nil
}

// maxFound is how long a text is that an index surely finds.
const maxFound = 4000

// Finds tells whether the server's indexes find a value. They strip the blanks around
// texts, part them at U+0001, and find no empty ones and no long ones.
func (*session) Finds(v graph.Value) bool {
	text, ok := v.(string)
	return !ok || text != "" && len(text) <= maxFound && text[0] > ' ' && text[len(text)-1] > ' ' && strings.IndexByte(text, 1) < 0
}

// Exact makes a condition one that no index decides: 0 and false, or a text with and
// one without blanks around it, are the same to an index.
func (*session) Exact(condition string) string {
	return "CASE WHEN " + condition + " THEN true ELSE false END"
}

// Index makes nodes be found by a property.
func (s *session) Index(ctx context.Context, label, property string) error {
	err := s.c.CreateIndex(ctx, s.name, Nodes, label, property)
	if err == nil {
		s.exists()
	}
	return err
}

// Unique makes a property tell nodes apart.
func (s *session) Unique(ctx context.Context, label, property string) error {
	err := s.c.CreateUnique(ctx, s.name, Nodes, label, property)
	if err == nil {
		s.exists()
	}
	return err
}

// Define runs a statement of a layout's own schema.
func (s *session) Define(ctx context.Context, statement string) error {
	_, err := s.c.Query(ctx, s.name, statement, nil)
	var said *serverError
	if err != nil && errors.As(err, &said) && strings.HasSuffix(said.text, "is already indexed") {
		err = nil
	}
	if err == nil {
		s.exists()
	}
	return err
}

// Definitions lists indexes and constraints. FalkorDB gives them no names.
func (s *session) Definitions(ctx context.Context) ([]graph.Definition, error) {
	if !s.there {
		return nil, nil
	}
	var out []graph.Definition
	constraints, err := s.c.Constraints(ctx, s.name)
	if err != nil {
		return nil, err
	}
	unique := map[string]bool{}
	for _, c := range constraints {
		kind := strings.ToLower(c.Type)
		out = append(out, graph.Definition{Name: fmt.Sprintf("%s %s (%s)", kind, c.Label, strings.Join(c.Properties, ", ")), Constraint: true,
			Node: c.Entity == Nodes, Labels: []string{c.Label}, Keys: c.Properties, Kind: kind})
		for _, p := range c.Properties {
			unique[string(c.Entity)+"\x00"+c.Label+"\x00"+p] = true
		}
	}
	indexes, err := s.c.Indexes(ctx, s.name)
	if err != nil {
		return nil, err
	}
	for _, x := range indexes {
		for _, p := range x.Properties {
			for _, kind := range x.Types[p] {
				kind = strings.ToLower(kind)
				if kind == "range" && unique[string(x.Entity)+"\x00"+x.Label+"\x00"+p] {
					continue // it serves the constraint
				}
				out = append(out, graph.Definition{Name: fmt.Sprintf("%s %s (%s)", kind, x.Label, p), Node: x.Entity == Nodes, Labels: []string{x.Label}, Keys: []string{p}, Kind: kind})
			}
		}
	}
	return out, nil
}

// Discard deletes the graph if the session has made it.
func (s *session) Discard(ctx context.Context) error {
	if !s.made {
		return nil
	}
	s.made, s.there = false, false
	return s.c.DeleteGraph(ctx, s.name)
}

// Unchanged fails if others may have written since reading began.
func (s *session) Unchanged(ctx context.Context) error {
	if s.frozen || s.alone || s.written < 0 {
		return nil
	}
	now, err := s.writes(ctx)
	if err != nil {
		return err
	}
	if now >= 0 && now != s.written && s.live {
		return fmt.Errorf("the program that has the file open wrote to it %d times while it was read, and what was read may not be of one moment; run the command again", now-s.written)
	}
	if now >= 0 && now != s.written {
		return fmt.Errorf("%d commands that may write were run on the server while the graph was read, and it may not be of one moment; read it again when nobody writes, or as a user who may copy it (GRAPH.COPY)", now-s.written)
	}
	return nil
}

// Losses returns values that could not be read exactly.
func (s *session) Losses() []graph.Inexact {
	var out []graph.Inexact
	for _, key := range slices.Sorted(maps.Keys(s.inexact)) {
		out = append(out, graph.Inexact{Where: key, Count: s.inexact[key]})
	}
	return out
}

// Close ends the session, and with it a copy that it has read.
func (s *session) Close() error {
	var err error
	if s.drop != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		err = s.drop(ctx)
	}
	err = errors.Join(err, s.c.Close())
	if s.end != nil {
		err = errors.Join(err, s.end())
	}
	return err
}
