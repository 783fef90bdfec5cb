package falkordb_test

import (
	"context"
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/memarc/memarc/internal/engine/falkordb"
	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/storetest/falkorserver"
)

// open connects to a server, for a graph that is not there yet.
func open(t testing.TB) (*falkordb.Client, string) {
	t.Helper()
	c, err := falkordb.Open(t.Context(), falkorserver.New(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, c.Graph()
}

var fuzzClient struct {
	once   sync.Once
	client *falkordb.Client
	graph  string
}

// fuzzed is one connection for all inputs of a fuzz test.
func fuzzed(t *testing.T) (*falkordb.Client, string) {
	t.Helper()
	fuzzClient.once.Do(func() {
		server, _, err := falkordbServer()
		if err != nil {
			t.Fatal(err)
		}
		name, _, err := falkorserver.NewGraph(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		if fuzzClient.client, err = falkordb.Open(context.Background(), name); err != nil {
			t.Fatal(err)
		}
		fuzzClient.graph = fuzzClient.client.Graph()
	})
	return fuzzClient.client, fuzzClient.graph
}

func falkordbServer() (string, func() error, error) { return falkorserver.Share(context.Background()) }

func rows(t testing.TB, r *falkordb.Result, err error) (out [][]graph.Value) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range r.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	return out
}

func write(t testing.TB, c *falkordb.Client, g, statement string, params map[string]any) [][]graph.Value {
	t.Helper()
	r, err := c.Query(t.Context(), g, statement, params)
	return rows(t, r, err)
}

func ask(t testing.TB, c *falkordb.Client, g, statement string, params map[string]any) [][]graph.Value {
	t.Helper()
	r, err := c.ReadOnlyQuery(t.Context(), g, statement, params)
	return rows(t, r, err)
}

func TestTypes(t *testing.T) {
	c, g := open(t)
	write(t, c, g, "CREATE (:A:B {s:'x', i:-7, b:true, f:1.5, l:[1,[2.5,'y']]})-[:T {k:0.5}]->(:C)", nil)
	got := ask(t, c, g, "MATCH p=(a)-[r]->(c) RETURN a, r, c, p, {m:[a.i]}, null, true, vecf32([0.1,1e-45]), point({latitude:1.1,longitude:-2.2}), localdatetime('1900-01-02T03:04:05'), date('0001-01-01'), localtime('23:59:59'), duration('P1DT5S')", nil)
	a := graph.Node{ID: graph.ID{Int: 0}, Labels: []string{"A", "B"}, Properties: map[string]any{"s": "x", "i": int64(-7), "b": true, "f": 1.5, "l": []any{int64(1), []any{2.5, "y"}}}}
	b := graph.Node{ID: graph.ID{Int: 1}, Labels: []string{"C"}, Properties: map[string]any{}}
	r := graph.Relationship{End: b.ID, Type: "T", Properties: map[string]any{"k": 0.5}}
	want := []graph.Value{
		a, r, b, graph.Path{Nodes: []graph.Node{a, b}, Relationships: []graph.Relationship{r}}, map[string]any{"m": []any{int64(-7)}}, nil, true,
		graph.Vector32{0.1, 1e-45}, graph.Point{SRID: graph.WGS84, X: float64(float32(-2.2)), Y: float64(float32(1.1))},
		graph.LocalDateTime{Seconds: -2208891355}, graph.Date(-719162), graph.LocalTime(86399e9), graph.Duration{Seconds: 86405},
	}
	for i := range want {
		if !reflect.DeepEqual(got[0][i], want[i]) {
			t.Errorf("column %d: %#v, want %#v", i, got[0][i], want[i])
		}
	}
}

// What no literal says comes through a constructor, exactly.
func TestConstructor(t *testing.T) {
	c, g := open(t)
	for _, v := range []graph.Value{
		graph.Date(0), graph.Date(-719528), graph.Date(2932896), graph.Date(19723), graph.Date(-141428), graph.Date(11016),
		graph.LocalTime(0), graph.LocalTime(86399e9), graph.LocalTime(3723e9),
		graph.LocalDateTime{}, graph.LocalDateTime{Seconds: -62167219200}, graph.LocalDateTime{Seconds: 253402300799}, graph.LocalDateTime{Seconds: 1704164645}, graph.LocalDateTime{Seconds: -1},
		graph.Duration{}, graph.Duration{Seconds: -1}, graph.Duration{Seconds: 123456789012}, graph.Duration{Seconds: -99999999999}, graph.Duration{Seconds: 1<<24*86400 - 1}, graph.Duration{Seconds: 2678400},
		graph.Point{SRID: graph.WGS84, X: -180, Y: 90}, graph.Point{SRID: graph.WGS84, X: float64(float32(1.1)), Y: float64(float32(1e-30))},
		graph.Vector32{}, graph.Vector32{0.1, -1e-45, 3.4028235e38, 1.0 / 3}, "text", int64(5), nil,
	} {
		function, argument, err := falkordb.Constructor(v)
		if err != nil {
			t.Errorf("%#v: %v", v, err)
			continue
		}
		write(t, c, g, "MATCH (n) DELETE n", nil)
		write(t, c, g, "UNWIND $rows AS row CREATE (n:N) SET n.v = "+function+"(row.v)", map[string]any{"rows": []any{map[string]any{"v": argument}}})
		if got := ask(t, c, g, "MATCH (n) RETURN n.v", nil)[0][0]; !reflect.DeepEqual(got, v) {
			t.Errorf("%#v comes back as %#v, %s(%v)", v, got, function, argument)
		}
	}
	for _, v := range []graph.Value{
		graph.Date(2932897), graph.Date(-719529), graph.Date(1 << 60), graph.LocalTime(-1), graph.LocalTime(86400e9), graph.LocalTime(1), graph.LocalDateTime{Nanos: 1},
		graph.LocalDateTime{Seconds: 253402300800}, graph.LocalDateTime{Seconds: -1 << 62}, graph.Duration{Months: 1}, graph.Duration{Nanos: 1}, graph.Duration{Days: 1 << 40}, graph.Duration{Seconds: 1 << 62},
		graph.Point{SRID: graph.Cartesian}, graph.Point{SRID: graph.WGS84, X: 0.1}, graph.Point{SRID: graph.WGS84, Y: 91}, graph.ZonedTime{}, graph.ZonedDateTime{}, []byte{},
	} {
		if function, argument, err := falkordb.Constructor(v); !errors.Is(err, falkordb.ErrRefused) {
			t.Errorf("%#v: %s(%v)", v, function, argument)
		}
	}
}

// Reading creates nothing.
func TestMissingGraph(t *testing.T) {
	c, g := open(t)
	if _, err := c.ReadOnlyQuery(t.Context(), g, "MATCH (n) RETURN n", nil); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, err := c.ReadSnapshot(t.Context(), g, falkordb.Statement{Text: "MATCH (n) RETURN n"}); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, err := c.Indexes(t.Context(), g); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, _, err := c.Freeze(t.Context(), g); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if err := c.DeleteGraph(t.Context(), g); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if there, err := c.GraphExists(t.Context(), g); there || err != nil {
		t.Error(there, err)
	}
	write(t, c, g, "RETURN 1", nil)
	if there, err := c.GraphExists(t.Context(), g); !there || err != nil {
		t.Error(there, err)
	}
	if list, err := c.Graphs(t.Context()); err != nil || !slices.Contains(list, g) {
		t.Error(list, err)
	}
	if _, err := c.ReadOnlyQuery(t.Context(), g, "CREATE (n)", nil); !errors.Is(err, falkordb.ErrReadOnly) {
		t.Error(err)
	}
	if _, err := c.ReadOnlyQuery(t.Context(), g, "NONSENSE 'of the user'", nil); err == nil || strings.Contains(err.Error(), "of the user") {
		t.Error(err)
	}
}

// A graph that is made anew gives the same numbers to other names.
func TestNames(t *testing.T) {
	c, g := open(t)
	other, err := falkordb.Open(t.Context(), c.String())
	if err != nil {
		t.Skip("NOT PROVEN: users of the server: it wants a password, which is not known here")
	}
	defer other.Close()
	read := func() graph.Node { return ask(t, c, g, "MATCH (n) RETURN n", nil)[0][0].(graph.Node) }
	write(t, other, g, "CREATE (:Old {was:1})", nil)
	if n := read(); n.Labels[0] != "Old" || n.Properties["was"] != int64(1) {
		t.Errorf("%#v", n)
	}
	if err := other.DeleteGraph(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	write(t, other, g, "CREATE (:New {is:1})", nil)
	if n := read(); n.Labels[0] != "New" || n.Properties["is"] != int64(1) {
		t.Errorf("%#v", n)
	}
	write(t, other, g, "MATCH (n) SET n.more = 2, n:Added", nil)
	if n := read(); !slices.Equal(n.Labels, []string{"New", "Added"}) || n.Properties["more"] != int64(2) {
		t.Errorf("%#v", n)
	}
	write(t, other, g, "MATCH (n) SET n.again = 3", nil)
	list, err := c.ReadSnapshot(t.Context(), g, falkordb.Statement{Text: "MATCH (n) RETURN n"}, falkordb.Statement{Text: "RETURN $p", Params: map[string]any{"p": int64(1)}})
	if err != nil || rows(t, list[0], nil)[0][0].(graph.Node).Properties["again"] != int64(3) || rows(t, list[1], nil)[0][0] != int64(1) {
		t.Error(list, err)
	}
	if _, err := c.ReadSnapshot(t.Context(), g, falkordb.Statement{Text: "RETURN 1"}, falkordb.Statement{Text: "NONSENSE"}); err == nil {
		t.Error("a statement that fails is taken for one that does not")
	}
}

// The statements of a snapshot are of one moment, whoever writes.
func TestReadSnapshot(t *testing.T) {
	c, g := open(t)
	write(t, c, g, "CREATE (:N {v:0})", nil)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		var err error
		for ctx.Err() == nil && err == nil {
			_, err = c.Query(ctx, g, "MATCH (n) SET n.v = n.v + 1", nil)
		}
		done <- err
	}()
	count := falkordb.Statement{Text: "MATCH (n) RETURN n.v"}
	for range 50 {
		list, err := c.ReadSnapshot(t.Context(), g, count, count, count)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := rows(t, list[0], nil)[0][0], rows(t, list[2], nil)[0][0]; a != b {
			t.Fatalf("%v and %v", a, b)
		}
	}
	stop()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFreeze(t *testing.T) {
	c, g := open(t)
	write(t, c, g, "CREATE (:N {v:0.1})", nil)
	frozen, drop, err := c.Freeze(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	write(t, c, g, "MATCH (n) SET n.v = 2", nil)
	if got := ask(t, c, frozen, "MATCH (n) RETURN n.v", nil); got[0][0] != 0.1 {
		t.Error(got)
	}
	if err := c.CopyGraph(t.Context(), g, frozen); !errors.Is(err, falkordb.ErrExists) {
		t.Error(err)
	}
	if err := drop(t.Context()); err != nil {
		t.Error(err)
	}
	if there, err := c.GraphExists(t.Context(), frozen); there || err != nil {
		t.Error(there, err)
	}
}

func TestSchema(t *testing.T) {
	c, g := open(t)
	write(t, c, g, "UNWIND range(1,20000) AS i CREATE (:Memory {id:i, k:i % 5})-[:T {id:i}]->(:Z)", nil)
	for range 2 { // the second time it is there
		for _, err := range []error{
			c.CreateIndex(t.Context(), g, falkordb.Nodes, "Memory", "k"),
			c.CreateIndex(t.Context(), g, falkordb.Relationships, "T", "id"),
			c.CreateUnique(t.Context(), g, falkordb.Nodes, "Memory", "id"),
			c.CreateUnique(t.Context(), g, falkordb.Relationships, "T", "id"),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	indexes, err := c.Indexes(t.Context(), g)
	if err != nil || len(indexes) != 2 || !slices.Equal(indexes[0].Types["id"], []string{"RANGE"}) {
		t.Errorf("%+v, %v", indexes, err)
	}
	if err := c.CreateUnique(t.Context(), g, falkordb.Nodes, "Memory", "k"); !errors.Is(err, falkordb.ErrConstraint) {
		t.Error(err)
	}
	constraints, err := c.Constraints(t.Context(), g)
	if err != nil || len(constraints) != 2 {
		t.Errorf("%+v, %v", constraints, err)
	}
	for _, x := range constraints {
		if x.Status != "OPERATIONAL" || x.Type != "UNIQUE" || !slices.Equal(x.Properties, []string{"id"}) {
			t.Errorf("%+v", x)
		}
	}
	if _, err := c.Query(t.Context(), g, "CREATE (:Memory {id:1})", nil); !errors.Is(err, falkordb.ErrConstraint) {
		t.Error(err)
	}
	// An index takes any name, a constraint does not.
	if err := c.CreateUnique(t.Context(), g, falkordb.Nodes, "a b", "id"); !errors.Is(err, falkordb.ErrRefused) {
		t.Error(err)
	}
	if err := c.CreateUnique(t.Context(), g, falkordb.Nodes, "Memory", "a b"); !errors.Is(err, falkordb.ErrRefused) {
		t.Error(err)
	}
	if err := c.CreateIndex(t.Context(), g, falkordb.Nodes, "a`b", "id"); !errors.Is(err, falkordb.ErrRefused) {
		t.Error(err)
	}
}

// The server cuts off rows in silence. The names of a graph are none of them.
func TestMaxRows(t *testing.T) {
	s := falkorserver.Server(t, falkorserver.Options{ModuleArgs: []string{"RESULTSET_SIZE", "2"}})
	c, err := falkordb.Open(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := c.MaxRows(t.Context()); n != 2 || err != nil {
		t.Error(n, err)
	}
	write(t, c, "g", "CREATE (:A), (:B), (:C), (:D {a:1, b:2, c:3})", nil)
	if got := ask(t, c, "g", "MATCH (n) RETURN n", nil); len(got) != 2 {
		t.Errorf("%d rows", len(got))
	}
	if got := ask(t, c, "g", "MATCH (n:D) RETURN n", nil); len(got) != 1 || got[0][0].(graph.Node).Properties["c"] != int64(3) {
		t.Error(got)
	}
	c, _ = open(t)
	if n, err := c.MaxRows(t.Context()); err != nil || n != 0 {
		t.Log("the server has a limit of", n, err)
	}
}

func admin(t *testing.T, s *falkorserver.Instance) *falkordb.Client {
	t.Helper()
	c, err := falkordb.Open(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func as(t *testing.T, s *falkorserver.Instance, user, password string) string {
	t.Helper()
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

func TestLogin(t *testing.T) {
	const secret = "s3cr3t/@:%"
	acl := "user reader on >" + secret + " ~* +graph.ro_query +graph.list +ping"
	s := falkorserver.Server(t, falkorserver.Options{Args: strings.Fields("--" + acl)})
	write(t, admin(t, s), "g", "CREATE (:A)", nil)
	for _, raw := range []string{as(t, s, "reader", "wrong-"+secret), as(t, s, "nobody", secret)} {
		_, err := falkordb.Open(t.Context(), raw)
		if !errors.Is(err, falkordb.ErrLogin) || strings.Contains(err.Error(), "s3cr3t") {
			t.Error(err)
		}
	}
	c, err := falkordb.Open(t.Context(), as(t, s, "reader", secret))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := ask(t, c, "g", "MATCH (n) RETURN n", nil); got[0][0].(graph.Node).Labels[0] != "A" {
		t.Error(got)
	}
	_, err = c.Query(t.Context(), "g", "CREATE (:B)", nil)
	if !errors.Is(err, falkordb.ErrDenied) || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(c.String(), "s3cr3t") {
		t.Error(err)
	}
	if there, err := c.GraphExists(t.Context(), "g"); !there || err != nil {
		t.Error(there, err)
	}
	if _, err := c.MaxRows(t.Context()); !errors.Is(err, falkordb.ErrDenied) {
		t.Error(err)
	}
}

// A server that ends queries says so, and a context ends the wait for one.
func TestTimeout(t *testing.T) {
	s := falkorserver.Server(t, falkorserver.Options{ModuleArgs: strings.Fields("TIMEOUT_DEFAULT 50 TIMEOUT_MAX 50")})
	c := admin(t, s)
	write(t, c, "g", "RETURN 1", nil)
	const slow = "UNWIND range(1,20000) AS i UNWIND range(1,20000) AS j RETURN count(*)"
	if _, err := c.ReadOnlyQuery(t.Context(), "g", slow, nil); !errors.Is(err, falkordb.ErrTimeout) {
		t.Error(err)
	}
	for ended, limit := range map[error]func(context.Context) (context.Context, context.CancelFunc){
		context.DeadlineExceeded: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 10*time.Millisecond)
		},
		context.Canceled: func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(10*time.Millisecond, cancel)
			return ctx, cancel
		},
	} {
		ctx, cancel := limit(t.Context())
		defer cancel()
		if _, err := c.ReadOnlyQuery(ctx, "g", slow, nil); !errors.Is(err, ended) {
			t.Error(err)
		}
	}
	if got := ask(t, c, "g", "RETURN 1", nil); got[0][0] != int64(1) {
		t.Error(got)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadOnlyQuery(t.Context(), "g", "RETURN 1", nil); err == nil {
		t.Error("a server that is gone answers")
	}
}

func TestVersion(t *testing.T) {
	c, _ := open(t)
	v, err := c.Version(t.Context())
	if err != nil || strings.Count(v, ".") != 2 {
		t.Error(v, err)
	}
	t.Log(v)
}
