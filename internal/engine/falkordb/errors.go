package falkordb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/memarc/memarc/internal/store"
)

// What callers tell apart.
var (
	// ErrLogin means that the server refuses the user or the password.
	ErrLogin = errors.New("the server refuses the login")
	// ErrDenied means that the user's rights do not cover a command.
	ErrDenied = errors.New("the user lacks a right that this needs")
	// ErrNotFalkorDB means a server without FalkorDB's commands.
	ErrNotFalkorDB = errors.New("the server is not FalkorDB")
	// ErrTimeout means that the server has ended a query that took too long.
	ErrTimeout = errors.New("the server ended the query, which took longer than it allows")
	// ErrReadOnly means that the server or the command does not write.
	ErrReadOnly = errors.New("nothing can be written there")
	// ErrExhausted means that the server lacks the memory, or a place in its queue.
	ErrExhausted = errors.New("the server has no room")
	// ErrExists means that there is a graph of that name.
	ErrExists = errors.New("there is a graph of that name")
	// ErrConstraint means that data break a constraint.
	ErrConstraint = errors.New("the data break a constraint")
)

// A serverError is what the server says, and what it means.
type serverError struct {
	kind error // nil if it means nothing in particular
	text string
}

// Error implements error.
func (e *serverError) Error() string {
	text := fmt.Sprintf("the server says %q", clip(e.text))
	if e.kind != nil {
		text = e.kind.Error() + ": " + text
	}
	return text
}

// Unwrap returns what the error means.
func (e *serverError) Unwrap() error { return e.kind }

// clip keeps what the server repeats of a statement out of sight: it ends with it.
func clip(text string) string {
	text, _, _ = strings.Cut(text, " errCtx: ")
	if len(text) > 400 {
		text = strings.ToValidUTF8(text[:400], "") + "…"
	}
	return text
}

// meanings tell by its first words what a message of the server means. Sources:
// src/errors/error_msgs.h of FalkorDB, src/server.c of Redis.
var meanings = []struct {
	prefix string
	kind   error
}{
	{"WRONGPASS", ErrLogin},
	{"NOAUTH", ErrLogin},
	{"ERR AUTH", ErrLogin},
	{"NOPERM", ErrDenied},
	{"ERR unknown command", ErrNotFalkorDB},
	{"Query timed out", ErrTimeout},
	{"READONLY", ErrReadOnly},
	{"graph.RO_QUERY is to be executed only on read-only queries", ErrReadOnly},
	{"OOM", ErrExhausted},
	{"MISCONF", ErrExhausted},
	{"Query's mem consumption exceeded capacity", ErrExhausted},
	{"Max pending queries exceeded", ErrExhausted},
	{"ERR max number of clients reached", ErrExhausted},
	{"ERR Invalid graph operation on empty key", store.ErrNotFound},
	{"Invalid graph operation on empty key", store.ErrNotFound},
	{"destination key already exists", ErrExists},
	{"WRONGTYPE", store.ErrNotStore},
	{"unique constraint violation", ErrConstraint},
	{"mandatory constraint violation", ErrConstraint},
	{"Label name ", ErrRefused}, // constraints take fewer names than graphs have
	{"Property name ", ErrRefused},
}

// said makes of a server's error one of ours.
func said(err error) error {
	out := &serverError{text: err.Error()}
	for _, m := range meanings {
		if len(out.text) >= len(m.prefix) && strings.EqualFold(out.text[:len(m.prefix)], m.prefix) {
			out.kind = m.kind
			break
		}
	}
	return out
}

// explain turns an error of the client library into one of ours. None of what it
// prints can hold a password.
func (c *Client) explain(err error) error {
	var server redis.Error
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &server):
		return said(server)
	}
	return errors.New(c.reason(err))
}

// failed says which server and graph an error is about.
func (c *Client) failed(verb, graphName string, err error) error {
	if graphName == "" {
		return fmt.Errorf("%s %q: %w", verb, c.config.name, err)
	}
	return fmt.Errorf("%s %q in %q: %w", verb, graphName, c.config.name, err)
}

// reason says why there is no connection.
func (c *Client) reason(err error) string {
	where := fmt.Sprintf("%q", c.config.Address)
	var dns *net.DNSError
	var network net.Error
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &host):
		return fmt.Sprintf("the certificate of the server at %s is not for that name", where)
	case errors.As(err, &authority):
		return fmt.Sprintf("the certificate of the server at %s is signed by an unknown authority; name it with ca=FILE", where)
	case errors.As(err, &certificate):
		return fmt.Sprintf("the certificate of the server at %s is not valid: %q", where, certificate.Err.Error())
	case errors.As(err, &record):
		return fmt.Sprintf("the server at %s has no TLS; falkordb:// goes without it, in clear text", where)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("no server listens at %s", where)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("there is no socket %s", where)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("no permission to use the socket %s", where)
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %q is not known", dns.Name)
	case errors.As(err, &network) && network.Timeout():
		return fmt.Sprintf("the server at %s does not answer in time", where)
	}
	var last error
	for last = err; errors.Unwrap(last) != nil; {
		last = errors.Unwrap(last)
	}
	return fmt.Sprintf("the connection to the server at %s failed: %q", where, last.Error())
}
