package falkordb

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/memarc/memarc/internal/engine/graph"
)

// The server prints doubles with 15 digits, and 17 are needed. Veltkamp's method
// splits one into the sum of two of at most 27 bits, which 15 digits tell:
//
//	c = x * (2^27 + 1);  high = c - (c - x);  low = x - high
//
// Where c would overflow, x is made smaller by 2^60 before. The expressions have no
// parentheses, and no more brackets than they must: for each level of either, the
// server's parser takes twice the time.
const (
	splitter  = "134217729.0"
	huge      = 1e290
	shrinking = 60
)

// splitDepth is how many lists deep Split looks.
const splitDepth = 3

// Split returns an expression for what an expression's doubles lack, those in
// lists included. Returned beside the value itself, Join puts both together. Its
// text should stay the same from query to query, for the server to parse it once.
func Split(expression string) string {
	levels := make([]string, splitDepth+1)
	for i := range levels {
		levels[i] = halves("["+expression+"]", i)
	}
	return "[" + strings.Join(levels, ",") + "]"
}

// halves is, for a list, that of the halves of its doubles; or the same for each
// list that is so many levels down in it.
func halves(list string, down int) string {
	if down > 0 {
		y := fmt.Sprintf("y%d", down)
		return fmt.Sprintf("[%[1]s IN %[2]s WHERE typeOf(%[1]s)='List' | %[3]s]", y, list, halves(y, down-1))
	}
	return fmt.Sprintf("[s IN [x IN %[1]s WHERE typeOf(x)='Float' | x*CASE WHEN x>%[2]g OR x<-%[2]g THEN %[3]g ELSE 1.0 END] | [s-s*%[4]s+s*%[4]s,s*%[4]s-s-s*%[4]s+s]]",
		list, huge, math.Ldexp(1, -shrinking), splitter)
}

// SplitProperties returns an expression for what the doubles among the properties
// of a node or relationship lack. JoinProperties takes it. The server works it out
// for every row that it sorts: sort and limit in a WITH before.
func SplitProperties(variable string) string {
	return fmt.Sprintf("[k IN keys(%[1]s) WHERE typeOf(%[1]s[k]) IN ['Float','List'] | [k,%[2]s]]", variable, Split(variable+"[k]"))
}

// SplitKeys is SplitProperties for the keys alone that two parameters list: those of
// doubles, and those of lists with doubles in them. It takes a fraction of the time.
func SplitKeys(variable, doubles, lists string) string {
	of := variable + "[k]"
	return fmt.Sprintf("[k IN $%s WHERE typeOf(%s)='Float' | [k,[%s]]]+[k IN $%s WHERE typeOf(%[2]s)='List' | [k,%[5]s]]",
		doubles, of, halves("["+of+"]", 0), lists, Split(of))
}

// Join returns a value with its doubles exact, given what Split's expression
// returned. It returns false if one is not known to be: that of NaN is one of many,
// and doubles in maps, or in more lists than Split looks into, stay as printed.
func Join(value, split graph.Value) (exactValue graph.Value, exact bool, err error) {
	list, exact, err := join([]any{value}, split)
	if err != nil {
		return nil, false, err
	}
	return list[0], exact, nil
}

// JoinProperties makes the doubles among properties exact, given what the
// expression of SplitProperties returned. It returns the keys of those that are
// not known to be exact.
func JoinProperties(properties map[string]any, split graph.Value) (inexact []string, err error) {
	inexact, missing, err := joinProperties(properties, split)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("%w: property %q is not split", errReply, missing[0])
	}
	return inexact, err
}

