package bolt

import (
	"context"
	"iter"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"
)

// A Reader is a transaction that cannot write. It is not for use by several
// goroutines; results may be read side by side.
type Reader struct {
	db      *DB
	session neo4j.Session
	tx      neo4j.ExplicitTransaction
}

// Reader begins a transaction for reading.
func (d *DB) Reader(ctx context.Context) (*Reader, error) {
	s, tx, err := d.begin(ctx, neo4j.AccessModeRead)
	if err != nil {
		return nil, d.failed("read", err)
	}
	return &Reader{d, s, tx}, nil
}

// Query yields the records of a result as they come, of which a bounded number is
// held. An error is the last pair.
func (r *Reader) Query(ctx context.Context, statement string, parameters map[string]any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		sent, err := toMap(parameters)
		if err != nil {
			yield(nil, err)
			return
		}
		if r.db.wire != nil {
			statement = r.db.wire(statement, false)
		}
		result, err := r.tx.Run(ctx, statement, sent)
		if err != nil {
			yield(nil, r.db.failed("read", err))
			return
		}
		for row, err := range r.db.records(ctx, result) {
			if err != nil {
				yield(nil, r.db.failed("read", err))
				return
			}
			if !yield(row, nil) {
				// What is left is thrown away by the server.
				if _, err := result.Consume(ctx); err != nil {
					return // the next statement says so
				}
				return
			}
		}
	}
}

// Close ends the transaction.
func (r *Reader) Close() error {
	ctx := context.Background()
	err := r.tx.Close(ctx)
	if e := r.session.Close(ctx); err == nil {
		err = e
	}
	if err != nil {
		return r.db.failed("close", err)
	}
	return nil
}
