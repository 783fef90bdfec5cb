package falkordb

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/memarc/memarc/internal/engine/graph"
)

// Types of values in compact replies. Source:
// src/resultset/formatters/resultset_formatter.h.
const (
	codeNull      = 1
	codeString    = 2
	codeInteger   = 3
	codeBoolean   = 4
	codeDouble    = 5
	codeArray     = 6
	codeEdge      = 7
	codeNode      = 8
	codePath      = 9
	codeMap       = 10
	codePoint     = 11
	codeVector32  = 12
	codeDateTime  = 13
	codeDate      = 14
	codeLocalTime = 15
	codeDuration  = 16
)

// errReply means a reply that is not of the form it should have.
var errReply = errors.New("the server's reply is malformed")

// errUnnamed means that a reply has an id whose name is not known yet.
var errUnnamed = errors.New("the reply has the number of an unknown name")

// names are what the ids in replies stand for.
type names struct {
	labels, keys, types []string
	version             int64 // of the graph's names; unversioned if the server does not tell
}

const unversioned = -1

func named(list []string, raw any) (string, error) {
	id, ok := raw.(int64)
	if !ok || id < 0 {
		return "", errReply
	}
	if id >= int64(len(list)) {
		return "", errUnnamed
	}
	return list[id], nil
}

// cell decodes a pair of a code and a value.
func (n *names) cell(raw any) (graph.Value, error) {
	pair, err := tuple(raw, 2)
	if err != nil {
		return nil, err
	}
	return n.value(pair[0], pair[1])
}

func (n *names) value(code, raw any) (graph.Value, error) {
	c, _ := code.(int64)
	switch c {
	case codeNull:
		if raw != nil {
			return nil, errReply
		}
		return nil, nil
	case codeString:
		if s, ok := raw.(string); ok {
			return s, nil
		}
		return nil, errReply
	case codeInteger:
		return integer(raw)
	case codeBoolean:
		switch raw {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, errReply
	case codeDouble:
		return double(raw)
	case codeArray:
		return n.array(raw)
	case codeEdge:
		return n.edge(raw)
	case codeNode:
		return n.node(raw)
	case codePath:
		return n.path(raw)
	case codeMap:
		return n.mapping(raw)
	case codePoint:
		return point(raw)
	case codeVector32:
		return vector(raw)
	case codeDateTime, codeDate, codeLocalTime, codeDuration:
		return temporal(c, raw)
	}
	return nil, fmt.Errorf("%w: %v is no type of values that is known", errReply, code)
}

func integer(raw any) (int64, error) {
	if v, ok := raw.(int64); ok {
		return v, nil
	}
	return 0, errReply
}

// double reads a number, as text in the second version of the protocol.
func double(raw any) (float64, error) {
	switch v := raw.(type) {
	case float64:
		return v, nil
	case string:
		// What the C library prints of NaN may have a sign.
		if v == "-nan" {
			v = "nan"
		}
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			// 15 digits may round the greatest numbers up to what is none any more.
			if f != 0 && errors.Is(err, strconv.ErrRange) {
				return f, nil
			}
			return 0, errReply
		}
		return f, nil
	}
	return 0, errReply
}

func tuple(raw any, n int) ([]any, error) {
	list, ok := raw.([]any)
	if !ok || len(list) != n {
		return nil, errReply
	}
	return list, nil
}

