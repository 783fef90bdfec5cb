package bolt

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/memarc/memarc/internal/engine/graph"
)

// storable fails for a value that a product refuses as a property, or would change.
func storable(v graph.Value, p Product) error {
	if p == Memgraph {
		return memgraphStorable(v)
	}
	return neo4jStorable(v)
}

// notInJava are zones that Java does not know or has under other names. More recent ones
// than a server's Java it refuses itself.
var notInJava = []string{"EST", "Factory", "GMT+0", "GMT-0", "HST", "MST", "ROC"}

// neo4jStorable: it has no maps, and only lists of texts, of numbers and so on, with no
// null among them; of integers in a list with floats it makes floats. Vectors travel by
// a protocol that no release of the series 5 speaks.
func neo4jStorable(v graph.Value) error {
	switch v := v.(type) {
	case map[string]any:
		return errors.New("no property is a map")
	case graph.Vector32:
		return errors.New("no property is a vector")
	case graph.ZonedDateTime:
		if slices.Contains(notInJava, v.Zone) {
			return fmt.Errorf("the server does not know the zone %q", v.Zone)
		}
	case graph.Duration:
		return neo4jDuration(v)
	case []any:
		for _, e := range v {
			switch e.(type) {
			case nil, []any, map[string]any, []byte:
				return fmt.Errorf("a list in a property has no %T", e)
			}
			if first, this := reflect.TypeOf(v[0]), reflect.TypeOf(e); first != this {
				return fmt.Errorf("a list in a property has no %s beside a %s", this, first)
			}
			if p, ok := e.(graph.Point); ok && p.SRID != v[0].(graph.Point).SRID {
				return errors.New("a list in a property has points of one reference system")
			}
			if f, ok := e.(float64); ok && f != f && math.Float64bits(f) != 0x7ff8<<48 {
				return errors.New("a list in a property has one kind of NaN, 7ff8000000000000")
			}
			if err := neo4jStorable(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// neo4jDuration: a duration's average length in seconds fits into 64 bits, and so does
// each step on the way to it.
func neo4jDuration(d graph.Duration) error {
	const perMonth = 2629746
	mul := func(a, b int64) (int64, bool) { return a * b, a >= math.MinInt64/b && a <= math.MaxInt64/b }
	add := func(a, b int64) (int64, bool) { return a + b, (a+b > a) == (b > 0) }
	days, ok1 := mul(d.Days, day)
	months, ok2 := mul(d.Months, perMonth)
	sum, ok3 := add(days, months)
	if _, ok4 := add(d.Seconds, sum); !ok1 || !ok2 || !ok3 || !ok4 {
		return errors.New("the duration is too long")
	}
	return nil
}

// The days of the years 0 to 9999, which Memgraph has.
const minMemgraphDay, maxMemgraphDay = -719528, 2932896

// memgraphStorable: Memgraph has lists and maps of all that it has, but neither bytes
// nor times of day with an offset, and its clocks count microseconds. What its Bolt
// decoder would cut off is refused here; it refuses nothing.
func memgraphStorable(v graph.Value) error {
	micros := func(n int32) error {
		if n%1000 != 0 {
			return errors.New("the server keeps microseconds, and no nanoseconds")
		}
		return nil
	}
	calendar := func(seconds int64) error {
		if d := floorDiv(seconds, day); d < minMemgraphDay || d > maxMemgraphDay {
			return errors.New("the server has the years 0 to 9999")
		}
		return nil
	}
	switch v := v.(type) {
	case []byte, graph.ZonedTime, graph.Vector32:
		return fmt.Errorf("the server has no %T", v)
	case []any:
		for _, e := range v {
			if err := memgraphStorable(e); err != nil {
				return err
			}
		}
	case map[string]any:
		if _, ok := v["__type"]; ok { // of such a map it may make an enum
			return errors.New("the server gives a map with __type a meaning")
		}
		for _, e := range v {
			if err := memgraphStorable(e); err != nil {
				return err
			}
		}
	case graph.Date:
		if v < minMemgraphDay || v > maxMemgraphDay {
			return errors.New("the server has the years 0 to 9999")
		}
	case graph.LocalTime:
		return micros(int32(v % 1e9))
	case graph.LocalDateTime:
		return errors.Join(micros(v.Nanos), calendar(v.Seconds))
	case graph.ZonedDateTime:
		if v.Zone == "" && v.Offset%60 != 0 {
			return errors.New("the server keeps offsets in minutes")
		}
		return errors.Join(micros(v.Nanos), calendar(v.Seconds), calendar(v.Seconds+int64(v.Offset)))
	case graph.Duration:
		if got, ok := memgraphDuration(v); !ok || got != v {
			return errors.New("the server keeps a duration as a number of microseconds, and would say it otherwise")
		}
	}
	return nil
}

// memgraphDuration returns how Memgraph gives a duration back: it counts microseconds,
// and parts of its own choice come of them, all with one sign.
func memgraphDuration(d graph.Duration) (graph.Duration, bool) {
	const most = math.MaxInt64 / 1_000_000 / 4
	if d.Months != 0 || d.Days > most/day || d.Days < -most/day || d.Seconds > most || d.Seconds < -most {
		return d, false
	}
	total := (d.Days*day+d.Seconds)*1_000_000 + int64(d.Nanos/1000)
	out := graph.Duration{Days: total / (day * 1_000_000)}
	total %= day * 1_000_000
	out.Seconds, out.Nanos = total/1_000_000, int32(total%1_000_000*1000)
	if out.Nanos < 0 {
		out.Seconds, out.Nanos = out.Seconds-1, out.Nanos+1e9
	}
	return out, true
}
