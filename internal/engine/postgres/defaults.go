package postgres

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// defaultKeywords are the defaults that are words: what stands in a shape, by how
// pg_get_expr writes it.
var defaultKeywords = map[string]string{
	"true": "TRUE", "false": "FALSE",
	"CURRENT_TIMESTAMP": "CURRENT_TIMESTAMP", "now()": "CURRENT_TIMESTAMP", "transaction_timestamp()": "CURRENT_TIMESTAMP",
	"CURRENT_DATE": "CURRENT_DATE", "CURRENT_TIME": "CURRENT_TIME", "LOCALTIMESTAMP": "LOCALTIMESTAMP", "LOCALTIME": "LOCALTIME",
	"clock_timestamp()": "clock_timestamp()", "gen_random_uuid()": "gen_random_uuid()", "uuid_generate_v4()": "gen_random_uuid()",
}

// constant is a quoted or bare constant, with a cast or none.
var constant = regexp.MustCompile(`^(?:(E?'(?:[^']|'')*')|(\(?-?[0-9][0-9.]*(?:e[-+]?[0-9]+)?\)?)|(NULL)|ARRAY\[\])(?:::[a-zA-Z_"][a-zA-Z0-9_ ".,()\[\]]*)?$`)

// defaults fills in the defaults of a table's columns.
func (d *DB) defaults(t *store.CatalogTable) {
	if t.Kind != store.Ordinary {
		return
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		col := d.tables[t.Name].column(c.Name)
		own := t.Autoincrement && len(t.Primary) == 1 && t.Primary[0] == c.Name
		switch {
		case own:
		case col.identity:
			lose(t, "schema-identity", t.Name+"."+c.Name, "the column counts by itself, and is not the key", "")
		case col.def != "":
			var ok bool
			if c.Default, c.Keyword, ok = parseDefault(col.def); !ok {
				lose(t, "schema-default", t.Name+"."+c.Name, "the default is an expression, which is code", "")
			}
		}
	}
}

// counts tells whether the column takes its values from a sequence.
func (c *column) counts() bool {
	return c != nil && (c.identity || strings.HasPrefix(c.def, "nextval("))
}

// parseDefault reads a column's default as data: a constant or a keyword.
func parseDefault(sql string) (value json.RawMessage, keyword string, ok bool) {
	if keyword = defaultKeywords[sql]; keyword != "" {
		return nil, keyword, true
	}
	m := constant.FindStringSubmatch(sql)
	if m == nil {
		return nil, "", false
	}
	var v format.Value
	switch quoted, number := m[1], m[2]; {
	case m[3] != "":
		return nil, "", true
	case quoted != "":
		text, escaped := strings.CutPrefix(quoted, "E")
		text = strings.ReplaceAll(text[1:len(text)-1], "''", "'")
		if escaped { // pg_get_expr writes no escape but the backslash's own
			text = strings.ReplaceAll(text, `\\`, `\`)
		}
		v = format.TextValue(text)
		if _, numeric := numericCasts[sql[len(quoted):]]; numeric {
			v = parseNumber(text)
		}
	case number != "":
		v = parseNumber(strings.Trim(number, "()"))
	default: // ARRAY[]
		v = format.TextValue("{}")
	}
	raw, err := v.AppendJSON(nil)
	return raw, "", err == nil
}

// numericCasts are the casts with which pg_get_expr writes negative numbers, and
// those that the column's type asks for.
var numericCasts = map[string]struct{}{
	"::integer": {}, "::bigint": {}, "::smallint": {}, "::numeric": {}, "::double precision": {}, "::real": {},
}

// parseNumber reads a number; one that has more digits than a float stays text.
func parseNumber(text string) format.Value {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return format.IntValue(i)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || decimal(text) != decimal(string(appendNumber(nil, f, false))) {
		return format.TextValue(text)
	}
	return format.FloatValue(f)
}
