package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sync/semaphore"

	"github.com/memarc/memarc/internal/confine"
	"github.com/memarc/memarc/internal/store"
)

// An Outcome is what became of a command.
type Outcome struct {
	Report json.RawMessage // what --report writes
	Exit   int
	Failed bool   // the report's status
	Answer string // what went to the standard output
	Notes  string // what went to the standard error
}

// A Watch is told that so many of total are done; total is 0 if it is not known.
type Watch = func(stage string, done, total int64, unit string)

// Options are what a server needs.
type Options struct {
	Limits *confine.Limits
	// Run runs one command of memarc, without its name, and never panics.
	Run func(ctx context.Context, args []string, watch Watch) Outcome
	// Sources lists the locations at which a migration without a source looks for it.
	Sources func() []string
	Version string
}

const (
	// atOnce is how many calls that read run at a time. One that writes runs alone, so
	// that what was checked is still so when it is used.
	atOnce = 4
	// queued is how many calls may run or wait; the next one is refused.
	queued = 64
)

type server struct {
	Options
	running *semaphore.Weighted
	waiting *semaphore.Weighted
	calls   sync.WaitGroup
}

const instructions = "memarc backs up, restores and moves the memories of AI agents between stores, through one verified archive. " +
	"Paths are absolute, or relative to the first allowed folder; nothing outside of the allowed folders can be named. " +
	"What would change or replace something that exists is only planned until the call is repeated with confirm: true; ask the user before."

// Serve answers calls on in and out until in ends or the context does, and returns when
// the last call has ended: what an interrupted one had begun is undone by then.
func Serve(ctx context.Context, o Options, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	s := &server{Options: o, running: semaphore.NewWeighted(atOnce), waiting: semaphore.NewWeighted(queued)}
	w := &lockedWriter{out: out}
	err := s.server(ctx).Run(ctx, &sdk.IOTransport{Reader: newFrames(in, w), Writer: w})
	stop()
	s.calls.Wait()
	if errors.Is(err, io.EOF) || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (s *server) server(ctx context.Context) *sdk.Server {
	out := sdk.NewServer(&sdk.Implementation{Name: "memarc", Title: "memarc", Version: s.Version}, &sdk.ServerOptions{
		Instructions: instructions, Logger: slog.New(slog.DiscardHandler), Capabilities: &sdk.ServerCapabilities{},
	})
	s.addArchiveTools(ctx, out)
	s.addMigrationTools(ctx, out)
	return out
}

// A tool is one of the server's. Its work returns what becomes the structured content.
type tool[In any] struct {
	name, title, description string
	writes                   bool
	work                     func(*call, In) (content, error)
}

// content is the answer to a call.
type content interface {
	failed() bool
	text() string
}

// add offers a tool to clients. Arguments that its schema does not know are refused.
func add[In any](ctx context.Context, s *server, to *sdk.Server, t tool[In], amend func(*jsonschema.Schema)) {
	schema, err := jsonschema.For[In](nil)
	if err != nil {
		panic(fmt.Sprintf("tool %s: %v", t.name, err))
	}
	amend(schema)
	resolved, err := schema.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	if err != nil {
		panic(fmt.Sprintf("tool %s: %v", t.name, err))
	}
	closed := true
	to.AddTool(&sdk.Tool{
		Name: t.name, Title: t.title, Description: t.description, InputSchema: schema, OutputSchema: &jsonschema.Schema{Type: "object"},
		Annotations: &sdk.ToolAnnotations{ReadOnlyHint: !t.writes, DestructiveHint: &t.writes, IdempotentHint: true, OpenWorldHint: ptr(!closed)},
	}, func(request context.Context, req *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		s.calls.Add(1)
		defer s.calls.Done()
		request, cancel := context.WithCancel(request)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)() // the server's end is that of its calls
		c := &call{server: s, ctx: request, progress: newProgress(request, req)}
		out, err := serve(c, t, resolved, req.Params.Arguments)
		if err != nil {
			return refused(err), nil
		}
		raw, err := json.Marshal(out)
		if err != nil {
			return refused(err), nil
		}
		return &sdk.CallToolResult{StructuredContent: json.RawMessage(raw), IsError: out.failed(), Content: []sdk.Content{&sdk.TextContent{Text: out.text()}}}, nil
	})
}

func ptr[T any](v T) *T { return &v }

// serve checks the arguments of a call, waits for its turn, and does its work.
func serve[In any](c *call, t tool[In], schema *jsonschema.Resolved, raw json.RawMessage) (out content, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("internal error: %v; please report it", p)
		}
	}()
	var in In
	if err := arguments(schema, raw, &in); err != nil {
		return nil, err
	}
	if !c.waiting.TryAcquire(1) {
		return nil, errors.New("too many calls at once; try again when others have ended")
	}
	defer c.waiting.Release(1)
	weight := int64(1)
	if t.writes {
		weight = atOnce
	}
	if err := c.running.Acquire(c.ctx, weight); err != nil {
		return nil, errors.New("cancelled before it began; nothing was done")
	}
	defer c.running.Release(weight)
	return t.work(c, in)
}

// arguments decodes the arguments of a call. An error names where they are wrong but
// shows none of their values, of which one may be a password.
func arguments(schema *jsonschema.Resolved, raw json.RawMessage, in any) error {
	if len(raw) == 0 || string(raw) == "null" {
		raw = json.RawMessage("{}")
	}
	var values map[string]any
	if err := json.Unmarshal(raw, &values); err != nil {
		return errors.New("the arguments are no JSON object")
	}
	if err := schema.ApplyDefaults(&values); err != nil {
		return errors.New("the arguments are not what the tool's schema asks for")
	}
	if err := schema.Validate(values); err != nil {
		return fmt.Errorf("the arguments are not what the tool's schema asks for: %s", withoutValues(err.Error()))
	}
	full, err := json.Marshal(values)
	if err != nil {
		return err
	}
	return json.Unmarshal(full, in)
}

// schemaError splits an error of the schema into where, which rule, and the rest.
var schemaError = regexp.MustCompile(`(?s)^((?:validating [^:]*: )*)(\w+): (.*)$`)

// withoutValues shortens an error of the schema to what names no value.
func withoutValues(text string) string {
	parts := schemaError.FindStringSubmatch(text)
	switch {
	case parts == nil:
		return "see the schema"
	case parts[2] == "required", strings.HasPrefix(parts[3], "unexpected additional properties"):
		return parts[1] + parts[2] + ": " + parts[3] // names of properties alone
	}
	return parts[1] + parts[2]
}

// refused is a tool's error that came before a command was run.
func refused(err error) *sdk.CallToolResult {
	text := strings.ReplaceAll(err.Error(), store.ErrUsage.Error()+": ", "")
	return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: text}}}
}
