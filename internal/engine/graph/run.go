package graph

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/memarc/memarc/internal/store"
)

// Servers of graphs cannot take a whole import in one transaction. So all that an
// import writes carries its mark until it is complete, with what it has replaced, and
// a node says that it is under way:
//
//	(:MemarcRun {run, seen, state})
//
// As long as state is open, everything with the mark can be undone, by this program or
// by the next one; from done on, nothing is left but to take the marks away. seen
// counts up while the program lives.
const (
	runLabel   = ourPrefix + "Run"
	tableKey   = "memarc_table" // the label that a deleted node had, or edges
	stateOpen  = "open"
	stateDone  = "done"
	missed     = 10 // beats after which a program is taken for dead
	runMatch   = "(x:" + runLabel + ")"
	marked     = "(n) WHERE n." + runKey + " IS NOT NULL"
	markedEdge = "()-[r]->() WHERE r." + runKey + " IS NOT NULL"
)

// pulse is how long the program waits between two beats, a second if it is empty. Tests
// that kill programs set it as they link them.
var pulse string

func heartbeat() time.Duration {
	if d, err := time.ParseDuration(pulse); err == nil {
		return d
	}
	return time.Second
}

// A runState is what the graph says of an import.
type runState struct {
	run, state string
	seen       int64
}

func findRun(ctx context.Context, c Client) (found *runState, err error) {
	err = c.Read(ctx, Reading{Match: runMatch, Return: []string{"x.run", "x.state", "x.seen"}}, func(v []Value) error {
		found = &runState{}
		found.run, _ = v[0].(string)
		found.state, _ = v[1].(string)
		found.seen, _ = v[2].(int64)
		return nil
	})
	return found, err
}

// settleRuns ends an import whose program is gone, the way it would have ended.
func (t *Target) settleRuns(ctx context.Context) error {
	run, err := findRun(ctx, t.c)
	if err != nil || run == nil {
		return err
	}
	for deadline := time.Now().Add(missed * heartbeat()); time.Now().Before(deadline); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(heartbeat() / 2):
		}
		now, err := findRun(ctx, t.c)
		switch {
		case err != nil:
			return err
		case now == nil:
			return nil
		case now.run != run.run || now.seen != run.seen:
			return fmt.Errorf("%w: another import into the graph is running; wait for its end", store.ErrUsage)
		}
	}
	t.run = run.run
	if run.state == stateDone {
		return t.unmark(ctx)
	}
	return t.undo(ctx)
}

// startRun marks the graph as being written to.
func (t *Target) startRun(ctx context.Context) error {
	var id [12]byte
	if _, err := rand.Read(id[:]); err != nil {
		return err
	}
	t.run = hex.EncodeToString(id[:])
	err := t.c.Run(ctx, "CREATE (x:"+runLabel+") SET x.run = $run, x.state = '"+stateOpen+"', x.seen = 0", map[string]Value{"run": t.run}, nil)
	if err != nil {
		return err
	}
	t.started = true
	beat, stop := context.WithCancel(context.WithoutCancel(ctx))
	t.stopBeat = stop
	go func() {
		for {
			select {
			case <-beat.Done():
				return
			case <-time.After(heartbeat()):
				// A beat that fails is missed: others wait for several.
				_ = t.c.Run(beat, "MATCH "+runMatch+" WHERE x.run = $run SET x.seen = x.seen + 1", map[string]Value{"run": t.run}, nil)
			}
		}
	}()
	return nil
}

// finishRun makes everything stay that the run has written.
func (t *Target) finishRun(ctx context.Context) error {
	t.stopBeat()
	now, err := findRun(ctx, t.c)
	if err != nil {
		return err
	}
	if now == nil || now.run != t.run {
		return errors.New("another program has undone this import, which it took for dead")
	}
	err = t.c.Run(ctx, "MATCH "+runMatch+" WHERE x.run = $run SET x.state = '"+stateDone+"'", map[string]Value{"run": t.run}, nil)
	if err != nil {
		return err
	}
	t.started = false
	return t.unmark(ctx)
}

// unmark takes the marks of a finished run away.
func (t *Target) unmark(ctx context.Context) error {
	for _, s := range [][2]string{
		{"(n:" + deleted + ")", "DETACH DELETE n"},
		{markedEdge, "REMOVE r." + runKey + ", r." + beforeKey},
		{marked, "REMOVE n." + runKey + ", n." + beforeKey},
		{runMatch, "DETACH DELETE x"},
	} {
		if err := t.c.Sweep(ctx, s[0], s[1], nil); err != nil {
			return err
		}
	}
	return nil
}

