package falkordb_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/memarc/memarc/internal/engine/falkordb"
	"github.com/memarc/memarc/internal/engine/graph"
	"github.com/memarc/memarc/internal/store/storetest"
	"github.com/memarc/memarc/internal/store/storetest/falkorserver"
)

// Doubles are exact under whatever keys they come, early or late, alone or in lists,
// and under more keys than are looked for.
func TestReadDoubles(t *testing.T) {
	rng := rand.New(rand.NewPCG(storetest.Seed(t), 1))
	double := func() float64 {
		for {
			if v := math.Float64frombits(rng.Uint64()); !math.IsNaN(v) && !math.IsInf(v, 0) && math.Abs(v) < 1e290 && math.Abs(v) > 1e-290 {
				return v
			}
		}
	}
	for _, keys := range []int{1, 3, 60} {
		t.Run(fmt.Sprint(keys), func(t *testing.T) {
			url := falkorserver.New(t)
			c, err := falkordb.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var rows []any
			want := map[int64]map[string]any{}
			for i := range int64(4500) {
				p := map[string]any{"i": i, "tags": []any{"a", "b"}, "count": i * 3}
				for range rng.IntN(3) {
					key := fmt.Sprintf("k%d", rng.IntN(1+int(i)*keys/4500))
					switch rng.IntN(5) {
					case 0, 1:
						p[key] = double()
					case 2:
						p[key] = []any{double(), "text", double()}
					case 3:
						p[key] = []any{int64(1), []any{double(), []any{double()}}}
					case 4:
						p[key] = "no double"
					}
				}
				want[i] = p
				rows = append(rows, p)
			}
			for len(rows) > 0 {
				n := min(1000, len(rows))
				if _, err := c.Query(t.Context(), c.Graph(), "UNWIND $rows AS r CREATE (n:N) SET n = r", map[string]any{"rows": rows[:n]}); err != nil {
					t.Fatal(err)
				}
				rows = rows[n:]
			}
			s, err := falkordb.OpenSession(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			n := 0
			err = s.Read(t.Context(), graph.Reading{Match: "(n:N)", On: "n", Properties: []string{"n"}, Return: []string{"n.i"}}, func(v []graph.Value) error {
				n++
				if i, _ := v[1].(int64); !reflect.DeepEqual(v[0], any(want[i])) {
					t.Errorf("node %d: %v, want %v", i, v[0], want[i])
				}
				return nil
			})
			if err != nil || n != len(want) {
				t.Errorf("%d nodes, %v", n, err)
			}
			if lost := s.Losses(); len(lost) > 0 {
				t.Errorf("%v", lost)
			}
		})
	}
}
