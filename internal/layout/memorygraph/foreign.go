package memorygraph

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/headline"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// What the product's own model takes. A node that breaks a rule is there, and the product
// does not see it.
const (
	maxTitle   = 200 // characters
	maxSummary = 500
	maxLine    = 80 // characters of a line that becomes a title
)

var kinds = []string{"general", "task", "code_pattern", "problem", "solution", "project", "technology", "error", "fix", "command",
	"file_context", "workflow", "conversation"}

var relations = []string{"RELATED_TO",
	"CAUSES", "TRIGGERS", "LEADS_TO", "PREVENTS", "BREAKS",
	"SOLVES", "ADDRESSES", "ALTERNATIVE_TO", "IMPROVES", "REPLACES",
	"OCCURS_IN", "APPLIES_TO", "WORKS_WITH", "REQUIRES", "USED_IN",
	"BUILDS_ON", "CONTRADICTS", "CONFIRMS", "GENERALIZES", "SPECIALIZES",
	"SIMILAR_TO", "VARIANT_OF", "ANALOGY_TO", "OPPOSITE_OF",
	"FOLLOWS", "DEPENDS_ON", "ENABLES", "BLOCKS", "PARALLEL_TO",
	"EFFECTIVE_FOR", "INEFFECTIVE_FOR", "PREFERRED_OVER", "DEPRECATED_BY", "VALIDATED_BY"}

var visibilities = []string{"project", "private", "team", "public"}

// fields gives the fields of a record of another product by name.
type fields = func(name string) format.Value

type maker = func(fields) format.Value

// text is a field as a string, "" if it is null.
func text(v format.Value) string {
	if v.Type != format.Text {
		return ""
	}
	return string(v.Bytes)
}

// makeTitle makes a title that is never empty: the record's own, else a line of it, else
// its identifier.
func makeTitle(field fields) format.Value {
	for _, name := range []string{"title", "content", "summary", "id"} {
		if line := headline.First(text(field(name))); line != "" {
			if name != "title" {
				return format.TextValue(headline.Shorten(line, maxLine))
			}
			// The whole title, if the product takes it as it is.
			if title := text(field(name)); len([]rune(title)) <= maxTitle {
				return format.TextValue(title)
			}
			return format.TextValue(headline.Shorten(strings.TrimSpace(text(field(name))), maxTitle))
		}
	}
	return format.TextValue(Name)
}

// makeContent makes a text that is never empty.
func makeContent(field fields) format.Value {
	for _, name := range []string{"content", "summary", "title", "id"} {
		if s := text(field(name)); strings.TrimFunc(s, headline.Blank) != "" {
			return format.TextValue(s)
		}
	}
	return format.TextValue(Name)
}

func makeSummary(field fields) format.Value {
	if s := text(field("summary")); s != "" {
		return format.TextValue(headline.Shorten(s, maxSummary))
	}
	return format.Value{}
}

func makeKind(field fields) format.Value {
	return oneOf(kinds, strings.ToLower(text(field("kind"))))
}

// makeRelation keeps to the product's names, which are in capitals.
func makeRelation(field fields) format.Value {
	name := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToUpper(text(field("type"))))
	return oneOf(relations, name)
}

// oneOf is the name if it is one of them, else the first.
func oneOf(names []string, name string) format.Value {
	if slices.Contains(names, name) {
		return format.TextValue(name)
	}
	return format.TextValue(names[0])
}

// native is the native value that a lens makes of a field's value.
func native(name string, fill func(*format.Column)) format.Value {
	l, err := lens.ByName(name)
	if err != nil { // the map that names it is refused before a record comes
		return format.Value{}
	}
	var column format.Column
	column.Reset(l.Type)
	fill(&column)
	cells := store.NewRows(1).Columns
	l.Put(&column, 0, &cells[0])
	return cells[0].Value(0)
}

