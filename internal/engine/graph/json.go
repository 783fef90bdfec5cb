package graph

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Values that no type of an archive fits are JSON there. Lists and maps are arrays and
// objects, an integer has neither a fraction nor an exponent and a float has one; what
// JSON does not have is an object whose one name tells its type:
//
//	{"$float":"NaN"}  {"$bytes":"AQI="}  {"$vector":[1.5]}
//	{"$date":days}  {"$localtime":nanoseconds}  {"$time":[nanoseconds,offset]}
//	{"$localdatetime":[seconds,nanoseconds]}
//	{"$datetime":[seconds,nanoseconds,offset,"zone"]}
//	{"$duration":[months,days,seconds,nanoseconds]}
//	{"$point":[srid,x,y,z]}
//
// A name of a map's own that starts with $ has another one before it.

func tagged(dst []byte, tag string, parts ...any) ([]byte, error) {
	dst = append(append(append(dst, `{"`...), tag...), `":`...)
	var err error
	if len(parts) == 1 {
		dst, err = appendJSON(dst, parts[0])
	} else {
		dst, err = appendJSON(dst, parts)
	}
	return append(dst, '}'), err
}

// appendJSON appends a value as JSON. Map keys ascend.
func appendJSON(dst []byte, v Value) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return tagged(dst, "$float", fmt.Sprintf("%016x", math.Float64bits(v)))
		}
		at := len(dst)
		if dst = strconv.AppendFloat(dst, v, 'g', -1, 64); !bytes.ContainsAny(dst[at:], ".e") {
			dst = append(dst, ".0"...)
		}
		return dst, nil
	case string:
		if !utf8.ValidString(v) {
			return dst, fmt.Errorf("a text is not valid UTF-8")
		}
		raw, err := json.Marshal(v)
		return append(dst, raw...), err
	case []byte:
		return tagged(dst, "$bytes", base64.StdEncoding.EncodeToString(v))
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendJSON(dst, item); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case map[string]any:
		dst = append(dst, '{')
		for i, key := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			name := key
			if strings.HasPrefix(name, "$") {
				name = "$" + name
			}
			var err error
			if dst, err = appendJSON(dst, name); err != nil {
				return dst, err
			}
			if dst, err = appendJSON(append(dst, ':'), v[key]); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	case Vector32:
		list := make([]any, len(v))
		for i, f := range v {
			list[i] = float64(f)
		}
		return tagged(dst, "$vector", any(list))
	case Date:
		return tagged(dst, "$date", int64(v))
	case LocalTime:
		return tagged(dst, "$localtime", int64(v))
	case ZonedTime:
		return tagged(dst, "$time", v.Nanos, int64(v.Offset))
	case LocalDateTime:
		return tagged(dst, "$localdatetime", v.Seconds, int64(v.Nanos))
	case ZonedDateTime:
		return tagged(dst, "$datetime", v.Seconds, int64(v.Nanos), int64(v.Offset), v.Zone)
	case Duration:
		return tagged(dst, "$duration", v.Months, v.Days, v.Seconds, int64(v.Nanos))
	case Point:
		return tagged(dst, "$point", int64(v.SRID), v.X, v.Y, v.Z)
	}
	return dst, fmt.Errorf("no property is a %T", v)
}

// parseJSON reads what appendJSON writes.
func parseJSON(raw []byte) (Value, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil || dec.More() {
		return nil, fmt.Errorf("%w: no JSON value", ErrRefused)
	}
	return fromJSON(v)
}

func fromJSON(v any) (Value, error) {
	switch v := v.(type) {
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			n, err := strconv.ParseInt(v.String(), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%w: the integer %s", ErrRefused, v)
			}
			return n, nil
		}
		f, err := strconv.ParseFloat(v.String(), 64)
		if err != nil {
			return nil, fmt.Errorf("%w: the number %s", ErrRefused, v)
		}
		return f, nil
	case []any:
		for i := range v {
			var err error
			if v[i], err = fromJSON(v[i]); err != nil {
				return nil, err
			}
		}
		return v, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			one, err := fromJSON(item)
			if err != nil {
				return nil, err
			}
			if strings.HasPrefix(key, "$") && !strings.HasPrefix(key, "$$") {
				if len(v) != 1 {
					return nil, fmt.Errorf("%w: an object with the name %q beside others", ErrRefused, key)
				}
				return fromTag(key, one)
			}
			out[strings.TrimPrefix(key, "$")] = one
		}
		return out, nil
	}
	return v, nil
}

func fromTag(tag string, v Value) (Value, error) {
	wrong := fmt.Errorf("%w: %s does not hold what it should", ErrRefused, tag)
	switch v := v.(type) {
	case string:
		switch tag {
		case "$float":
			word, err := strconv.ParseUint(v, 16, 64)
			if err != nil {
				return nil, wrong
			}
			return math.Float64frombits(word), nil
		case "$bytes":
			raw, err := base64.StdEncoding.DecodeString(v)
			if err != nil {
				return nil, wrong
			}
			return raw, nil
		}
	case int64:
		switch tag {
		case "$date":
			return Date(v), nil
		case "$localtime":
			return LocalTime(v), nil
		}
	case []any:
		return fromParts(tag, v, wrong)
	}
	return nil, wrong
}

func fromParts(tag string, parts []any, wrong error) (Value, error) {
	ints := make([]int64, len(parts))
	for i, p := range parts {
		ints[i], _ = p.(int64)
	}
	all := func(n, whole int) bool { // n parts, of which the first are integers
		if len(parts) != n {
			return false
		}
		for _, p := range parts[:whole] {
			if _, ok := p.(int64); !ok {
				return false
			}
		}
		return true
	}
	short := func(v int64) bool { return v >= math.MinInt32 && v <= math.MaxInt32 }
	switch {
	case tag == "$vector":
		out := make(Vector32, len(parts))
		for i, p := range parts {
			f, ok := p.(float64)
			if !ok {
				return nil, wrong
			}
			out[i] = float32(f)
		}
		return out, nil
	case tag == "$time" && all(2, 2) && short(ints[1]):
		return ZonedTime{ints[0], int32(ints[1])}, nil
	case tag == "$localdatetime" && all(2, 2) && short(ints[1]):
		return LocalDateTime{ints[0], int32(ints[1])}, nil
	case tag == "$datetime" && all(4, 3) && short(ints[1]) && short(ints[2]):
		zone, ok := parts[3].(string)
		if !ok {
			return nil, wrong
		}
		return ZonedDateTime{ints[0], int32(ints[1]), int32(ints[2]), zone}, nil
	case tag == "$duration" && all(4, 4) && short(ints[3]):
		return Duration{ints[0], ints[1], ints[2], int32(ints[3])}, nil
	case tag == "$point" && all(4, 1) && ints[0] >= 0 && ints[0] <= math.MaxUint32:
		x, ok1 := parts[1].(float64)
		y, ok2 := parts[2].(float64)
		z, ok3 := parts[3].(float64)
		if ok1 && ok2 && ok3 {
			return Point{uint32(ints[0]), x, y, z}, nil
		}
	}
	return nil, wrong
}
