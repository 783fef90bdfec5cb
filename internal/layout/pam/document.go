package pam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/memarc/memarc/internal/store"
)

// What stands around the records of a file is kept as its parts: a JSON array of texts and,
// between each two of them, the name of what stands there. A file whose parts are those of
// a new one has no row in the table documents.
//
//	["{\n  \"schema\": \"portable-ai-memory\", … \"memories\": [", "memories", "\n  ]\n}\n"]
type parts []string

// What may stand between two texts, beside the records of tables.
const (
	dumpedSum   = "checksum of the library"
	standingSum = "checksum"
	total       = "total"
)

// maxParts is how many bytes what stands around records may have.
const maxParts = 16 << 20

var errParts = errors.New("it does not say what stands around the records of a file")

// text adds a text to the last one.
func (p *parts) text(s string) {
	if len(*p) == 0 {
		*p = append(*p, "")
	}
	(*p)[len(*p)-1] += s
}

func (p *parts) slot(name string) { *p = append(*p, name, "") }

// has tells whether a table's records have a place.
func (p parts) has(name string) bool {
	for i := 1; i < len(p); i += 2 {
		if p[i] == name {
			return true
		}
	}
	return false
}

// parseParts reads the parts of the file of that name, and refuses what no file has.
func parseParts(name string, raw []byte) (p parts, err error) {
	if len(raw) > 2*maxParts || json.Unmarshal(raw, &p) != nil || len(p)%2 == 0 {
		return nil, errParts
	}
	allowed := map[string][]string{storeFile: {memories, relations, dumpedSum, standingSum, total}, vectorFile: {embeddings}}[name]
	var whole strings.Builder
	met := map[string]bool{}
	for i, s := range p {
		if i%2 == 0 {
			whole.WriteString(s)
			continue
		}
		if met[s] || !slices.Contains(allowed, s) {
			return nil, errParts
		}
		met[s] = true
		if s == total {
			whole.WriteString("0")
		}
	}
	if len(allowed) == 0 || !met[allowed[0]] || !jsontext.Value(whole.String()).IsValid() {
		return nil, errParts
	}
	return p, nil
}

// closing is what stands behind the records of a member.
func closing(n int64) string {
	if n == 0 {
		return "]"
	}
	return "\n  ]"
}

// counts are the rows of the tables of records.
func counts(ctx context.Context, db store.Tables) (map[string]int64, error) {
	out := map[string]int64{}
	for name := range tables {
		n, err := db.Count(ctx, name)
		if err != nil {
			return nil, err
		}
		out[name] = n
	}
	return out, nil
}

// newParts are the parts of a new file, as the format's library would save it.
func newParts(name, owner string, n map[string]int64) (p parts) {
	if name == vectorFile {
		p.text("{\n  \"schema\": \"portable-ai-memory-embeddings\",\n  \"schema_version\": \"1.0\",\n  \"embeddings\": [")
		p.slot(embeddings)
		p.text(closing(n[embeddings]) + "\n}\n")
		return p
	}
	quoted, _ := jsontext.AppendQuote(nil, owner)
	p.text("{\n  \"schema\": \"portable-ai-memory\",\n  \"schema_version\": \"1.0\",\n  \"owner\": {\n    \"id\": " + string(quoted) + "\n  },\n  \"memories\": [")
	p.slot(memories)
	p.text(closing(n[memories]) + ",\n  \"relations\": [")
	p.slot(relations)
	p.text(closing(n[relations]) + ",\n  \"conversations_index\": [],\n  \"integrity\": {\n    \"canonicalization\": \"RFC8785\",\n    \"checksum\": \"")
	p.slot(dumpedSum)
	p.text("\",\n    \"total_memories\": ")
	p.slot(total)
	p.text("\n  },\n  \"export_type\": \"full\"\n}\n")
	return p
}

// Relations of which the file has no member follow as its last one.
const (
	relationsHead = ",\n  \"relations\": ["
	relationsTail = "\n  ]"
)

// withRelations are parts with a place for relations.
func (p parts) withRelations() parts {
	out := slices.Clone(p)
	last := out[len(out)-1]
	at := strings.LastIndexByte(last, '}')
	trimmed := strings.TrimRight(last[:at], " \t\r\n")
	out[len(out)-1] = trimmed + relationsHead
	out.slot(relations)
	out.text(relationsTail + last[len(trimmed):])
	return out
}

// withoutRelations is its reverse, for parts that are such.
func (p parts) withoutRelations() parts {
	at := len(p) - 2
	if at < 1 || p[at] != relations {
		return p
	}
	head, ok := strings.CutSuffix(p[at-1], relationsHead)
	tail, ok2 := strings.CutPrefix(p[at+1], relationsTail)
	if !ok || !ok2 || !strings.HasPrefix(strings.TrimLeft(tail, " \t\r\n"), "}") {
		return p
	}
	out := append(slices.Clone(p[:at-1]), head+tail)
	if !slices.Equal(out.withRelations(), p) {
		return p
	}
	return out
}

// unknown is the owner of a file whose memories are of none or of several.
const unknown = "unknown"

// ownerOf is the one user of all memories that have one.
func ownerOf(ctx context.Context, db store.Tables) (string, error) {
	owner := ""
	for rows, err := range db.Scan(ctx, store.Query{Table: memories, Columns: []string{"platform_user_id"}, Filters: []store.Filter{{Column: "platform_user_id", Is: store.NotNull}}}) {
		if err != nil {
			return "", err
		}
		for row := range rows.N {
			switch id := string(rows.Columns[0].Bytes(row)); {
			case owner == "":
				owner = id
			case id != owner && id != "":
				return unknown, nil
			}
		}
	}
	if owner == "" {
		return unknown, nil
	}
	return owner, nil
}

// partsOf are the parts of a store's file; nil if it is a new one.
func partsOf(ctx context.Context, db store.Tables, name string) (p parts, err error) {
	for rows, err := range db.Scan(ctx, store.Query{Table: documents, Columns: documentColumns}) {
		if err != nil {
			return nil, err
		}
		for row := range rows.N {
			if string(rows.Columns[0].Bytes(row)) != name {
				continue
			}
			if p, err = parseParts(name, rows.Columns[1].Bytes(row)); err != nil {
				return nil, fmt.Errorf("table %q: %w", documents, err)
			}
		}
	}
	return p, nil
}

// normalDocuments gives parts their one spelling, and refuses those that no file has.
func normalDocuments(columns []string, rows *store.Rows, refuse func(int, string)) {
	name, at := slices.Index(columns, documentColumns[0]), slices.Index(columns, documentColumns[1])
	if name < 0 || at < 0 {
		return
	}
	var out store.Cells
	out.Reset()
	for row := range rows.N {
		p, err := parseParts(string(rows.Columns[name].Bytes(row)), rows.Columns[at].Bytes(row))
		if err != nil {
			refuse(row, err.Error())
		}
		raw, _ := json.Marshal([]string(p)) // of texts: cannot fail
		out.AppendText(raw)
	}
	rows.Columns[at] = out
}
