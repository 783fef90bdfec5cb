package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/falkorserver"
	"github.com/memarc/memarc/internal/store/storetest/neo4jserver"
	"github.com/memarc/memarc/internal/store/storetest/rawgraph"
)

// A wire stands between memarc and a server of any protocol. Its moments are the first
// bytes of answers: something was done, and memarc does not know yet.
type wire struct {
	listener net.Listener
	dial     func() (net.Conn, error)
	moment   int   // strikes at this one, from 1; 0 for never
	byte     int64 // strikes after so many bytes to the server; 0 for never
	strike   func()

	mu      sync.Mutex
	moments int
	sent    int64
	struck  bool
	open    sync.WaitGroup
}

// newWire returns the wire to a graph and the URL of the graph through it.
func newWire(t testing.TB, graph string) (*wire, string) {
	t.Helper()
	u, err := url.Parse(graph)
	if err != nil {
		t.Fatal(err)
	}
	network, address := "tcp", u.Host
	if socket := u.Query().Get("socket"); socket != "" {
		network, address = "unix", socket
		u.RawQuery = ""
	}
	w := &wire{dial: func() (net.Conn, error) { return net.Dial(network, address) }, strike: func() {}}
	if w.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			client, err := w.listener.Accept()
			if err != nil {
				return
			}
			w.open.Add(1)
			go w.serve(client)
		}
	}()
	u.Host = w.listener.Addr().String()
	return w, u.String()
}

func (w *wire) close() {
	w.listener.Close()
	w.open.Wait()
}

func (w *wire) serve(client net.Conn) {
	defer w.open.Done()
	defer client.Close()
	server, err := w.dial()
	if err != nil {
		return
	}
	defer server.Close()
	asked := false // whether what comes next from the server answers something
	ends := make(chan error, 2)
	go func() {
		ends <- pass(server, client, func(n int) int {
			w.mu.Lock()
			defer w.mu.Unlock()
			asked = true
			w.sent += int64(n)
			if w.byte > 0 && !w.struck && w.sent > w.byte {
				return n - int(w.sent-w.byte)
			}
			return n
		}, w.hit)
	}()
	go func() {
		ends <- pass(client, server, func(n int) int {
			w.mu.Lock()
			defer w.mu.Unlock()
			if asked {
				asked = false
				if w.moments++; w.moments == w.moment {
					return 0
				}
			}
			return n
		}, w.hit)
	}()
	<-ends
	client.Close()
	server.Close()
	<-ends
}

// pass copies what comes, up to where see says that the strike is.
func pass(to io.Writer, from io.Reader, see func(n int) int, hit func()) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return err
		}
		may := see(n)
		if _, err := to.Write(buf[:may]); err != nil {
			return err
		}
		if may < n {
			hit()
			return errors.New("cut")
		}
	}
}

func (w *wire) hit() {
	w.mu.Lock()
	first := !w.struck
	w.struck = true
	w.mu.Unlock()
	if first {
		w.strike()
	}
}

func memoryGraph(path string) error {
	return sample.MemoryGraph(path, sample.Size{Memories: 130, Relations: 150, Dimension: 384, Least: 34000, Most: 38000})
}

// inhabited puts memories of its own and a stranger's things into a graph.
func inhabited(t testing.TB, graph, few string) {
	t.Helper()
	if r := memarc(t, nil, "import", graph, few); r.code != 0 {
		t.Fatal(r.output)
	}
	rawgraph.Open(t, graph).Run(t, "CREATE (a:Badger {n: 0.1})-[:DIGS {deep: 1}]->(b:Badger)-[:DIGS]->(b)")
}

