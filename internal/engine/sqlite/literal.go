package sqlite

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"github.com/memarc/memarc/format"
)

// parseNumber reads a numeric or blob literal.
func parseNumber(s string) (format.Value, bool) {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return format.IntValue(i), true
	}
	if strings.Trim(s, "+-0123456789.eE") == "" {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return format.FloatValue(f), true
		}
	}
	if len(s) >= 3 && (s[0] == 'x' || s[0] == 'X') && s[1] == '\'' && s[len(s)-1] == '\'' {
		if raw, err := hex.DecodeString(s[2 : len(s)-1]); err == nil {
			return format.BytesValue(raw), true
		}
	}
	return format.Value{}, false
}

// valueLiteral writes a value as a literal.
func valueLiteral(v format.Value) string {
	switch v.Type {
	case format.Int, format.Bool, format.Time:
		return "(" + strconv.FormatInt(int64(v.Cell), 10) + ")"
	case format.Float:
		f := math.Float64frombits(v.Cell)
		if math.IsInf(f, 1) {
			return "9e999"
		}
		if math.IsInf(f, -1) {
			return "-9e999"
		}
		if math.IsNaN(f) {
			return "NULL"
		}
		s := strconv.FormatFloat(f, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return s
	case format.Text, format.JSON:
		if strings.IndexByte(string(v.Bytes), 0) >= 0 {
			return "(CAST(x'" + hex.EncodeToString(v.Bytes) + "' AS TEXT))"
		}
		return literal(string(v.Bytes))
	case format.Bytes, format.Vector:
		return "x'" + hex.EncodeToString(v.Bytes) + "'"
	}
	return "NULL"
}
