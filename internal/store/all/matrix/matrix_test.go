package matrix

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/importer"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/verify"
)

var update = flag.Bool("update", false, "write the table into README.md")

// A source is a store with an archive of it.
type source struct {
	*kind
	archive  []byte
	digest   format.Hash
	contents storetest.Dump
}

// exported is the archive of a store, of which nothing may be left out.
func exported(t testing.TB, k *kind, location string) ([]byte, format.Hash) {
	t.Helper()
	archive, report := storetest.Export(t, location, exporter.Options{IncludeSecrets: true})
	// A graph without a product's own nodes is nobody's.
	nobodys := report.Source.Layout == "generic" && report.Sections[format.Memories].Read == 0
	if report.Source.Layout != k.layout && !nobodys || report.Source.Engine != k.engine {
		t.Fatalf("%s is recognised as %s on %s", k, report.Source.Layout, report.Source.Engine)
	}
	if !nobodys {
		storetest.SameLedger(t, report.Losses)
	}
	return archive, report.End.Content
}

// imported takes an archive into a store and proves that another import changes nothing.
func imported(t testing.TB, k *kind, location string, archive []byte, want format.Hash) {
	t.Helper()
	for _, again := range []bool{false, true} {
		if again && k.once {
			break
		}
		report, err := storetest.Import(location, archive, store.SinkOptions{Layout: k.layout}, importer.Options{})
		if err != nil {
			t.Fatalf("into %s, again %v: %v", k, again, err)
		}
		if !report.Verified || report.Rejected() > 0 || !again && report.Target != want {
			t.Fatalf("into %s, again %v: verified %v, rejected %d %+v, content digest %s, of the source %s", k, again, report.Verified, report.Rejected(), report.Rejects, report.Target, want)
		}
		storetest.SameLedger(t, report.Losses)
		for section, n := range report.Sections {
			if again && section != format.Spaces && n.Written+n.Updated+n.Skipped > 0 {
				t.Errorf("into %s again: section %q: %+v", k, section, n)
			}
		}
	}
}

// by takes the source's records through a new store of a kind, and returns the archive of
// that. A store of the source's own kind is what the source is.
func (s *source) by(t *testing.T, k *kind, archive []byte) (out []byte) {
	t.Run(k.String(), func(t *testing.T) {
		there := k.empty(t)
		imported(t, k, there, archive, s.digest)
		var digest format.Hash
		if out, digest = exported(t, k, there); digest != s.digest {
			t.Errorf("content digest %s in %s, of the source %s", digest, k, s.digest)
		}
		if k == s.kind {
			storetest.SameDump(t, s.contents, s.dump(t, there))
		}
	})
	return out
}

// TestMatrix takes every kind of store into every other one and home: the content digest
// is the same all along, and the store at home is the source, byte for byte.
func TestMatrix(t *testing.T) {
	seed := storetest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	sources := everySource(t)
	tried := map[string]bool{}
	for _, s := range sources {
		for _, k := range chosen(rng, s, sources) {
			tried[s.String()+">"+k.String()] = true
			t.Run(s.String()+" to "+k.String(), func(t *testing.T) {
				archive := s.by(t, k, s.archive)
				if t.Failed() {
					return
				}
				s.by(t, s.kind, archive)
			})
		}
	}
	t.Logf("%d pairs of %d kinds", len(tried), len(sources))
}

// TestChains sends stores through five others by chance.
func TestChains(t *testing.T) {
	seed := storetest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 2))
	sources := everySource(t)
	chains := len(sources)
	if storetest.Long() {
		chains *= 10
	}
	for range chains {
		s := sources[rng.IntN(len(sources))]
		var through []*kind
		var names []string
		for range 5 {
			k := sources[rng.IntN(len(sources))].kind
			through, names = append(through, k), append(names, k.String())
		}
		t.Run(s.String()+" by "+strings.Join(names, ", "), func(t *testing.T) {
			archive := s.archive
			for _, k := range append(through, s.kind) {
				if archive = s.by(t, k, archive); t.Failed() {
					return
				}
			}
		})
	}
}

// made are the sources, once they have been made.
var made []*source

// everySource makes a store of each kind that can be had here.
func everySource(t *testing.T) (out []*source) {
	t.Helper()
	if made != nil {
		return made
	}
	for _, k := range kinds {
		if !k.available(t) {
			continue
		}
		s := &source{kind: k}
		if !t.Run("make "+k.String(), func(t *testing.T) {
			location := k.filled(t)
			s.archive, s.digest = exported(t, k, location)
			s.contents = k.dump(t, location)
		}) {
			t.FailNow()
		}
		out = append(out, s)
	}
	if len(out) < 10 {
		t.Errorf("only %d kinds of stores", len(out))
	}
	made = out
	return out
}

