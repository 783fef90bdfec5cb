package bolt

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"

	"github.com/memarc/memarc/internal/store"
)

// A Product is what speaks Bolt.
type Product string

// The products whose dialects are known.
const (
	Neo4j    Product = "neo4j"
	Memgraph Product = "memgraph"
)

// A Server is what a server says of itself.
type Server struct {
	Product  Product
	Version  string
	Edition  string // "community" or "enterprise"; empty if it does not say
	Agent    string
	Protocol string // of Bolt
}

// DB is a graph of a server.
type DB struct {
	driver neo4j.Driver
	at     *target
	server Server
	// escapes tells that the server reads \uXXXX in names as one character.
	escapes bool
	wire    func(statement string, auto bool) string // Options.wire
}

// Open connects to the graph at a location.
func Open(ctx context.Context, l store.Location, o Options) (*DB, error) {
	at, err := parse(l, o)
	if err != nil {
		return nil, err
	}
	driver, err := at.driver(o)
	if err != nil {
		return nil, connectError(at, err)
	}
	d := &DB{driver: driver, at: at, wire: o.wire}
	if err := d.identify(ctx, o.as); err != nil {
		return nil, errors.Join(connectError(at, err), d.Close())
	}
	return d, nil
}

// identify asks the server who it is, and how it reads names.
func (d *DB) identify(ctx context.Context, as Product) error {
	info, err := d.driver.GetServerInfo(ctx)
	if err != nil {
		return err
	}
	version := info.ProtocolVersion()
	d.server = Server{Product: Neo4j, Agent: info.Agent(), Protocol: fmt.Sprintf("%d.%d", version.Major, version.Minor)}
	if strings.Contains(info.Agent(), "Memgraph") {
		d.server.Product = Memgraph
	}
	if as != "" {
		d.server.Product = as
	}
	if d.server.Product == Memgraph {
		err = d.identifyMemgraph(ctx)
	} else {
		err = d.identifyNeo4j(ctx)
	}
	if err != nil {
		return err
	}
	keys, _, err := d.auto(ctx, neo4j.AccessModeRead, "RETURN 1 AS `\\u005C`", nil)
	if err != nil {
		return err
	}
	d.escapes = len(keys) == 1 && keys[0] == `\`
	return nil
}

func (d *DB) identifyNeo4j(ctx context.Context) error {
	_, rows, err := d.auto(ctx, neo4j.AccessModeRead, "CALL dbms.components() YIELD name, versions, edition", nil)
	if err != nil {
		return err
	}
	for _, row := range rows {
		versions, _ := row[1].([]any)
		if name, _ := row[0].(string); name == "Neo4j Kernel" && len(versions) > 0 {
			d.server.Version, _ = versions[0].(string)
			d.server.Edition, _ = row[2].(string)
		}
	}
	return nil
}

// identifyMemgraph takes what there is: not every user may ask, nor every version
// tell.
func (d *DB) identifyMemgraph(ctx context.Context) error {
	_, rows, err := d.auto(ctx, neo4j.AccessModeRead, "SHOW VERSION", nil)
	var refused *neo4j.Neo4jError
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	if err == nil && len(rows) == 1 && len(rows[0]) > 0 {
		d.server.Version, _ = rows[0][0].(string)
	}
	return nil
}

// Server says which server it is.
func (d *DB) Server() Server { return d.server }

// Name is the location without its password.
func (d *DB) Name() string { return d.at.name }

// Close ends all connections.
func (d *DB) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := d.driver.Close(ctx); err != nil {
		return d.failed("close", err)
	}
	return nil
}

func (d *DB) session(ctx context.Context, mode neo4j.AccessMode) neo4j.Session {
	return d.driver.NewSession(ctx, neo4j.SessionConfig{AccessMode: mode, DatabaseName: d.at.database})
}

// begin begins a transaction. After a request that the server finds malformed, the
// driver keeps a connection in a state in which nothing begins, and notices only
// then: the next one is another.
func (d *DB) begin(ctx context.Context, mode neo4j.AccessMode) (neo4j.Session, neo4j.ExplicitTransaction, error) {
	for attempt := 0; ; attempt++ {
		s := d.session(ctx, mode)
		tx, err := s.BeginTransaction(ctx)
		if err == nil {
			return s, tx, nil
		}
		s.Close(context.WithoutCancel(ctx))
		if attempt == poolSize || !unusable(err) {
			return nil, nil, err
		}
	}
}

// unusable tells the driver's error of a connection on which nothing was sent.
func unusable(err error) bool { return strings.HasPrefix(err.Error(), "invalid state ") }

// Auto runs a statement outside of any transaction, as statements about the schema
// and the server must be, and returns its columns and records.
func (d *DB) Auto(ctx context.Context, statement string, parameters map[string]any) (columns []string, records [][]any, err error) {
	columns, records, err = d.auto(ctx, neo4j.AccessModeWrite, statement, parameters)
	if err != nil {
		return nil, nil, d.failed("run a statement in", err)
	}
	return columns, records, nil
}

func (d *DB) auto(ctx context.Context, mode neo4j.AccessMode, statement string, parameters map[string]any) ([]string, [][]any, error) {
	sent, err := toMap(parameters)
	if err != nil {
		return nil, nil, err
	}
	if d.wire != nil {
		statement = d.wire(statement, true)
	}
	var s neo4j.Session
	var result neo4j.Result
	for attempt := 0; ; attempt++ {
		s = d.session(ctx, mode)
		defer s.Close(context.WithoutCancel(ctx))
		if result, err = s.Run(ctx, statement, sent); err == nil {
			break
		}
		if attempt == poolSize || !unusable(err) {
			return nil, nil, err
		}
	}
	keys, err := result.Keys()
	if err != nil {
		return nil, nil, err
	}
	var rows [][]any
	for record, err := range d.records(ctx, result) {
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, record)
	}
	return keys, rows, nil
}

// bookmark names the last transaction that the server has committed.
func (d *DB) bookmark(ctx context.Context) (string, error) {
	for attempt := 0; ; attempt++ {
		s := d.session(ctx, neo4j.AccessModeRead)
		result, err := s.Run(ctx, "RETURN 1", nil)
		if err == nil {
			_, err = result.Consume(ctx)
		}
		marks := s.LastBookmarks()
		s.Close(context.WithoutCancel(ctx))
		if err == nil {
			return strings.Join(marks, " "), nil
		}
		if attempt == poolSize || !unusable(err) {
			return "", d.failed("read", err)
		}
	}
}

// records yields the values of a result, and consumes it.
func (d *DB) records(ctx context.Context, result neo4j.Result) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for result.Next(ctx) {
			values := result.Record().Values
			row := make([]any, len(values))
			for i, v := range values {
				var err error
				if row[i], err = d.fromBolt(v); err != nil {
					yield(nil, err)
					return
				}
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := result.Err(); err != nil {
			yield(nil, err)
			return
		}
		// Memgraph reports some failures at the end of a result only.
		if _, err := result.Consume(ctx); err != nil {
			yield(nil, err)
		}
	}
}
