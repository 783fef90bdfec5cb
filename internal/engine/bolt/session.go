package bolt

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store"
)

// A session works on the graph of a database. It implements graph.Client.
type session struct {
	db *DB
	// reader is the one transaction of a session that only reads; nil if it writes.
	reader  *Reader
	written string // what the server says of its last commit, as reading began
	before  []Rule // indexes and constraints before the session has written
}

var _ graph.Client = (*session)(nil)

// Engines returns the engines for the registry: both speak Bolt, and a location does not
// always tell which of them it is.
func Engines() []*store.Engine { return engines(Options{}) }

func engines(o Options) []*store.Engine {
	engine := func(name string, schemes ...string) *store.Engine {
		return &store.Engine{
			Name:   name,
			Claims: func(l store.Location) bool { return slices.Contains(schemes, l.Scheme) },
			Open: func(ctx context.Context, l store.Location) (store.Tables, error) {
				s, err := openSession(ctx, l, o.or(l), false)
				if err != nil {
					return nil, err
				}
				return graph.Open(ctx, s, l.String())
			},
			OpenTarget: func(ctx context.Context, l store.Location) (store.Target, error) {
				s, err := openSession(ctx, l, o.or(l), true)
				if err != nil {
					return nil, err
				}
				return graph.OpenTarget(ctx, s, l.String())
			},
		}
	}
	return []*store.Engine{engine(string(Neo4j), Schemes[:6]...), engine(string(Memgraph), Schemes[6:]...)}
}

// or adds what the environment says where the location may not, by the names that the
// servers' own shells know.
func (o Options) or(l store.Location) Options {
	user, password := cmp.Or(os.Getenv("NEO4J_USERNAME"), os.Getenv("NEO4J_USER")), os.Getenv("NEO4J_PASSWORD")
	if strings.HasPrefix(l.Scheme, string(Memgraph)) {
		user, password = os.Getenv("MEMGRAPH_USER"), os.Getenv("MEMGRAPH_PASSWORD")
	} else {
		o.Database = cmp.Or(o.Database, os.Getenv("NEO4J_DATABASE"))
	}
	o.User, o.Password = cmp.Or(o.User, user), cmp.Or(o.Password, password)
	return o
}

