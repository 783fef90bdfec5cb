package bolt

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
	_ "time/tzdata" // zones must not depend on the computer
	"unicode/utf8"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j/dbtype"

	"github.com/memarc/memarc/internal/engine/graph"
)

const (
	day = 86400
	// What Java's calendar has: the years -999 999 999 to 999 999 999.
	minDays, maxDays = -365243219162, 365241780471
	maxOffset        = 18 * 3600
	// fixed is the driver's name of a location that is an offset alone.
	fixed = "Offset"
)

// fromBolt makes one of package graph's values of the driver's, which it may change.
func (d *DB) fromBolt(v any) (graph.Value, error) {
	switch v := v.(type) {
	case nil, bool, int64, float64, string, []byte:
		return v, nil
	case []any:
		for i, e := range v {
			var err error
			if v[i], err = d.fromBolt(e); err != nil {
				return nil, err
			}
		}
		return v, nil
	case map[string]any:
		return v, d.fromMap(v)
	case dbtype.Node:
		return d.node(v)
	case dbtype.Relationship:
		return d.relationship(v)
	case dbtype.Path:
		return d.path(v)
	case dbtype.Date:
		return graph.Date(floorDiv(time.Time(v).Unix(), day)), nil
	case dbtype.LocalTime:
		return graph.LocalTime(clock(time.Time(v))), nil
	case dbtype.Time:
		_, offset := time.Time(v).Zone()
		return graph.ZonedTime{Nanos: clock(time.Time(v)), Offset: int32(offset)}, nil
	case dbtype.LocalDateTime:
		return wall(time.Time(v))
	case time.Time:
		zone, offset := v.Location().String(), 0
		if _, offset = v.Zone(); zone == fixed {
			zone = ""
		}
		return graph.ZonedDateTime{Seconds: v.Unix(), Nanos: int32(v.Nanosecond()), Offset: int32(offset), Zone: zone}, nil
	case dbtype.Duration:
		if v.Nanos <= -1e9 || v.Nanos >= 1e9 {
			return nil, fmt.Errorf("read a duration: %d nanoseconds", v.Nanos)
		}
		if v.Nanos < 0 { // Memgraph's parts have one sign
			v.Seconds, v.Nanos = v.Seconds-1, v.Nanos+1e9
		}
		return graph.Duration{Months: v.Months, Days: v.Days, Seconds: v.Seconds, Nanos: int32(v.Nanos)}, nil
	case dbtype.Point2D:
		return graph.Point{SRID: v.SpatialRefId, X: v.X, Y: v.Y}, nil
	case dbtype.Point3D:
		return graph.Point{SRID: v.SpatialRefId, X: v.X, Y: v.Y, Z: v.Z}, nil
	case dbtype.Vector[float32]:
		return graph.Vector32(v.Elems), nil
	case *dbtype.InvalidValue: // the driver has not kept the moment
		return nil, fmt.Errorf("read a date and time of a zone that is not known here: %w", v.Err)
	}
	return nil, fmt.Errorf("read a value of the type %T, which has no place here", v)
}

func (d *DB) fromMap(m map[string]any) error {
	for k, e := range m {
		v, err := d.fromBolt(e)
		if err != nil {
			return err
		}
		m[k] = v
	}
	return nil
}

func (d *DB) id(number int64, text string) graph.ID {
	if d.server.Product == Memgraph {
		return graph.ID{Int: number}
	}
	return graph.ID{Text: text}
}

func (d *DB) node(n dbtype.Node) (graph.Node, error) {
	//lint:ignore SA1019 Memgraph has no other id.
	return graph.Node{ID: d.id(n.Id, n.ElementId), Labels: n.Labels, Properties: n.Props}, d.fromMap(n.Props)
}

func (d *DB) relationship(r dbtype.Relationship) (graph.Relationship, error) {
	return graph.Relationship{
		//lint:ignore SA1019 Memgraph has no other ids.
		ID: d.id(r.Id, r.ElementId), Start: d.id(r.StartId, r.StartElementId), End: d.id(r.EndId, r.EndElementId),
		Type: r.Type, Properties: r.Props,
	}, d.fromMap(r.Props)
}

func (d *DB) path(p dbtype.Path) (out graph.Path, err error) {
	for _, n := range p.Nodes {
		node, err := d.node(n)
		if err != nil {
			return out, err
		}
		out.Nodes = append(out.Nodes, node)
	}
	for _, r := range p.Relationships {
		relationship, err := d.relationship(r)
		if err != nil {
			return out, err
		}
		out.Relationships = append(out.Relationships, relationship)
	}
	return out, nil
}

// clock returns the nanoseconds after midnight that a clock shows.
func clock(t time.Time) int64 {
	return int64(t.Hour())*int64(time.Hour) + int64(t.Minute())*int64(time.Minute) + int64(t.Second())*int64(time.Second) + int64(t.Nanosecond())
}