// An import into a graph that is killed at any moment, or whose connection is cut, is
// done when it is run again, and what the graph held is as it was.
func TestGraphStruck(t *testing.T) {
	r := rand.New(rand.NewPCG(storetest.Seed(t), 0))
	archive, _ := archiveOf(t, "memorygraph", memoryGraph)
	few, _ := archiveOf(t, "few", func(path string) error { return sample.MemoryGraph(path, sample.Lean(7)) })
	times := 4
	if storetest.Long() {
		times = 40
	}
	for name, fresh := range map[string]func(testing.TB) string{"falkordb": falkorserver.New, "neo4j": neo4jserver.New} {
		t.Run(name, func(t *testing.T) {
			graph := fresh(t)
			g := rawgraph.Open(t, graph)
			restart := func() {
				g.Run(t, "MATCH (n) DETACH DELETE n")
				inhabited(t, graph, few)
			}
			inhabited(t, graph, few)
			before := g.Dump(t, true)
			learn, through := newWire(t, graph)
			if r := memarc(t, nil, "import", through, archive); r.code != 0 {
				t.Fatal(r.output)
			}
			learn.close()
			after := g.Dump(t, true)
			if learn.moments < 10 || len(after["nodes"]) < len(before["nodes"])+130 {
				t.Fatalf("%d moments, %d nodes", learn.moments, len(after["nodes"]))
			}
			for n := range times {
				restart()
				w, through := newWire(t, graph)
				kills := n%4 < 3
				what := ""
				if n%2 == 0 {
					w.moment = 1 + r.IntN(learn.moments)
					what = fmt.Sprintf("moment %d of %d, killed %v", w.moment, learn.moments, kills)
				} else {
					w.byte = 1 + r.Int64N(learn.sent)
					what = fmt.Sprintf("byte %d of %d, killed %v", w.byte, learn.sent, kills)
				}
				var kill func(func())
				if kills {
					armed := make(chan func(), 1)
					w.strike = func() { (<-armed)() }
					kill = func(now func()) { armed <- now }
				}
				ran := memarc(t, kill, "import", through, archive)
				w.close()
				t.Logf("%s: exit %d", what, ran.code)
				switch {
				case !w.struck:
				case kills && ran.code != -1:
					t.Errorf("%s: exit %d after it was killed: %s", what, ran.code, ran.output)
				case !kills && ran.code != 1 && ran.code != 0:
					t.Errorf("%s: exit %d after the connection was cut: %s", what, ran.code, ran.output)
				}
				if again := memarc(t, nil, "import", graph, archive); again.code != 0 {
					t.Fatalf("%s: again: exit %d: %s", what, again.code, again.output)
				}
				same(t, what, after, g.Dump(t, true))
				if marks := g.Marks(t); len(marks) > 0 {
					t.Errorf("%s: marks of the import are left: %q", what, marks)
				}
			}
		})
	}
}

// An interrupted import shows to whoever reads the graph, and a smaller one that comes
// after it undoes it.
func TestGraphInterrupted(t *testing.T) {
	archive, _ := archiveOf(t, "memorygraph", memoryGraph)
	few, _ := archiveOf(t, "few", func(path string) error { return sample.MemoryGraph(path, sample.Lean(7)) })
	graph := falkorserver.New(t)
	inhabited(t, graph, few)
	g := rawgraph.Open(t, graph)
	before := g.Dump(t, true)
	w, through := newWire(t, graph)
	w.byte = 3_000_000
	armed := make(chan func(), 1)
	w.strike = func() { (<-armed)() }
	memarc(t, func(now func()) { armed <- now }, "import", through, archive)
	w.close()
	if marks := g.Marks(t); !w.struck || !slices.Contains(marks, "MemarcRun") {
		t.Fatalf("struck %v, marks %q", w.struck, marks)
	}
	for _, args := range [][]string{{"digest", graph}, {"export", graph, "-o", filepath.Join(t.TempDir(), "x.marc")}} {
		if r := memarc(t, nil, args...); r.code != 2 || !strings.Contains(r.output, "was interrupted") {
			t.Errorf("%s: exit %d: %s", args[0], r.code, r.output)
		}
	}
	if r := memarc(t, nil, "import", graph, few); r.code != 0 {
		t.Errorf("exit %d: %s", r.code, r.output)
	}
	same(t, "undone", before, g.Dump(t, true))
}

// A server that is killed in the middle of an import, and comes back, takes the import
// when it is run again.
func TestGraphServerDies(t *testing.T) {
	archive, digest := archiveOf(t, "memorygraph", memoryGraph)
	type server interface {
		Kill() error
	}
	tries := map[string]func() (string, server, func() error){
		"falkordb": func() (string, server, func() error) {
			s := falkorserver.Server(t, falkorserver.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
			graph, _, err := falkorserver.NewGraph(t.Context(), s.URL())
			if err != nil {
				t.Fatal(err)
			}
			return graph, s, func() error { return s.Start(t.Context()) }
		},
		"neo4j": func() (string, server, func() error) {
			s := neo4jserver.Server(t)
			return s.URL(), s, func() error { return s.Start(t.Context()) }
		},
	}
	for name, try := range tries {
		if name == "neo4j" && !storetest.Long() {
			continue // a server more
		}
		t.Run(name, func(t *testing.T) {
			graph, s, start := try()
			w, through := newWire(t, graph)
			w.byte = 3_000_000
			failed := make(chan error, 1)
			w.strike = func() { failed <- s.Kill() }
			r := memarc(t, nil, "import", through, archive)
			w.close()
			if !w.struck {
				t.Fatal("the import was done before the server died")
			}
			if err := errors.Join(<-failed, start()); err != nil {
				t.Fatal(err)
			}
			if r.code != 1 || strings.Contains(r.output, password(graph)) && password(graph) != "" {
				t.Errorf("exit %d: %s", r.code, r.output)
			}
			t.Log(r.output)
			if again := memarc(t, nil, "import", graph, archive); again.code != 0 {
				t.Fatalf("again: exit %d: %s", again.code, again.output)
			}
			if d := memarc(t, nil, "digest", graph); !strings.HasPrefix(d.output, digest) {
				t.Errorf("digest %s, want %s", d.output, digest)
			}
			if marks := rawgraph.Open(t, graph).Marks(t); len(marks) > 0 {
				t.Errorf("marks of the import are left: %q", marks)
			}
		})
	}
}
