// Package graph is the model of values that the graph engines share: what a query
// of FalkorDB, Neo4j or Memgraph returns, and what it takes as parameters.
package graph

// A Value is one of a closed set of types:
//
//	nil, bool, int64, float64, string, []byte
//	[]any and map[string]any, of values
//	Node, Relationship, Path
//	Date, LocalTime, ZonedTime, LocalDateTime, ZonedDateTime, Duration
//	Point, Vector32
//
// No engine has all of them. What an engine cannot hold it refuses when it is
// written; no engine returns anything else.
type Value = any

// An ID is the engine's own name of a node or relationship, good for one snapshot:
// engines give the ids of what was deleted to what is new.
type ID struct {
	// Int is FalkorDB's and Memgraph's id.
	Int int64
	// Text is Neo4j's element id, and empty elsewhere.
	Text string
}

// A Node is a vertex with any number of labels, in the engine's order.
type Node struct {
	ID         ID
	Labels     []string
	Properties map[string]any
}

// A Relationship is an edge. Its ends are there in each reply, though the nodes
// themselves may not be.
type Relationship struct {
	ID         ID
	Start, End ID
	Type       string
	Properties map[string]any
}

// A Path alternates: Nodes[0], Relationships[0], Nodes[1] and so on. A relationship
// keeps the direction it is stored in, however the path passes through it.
type Path struct {
	Nodes         []Node
	Relationships []Relationship
}

// A Date is a day of the Gregorian calendar, counted from 1970-01-01.
type Date int64

// A LocalTime is a time of day without a zone, in nanoseconds after midnight.
type LocalTime int64

// A ZonedTime is a time of day at an offset from UTC.
type ZonedTime struct {
	Nanos  int64 // after midnight, as a clock at that offset shows it
	Offset int32 // seconds east of UTC
}

// A LocalDateTime is what calendar and clock show, without a zone.
type LocalDateTime struct {
	Seconds int64 // after 1970-01-01T00:00:00, as if it were UTC
	Nanos   int32 // 0 to 999 999 999, added to Seconds
}

// A ZonedDateTime is a moment and the zone it is told in.
type ZonedDateTime struct {
	Seconds int64  // after 1970-01-01T00:00:00Z
	Nanos   int32  // 0 to 999 999 999, added to Seconds
	Offset  int32  // seconds east of UTC that apply at that moment
	Zone    string // the name in the time zone database; empty if there is only an offset
}

// A Duration has parts that do not convert into each other: months differ in days,
// and days in seconds. Its parts may differ in sign.
type Duration struct {
	Months, Days, Seconds int64
	Nanos                 int32 // 0 to 999 999 999, added to Seconds
}

// The reference systems of points.
const (
	WGS84       = 4326 // X is the longitude, Y the latitude, in degrees
	WGS84Height = 4979 // and Z the height
	Cartesian   = 7203
	Cartesian3D = 9157
)

// A Point is a place in a reference system. In one of two dimensions Z is 0.
type Point struct {
	SRID    uint32
	X, Y, Z float64
}

// A Vector32 is a vector of numbers of single precision, which is not a list.
type Vector32 []float32