// chosen are the targets for a source: every one in the long run; else all that need no
// server, and a few of the others by chance.
func chosen(rng *rand.Rand, s *source, sources []*source) []*kind {
	var there []*kind
	for _, to := range sources {
		there = append(there, to.kind)
	}
	return some(rng, 2, there, func(to *kind) bool { return to.server() || s.server() })
}

// TestBackwards has archives that hold their records in another order than memarc writes
// them in: relations before memories, vectors before their models. Order means nothing.
func TestBackwards(t *testing.T) {
	rng := rand.New(rand.NewPCG(storetest.Seed(t), 5))
	sources := everySource(t)
	from := map[*kind]bool{}
	for _, k := range sampled(rng, available(t)) {
		from[k] = true
	}
	for _, s := range sources {
		if !from[s.kind] {
			continue
		}
		backwards := nobodys(t, storetest.Backwards(t, s.archive))
		if backwards.digest != s.digest {
			t.Fatalf("%s: content digest %s, backwards %s", s, s.digest, backwards.digest)
		}
		targets := []*kind{s.kind, sources[rng.IntN(len(sources))].kind}
		if storetest.Long() {
			targets = targets[:0]
			for _, to := range sources {
				targets = append(targets, to.kind)
			}
		}
		for _, k := range targets {
			t.Run(fmt.Sprint(s, " to ", k), func(t *testing.T) { backwards.by(t, k, backwards.archive) })
		}
	}
}

// The README has the table of all pairs.
func TestREADME(t *testing.T) {
	const path, begin, end = "../../../../README.md", "<!-- matrix -->\n", "<!-- /matrix -->"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(raw, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		t.Fatalf("%s has no place for the table: %s...%s", path, begin, end)
	}
	text := slices.Concat(before, []byte(begin), []byte(table()), []byte(end), after)
	if *update {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(raw, text) {
		t.Error("the table of the matrix in README.md is another; write it with go test ./internal/store/all/matrix -run README -update")
	}
}

// table is the table of all pairs, which the tests above prove.
func table() string {
	var b strings.Builder
	b.WriteString("| from \\ to |")
	for i := range kinds {
		fmt.Fprintf(&b, " %d |", i+1)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(kinds)) + "\n")
	for i, from := range kinds {
		fmt.Fprintf(&b, "| %d %s |", i+1, from)
		b.WriteString(strings.Repeat(" = |", len(kinds)) + "\n")
	}
	return b.String()
}

// TestOddRecords takes records that no product's types bound into every kind of store,
// from there into another store of the kind, and into one of another kind.
func TestOddRecords(t *testing.T) {
	seed := storetest.Seed(t)
	there := available(t)
	for i, odd := range []struct {
		what    string
		archive []byte
	}{{"every type", storetest.Records(t)}, {"few fields", storetest.Sparse(t)}, {"twice", storetest.Doubled(t)}} {
		rng, s := rand.New(rand.NewPCG(seed, uint64(3+10*i))), nobodys(t, odd.archive)
		for _, k := range sampled(rng, there) {
			targets := there
			if !storetest.Long() {
				targets = []*kind{k, there[rng.IntN(len(there))]}
			}
			t.Run(odd.what+" by "+k.String(), func(t *testing.T) {
				held := s.by(t, k, s.archive)
				if t.Failed() {
					return
				}
				for _, to := range targets {
					s.by(t, to, held)
				}
			})
		}
	}
}

// TestTwiceAgain imports records that are there twice, and then the same in the opposite
// order, which changes nothing.
func TestTwiceAgain(t *testing.T) {
	s := nobodys(t, storetest.Doubled(t))
	again := storetest.Backwards(t, s.archive)
	for _, k := range available(t) {
		if k.once || k.engine == "neo4j" && !storetest.Long() {
			continue
		}
		t.Run("into "+k.String(), func(t *testing.T) {
			there := k.empty(t)
			imported(t, k, there, s.archive, s.digest)
			report := storetest.MustImport(t, there, again, store.SinkOptions{Layout: k.layout})
			for section, n := range report.Sections {
				if section != format.Spaces && n.Unchanged != n.Read {
					t.Errorf("section %q: %+v", section, n)
				}
			}
			if _, digest := exported(t, k, there); digest != s.digest {
				t.Errorf("content digest %s, want %s", digest, s.digest)
			}
		})
	}
}

// sampled are the kinds that need no server, and a few of the others by chance; all in the
// long run.
func sampled(rng *rand.Rand, there []*kind) []*kind {
	return some(rng, 3, there, (*kind).server)
}