// undo takes back what a run has written, and nothing else. It may be run again.
func (t *Target) undo(ctx context.Context) error {
	err := t.c.Sweep(ctx, markedEdge+" AND r."+beforeKey+" IS NULL", "DELETE r", nil)
	if err != nil {
		return err
	}
	if err := t.c.Sweep(ctx, marked+" AND n."+beforeKey+" IS NULL AND NOT n:"+deleted, "DETACH DELETE n", nil); err != nil {
		return err
	}
	if err := t.revive(ctx); err != nil {
		return err
	}
	if err := t.giveBack(ctx, marked+" AND n."+beforeKey+" IS NOT NULL", "n"); err != nil {
		return err
	}
	if err := t.giveBack(ctx, markedEdge+" AND r."+beforeKey+" IS NOT NULL", "r"); err != nil {
		return err
	}
	return t.c.Sweep(ctx, runMatch, "DETACH DELETE x", nil)
}

// giveBack restores replaced properties, some at a time.
func (t *Target) giveBack(ctx context.Context, match, of string) error {
	for {
		var rows []any
		var all []map[string]any
		ids := []string{"id(" + of + ")"}
		if of == "r" {
			match, ids = "(a)-[r]->() WHERE r."+runKey+" IS NOT NULL AND r."+beforeKey+" IS NOT NULL", append(ids, "id(a)")
		}
		err := t.c.Read(ctx, Reading{Match: match, Return: append(ids, of+"."+beforeKey)}, func(v []Value) error {
			raw, _ := v[len(v)-1].(string)
			before, err := parseJSON([]byte(raw))
			if err != nil {
				return err
			}
			properties, ok := before.(map[string]any)
			if !ok {
				return errReply
			}
			all = append(all, properties)
			rows = append(rows, append([]any{}, v[:len(v)-1]...))
			if len(rows) == writeRows {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		find := "MATCH (n) WHERE id(n) = row.id"
		if of == "r" {
			find = "MATCH (a)-[r]->() WHERE id(a) = row.start AND id(r) = row.id"
		}
		batch := t.newBatch(of)
		for i, properties := range all {
			ids := rows[i].([]any)
			fields := map[string]any{"id": ids[0]}
			if of == "r" {
				fields["start"] = ids[1]
			}
			err := batch.add(properties, fields)
			if errors.Is(err, errOther) {
				if err = batch.run(ctx, find, "", nil); err == nil {
					batch = t.newBatch(of)
					err = batch.add(properties, fields)
				}
			}
			if err != nil {
				return err
			}
		}
		if err := batch.run(ctx, find, "", nil); err != nil {
			return err
		}
	}
}

// revive restores what was deleted. A relationship stands in a node of its own: where it
// was, and what.
func (t *Target) revive(ctx context.Context) error {
	tables := map[string]bool{}
	err := t.c.Read(ctx, Reading{Match: "(n:" + deleted + ")", Return: []string{"n." + tableKey, "count(n)"}}, func(v []Value) error {
		if name, ok := v[0].(string); ok {
			tables[name] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		if name == edges {
			err = t.reviveEdges(ctx)
		} else {
			var label string
			if label, err = t.c.QuoteName(name); err == nil {
				of := "(n:" + deleted + ") WHERE n." + tableKey + " = $table AND n." + beforeKey
				back := "SET n:" + label + " REMOVE n:" + deleted + ", n." + tableKey
				err = t.c.Sweep(ctx, of+" IS NULL", back+", n."+runKey, map[string]Value{"table": name})
				if err == nil { // these were changed before: giveBack goes on with them
					err = t.c.Sweep(ctx, of+" IS NOT NULL", back, map[string]Value{"table": name})
				}
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Target) reviveEdges(ctx context.Context) error {
	type one struct {
		id         int64
		start, end any
		typ        string
		properties map[string]any
	}
	var all []one
	err := t.c.Read(ctx, Reading{Match: "(n:" + deleted + ") WHERE n." + tableKey + " = '" + edges + "'", Return: []string{"id(n)", "n.start", "n.end", "n.type", "n." + beforeKey}}, func(v []Value) error {
		o := one{start: v[1], end: v[2]}
		o.id, _ = v[0].(int64)
		o.typ, _ = v[3].(string)
		raw, _ := v[4].(string)
		before, err := parseJSON([]byte(raw))
		if err != nil {
			return err
		}
		o.properties, _ = before.(map[string]any)
		all = append(all, o)
		return nil
	})
	if err != nil {
		return err
	}
	for _, o := range all {
		typ, err := t.c.QuoteName(o.typ)
		if err != nil {
			return err
		}
		batch := t.newBatch("r")
		if err := batch.add(o.properties, map[string]any{"id": o.id, "start": o.start, "end": o.end}); err != nil {
			return err
		}
		err = batch.run(ctx, "MATCH (n:"+deleted+") WHERE id(n) = row.id MATCH (a) WHERE id(a) = row.start MATCH (b) WHERE id(b) = row.end CREATE (a)-[r:"+typ+"]->(b)", " DELETE n", nil)
		if err != nil {
			return err
		}
	}
	return nil
}
