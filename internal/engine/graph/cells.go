package graph

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// ErrRefused means that a server cannot hold a value or a name.
var ErrRefused = errors.New("the server does not hold it")

// Cells of tables of nodes and relationships are integers, floats and texts as
// themselves. A value of another type is a BLOB that holds it in canonical encoding
// (FORMAT.md section 5.1), just as the lens "value" has it: booleans, lists of texts,
// bytes, vectors, moments that are told in UTC, and as JSON (json.go) all the others.

// appendCell appends a value as a cell.
func appendCell(cells *store.Cells, v Value) error {
	switch v := v.(type) {
	case nil:
		cells.AppendNull()
	case int64:
		cells.AppendInt(v)
	case float64:
		if plainFloat(v) {
			cells.AppendFloat(v)
		} else {
			cells.AppendBlob(format.FloatValue(v).Append(nil))
		}
	case string:
		if !utf8.ValidString(v) {
			return fmt.Errorf("a text is not valid UTF-8")
		}
		cells.AppendString(v)
	default:
		typed, err := typedValue(v)
		if err != nil {
			return err
		}
		cells.AppendBlob(typed.Append(nil))
	}
	return nil
}

// plainFloat tells whether the lens "value" writes a float as itself.
func plainFloat(v float64) bool { return !math.IsNaN(v) && math.Float64bits(v) != 1<<63 }

func typedValue(v Value) (format.Value, error) {
	switch v := v.(type) {
	case bool:
		if v {
			return format.Value{Type: format.Bool, Cell: 1}, nil
		}
		return format.Value{Type: format.Bool}, nil
	case []byte:
		return format.BytesValue(v), nil
	case []any:
		list := make([][]byte, 0, len(v))
		for _, item := range v {
			text, ok := item.(string)
			if !ok || !utf8.ValidString(text) {
				break
			}
			list = append(list, []byte(text))
		}
		if len(list) == len(v) {
			return format.Value{Type: format.List, List: list}, nil
		}
	case ZonedDateTime:
		if ns, ok := v.inUTC(); ok {
			return format.Value{Type: format.Time, Cell: uint64(ns)}, nil
		}
	case Vector32:
		raw := make([]byte, 0, 4*len(v))
		for _, f := range v {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
		}
		return format.Value{Type: format.Vector, Bytes: raw}, nil
	}
	raw, err := appendJSON(nil, v)
	return format.Value{Type: format.JSON, Bytes: raw}, err
}

// valueOf reads a cell.
func valueOf(cells *store.Cells, row int) (Value, error) {
	switch cells.Kinds[row] {
	case store.Integer:
		return cells.Int(row), nil
	case store.Real:
		return cells.Float(row), nil
	case store.Text:
		if !utf8.Valid(cells.Bytes(row)) {
			return nil, fmt.Errorf("%w: a text is not valid UTF-8", ErrRefused)
		}
		return string(cells.Bytes(row)), nil
	case store.Blob:
		return decodeBlob(cells.Bytes(row))
	}
	return nil, nil
}

// inUTC returns nanoseconds since 1970 of a moment without an offset or a zone's name.
func (v ZonedDateTime) inUTC() (int64, bool) {
	const most = math.MaxInt64/1_000_000_000 - 1
	if v.Offset != 0 || v.Zone != "" || v.Seconds < -most || v.Seconds > most || v.Nanos < 0 || v.Nanos >= 1e9 {
		return 0, false
	}
	return v.Seconds*1e9 + int64(v.Nanos), true
}

func decodeBlob(raw []byte) (Value, error) {
	v, rest, err := format.ParseValue(raw)
	if err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("%w: bytes that are no value in canonical encoding", ErrRefused)
	}
	switch v.Type {
	case format.Bool:
		return v.Cell == 1, nil
	case format.Int:
		return int64(v.Cell), nil
	case format.Float:
		return math.Float64frombits(v.Cell), nil
	case format.Text:
		if !utf8.Valid(v.Bytes) {
			return nil, fmt.Errorf("%w: a text is not valid UTF-8", ErrRefused)
		}
		return string(v.Bytes), nil
	case format.Bytes:
		return append([]byte{}, v.Bytes...), nil
	case format.List:
		list := make([]any, len(v.List))
		for i, item := range v.List {
			list[i] = string(item)
		}
		return list, nil
	case format.Vector:
		out := make(Vector32, len(v.Bytes)/4)
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(v.Bytes[4*i:]))
		}
		return out, nil
	case format.Time:
		ns := int64(v.Cell)
		seconds, nanos := ns/1e9, ns%1e9
		if nanos < 0 {
			seconds, nanos = seconds-1, nanos+1e9
		}
		return ZonedDateTime{Seconds: seconds, Nanos: int32(nanos)}, nil
	case format.JSON:
		return parseJSON(v.Bytes)
	}
	return nil, fmt.Errorf("%w: no property is a %s", ErrRefused, v.Type)
}

// Cells of memarc's own tables may be anything, on every server. Those that a server
// might not hold, or give back as another class, are texts with a mark.
const mark = "memarc:"

func packCell(cells *store.Cells, row int) Value {
	switch cells.Kinds[row] {
	case store.Integer:
		return cells.Int(row)
	case store.Real:
		if v := cells.Float(row); !math.IsInf(v, 0) && plainFloat(v) {
			return v
		}
		return fmt.Sprintf("%sf%016x", mark, cells.Words[row])
	case store.Text:
		text := string(cells.Bytes(row))
		if utf8.ValidString(text) && !strings.HasPrefix(text, mark) && !strings.ContainsAny(text, "\x00\x01") {
			return text
		}
		return mark + "t" + base64.StdEncoding.EncodeToString(cells.Bytes(row))
	case store.Blob:
		return mark + "b" + base64.StdEncoding.EncodeToString(cells.Bytes(row))
	}
	return nil
}

func unpackCell(cells *store.Cells, v Value) error {
	text, ok := v.(string)
	if ok && len(text) > len(mark) && strings.HasPrefix(text, mark) {
		return unpackText(cells, text[len(mark)], text[len(mark)+1:])
	}
	return appendCell(cells, v)
}

func unpackText(cells *store.Cells, class byte, text string) error {
	if class == 'f' {
		var word uint64
		if n, err := fmt.Sscanf(text, "%016x", &word); n != 1 || err != nil {
			return fmt.Errorf("a number of memarc's own is malformed")
		}
		cells.AppendFloat(math.Float64frombits(word))
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err == nil && class == 't':
		cells.AppendText(raw)
	case err == nil && class == 'b':
		cells.AppendBlob(raw)
	default:
		return fmt.Errorf("a value of memarc's own is malformed")
	}
	return nil
}