// some are the kinds that are not dear, and a few of those that are; all in the long run.
func some(rng *rand.Rand, few int, there []*kind, isDear func(*kind) bool) (out []*kind) {
	var dear []*kind
	for _, k := range there {
		if isDear(k) {
			dear = append(dear, k)
		} else {
			out = append(out, k)
		}
	}
	if !storetest.Long() {
		rng.Shuffle(len(dear), func(i, j int) { dear[i], dear[j] = dear[j], dear[i] })
		dear = dear[:min(few, len(dear))]
	}
	return append(out, dear...)
}

// TestOtherTypes has sections of the standard's names with fields of other types and
// without keys: memarc's layout takes them, a product's says why it does not.
func TestOtherTypes(t *testing.T) {
	s := nobodys(t, storetest.Retyped(t))
	for _, k := range available(t) {
		t.Run("into "+k.String(), func(t *testing.T) {
			if k.layout == "memarc" {
				s.by(t, k, s.archive)
				return
			}
			for _, options := range []importer.Options{{}, {DryRun: true}} {
				report, err := storetest.Import(k.empty(t), s.archive, store.SinkOptions{Layout: k.layout}, options)
				if !errors.Is(err, store.ErrUsage) || !strings.Contains(err.Error(), "--layout memarc") {
					t.Errorf("%+v: %v", report, err)
				}
			}
		})
	}
}

// nobodys is an archive of no store.
func nobodys(t testing.TB, archive []byte) *source {
	t.Helper()
	info, err := verify.Archive(t.Context(), bytes.NewReader(archive), verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &source{kind: &kind{product: "other", in: "archive"}, archive: archive, digest: info.End.Content}
}

// available are the kinds of stores that can be had here.
func available(t *testing.T) (out []*kind) {
	for _, k := range kinds {
		if k.available(t) {
			out = append(out, k)
		}
	}
	return out
}

// TestVectorsOfTwoModels gives memories two vectors, at once and one after the other,
// wherever a product has room for one.
func TestVectorsOfTwoModels(t *testing.T) {
	both, first, second := nobodys(t, storetest.Vectors(t, false, storetest.Dimension, "one", "second")), storetest.Vectors(t, true, storetest.Dimension, "one"), storetest.Vectors(t, true, storetest.Dimension, "second")
	for _, k := range available(t) {
		t.Run("at once into "+k.String(), func(t *testing.T) {
			held := both.by(t, k, both.archive)
			if !t.Failed() {
				both.by(t, k, held)
			}
		})
		if k.once {
			continue
		}
		t.Run("one by one into "+k.String(), func(t *testing.T) {
			there := k.empty(t)
			for _, archive := range [][]byte{first, second, both.archive} {
				storetest.MustImport(t, there, archive, store.SinkOptions{Layout: k.layout, Embeddings: store.KeepEmbeddings})
			}
			if _, digest := exported(t, k, there); digest != both.digest {
				t.Errorf("content digest %s, want %s", digest, both.digest)
			}
		})
	}
}

// TestImpossibleDimensions has spaces of which nothing, or what no store could hold, is
// said; what a space says of itself is anybody's.
func TestImpossibleDimensions(t *testing.T) {
	rng, labels := rand.New(rand.NewPCG(storetest.Seed(t), 4)), []int64{0, -1, 16_001, math.MaxInt64}
	for _, k := range available(t) {
		tried := labels
		if !storetest.Long() {
			tried = labels[rng.IntN(len(labels)):][:1]
		}
		for _, label := range tried {
			s := nobodys(t, storetest.Vectors(t, true, label, "odd"))
			t.Run(fmt.Sprint(label, " into ", k), func(t *testing.T) { s.by(t, k, s.archive) })
		}
	}
}

// TestAddedAbroad takes a record home that another product has added: as that product's,
// once, and the next time it is there already.
func TestAddedAbroad(t *testing.T) {
	abroad := named(t, "LangGraph (SQLite)")
	for _, name := range []string{"vestige (SQLite)", "ai-memory (SQLite)", "memorygraph (SQLite)", "claude-mem (SQLite)", "mem0 (SQLite)"} {
		t.Run(name, func(t *testing.T) {
			home := named(t, name)
			archive, _ := exported(t, home, home.filled(t))
			there := abroad.empty(t)
			storetest.MustImport(t, there, archive, store.SinkOptions{Layout: abroad.layout})
			storetest.Exec(t, there, `INSERT INTO store (prefix, key, value) VALUES ('memories', 'new', CAST('{"content":"added abroad"}' AS BLOB))`)
			archive, digest := exported(t, abroad, there)
			back := home.empty(t)
			imported(t, home, back, archive, digest)
			if _, got := exported(t, home, back); got != digest {
				t.Errorf("content digest %s at home, %s abroad", got, digest)
			}
		})
	}
}