func (n *names) array(raw any) ([]any, error) {
	list, ok := raw.([]any)
	if !ok {
		return nil, errReply
	}
	out := make([]any, len(list))
	for i, r := range list {
		var err error
		if out[i], err = n.cell(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (n *names) mapping(raw any) (map[string]any, error) {
	list, ok := raw.([]any)
	if !ok || len(list)%2 != 0 {
		return nil, errReply
	}
	out := make(map[string]any, len(list)/2)
	for i := 0; i < len(list); i += 2 {
		key, ok := list[i].(string)
		if !ok {
			return nil, errReply
		}
		v, err := n.cell(list[i+1])
		if err != nil {
			return nil, err
		}
		out[key] = v
	}
	return out, nil
}

func (n *names) properties(raw any) (map[string]any, error) {
	list, ok := raw.([]any)
	if !ok {
		return nil, errReply
	}
	out := make(map[string]any, len(list))
	for _, r := range list {
		property, err := tuple(r, 3)
		if err != nil {
			return nil, err
		}
		key, err := named(n.keys, property[0])
		if err != nil {
			return nil, err
		}
		if out[key], err = n.value(property[1], property[2]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (n *names) node(raw any) (out graph.Node, err error) {
	parts, err := tuple(raw, 3)
	if err != nil {
		return out, err
	}
	if out.ID.Int, err = integer(parts[0]); err != nil {
		return out, err
	}
	labels, ok := parts[1].([]any)
	if !ok {
		return out, errReply
	}
	out.Labels = make([]string, len(labels))
	for i, r := range labels {
		if out.Labels[i], err = named(n.labels, r); err != nil {
			return out, err
		}
	}
	out.Properties, err = n.properties(parts[2])
	return out, err
}

func (n *names) edge(raw any) (out graph.Relationship, err error) {
	parts, err := tuple(raw, 5)
	if err != nil {
		return out, err
	}
	var errs [3]error
	out.ID.Int, errs[0] = integer(parts[0])
	out.Start.Int, errs[1] = integer(parts[2])
	out.End.Int, errs[2] = integer(parts[3])
	if err := errors.Join(errs[:]...); err != nil {
		return out, err
	}
	if out.Type, err = named(n.types, parts[1]); err != nil {
		return out, err
	}
	out.Properties, err = n.properties(parts[4])
	return out, err
}

func (n *names) path(raw any) (out graph.Path, err error) {
	parts, err := tuple(raw, 2)
	if err != nil {
		return out, err
	}
	for i, part := range parts {
		v, err := n.cell(part)
		if err != nil {
			return out, err
		}
		list, ok := v.([]any)
		if !ok {
			return out, errReply
		}
		for _, e := range list {
			switch e := e.(type) {
			case graph.Node:
				out.Nodes = append(out.Nodes, e)
				ok = i == 0
			case graph.Relationship:
				out.Relationships = append(out.Relationships, e)
				ok = i == 1
			default:
				ok = false
			}
			if !ok {
				return out, errReply
			}
		}
	}
	return out, nil
}

// point reads latitude and longitude. They are numbers of single precision, for
// which 15 digits are more than enough.
func point(raw any) (graph.Value, error) {
	parts, err := tuple(raw, 2)
	if err != nil {
		return nil, err
	}
	latitude, err := double(parts[0])
	if err != nil {
		return nil, err
	}
	longitude, err := double(parts[1])
	return graph.Point{SRID: graph.WGS84, X: float64(float32(longitude)), Y: float64(float32(latitude))}, err
}

func vector(raw any) (graph.Value, error) {
	list, ok := raw.([]any)
	if !ok {
		return nil, errReply
	}
	out := make(graph.Vector32, len(list))
	for i, r := range list {
		v, err := double(r)
		if err != nil {
			return nil, err
		}
		out[i] = float32(v)
	}
	return out, nil
}

// temporal reads a count of seconds, which is all that the server keeps.
func temporal(code int64, raw any) (graph.Value, error) {
	seconds, err := integer(raw)
	if err != nil {
		return nil, err
	}
	switch code {
	case codeDate:
		if seconds%secondsADay != 0 {
			return nil, fmt.Errorf("%w: a date has a time of day", errReply)
		}
		return graph.Date(seconds / secondsADay), nil
	case codeLocalTime:
		const most = 1 << 33 // in nanoseconds it still fits
		if seconds -= localTimeZero; seconds < -most || seconds > most {
			return nil, fmt.Errorf("%w: a time of day is no such", errReply)
		}
		return graph.LocalTime(seconds * 1e9), nil
	case codeDuration:
		return graph.Duration{Seconds: seconds}, nil
	}
	return graph.LocalDateTime{Seconds: seconds}, nil
}
