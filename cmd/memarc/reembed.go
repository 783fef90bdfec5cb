package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/embed"
	"github.com/memarc/memarc/internal/store"
)

func (t *tool) reembedCommand() *cli.Command {
	return &cli.Command{
		Name:      "reembed",
		Usage:     "make new vectors for a store's memories",
		ArgsUsage: "STORE",
		Description: "The memories' texts go to an endpoint that speaks the interface of OpenAI or of Ollama, and\n" +
			"its vectors into the store. Run again, an interrupted run goes on where it was.\n\n" +
			"   memarc reembed vestige.db --endpoint http://localhost:11434 --model nomic-embed-text\n" +
			"   OPENAI_API_KEY=... memarc reembed postgres:///memories --endpoint https://api.openai.com/v1 --model text-embedding-3-small",
		Flags: manners(layoutFlag(),
			&cli.StringFlag{Name: "endpoint", Usage: "`URL` of the server that makes vectors", EnvVars: []string{"MEMARC_EMBED_ENDPOINT"}},
			&cli.StringFlag{Name: "model", Usage: "`NAME` of the model, as the server knows it"},
			&cli.StringFlag{Name: "api", Usage: "`INTERFACE` of the server, openai or ollama; guessed from the URL if left out"},
			&cli.StringFlag{Name: "space", Usage: "`NAME` under which the store keeps the vectors; the model's if left out"},
			&cli.IntFlag{Name: "dimensions", Usage: "ask for vectors of `N` elements; the model's own length if left out"},
			&cli.StringFlag{Name: "key-env", Value: "OPENAI_API_KEY", Usage: "environment `VARIABLE` that holds the key"},
			&cli.IntFlag{Name: "batch", Value: 64, Usage: "send up to `N` texts in one request"},
			&cli.IntFlag{Name: "parallel", Value: 1, Usage: "send up to `N` requests at a time"},
			&cli.BoolFlag{Name: "all", Usage: "make vectors also for memories that have one of this model"}),
		Action: t.command(1, 1, t.reembed),
	}
}

func (t *tool) reembed(c *cli.Context, r *report) error {
	for _, name := range []string{"endpoint", "model"} {
		if c.String(name) == "" {
			return usagef("reembed needs --%s", name)
		}
	}
	where := c.Args().First()
	client, err := embed.New(embed.Options{Endpoint: c.String("endpoint"), API: c.String("api"), Model: c.String("model"),
		Dimensions: c.Int("dimensions"), Key: t.getenv(c.String("key-env")), Batch: c.Int("batch"), Parallel: c.Int("parallel")})
	if err != nil {
		return usagef("%v", err)
	}
	registry, layout, err := t.layout(c.String("layout"))
	if err != nil {
		return err
	}
	space := c.String("space")
	if space == "" {
		space = c.String("model")
	}
	p := t.newProgress(c.Bool("quiet"))
	defer p.stop()
	job := &embed.Job{
		Client: client, Space: space, All: c.Bool("all"), Writer: "memarc " + buildVersion(),
		Source: func(context.Context) (store.Source, error) { return t.openSource(c, where) },
		Sink: func(ctx context.Context, m *format.Manifest) (store.Sink, error) {
			return registry.OpenSink(ctx, where, m, store.SinkOptions{Policy: store.Overwrite, Layout: layout, Reembed: true})
		},
		Progress: func(done, total int64) { p.update("reembed", done, total, "memories") },
	}
	start := time.Now()
	done, err := job.Run(c.Context)
	p.stop()
	if done.Store.Layout != "" {
		r.Target = newStore(done.Store, where)
	}
	r.Sections[format.Embeddings] = &reportCount{Read: uint64(done.Memories), Written: uint64(done.Made), Unchanged: uint64(done.Had), Rejected: uint64(len(done.Rejects))}
	r.Errors = append(r.Errors, done.Rejects...)
	if err != nil {
		return err
	}
	t.note(c, "made vectors of %s for %s of %s (%s)", space, things(uint64(done.Made), "memories"), number(uint64(done.Memories)), since(start))
	if done.Had > 0 {
		t.note(c, "%s had one already; --all makes them again", things(uint64(done.Had), "memories"))
	}
	if done.Empty > 0 {
		t.note(c, "%s have no text", things(uint64(done.Empty), "memories"))
	}
	if done.Made > 0 {
		t.note(c, "verified: the store was read again and holds them")
	}
	if n := len(done.Rejects); n > 0 {
		return &outcome{code: exitRejected, msg: "done, but " + things(uint64(n), "records") + " were rejected: " + done.Rejects[0].Reason}
	}
	return nil
}
