package storetest

import (
	"context"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/verify"
	"testing"
)

func DEBUG(t testing.TB, target string, inc []byte, src string) {
	rep, err := Import(target, inc, store.SinkOptions{}, importer.Options{NoVerify: true})
	t.Log("noverify:", err, rep.Sections, rep.Rejects)
	for _, q := range []string{"SELECT * FROM domains", "SELECT section, hex(place), hex(native), substr(record,1,200), gone FROM memarc_sidecar WHERE section='domains'"} {
		c := Open(t, target)
		for _, r := range Query(t, c, q) { t.Log(r) }
		c.Close()
	}
	a, _ := all.Registry().OpenSource(context.Background(), src, "")
	b, _ := all.Registry().OpenSource(context.Background(), target, "")
	c, err := verify.Compare(context.Background(), verify.Store(a), verify.Store(b), verify.CompareOptions{})
	t.Log(err)
	if c != nil {
		for _, d := range c.Differences {
			t.Logf("%+v", d)
		}
	}
}
