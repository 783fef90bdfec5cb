package falkordb

import (
	"math"
	"time"

	"github.com/memarc/memarc/internal/engine/graph"
)

// secondsADay has no exceptions in FalkorDB's calendar.
const secondsADay = 24 * 60 * 60

// localTimeZero is 1900-01-01T00:00:00, from which FalkorDB counts times of day.
const localTimeZero = -2208988800

// The years that the server's constructors take and give back.
const firstYear, lastYear = 0, 9999

// Constructor returns the function that makes a property of a value that has no
// literal, and the argument to pass to it as a parameter: the caller writes
// function(row.argument) into the statement. For a value with a literal the
// function is empty. It refuses what FalkorDB does not hold exactly: it counts
// whole seconds, a duration's months and days among them, and its points have
// single precision and one reference system.
func Constructor(v graph.Value) (function string, argument graph.Value, err error) {
	switch v := v.(type) {
	case graph.Date:
		const most = 1 << 40 // no overflow below
		if v < -most || v > most {
			return "", nil, refused("the date lies outside of the years %d to %d", firstYear, lastYear)
		}
		t := time.Unix(int64(v)*secondsADay, 0).UTC()
		if err := inYears(t); err != nil {
			return "", nil, err
		}
		return "date", map[string]any{"year": int64(t.Year()), "month": int64(t.Month()), "day": int64(t.Day())}, nil
	case graph.LocalTime:
		const second = int64(time.Second)
		if v < 0 || int64(v) >= secondsADay*second || int64(v)%second != 0 {
			return "", nil, refused("a time of day is of whole seconds")
		}
		return "localtime", clock(int64(v)/second, map[string]any{}), nil
	case graph.LocalDateTime:
		t := time.Unix(v.Seconds, 0).UTC()
		if v.Nanos != 0 {
			return "", nil, refused("a date with a time is of whole seconds")
		}
		if err := inYears(t); err != nil {
			return "", nil, err
		}
		seconds := int64(t.Hour())*3600 + int64(t.Minute())*60 + int64(t.Second())
		return "localdatetime", clock(seconds, map[string]any{"year": int64(t.Year()), "month": int64(t.Month()), "day": int64(t.Day())}), nil
	case graph.Duration:
		days, seconds := v.Days+v.Seconds/secondsADay, v.Seconds%secondsADay
		// The server reads parts of durations in single precision.
		const most = 1 << 24
		if v.Months != 0 || v.Nanos != 0 || v.Days <= -most || v.Days >= most || days <= -most || days >= most {
			return "", nil, refused("a duration is of whole seconds and has no months")
		}
		return "duration", map[string]any{"days": days, "seconds": seconds}, nil
	case graph.Point:
		if v.SRID != graph.WGS84 || v.Z != 0 || !single(v.X) || !single(v.Y) || math.Abs(v.X) > 180 || math.Abs(v.Y) > 90 {
			return "", nil, refused("a point is of longitude and latitude in single precision")
		}
		return "point", map[string]any{"longitude": v.X, "latitude": v.Y}, nil
	case graph.Vector32:
		return "vecf32", v, nil
	case graph.ZonedTime, graph.ZonedDateTime:
		return "", nil, refused("no time has a zone")
	case []byte:
		return "", nil, refused("there are no byte strings")
	}
	return "", v, nil
}

func inYears(t time.Time) error {
	if t.Year() < firstYear || t.Year() > lastYear {
		return refused("the date lies outside of the years %d to %d", firstYear, lastYear)
	}
	return nil
}

func clock(seconds int64, parts map[string]any) map[string]any {
	parts["hour"], parts["minute"], parts["second"] = seconds/3600, seconds/60%60, seconds%60
	return parts
}

func single(v float64) bool { return float64(float32(v)) == v }