func openSession(ctx context.Context, l store.Location, o Options, write bool) (*session, error) {
	db, err := Open(ctx, l, o)
	if err != nil {
		return nil, err
	}
	s := &session{db: db}
	if !write {
		if s.written, err = s.lastCommit(ctx); err == nil {
			s.reader, err = db.Reader(ctx)
		}
	}
	if err == nil && db.server.Product == Memgraph {
		err = s.checkStorage(ctx, write)
	}
	if err == nil && write {
		s.before, err = db.Rules(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// checkStorage refuses what Memgraph keeps no promises in: its analytical mode has
// neither snapshots nor transactions that are undone, and without properties on edges
// most of a relationship has no place.
func (s *session) checkStorage(ctx context.Context, write bool) error {
	settings, err := s.db.Settings(ctx)
	if err != nil {
		return err
	}
	if mode := settings["storage_mode"]; write && strings.Contains(mode, "ANALYTICAL") {
		return fmt.Errorf("open %q: %w: Memgraph is in its analytical mode, in which nothing can be undone; run STORAGE MODE IN_MEMORY_TRANSACTIONAL first", s.db.Name(), store.ErrUsage)
	}
	if write && settings["storage_properties_on_edges"] == "false" {
		return fmt.Errorf("open %q: %w: Memgraph runs without properties on edges; start it with --storage-properties-on-edges=true", s.db.Name(), store.ErrUsage)
	}
	return nil
}

// lastCommit names the state of a database of Neo4j, which has no snapshots. SHOW
// DATABASES does not tell of it on the community edition; the bookmark of a reading does,
// whoever asks. Memgraph's transactions are snapshots.
func (s *session) lastCommit(ctx context.Context) (string, error) {
	if s.db.server.Product == Memgraph {
		return "", nil
	}
	return s.db.bookmark(ctx)
}

// Engine is the name of the kind of server.
func (s *session) Engine() string { return string(s.db.server.Product) }

// Read runs a reading.
func (s *session) Read(ctx context.Context, r graph.Reading, row func(values []graph.Value) error) error {
	reader := s.reader
	if reader == nil {
		var err error
		if reader, err = s.db.Reader(ctx); err != nil {
			return err
		}
		defer reader.Close()
	}
	parameters := maps.Clone(r.Params)
	if r.Unwind != nil {
		if parameters == nil {
			parameters = map[string]graph.Value{}
		}
		parameters["rows"] = r.Unwind
	}
	for values, err := range reader.Query(ctx, statement(r), parameters) {
		if err == nil {
			err = row(values)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func statement(r graph.Reading) string {
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
		fmt.Fprintf(&b, "properties(%s) AS p%d, ", v, i)
	}
	for i, e := range r.Return {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s AS c%d", e, i)
	}
	return b.String()
}

// Run runs a statement that writes, in a transaction of its own.
func (s *session) Run(ctx context.Context, statement string, params map[string]graph.Value, row func(values []graph.Value) error) error {
	var rows [][]any
	err := s.db.Write(ctx, func(w *Writer) (err error) {
		rows, err = w.Query(ctx, statement, params)
		return err
	})
	if err != nil || row == nil {
		return err
	}
	for _, values := range rows {
		if err := row(values); err != nil {
			return err
		}
	}
	return nil
}

// Limit tells that Run returns any number of rows.
func (*session) Limit() int64 { return 0 }

// swept finds the variable of a pattern: that of its one relationship, or else that of
// its first node.
var swept = regexp.MustCompile(`^(?:\(\w*\)-\[(\w+)|\((\w+))`)

// sweepRows is on how many matches an action is run in one transaction.
const sweepRows = 10_000

// Sweep runs an action on all that a pattern matches.
func (s *session) Sweep(ctx context.Context, match, action string, params map[string]graph.Value) error {
	parts := swept.FindStringSubmatch(match)
	if parts == nil {
		return fmt.Errorf("sweep %q: the pattern names nothing to be swept", match)
	}
	variable := parts[1] + parts[2]
	if s.db.server.Product == Memgraph {
		// Each transaction of a first part is a snapshot without what those before have
		// done away with.
		for {
			n := int64(0)
			err := s.Run(ctx, fmt.Sprintf("MATCH %s WITH %s LIMIT %d %s RETURN count(*)", match, variable, sweepRows, action), params, func(v []graph.Value) error {
				n, _ = v[0].(int64)
				return nil
			})
			if err != nil || n < sweepRows {
				return err
			}
		}
	}
	for attempt := 1; ; attempt++ {
		_, _, err := s.db.Auto(ctx, fmt.Sprintf("MATCH %s CALL { WITH %s %s } IN TRANSACTIONS OF %d ROWS", match, variable, action, sweepRows), params)
		if err == nil || attempt == attempts || !Retryable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(attempt) * 50 * time.Millisecond):
		}
	}
}

// AboutRows tells whether an error concerns the rows that were written alone.
func (*session) AboutRows(err error) bool {
	var said *serverError
	return errors.Is(err, ErrConstraint) || errors.As(err, &said) &&
		slices.Contains([]string{
			"Neo.ClientError.Statement.TypeError", "Neo.ClientError.Statement.ArgumentError",
			"Neo.ClientError.Request.Invalid", // a zone that the server does not know
		}, said.Code)
}

// Encode returns how a value is written as a property.
func (s *session) Encode(v graph.Value) (function string, argument graph.Value, err error) {
	_, err = toBolt(v)
	if err == nil {
		err = storable(v, s.db.server.Product)
	}
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", graph.ErrRefused, err)
	}
	return "", v, nil
}

// QuoteName quotes a name.
func (s *session) QuoteName(name string) (string, error) {
	quoted, err := s.db.QuoteName(name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", graph.ErrRefused, err)
	}
	return quoted, nil
}

// Finds tells that indexes find every value.
func (*session) Finds(graph.Value) bool { return true }

// Exact leaves a condition as it is.
func (*session) Exact(condition string) string { return condition }

// ruleName names an index or a constraint of memarc's, each otherwise: Neo4j makes none
// whose name is there.
func ruleName(label, property string) string {
	sum := sha256.Sum256([]byte(label + "\x00" + property))
	return "memarc_" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, clip(label+"_"+property)) + "_" + hex.EncodeToString(sum[:6])
}

// Index makes nodes be found by a property.
func (s *session) Index(ctx context.Context, label, property string) error {
	if err := s.db.Index(ctx, ruleName(label, property), label, property); err != nil {
		return err
	}
	return s.db.Online(ctx)
}

// Unique makes a property tell nodes apart.
func (s *session) Unique(ctx context.Context, label, property string) error {
	if err := s.db.Unique(ctx, ruleName(label, property), label, property); err != nil {
		return err
	}
	return s.db.Online(ctx)
}

// Define runs a statement of a layout's own schema.
func (s *session) Define(ctx context.Context, statement string) error {
	return s.db.define(ctx, statement)
}

// Definitions lists indexes and constraints, without those that serve a constraint, and
// those that Neo4j makes by itself to find nodes by their labels.
func (s *session) Definitions(ctx context.Context) ([]graph.Definition, error) {
	rules, err := s.db.Rules(ctx)
	if err != nil {
		return nil, err
	}
	var out []graph.Definition
	for _, r := range rules {
		if r.Owner != "" || r.Type == "LOOKUP" {
			continue
		}
		d := graph.Definition{Name: r.Name, Constraint: r.Constraint, Node: !r.Relationship, Labels: r.Labels, Keys: r.Properties, Kind: strings.ToLower(r.Type)}
		switch r.Type {
		case "RANGE", "label+property":
			d.Kind = "range"
		case "UNIQUENESS", "unique":
			d.Kind = "unique"
		}
		if d.Name == "" {
			d.Name = fmt.Sprintf("%s %s (%s)", d.Kind, strings.Join(r.Labels, ":"), strings.Join(r.Properties, ", "))
		}
		out = append(out, d)
	}
	return out, nil
}

// Discard removes the indexes and constraints that the session has made.
func (s *session) Discard(ctx context.Context) error {
	rules, err := s.db.Rules(ctx)
	if err != nil {
		return err
	}
	slices.SortStableFunc(rules, func(a, b Rule) int { // an index may serve a constraint
		return cmp.Compare(b2i(b.Constraint), b2i(a.Constraint))
	})
	for _, r := range rules {
		if r.Owner != "" || slices.ContainsFunc(s.before, r.is) {
			continue
		}
		if err := s.db.DropRule(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Unchanged fails if somebody else has written since reading began.
func (s *session) Unchanged(ctx context.Context) error {
	if s.written == "" {
		return nil
	}
	now, err := s.lastCommit(ctx)
	if err != nil {
		return err
	}
	if now != s.written {
		return errors.New("others have written to the graph while it was read, and it may not be of one moment; read it again when nobody writes")
	}
	return nil
}

// Losses returns nothing: all values come exactly.
func (*session) Losses() []graph.Inexact { return nil }

// Close ends the session.
func (s *session) Close() error {
	var err error
	if s.reader != nil {
		err = s.reader.Close()
	}
	return errors.Join(err, s.db.Close())
}
