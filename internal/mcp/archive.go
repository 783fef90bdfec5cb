package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/memarc/memarc/internal/confine"
	"github.com/memarc/memarc/internal/store"
)

// A result is the structured content of the tools for archives and stores.
type result struct {
	// Report is what the command's --report writes.
	Report json.RawMessage `json:"report"`
	// Answer is what the command prints: a plan, or differences.
	Answer string `json:"answer,omitempty"`
	// Overview is what inspect_store found.
	Overview json.RawMessage `json:"overview,omitempty"`
	// DryRun says that nothing was written, NeedsConfirm that confirm would write, and
	// Confirm what.
	DryRun       bool   `json:"dry_run,omitempty"`
	NeedsConfirm bool   `json:"needs_confirm,omitempty"`
	Confirm      string `json:"confirm,omitempty"`

	notes string
	bad   bool
}

func (r *result) failed() bool { return r.bad }

func (r *result) text() string {
	parts := []string{}
	for _, part := range []string{r.notes, r.Answer, r.Confirm} {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "\n")
}

// exitDifference is the exit code of a comparison that found a difference, which is an
// answer and no failure of the tool.
const exitDifference = 5

func resultOf(o Outcome) *result {
	return &result{Report: o.Report, Answer: o.Answer, notes: o.Notes, bad: o.Failed}
}

// withConfirm marks a plan that confirm: true would carry out.
func (r *result) withConfirm(what string) *result {
	r.DryRun, r.NeedsConfirm = true, true
	r.Confirm = "nothing was written. Repeated with confirm: true, the call " + what
	return r
}

type exportIn struct {
	Store      string   `json:"store" jsonschema:"path or URL of the store to read: memories.db, sqlite:PATH, postgres://..."`
	Archive    string   `json:"archive" jsonschema:"path of the archive to write; it ends in .marc"`
	Layout     string   `json:"layout,omitempty" jsonschema:"take the store for one of this layout, or of the one that a file describes; recognised if left out"`
	Since      string   `json:"since,omitempty" jsonschema:"only memories changed at or after this time: 2026-11-21 or 2026-11-21T10:00:00Z"`
	Type       []string `json:"type,omitempty" jsonschema:"only memories of these kinds"`
	Tag        []string `json:"tag,omitempty" jsonschema:"only memories with one of these tags"`
	Namespace  []string `json:"namespace,omitempty" jsonschema:"only memories of these namespaces"`
	Owner      []string `json:"owner,omitempty" jsonschema:"only memories of these owners"`
	AcceptLoss []string `json:"accept_loss,omitempty" jsonschema:"codes of the loss ledger of which what they stand for may stay behind"`
	Confirm    bool     `json:"confirm,omitempty" jsonschema:"replace an archive that exists"`
}

type importIn struct {
	Archive    string   `json:"archive" jsonschema:"path of the archive to read"`
	Store      string   `json:"store" jsonschema:"path or URL of the store to write"`
	Layout     string   `json:"layout,omitempty" jsonschema:"give a new store this layout, or the one that a file describes; that of the records' product if left out"`
	OnConflict string   `json:"on_conflict,omitempty" jsonschema:"what to do where the store has another record with the same key; fail if left out. overwrite asks for confirm"`
	Strict     bool     `json:"strict,omitempty" jsonschema:"undo everything if one record is refused"`
	NoSidecar  bool     `json:"no_sidecar,omitempty" jsonschema:"write nothing beside the product's own tables"`
	AcceptLoss []string `json:"accept_loss,omitempty" jsonschema:"codes of the loss ledger of which what they stand for may stay behind"`
	DryRun     bool     `json:"dry_run,omitempty" jsonschema:"say what would be done, and do nothing"`
	Confirm    bool     `json:"confirm,omitempty" jsonschema:"write into a store that exists, or on a server"`
}

type verifyIn struct {
	Archive string `json:"archive" jsonschema:"path of the archive"`
	Against string `json:"against,omitempty" jsonschema:"compare it record by record with this store"`
	Layout  string `json:"layout,omitempty" jsonschema:"layout of that store; recognised if left out"`
	Limit   int    `json:"limit,omitempty" jsonschema:"name at most so many differing records; all are counted"`
}

type inspectIn struct {
	Store  string `json:"store" jsonschema:"path or URL of a store, or path of an archive"`
	Layout string `json:"layout,omitempty" jsonschema:"layout of the store; recognised if left out"`
}

type diffIn struct {
	A      string `json:"a" jsonschema:"path or URL of a store, or path of an archive"`
	B      string `json:"b" jsonschema:"the same for what it is compared with"`
	Layout string `json:"layout,omitempty" jsonschema:"layout of the stores; recognised if left out"`
	Limit  int    `json:"limit,omitempty" jsonschema:"name at most so many differing records; all are counted"`
}

