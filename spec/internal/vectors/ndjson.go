package vectors

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// lines writes rows as FORMAT.md section 6.2 says.
func lines(s *section, rows []row) []byte {
	var out strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&out, `{"$section":%s`, quoted(s.name))
		for i, v := range r {
			if v != nil {
				fmt.Fprintf(&out, ",%s:%s", quoted(s.fields[i].name), member(s.fields[i].kind, v))
			}
		}
		out.WriteString("}\n")
	}
	return []byte(out.String())
}

func quoted(v string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range v {
		switch {
		case r == '"' || r == '\\':
			out.WriteString(`\` + string(r))
		case r < ' ':
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String() + `"`
}

func base64Text(v []byte) string { return `"` + base64.StdEncoding.EncodeToString(v) + `"` }

// member writes a value in the form of its field's type.
func member(kind string, v value) string {
	tag, rest := v[0], v[1:]
	tagged := kind == "any"
	form := func(letter, plain string) string {
		if tagged {
			return `{"` + letter + `":` + plain + `}`
		}
		return plain
	}
	switch tag {
	case 0:
		return "null"
	case 1:
		return strconv.FormatBool(rest[0] == 1)
	case 2:
		return strconv.FormatInt(int64(le.Uint64(rest)), 10)
	case 3:
		f := math.Float64frombits(le.Uint64(rest))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Sprintf(`{"f":"%016x"}`, le.Uint64(rest))
		}
		return form("f", strconv.FormatFloat(f, 'g', -1, 64))
	case 4:
		if !utf8.Valid(rest[4:]) {
			return `{"t":` + base64Text(rest[4:]) + `}`
		}
		return quoted(string(rest[4:]))
	case 5:
		return form("j", quoted(string(rest[4:])))
	case 6:
		return `{"b":` + base64Text(rest[4:]) + `}`
	case 7:
		return form("d", `"`+time.Unix(0, int64(le.Uint64(rest))).UTC().Format(time.RFC3339Nano)+`"`)
	case 8:
		var items []string
		for _, item := range listItems(v) {
			items = append(items, quoted(item))
		}
		return form("l", "["+strings.Join(items, ",")+"]")
	case 9:
		return form("v", base64Text(rest[4:]))
	}
	var members []string
	for rest := rest[4:]; len(rest) > 0; {
		n := int(le.Uint16(rest))
		size := valueSize(rest[2+n:])
		members = append(members, quoted(string(rest[2:2+n]))+":"+member("any", value(rest[2+n:2+n+size])))
		rest = rest[2+n+size:]
	}
	return "{" + strings.Join(members, ",") + "}"
}

func listItems(v value) (items []string) {
	for rest := v[5:]; len(items) < int(le.Uint32(v[1:])); {
		n := int(le.Uint32(rest))
		items = append(items, string(rest[4:4+n]))
		rest = rest[4+n:]
	}
	return items
}

// valueSize is the length of the value that data starts with.
func valueSize(data []byte) int {
	switch data[0] {
	case 0:
		return 1
	case 1:
		return 2
	case 2, 3, 7:
		return 9
	case 8:
		n := 5
		for _, item := range listItems(value(data)) {
			n += 4 + len(item)
		}
		return n
	case 9:
		return 5 + 4*int(le.Uint32(data[1:]))
	}
	return 5 + int(le.Uint32(data[1:]))
}