// joinProperties is JoinProperties, and also returns the keys of those with doubles
// that were not split.
func joinProperties(properties map[string]any, split graph.Value) (inexact, missing []string, err error) {
	list, ok := split.([]any)
	if !ok {
		return nil, nil, errReply
	}
	lacked := make(map[string]any, len(list))
	for _, raw := range list {
		pair, err := tuple(raw, 2)
		if err != nil {
			return nil, nil, err
		}
		key, ok := pair[0].(string)
		if !ok {
			return nil, nil, errReply
		}
		lacked[key] = pair[1]
	}
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		value := properties[key]
		switch value.(type) {
		case float64, []any:
		default:
			continue
		}
		split, ok := lacked[key]
		if !ok { // SplitKeys was not told of the key
			if hasDouble(value) {
				missing = append(missing, key)
			}
			continue
		}
		joined, exact, err := Join(value, split)
		if err != nil {
			return nil, nil, fmt.Errorf("property %q: %w", key, err)
		}
		if properties[key] = joined; !exact {
			inexact = append(inexact, key)
		}
	}
	return inexact, missing, nil
}

// join joins a list with what its levels lack: the first is of its own doubles, the
// others have a part for each list in it.
func join(list []any, split any) (out []any, exact bool, err error) {
	levels, ok := split.([]any)
	if !ok || len(levels) == 0 || len(levels) > splitDepth+1 {
		return nil, false, errReply
	}
	rest := make([][]any, len(levels))
	for i := range levels {
		if rest[i], ok = levels[i].([]any); !ok {
			return nil, false, errReply
		}
	}
	next := func(level int) (any, error) {
		if len(rest[level]) == 0 {
			return nil, errReply
		}
		v := rest[level][0]
		rest[level] = rest[level][1:]
		return v, nil
	}
	out, exact = slices.Clone(list), true
	for i, v := range list {
		same := true
		switch v := v.(type) {
		case float64:
			var pair any
			if pair, err = next(0); err == nil {
				out[i], same, err = joinDouble(v, pair)
			}
		case []any:
			inner := make([]any, len(levels)-1)
			for j := range inner {
				if inner[j], err = next(j + 1); err != nil {
					return nil, false, err
				}
			}
			if len(inner) == 0 {
				same = !hasDouble(v)
			} else {
				out[i], same, err = join(v, inner)
			}
		case map[string]any:
			same = !hasDouble(v)
		}
		if err != nil {
			return nil, false, err
		}
		exact = exact && same
	}
	if slices.ContainsFunc(rest, func(r []any) bool { return len(r) > 0 }) {
		return nil, false, errReply
	}
	return out, exact, nil
}

func hasDouble(v any) bool {
	switch v := v.(type) {
	case float64:
		return true
	case []any:
		return slices.ContainsFunc(v, hasDouble)
	case map[string]any:
		for _, e := range v {
			if hasDouble(e) {
				return true
			}
		}
	}
	return false
}

// joinDouble adds the halves up. If the sum is not what was printed, the server
// does not reckon as it should, and what was printed stays.
func joinDouble(printed float64, halves any) (float64, bool, error) {
	pair, err := tuple(halves, 2)
	if err != nil {
		return 0, false, err
	}
	high, ok1 := pair[0].(float64)
	low, ok2 := pair[1].(float64)
	switch {
	case !ok1 || !ok2:
		return 0, false, errReply
	case math.IsNaN(printed):
		return printed, false, nil
	}
	if printed == 0 && high == 0 && low == 0 {
		return printed, true, nil // its sign, which the halves have lost, is printed
	}
	sum := round27(high) + round27(low)
	if size := math.Abs(printed); size > huge/2 && math.Abs(sum) < size/2 {
		sum = math.Ldexp(sum, shrinking)
	}
	const last = 0x1p-47 // 15 digits are finer
	switch {
	// What is printed of the greatest numbers is more than they are.
	case math.IsInf(printed, 0) && (math.IsNaN(sum) || math.IsInf(sum, 0)):
		return printed, true, nil
	case math.IsInf(printed, 0) && math.Abs(sum) > math.MaxFloat64*(1-last) && math.Signbit(sum) == math.Signbit(printed):
		return sum, true, nil
	case math.Signbit(sum) == math.Signbit(printed) && math.Abs(sum-printed) <= math.Abs(printed)*last+5e-324:
		return sum, true, nil
	}
	return printed, false, nil
}

// round27 rounds to 27 bits.
func round27(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	fraction, exponent := math.Frexp(v)
	return math.Ldexp(math.RoundToEven(math.Ldexp(fraction, 27)), exponent-27)
}
