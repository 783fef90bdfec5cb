package postgres

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

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/memarc/memarc/internal/store"
)

// A serverError is what the server says, with what it means for the user.
type serverError struct {
	*pgconn.PgError
	advice string
}

// Error implements error.
func (e *serverError) Error() string {
	text := fmt.Sprintf("the server says %q", e.Message)
	if e.Detail != "" {
		text += fmt.Sprintf(", %q", e.Detail)
	}
	text += " (SQLSTATE " + e.Code + ")"
	if e.advice != "" {
		text = e.advice + ": " + text
	}
	return text
}

// Unwrap returns the server's error.
func (e *serverError) Unwrap() error { return e.PgError }

// advice says in our words what a SQLSTATE means here. Source: PostgreSQL's
// appendix A, Error Codes.
var advice = map[string]string{
	"55P03": "another session has locked a table for more than 30 seconds",
	"42501": "the role lacks a right that this needs",
	"40001": "the server has ended the transaction in favour of others; run it again",
	"40P01": "two sessions wait for each other; run it again",
	"25006": "it would write, and the transaction is read-only",
	"57P01": "the server was shut down",
	"53100": "the server's disk is full",
}

// explain turns an error of the server into one of ours.
func explain(err error) error {
	var pg *pgconn.PgError
	var done *serverError
	if errors.As(err, &done) || !errors.As(err, &pg) {
		return err
	}
	text := advice[pg.Code]
	if pg.Code == "42501" && strings.Contains(pg.Message, "row-level security") {
		text = "the role sees a part of the table's rows alone; take one that sees all"
	}
	return &serverError{pg, text}
}

// failed says which database an error is about. What has gone wrong behind an import is
// the cause of all that does after it.
func (d *DB) failed(verb string, err error) error {
	if d.client(); d.broken != nil {
		verb, err = "write", d.broken
	}
	return fmt.Errorf("%s %q: %w", verb, d.name, explain(err))
}

// connectError says in one sentence why there is no connection. None of what it
// prints can hold a password.
func connectError(name string, cfg *pgx.ConnConfig, err error) error {
	if ctx := ctxError(err); ctx != nil {
		return fmt.Errorf("open %q: %w", name, ctx)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case pg.Code == "3D000":
			return fmt.Errorf("open %q: %w: the server has no database %q; create it with: createdb %s", name, store.ErrNotFound, cfg.Database, cfg.Database)
		case strings.HasPrefix(pg.Code, "28"):
			return fmt.Errorf("open %q: %w", name, &serverError{pg, fmt.Sprintf("the server refuses the login of %q", cfg.User)})
		case pg.Code == "53300":
			return fmt.Errorf("open %q: %w", name, &serverError{pg, "the server has no connection left"})
		}
		return fmt.Errorf("open %q: %w", name, explain(pg))
	}
	return fmt.Errorf("open %q: %s", name, reason(cfg, err))
}

// ctxError returns the context's error, if it is the cause.
func ctxError(err error) error {
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	return nil
}

// reason says why a connection failed before the server could say it.
func reason(cfg *pgx.ConnConfig, err error) string {
	where := fmt.Sprintf("%q, port %d", cfg.Host, cfg.Port)
	var dns *net.DNSError
	var network net.Error
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &host):
		return fmt.Sprintf("the certificate of the server at %s is not for that name; sslmode=verify-ca accepts it", where)
	case errors.As(err, &authority):
		return fmt.Sprintf("the certificate of the server at %s is signed by an unknown authority; name it with sslrootcert=FILE", where)
	case errors.As(err, &certificate):
		return fmt.Sprintf("the certificate of the server at %s is not valid: %q", where, certificate.Err.Error())
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return fmt.Sprintf("the server at %s has no TLS; sslmode=disable goes without it, in clear text", where)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("no server listens at %s", where)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("no server listens at the socket in %s", where)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("no permission to use the socket in %s", where)
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %q is not known", dns.Name)
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("the server at %s does not answer in time; connect_timeout=SECONDS changes how long to wait", where)
	}
	var last error
	for last = err; errors.Unwrap(last) != nil; {
		last = errors.Unwrap(last)
	}
	return fmt.Sprintf("the connection to the server at %s failed: %q", where, last.Error())
}
