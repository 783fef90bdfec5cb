package store

import (
	"context"
	"runtime"
	"sync"

	"github.com/memarc/memarc/format"
)

// Digest reads the selected sections of a source and returns the leaves of all
// records. The caller closes the Digester. seen, if not nil, is told of every
// batch's section and records.
func Digest(ctx context.Context, src Source, sel Selection, seen func(section string, records int)) (*format.Digester, error) {
	d := format.NewDigester("")
	type job struct {
		b      *format.Batch
		leaves []format.Leaf
		done   chan struct{}
	}
	workers := runtime.GOMAXPROCS(0)
	jobs, order := make(chan *job, workers), make(chan *job, workers)
	var pool sync.WaitGroup
	for range workers {
		pool.Go(func() {
			for j := range jobs {
				j.leaves = j.b.AppendLeaves(make([]format.Leaf, 0, j.b.Rows))
				close(j.done)
			}
		})
	}
	var addErr error
	added := make(chan struct{})
	go func() {
		defer close(added)
		for j := range order {
			<-j.done
			if addErr == nil {
				addErr = d.Add(j.b.Section.Name, j.leaves)
			}
			if seen != nil {
				seen(j.b.Section.Name, j.b.Rows)
			}
			j.b.Release()
		}
	}()
	var readErr error
	for b, err := range src.Read(ctx, sel) {
		if err != nil {
			readErr = err
			break
		}
		j := &job{b: b, done: make(chan struct{})}
		order <- j
		jobs <- j
	}
	close(jobs)
	close(order)
	<-added
	pool.Wait()
	if readErr == nil {
		readErr = addErr
	}
	if readErr != nil {
		d.Close()
		return nil, readErr
	}
	return d, nil
}