// makeTags makes tags as the product keeps them: in lower case, none of them blank.
func makeTags(lens string) maker {
	return func(field fields) format.Value {
		return native(lens, func(c *format.Column) {
			for _, item := range field("tags").List {
				if tag := strings.TrimFunc(strings.ToLower(string(item)), unicode.IsSpace); tag != "" {
					c.AppendItem([]byte(tag))
				}
			}
			c.EndList()
		})
	}
}

func empty(fields) format.Value { return format.TextValue("[]") }

// share makes a number from 0 to 1.
func share(name string, otherwise float64) maker {
	return func(field fields) format.Value {
		v := field(name)
		f := math.Float64frombits(v.Cell)
		if v.Type != format.Float || math.IsNaN(f) {
			return format.FloatValue(otherwise)
		}
		return format.FloatValue(min(max(f, 0), 1))
	}
}

func makeCount(field fields) format.Value {
	if v := field("access_count"); v.Type == format.Int && int64(v.Cell) > 0 {
		return v
	}
	return format.IntValue(0)
}

// epoch stands in a list of fields for the time of a record that has none.
const epoch = ""

// when is the first of the fields that has a time, in nanoseconds.
func when(field fields, names []string) (int64, bool) {
	for _, name := range names {
		if name == epoch {
			return 0, true
		}
		if v := field(name); v.Type == format.Time {
			return int64(v.Cell), true
		}
	}
	return 0, false
}

// moment makes a time with six digits of a second or none: Python before 3.11 reads no
// other, and the product does not see what it cannot read.
func moment(names ...string) maker { return timeIn(isoformat, microsecond, names...) }

// second makes a time as CURRENT_TIMESTAMP gives it.
func second(names ...string) maker { return timeIn(rowTime, 1_000_000*microsecond, names...) }

const microsecond = 1_000 // nanoseconds

func timeIn(form string, unit int64, names ...string) maker {
	return func(field fields) format.Value {
		ns, ok := when(field, names)
		if !ok {
			return format.Value{}
		}
		if over := ns % unit; over < 0 {
			if ns -= over; ns >= math.MinInt64+unit {
				ns -= unit
			}
		} else {
			ns -= over
		}
		return native(form, func(c *format.Column) { c.AppendInt(ns) })
	}
}

// contextual are the fields for which the product has a context.
var contextual = []string{"project", "session", "owner", "agent", "namespace", "visibility", "metadata"}

// inContext makes a value for a record that has a context.
func inContext(make maker) maker {
	return func(field fields) format.Value {
		for _, name := range contextual {
			if field(name).Type != format.Null {
				return make(field)
			}
		}
		return format.Value{}
	}
}

// plain makes a text of a context. The product takes for JSON what begins like it.
func plain(name string) maker {
	return func(field fields) format.Value {
		s := text(field(name))
		if s == "" || (s[0] == '[' || s[0] == '{') && json.Valid([]byte(s)) {
			return format.Value{}
		}
		return format.TextValue(s)
	}
}

func makeVisibility(field fields) format.Value {
	return inContext(func(field fields) format.Value {
		switch v := strings.ToLower(text(field("visibility"))); v {
		case "group", "groups", "shared":
			return format.TextValue("team")
		case "world", "global", "collective":
			return format.TextValue("public")
		default:
			return oneOf(visibilities, v)
		}
	})(field)
}

func makeMetadata(field fields) format.Value {
	return inContext(func(field fields) format.Value {
		var object map[string]json.RawMessage
		if v := field("metadata"); v.Type == format.JSON && json.Unmarshal(v.Bytes, &object) == nil && object != nil {
			return format.TextValue(string(v.Bytes))
		}
		return format.TextValue("{}")
	})(field)
}

// makeEdgeID keeps the identifier of an edge, or makes one of its ends and its type, as
// UUID version 5.
func makeEdgeID(field fields) format.Value {
	if v := field("id"); v.Type == format.Text && len(v.Bytes) > 0 {
		return v
	}
	var ends []byte
	for _, name := range []string{"source_id", "type", "target_id"} {
		ends = field(name).Append(ends)
	}
	return format.TextValue(lens.UUIDOf(ends))
}
