package pam

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/memarc/memarc/internal/store"
)

const hashPrefix = "sha256:"

// blank tells what Python's str.strip and \s take for white space.
func blank(r rune) bool { return unicode.IsSpace(r) || r >= 0x1C && r <= 0x1F }

// contentHash is the hash of a content that is trimmed, in lower case, in form NFC, and has
// one blank for several.
func contentHash(content []byte) string {
	text := strings.TrimFunc(string(content), blank)
	text = norm.NFC.String(cases.Lower(language.Und).String(text))
	var b strings.Builder
	between := false
	for _, r := range text {
		if blank(r) {
			between = true
			continue
		}
		if between {
			b.WriteByte(' ')
			between = false
		}
		b.WriteRune(r)
	}
	if between {
		b.WriteByte(' ')
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hashPrefix + hex.EncodeToString(sum[:])
}

// Checksums of all memories, in the order of their identifiers, in the canonical form of
// RFC 8785: of the records as they stand, and of what the format's library makes of them,
// which checks only that.
type checksums struct{ standing, dumped string }

// checksumsOf computes them. It keeps the identifiers of all memories.
func checksumsOf(ctx context.Context, db store.Tables) (*checksums, error) {
	ids, err := sortedIDs(ctx, db)
	if err != nil {
		return nil, err
	}
	t := tables[memories]
	sums := [2]hash.Hash{sha256.New(), sha256.New()}
	write := func(text []byte) {
		for _, sum := range sums {
			sum.Write(text)
		}
	}
	write([]byte("["))
	const run = 256
	for start := 0; start < len(ids); start += run {
		keys := store.NewRows(1)
		for _, id := range ids[start:min(start+run, len(ids))] {
			keys.Columns[0].AppendString(id)
			keys.N++
		}
		rows, found, err := db.Lookup(ctx, memories, []string{"id"}, t.columns, keys)
		if err != nil {
			return nil, err
		}
		unfolded := t.unfolded(rows)
		for i, row := range found {
			if start+i > 0 {
				write([]byte(","))
			}
			record, err := t.record(rows, unfolded, row)
			if err != nil {
				return nil, err
			}
			sums[1].Write(dump(record))
			v := jsontext.Value(record)
			if err := v.Canonicalize(); err != nil {
				return nil, err
			}
			sums[0].Write(v)
		}
	}
	write([]byte("]"))
	return &checksums{hashPrefix + hex.EncodeToString(sums[0].Sum(nil)), hashPrefix + hex.EncodeToString(sums[1].Sum(nil))}, nil
}

func sortedIDs(ctx context.Context, db store.Tables) (ids []string, err error) {
	for rows, err := range db.Scan(ctx, store.Query{Table: memories, Columns: []string{"id"}}) {
		if err != nil {
			return nil, err
		}
		for row := range rows.N {
			ids = append(ids, string(rows.Columns[0].Bytes(row)))
		}
	}
	slices.Sort(ids) // by code points, as Python does
	return ids, nil
}

// record is the JSON text of a row.
func (t *table) record(rows, unfolded *store.Rows, row int) ([]byte, error) {
	if c := &rows.Columns[len(t.columns)-1]; c.Kinds[row] == store.Text {
		return cutComma(c.Bytes(row)), nil
	}
	return t.piece(unfolded, row)
}

// moments are the members that are times, of the objects of a memory.
var moments = map[string][]string{
	"confidence": {"last_reinforced"},
	"temporal":   {"created_at", "updated_at", "valid_from", "valid_until"},
	"provenance": {"extracted_at"},
}

// defaults are what the library adds to a memory, and to the objects of it that are there.
var defaults = map[string]map[string]any{
	"":       {"status": "active", "tags": []any{}},
	"access": {"visibility": "private", "exportable": true, "shared_with": []any{}},
}

// dump is what the library makes of a memory, in canonical form: without members that are
// null, with what is there by default, and with times of one form.
func dump(record []byte) []byte {
	var m map[string]any
	if json.Unmarshal(record, &m) != nil {
		return nil
	}
	tidy(m, defaults[""])
	for _, name := range []string{"confidence", "temporal", "provenance", "access", "metadata"} {
		inner, ok := m[name].(map[string]any)
		if !ok {
			continue
		}
		tidy(inner, defaults[name])
		for _, moment := range moments[name] {
			if s, ok := inner[moment].(string); ok {
				inner[moment] = dumpTime(s)
			}
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(m) != nil {
		return nil
	}
	v := jsontext.Value(b.Bytes())
	if v.Canonicalize() != nil {
		return nil
	}
	return v
}

func tidy(m, defaults map[string]any) {
	for name, v := range m {
		if v == nil {
			delete(m, name)
		}
	}
	for name, v := range defaults {
		if _, ok := m[name]; !ok {
			m[name] = v
		}
	}
}

var timeForm = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)?$`)

// dumpTime is how the library writes a time of the usual forms.
func dumpTime(s string) string {
	m := timeForm.FindStringSubmatch(s)
	if m == nil {
		return s
	}
	fraction := (m[3] + "000000")[:6]
	if fraction == "000000" {
		fraction = ""
	} else {
		fraction = "." + fraction
	}
	zone := m[4]
	if zone == "z" || zone == "+00:00" || zone == "-00:00" {
		zone = "Z"
	}
	return m[1] + "T" + m[2] + fraction + zone
}