// wall returns what calendar and clock show. The driver has put them into this
// process's zone, where some do not exist: it shows others then.
func wall(t time.Time) (graph.Value, error) {
	_, offset := t.Zone()
	out := graph.LocalDateTime{Seconds: t.Unix() + int64(offset), Nanos: int32(t.Nanosecond())}
	for _, step := range []int{-1, 1} { // no clock is put forward by more than a day
		_, near := t.Add(time.Duration(step) * 25 * time.Hour).Zone()
		if step*(near-offset) > 0 {
			return nil, fmt.Errorf("read a date and time without a zone, %s: the zone of this process would change it; run it with TZ=UTC", t.Format("2006-01-02T15:04:05"))
		}
	}
	return out, nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// toBolt makes one of the driver's values of package graph's. It fails for what no
// server would take, or would change.
func toBolt(v graph.Value) (any, error) {
	switch v := v.(type) {
	case nil, bool, int64, float64, []byte:
		return v, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("write a text that is not UTF-8")
		}
		return v, nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			var err error
			if out[i], err = toBolt(e); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []map[string]any:
		out := make([]any, len(v))
		for i, e := range v {
			var err error
			if out[i], err = toMap(e); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		return toMap(v)
	case graph.Date:
		if err := within(int64(v)); err != nil {
			return nil, err
		}
		return dbtype.Date(time.Unix(int64(v)*day, 0).UTC()), nil
	case graph.LocalTime:
		t, err := hour(int64(v), time.UTC)
		return dbtype.LocalTime(t), err
	case graph.ZonedTime:
		if err := eastward(v.Offset); err != nil {
			return nil, err
		}
		t, err := hour(v.Nanos, time.FixedZone(fixed, int(v.Offset)))
		return dbtype.Time(t), err
	case graph.LocalDateTime:
		if err := errors.Join(nanos(v.Nanos), within(floorDiv(v.Seconds, day))); err != nil {
			return nil, err
		}
		return dbtype.LocalDateTime(time.Unix(v.Seconds, int64(v.Nanos)).UTC()), nil
	case graph.ZonedDateTime:
		if err := errors.Join(nanos(v.Nanos), eastward(v.Offset), within(floorDiv(v.Seconds, day)), within(floorDiv(v.Seconds+int64(v.Offset), day))); err != nil {
			return nil, err
		}
		at := time.Unix(v.Seconds, int64(v.Nanos))
		if v.Zone == "" {
			return at.In(time.FixedZone(fixed, int(v.Offset))), nil
		}
		return inZone(at, v)
	case graph.Duration:
		return dbtype.Duration{Months: v.Months, Days: v.Days, Seconds: v.Seconds, Nanos: int(v.Nanos)}, nanos(v.Nanos)
	case graph.Point:
		return point(v)
	case graph.Vector32:
		return dbtype.Vector[float32]{Elems: v}, nil
	}
	return nil, fmt.Errorf("write a value of the type %T, which is no parameter", v)
}

func toMap(m map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(m))
	for k, e := range m {
		if !utf8.ValidString(k) {
			return nil, fmt.Errorf("write a property whose name is not UTF-8")
		}
		var err error
		if out[k], err = toBolt(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// locations are those of zones by name: to load one reads a file.
var locations sync.Map

// inZone puts a moment into a zone. Only the name is sent, and the offset is what
// the reader's database has for it: another one would be lost.
func inZone(at time.Time, v graph.ZonedDateTime) (any, error) {
	known, ok := locations.Load(v.Zone)
	if !ok {
		l, err := time.LoadLocation(v.Zone)
		if err != nil || v.Zone == "Local" {
			return nil, fmt.Errorf("write a date and time: the zone %q is not known", v.Zone)
		}
		known, _ = locations.LoadOrStore(v.Zone, l)
	}
	at = at.In(known.(*time.Location))
	if _, offset := at.Zone(); offset != int(v.Offset) {
		return nil, fmt.Errorf("write a date and time: in %q the offset is %d seconds then, and not %d", v.Zone, offset, v.Offset)
	}
	return at, nil
}

// point refuses here what Neo4j would, as a malformed request, and the longitudes
// that it would change.
func point(p graph.Point) (any, error) {
	switch p.SRID {
	case graph.WGS84Height, graph.Cartesian3D:
	case graph.WGS84, graph.Cartesian:
		if p.Z != 0 {
			return nil, fmt.Errorf("write a point: the reference system %d has two dimensions", p.SRID)
		}
	default:
		return nil, fmt.Errorf("write a point: the reference system %d is not known", p.SRID)
	}
	if onEarth := p.SRID == graph.WGS84 || p.SRID == graph.WGS84Height; onEarth && !(p.Y >= -90 && p.Y <= 90 && p.X >= -180 && p.X <= 180) {
		return nil, fmt.Errorf("write a point: longitude %v, latitude %v is out of range", p.X, p.Y)
	}
	for _, f := range []float64{p.X, p.Y, p.Z} {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("write a point: %v is no coordinate", f)
		}
	}
	if p.SRID == graph.WGS84Height || p.SRID == graph.Cartesian3D {
		return dbtype.Point3D{SpatialRefId: p.SRID, X: p.X, Y: p.Y, Z: p.Z}, nil
	}
	return dbtype.Point2D{SpatialRefId: p.SRID, X: p.X, Y: p.Y}, nil
}

// within tells whether a day is one of the calendar.
func within(days int64) error {
	if days < minDays || days > maxDays {
		return fmt.Errorf("write a date: day %d after 1970-01-01 is out of range", days)
	}
	return nil
}

// eastward checks an offset: Neo4j ends the connection over one that is out of range.
func eastward(offset int32) error {
	if offset < -maxOffset || offset > maxOffset {
		return fmt.Errorf("write a time: the offset %d is out of range", offset)
	}
	return nil
}

func nanos(n int32) error {
	if n < 0 || n >= 1e9 {
		return fmt.Errorf("write a time: %d nanoseconds are out of range", n)
	}
	return nil
}

// hour is a time of day on a day that is of no interest.
func hour(n int64, l *time.Location) (time.Time, error) {
	if n < 0 || n >= day*1e9 {
		return time.Time{}, fmt.Errorf("write a time of day: %d nanoseconds are out of range", n)
	}
	return time.Date(1970, 1, 1, 0, 0, int(n/1e9), int(n%1e9), l), nil
}