func (s *server) addArchiveTools(ctx context.Context, to *sdk.Server) {
	add(ctx, s, to, tool[exportIn]{
		name: "export_archive", title: "Export a store to an archive", writes: true, work: exportArchive,
		description: "Write everything that a store of memories holds to one archive file (.marc), with checksums and one content digest. " +
			"The store is only read. What could not be carried stands in the report's losses. An archive that exists is replaced with confirm: true alone.",
	}, func(s *jsonschema.Schema) { lists(s, "type", "tag", "namespace", "owner", "accept_loss") })
	add(ctx, s, to, tool[importIn]{
		name: "import_archive", title: "Import an archive into a store", writes: true, work: importArchive,
		description: "Write an archive's records to a store, read it back and prove that it holds them. A new file is written at once; " +
			"a store that exists, or a server's, is changed with confirm: true alone, and without it the plan is answered.",
	}, func(s *jsonschema.Schema) {
		lists(s, "accept_loss")
		s.Properties["on_conflict"].Enum = []any{"fail", "skip", "overwrite", "newer"}
	})
	add(ctx, s, to, tool[verifyIn]{
		name: "verify_archive", title: "Verify an archive", work: verifyArchive,
		description: "Recompute every checksum and digest of an archive; with against, compare it record by record, field by field with a store.",
	}, limit)
	add(ctx, s, to, tool[inspectIn]{
		name: "inspect_store", title: "Inspect a store or an archive", work: inspectStore,
		description: "Show what a store or an archive holds: product, sections, counts, spaces of vectors, time range, and what could not be carried.",
	}, func(*jsonschema.Schema) {})
	add(ctx, s, to, tool[diffIn]{
		name: "diff", title: "Compare two stores or archives", work: diff,
		description: "Show what differs between two stores or archives: records added, removed and changed, field by field.",
	}, limit)
}

// lists bounds lists of texts.
func lists(s *jsonschema.Schema, names ...string) {
	for _, name := range names {
		s.Properties[name] = &jsonschema.Schema{Type: "array", Description: s.Properties[name].Description, MaxItems: ptr(64),
			Items: &jsonschema.Schema{Type: "string", MinLength: ptr(1), MaxLength: ptr(1024)}}
	}
}

// limit bounds how many differences are named: they are to be read by a model.
func limit(s *jsonschema.Schema) {
	p := s.Properties["limit"]
	p.Minimum, p.Maximum, p.Default = ptr(1.0), ptr(1000.0), json.RawMessage("100")
}

func exportArchive(c *call, in exportIn) (content, error) {
	l := c.line("export").layout("layout", in.Layout)
	l.flag("since", in.Since).flag("type", in.Type...).flag("tag", in.Tag...).flag("namespace", in.Namespace...).flag("owner", in.Owner...)
	l.flag("accept-loss", in.AcceptLoss...)
	from := l.store("store", in.Store)
	to := l.path(c.Limits.File, "archive", in.Archive)
	if l.err == nil && !strings.HasSuffix(to, ".marc") {
		l.err = fmt.Errorf("%w: %q: the name of an archive ends in .marc", store.ErrUsage, in.Archive)
	}
	if l.err != nil {
		return nil, l.err
	}
	if !in.Confirm && confine.Exists(to) {
		o, err := c.run(c.line("inspect").layout("layout", in.Layout).with(from))
		if err != nil || o.Failed {
			return resultOf(o), err
		}
		return resultOf(o).withConfirm(fmt.Sprintf("replaces the archive %q with one of %q.", to, store.Redact(from))), nil
	}
	o, err := c.run(l.flag("output", to))
	return resultOf(o), err
}

func importArchive(c *call, in importIn) (content, error) {
	l := c.line("import").layout("layout", in.Layout).flag("on-conflict", in.OnConflict).set("strict", in.Strict).set("no-sidecar", in.NoSidecar)
	l.flag("accept-loss", in.AcceptLoss...)
	to := l.store("store", in.Store)
	from := l.archive("archive", in.Archive)
	if l.err != nil {
		return nil, l.err
	}
	needs := !in.Confirm && (confine.Exists(to) || in.OnConflict == "overwrite")
	o, err := c.run(l.set("dry-run", in.DryRun || needs))
	out := resultOf(o)
	out.DryRun = in.DryRun || needs
	if err != nil || o.Failed || !needs || in.DryRun {
		return out, err
	}
	return out.withConfirm(fmt.Sprintf("imports %q into %q, which may hold records already.", from, store.Redact(to))), nil
}

func verifyArchive(c *call, in verifyIn) (content, error) {
	l := c.line("verify").layout("layout", in.Layout).flag("limit", fmt.Sprint(in.Limit))
	l.archive("archive", in.Archive)
	if in.Against != "" {
		l.flag("against", l.path(c.Limits.Store, "against", in.Against))
	}
	return c.compared(l)
}

func diff(c *call, in diffIn) (content, error) {
	l := c.line("diff").layout("layout", in.Layout).flag("limit", fmt.Sprint(in.Limit))
	l.store("a", in.A)
	l.store("b", in.B)
	return c.compared(l)
}

// compared runs a comparison.
func (c *call) compared(l *line) (content, error) {
	o, err := c.run(l)
	out := resultOf(o)
	out.bad = o.Failed && o.Exit != exitDifference
	return out, err
}

func inspectStore(c *call, in inspectIn) (content, error) {
	l := c.line("inspect").layout("layout", in.Layout)
	l.store("store", in.Store)
	o, err := c.run(l.set("json", true))
	out := resultOf(o)
	if json.Valid([]byte(o.Answer)) {
		out.Overview, out.Answer = json.RawMessage(o.Answer), ""
		out.notes = strings.TrimSpace(o.Notes + "\n" + o.Answer)
	}
	return out, err
}
