package bolt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"

	"github.com/memarc/memarc/internal/store"
)

// Errors that callers branch on.
var (
	// ErrAuth means that the server refuses the login.
	ErrAuth = errors.New("the server refuses the login")
	// ErrUnreachable means that no connection could be made.
	ErrUnreachable = errors.New("the server cannot be reached")
	// ErrTLS means that client and server differ about TLS, or the certificate is
	// not good.
	ErrTLS = errors.New("no secure connection")
	// ErrReadOnly means that the server or the user does not write.
	ErrReadOnly = errors.New("the server does not let us write")
	// ErrConstraint means that the data violates a constraint of the store.
	ErrConstraint = errors.New("a constraint of the store is violated")
	// ErrGone means that the connection ended in the middle.
	ErrGone = errors.New("the connection to the server was lost")
	// ErrUncertain means that the connection ended during a commit: the batch is
	// stored, or it is not.
	ErrUncertain = errors.New("the connection was lost during a commit: whether the last batch is stored is not known")
)

// A serverError is what the server says, with what it means for the user.
type serverError struct {
	*neo4j.Neo4jError
	kind error // one of the above, or nil
}

// Error implements error. The code says more than the GQL status, and Memgraph has
// no other.
func (e *serverError) Error() string {
	text := fmt.Sprintf("the server says %q (%s)", clip(e.Msg), e.Code)
	if e.kind != nil {
		text = e.kind.Error() + ": " + text
	}
	return text
}

// Unwrap returns the server's error and its kind.
func (e *serverError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.Neo4jError}
	}
	return []error{e.Neo4jError, e.kind}
}

// clip shortens a message that repeats what was sent to the server.
func clip(text string) string {
	if len(text) > 600 {
		return strings.ToValidUTF8(text[:600], "") + "…"
	}
	return text
}

// kinds are the meanings of codes, by their beginnings.
var kinds = []struct {
	code, text string
	kind       error
}{
	{"Neo.ClientError.Security.Forbidden", "", ErrReadOnly},
	{"Neo.ClientError.Security.", "", ErrAuth},
	{"Neo.ClientError.Database.DatabaseNotFound", "", store.ErrNotFound},
	{"Neo.ClientError.Schema.ConstraintValidationFailed", "", ErrConstraint},
	{"Neo.ClientError.Schema.ConstraintViolation", "", ErrConstraint},
	{"Neo.ClientError.Schema.ConstraintCreationFailed", "", ErrConstraint},
	{"Neo.ClientError.General.ForbiddenOnReadOnlyDatabase", "", ErrReadOnly},
	{"Neo.ClientError.General.WriteOnReadOnlyAccessDatabase", "", ErrReadOnly},
	{"Neo.ClientError.Statement.AccessMode", "", ErrReadOnly},
	{"Neo.ClientError.Cluster.NotALeader", "", ErrReadOnly},
	// Memgraph has one code for nearly all.
	{"Memgraph.", "Unable to commit due to unique constraint", ErrConstraint},
	{"Memgraph.", "Unable to commit due to existence constraint", ErrConstraint},
	{"Memgraph.", "existing node violates it", ErrConstraint},
	{"Memgraph.", "Authentication", ErrAuth},
	{"Memgraph.", "read-only", ErrReadOnly},
	{"Memgraph.", "replica", ErrReadOnly},
}

// explain turns an error of the driver into one of ours.
func (d *DB) explain(err error) error { return explain(d.at, err, ErrGone) }

// explain takes what it means if the connection ended.
func explain(at *target, err error, lost error) error {
	if err == nil {
		return nil
	}
	var done *serverError
	if errors.As(err, &done) {
		return err
	}
	var server *neo4j.Neo4jError
	if errors.As(err, &server) {
		for _, k := range kinds {
			if strings.HasPrefix(server.Code, k.code) && strings.Contains(server.Msg, k.text) {
				return &serverError{server, k.kind}
			}
		}
		return &serverError{server, nil}
	}
	for _, canceled := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, canceled) {
			return canceled
		}
	}
	// The driver's own errors do not unwrap.
	if strings.HasSuffix(err.Error(), context.Canceled.Error()) {
		return context.Canceled
	}
	var connectivity *neo4j.ConnectivityError
	if !errors.As(err, &connectivity) {
		return err
	}
	text := connectivity.Inner.Error()
	if strings.HasSuffix(text, "operation was canceled") { // package net's
		return context.Canceled
	}
	var network net.Error
	switch {
	case strings.Contains(text, "Connection lost during commit"):
		return fmt.Errorf("%w (%q)", ErrUncertain, clip(text))
	case strings.Contains(text, "x509:"), strings.Contains(text, "tls:"), strings.Contains(text, "TLS"):
		return fmt.Errorf("%w with %q: %s (%q)", ErrTLS, at.host, at.advice(text), clip(text))
	case errors.As(connectivity.Inner, &network) && network.Timeout(), strings.Contains(text, context.DeadlineExceeded.Error()), strings.Contains(text, "i/o timeout"):
		return fmt.Errorf("%w: %q does not answer in time", lost, at.host)
	}
	return fmt.Errorf("%w: %q (%q)", lost, at.host, clip(text))
}

// advice says what can be done about a failure of TLS.
func (t *target) advice(text string) string {
	switch {
	case strings.Contains(text, "first record does not look like a TLS handshake"), strings.Contains(text, "check that TLS is enabled"):
		return "the server has no TLS there; tls=disable goes without it, in clear text"
	case strings.Contains(text, "unknown authority"), strings.Contains(text, "self-signed"), strings.Contains(text, "not trusted"):
		return "its certificate is signed by an unknown authority; tls=trust accepts any"
	case strings.Contains(text, "expired"), strings.Contains(text, "not valid for"), strings.Contains(text, "valid for"):
		return "its certificate is not for that name or time; tls=trust accepts any"
	}
	return "the handshake fails"
}

// connectError says why a graph could not be opened.
func connectError(at *target, err error) error {
	out := explain(at, err, ErrUnreachable)
	if at.secure && errors.Is(out, ErrUnreachable) {
		out = fmt.Errorf("%w; to another computer the connection is over TLS, and tls=disable goes without it, in clear text", out)
	}
	return fmt.Errorf("open %q: %w", at.name, out)
}

// failed says which graph an error is about.
func (d *DB) failed(verb string, err error) error {
	return fmt.Errorf("%s %q: %w", verb, d.at.name, d.explain(err))
}

// Retryable tells whether the same work may succeed when it is done again: the
// server has ended the transaction in favour of others, and nothing of it is stored.
func Retryable(err error) bool {
	var server *neo4j.Neo4jError
	if !errors.As(err, &server) {
		return false
	}
	return server.IsRetriableTransient() || strings.Contains(server.Msg, "conflicting transactions")
}
