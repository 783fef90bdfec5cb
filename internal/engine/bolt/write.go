package bolt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"
)

// A Writer is a transaction that writes.
type Writer struct {
	db *DB
	tx neo4j.ExplicitTransaction
}

// attempts is how often a batch is tried that the server gives up in favour of
// others.
const attempts = 5

// Write does work in one transaction, which is to be short: the server holds in
// memory what it changes. The work is done again, from its beginning, where the
// server has taken it back in favour of others; in no other case.
func (d *DB) Write(ctx context.Context, work func(*Writer) error) error {
	for attempt := 1; ; attempt++ {
		err := d.write(ctx, work)
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

func (d *DB) write(ctx context.Context, work func(*Writer) error) error {
	s, tx, err := d.begin(ctx, neo4j.AccessModeWrite)
	if err != nil {
		return d.failed("write to", err)
	}
	defer s.Close(context.WithoutCancel(ctx))
	if err := work(&Writer{d, tx}); err != nil {
		// Where the server is gone, so is the transaction.
		_ = tx.Close(context.WithoutCancel(ctx))
		return err
	}
	err = tx.Commit(ctx)
	var server *neo4j.Neo4jError
	if err != nil && !errors.As(err, &server) {
		return fmt.Errorf("write to %q: %w (%w)", d.at.name, ErrUncertain, d.explain(err))
	}
	if err != nil {
		return d.failed("write to", err)
	}
	return nil
}

// Query runs a statement and returns its records, all of them.
func (w *Writer) Query(ctx context.Context, statement string, parameters map[string]any) ([][]any, error) {
	sent, err := toMap(parameters)
	if err != nil {
		return nil, err
	}
	if w.db.wire != nil {
		statement = w.db.wire(statement, false)
	}
	result, err := w.tx.Run(ctx, statement, sent)
	if err != nil {
		return nil, w.db.failed("write to", err)
	}
	var rows [][]any
	for row, err := range w.db.records(ctx, result) {
		if err != nil {
			return nil, w.db.failed("write to", err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}
