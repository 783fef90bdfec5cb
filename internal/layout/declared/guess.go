package declared

import (
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A guess says by what a table of a section is known.
type guess struct {
	section string
	need    []string // fields that must find a column
	named   []string // parts of table names; needed where strict is set
	strict  bool
}

// guesses, of which the earlier wins where two fit a table equally.
var guesses = []guess{
	{section: format.Relations, need: []string{"source_id", "target_id"}, named: []string{"relation", "link", "edge", "connection"}},
	{section: format.Schedules, need: []string{"memory_id", "stability", "difficulty"}, named: []string{"schedule", "card", "review"}},
	{section: format.Memberships, need: []string{"user_id", "group_id"}, named: []string{"member"}},
	{section: format.Memories, need: []string{"id", "content"}, named: []string{"memor", "note", "fact", "knowledge"}},
	{section: format.Embeddings, need: []string{"memory_id", "vector"}, named: []string{"embedding", "vector"}},
	{section: format.Events, need: []string{"id", "at"}, named: []string{"event", "log", "history", "audit"}, strict: true},
	{section: format.Users, need: []string{"id"}, named: []string{"user", "account"}, strict: true},
	{section: format.Groups, need: []string{"id"}, named: []string{"group", "team"}, strict: true},
	{section: format.Domains, need: []string{"id", "label"}, named: []string{"domain", "topic", "cluster"}, strict: true},
}

// aliases are the column names by which fields are known, in small letters and
// without other signs, the most telling first. A name of a section's own stands
// before the common one.
var (
	vectorNames = []string{"vector", "embedding", "embeddings", "emb", "vec", "contentembedding", "embeddingvector", "centroid"}
	idNames     = []string{"id", "uuid", "guid", "key", "hash"}
	aboutNames  = []string{"memoryid", "noteid", "nodeid", "factid", "entryid", "itemid", "docid", "documentid", "chunkid", "recordid", "observationid", "id"}
	kindNames   = []string{"kind", "type", "category"}

	aliases = map[string][]string{
		"id": idNames, "memory_id": aboutNames,
		"title": {"title", "subject", "heading", "name"}, "content": {"content", "text", "memory", "body", "fact", "note", "observation", "document", "message"},
		"summary": {"summary", "abstract", "synopsis", "description"}, "kind": append(kindNames, "memorytype", "nodetype", "notetype", "class"),
		"tags": {"tags", "labels", "keywords", "topics"}, "importance": {"importance", "salience", "priority", "weight", "score"},
		"confidence": {"confidence", "certainty"}, "owner": {"owner", "ownerid", "userid", "user", "author"}, "agent": {"agent", "agentid", "agentname"},
		"session": {"session", "sessionid", "runid", "threadid", "conversationid"}, "namespace": {"namespace", "scope", "collection", "bucket"},
		"project": {"project", "projectid", "workspace", "repo", "repository"}, "visibility": {"visibility"}, "shared_with": {"sharedwith"},
		"source": {"source", "origin", "sourceurl", "url"}, "state": {"state", "status"},
		"valid_from": {"validfrom", "validat"}, "valid_until": {"validuntil", "validto", "invalidat"}, "expires_at": {"expiresat", "expires", "expiry"},
		"access_count": {"accesscount", "accesses", "recallcount", "usecount", "hits"}, "accessed_at": {"accessedat", "lastaccessed", "lastaccessedat", "lastused", "lastusedat"},
		"created_at": {"createdat", "created", "createdon", "createtime", "insertedat", "addedat", "timestamp", "ts", "date"},
		"updated_at": {"updatedat", "updated", "updatedon", "updatetime", "modifiedat", "modified", "lastmodified", "changed", "changedat"},
		"metadata":   {"metadata", "meta", "extra", "attributes", "properties", "data"},
		"source_id":  {"sourceid", "sourcememoryid", "fromid", "frommemoryid", "srcid", "sourcenodeid", "source", "fromnode", "src", "from"},
		"target_id":  {"targetid", "targetmemoryid", "toid", "tomemoryid", "dstid", "targetnodeid", "target", "tonode", "dst", "to"},
		"weight":     {"weight", "strength", "score"}, "context": {"context", "reason", "description", "note"}, "recorded_at": {"recordedat"},
		"space": {"space", "model", "modelname", "embeddingmodel", "modelid"}, "dimension": {"dimension", "dimensions", "dim", "dims"}, "vector": vectorNames,
		"stability": {"stability"}, "difficulty": {"difficulty"}, "retrievability": {"retrievability", "retrievalstrength"}, "reps": {"reps", "repetitions"},
		"lapses": {"lapses"}, "interval_days": {"intervaldays", "scheduleddays", "interval"}, "last_review": {"lastreview", "lastreviewed", "reviewedat"},
		"next_review": {"nextreview", "due", "dueat"},
		"at":          {"at", "occurredat", "timestamp", "ts", "time", "createdat", "accessedat", "changedat"}, "actor": {"actor", "agent", "user", "userid", "author"},
		"before": {"before", "oldvalue", "previous"}, "after": {"after", "newvalue"}, "data": {"data", "payload", "details", "metadata"},
		"user_id": {"userid", "user", "memberid"}, "group_id": {"groupid", "group", "teamid"}, "role": {"role"}, "joined_at": {"joinedat", "createdat"},
		"handle": {"handle", "username", "login", "slug", "email"}, "display_name": {"displayname", "fullname", "name"},
		"label": {"label", "name", "title"}, "centroid": {"centroid"}, "terms": {"terms", "topterms", "keywords"}, "memory_count": {"memorycount", "size"},
	}
	aliasesIn = map[string]map[string][]string{
		format.Relations: {"type": append([]string{"relationtype", "relation", "relationship", "linktype", "edgetype", "predicate", "label"}, kindNames...)},
		format.Events:    {"kind": append([]string{"event", "eventtype", "action", "operation", "accesstype"}, kindNames...)},
		format.Memories:  {"id": append([]string{"memoryid"}, idNames...)},
	}
)

// normal is a column's name as aliases has it.
func normal(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, name)
}

// A table that Draft looks at.
type table struct {
	*store.CatalogTable
	columns []*column
	rows    int // looked at
	section string
	fields  map[string]*column
	second  string // section that it would fit, had not another table it
}

// An option is a table as a section.
type option struct {
	table   *table
	section string
	fields  map[string]*column
	lenses  map[string]string
	rank    int
}

func (t *table) column(name string) *column {
	i := slices.IndexFunc(t.columns, func(c *column) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return t.columns[i]
}

// roomForVector tells whether the columns leave the names free that a vector
// takes in an archive, NAME.0 to NAME.3.
func (t *table) roomForVector(name string) bool {
	return !slices.ContainsFunc(t.columns, func(c *column) bool {
		return len(c.name) == len(name)+2 && strings.HasPrefix(c.name, name+".")
	})
}

// option finds columns for the fields of a section, or returns nil.
func (t *table) option(g *guess) *option {
	named := slices.ContainsFunc(g.named, func(part string) bool { return strings.Contains(normal(t.Name), part) })
	if g.strict && !named {
		return nil
	}
	standard := format.Standard(g.section)
	o := &option{table: t, section: g.section, fields: map[string]*column{}, lenses: map[string]string{}}
	for _, need := range g.need { // first choice of columns
		if o.take(standard.Fields[standard.Field(need)]); o.fields[need] == nil {
			return nil
		}
	}
	for _, f := range standard.Fields {
		if o.fields[f.Name] == nil && f.Name != format.Leftovers {
			o.take(f)
		}
	}
	if !t.keyed(standard, o.fields) {
		return nil
	}
	o.rank = len(o.fields)
	if named {
		o.rank += 3
	}
	if t.rows > 0 {
		o.rank += 5
	}
	return o
}

// take gives the field the first column that has one of its names and fits.
func (o *option) take(f format.Field) {
	names := aliasesIn[o.section][f.Name]
	if names == nil {
		names = aliases[f.Name]
	}
	identifier := f.Name == "id" || strings.HasSuffix(f.Name, "_id")
	for _, c := range o.table.candidates(f.Name == "id", names) {
		if l := c.lensFor(f.Type, identifier); l != "" && !taken(o.fields, c) {
			o.fields[f.Name], o.lenses[f.Name] = c, l
			return
		}
	}
}

// candidates returns the columns of these names; for a record's own identifier
// just those that are unique, and at last the primary key whatever its name.
func (t *table) candidates(id bool, names []string) []*column {
	var out []*column
	for _, name := range names {
		for _, c := range t.columns {
			if normal(c.name) == name && (!id || t.unique([]string{c.name})) {
				out = append(out, c)
			}
		}
	}
	if id && len(t.Primary) == 1 {
		if c := t.column(t.Primary[0]); c != nil {
			out = append(out, c)
		}
	}
	return out
}

func taken(fields map[string]*column, c *column) bool {
	for _, have := range fields {
		if have == c {
			return true
		}
	}
	return false
}

// unique tells whether no two rows can have the same values in the columns.
func (t *table) unique(columns []string) bool {
	within := func(key []string) bool {
		return len(key) > 0 && !slices.ContainsFunc(key, func(k string) bool { return !slices.Contains(columns, k) })
	}
	return within(t.Primary) || slices.ContainsFunc(t.Unique, within) ||
		slices.ContainsFunc(t.Indexes, func(ix format.Index) bool { return ix.Unique && within(ix.Columns) })
}

// keyed tells whether the key of the section tells the rows apart, as far as the
// table has it.
func (t *table) keyed(standard *format.Section, fields map[string]*column) bool {
	var columns []string
	for _, k := range standard.Key {
		if c := fields[k]; c != nil {
			columns = append(columns, c.name)
		}
	}
	if len(columns) == len(standard.Key) {
		return len(columns) > 1 || t.unique(columns)
	}
	// A record that lacks a part of its key is known by the rest alone.
	return t.unique(columns) && !slices.ContainsFunc(columns, t.nullable)
}

// nullable tells whether a column can hold NULL, of which a key can have many.
func (t *table) nullable(name string) bool {
	i := slices.IndexFunc(t.Columns, func(c format.TableColumn) bool { return c.Name == name })
	return !t.Columns[i].NotNull && !t.WithoutRowid
}

// settle gives each section to one table and each table one section: the pairs
// that fit best first.
func settle(all []*table) {
	var options []*option
	for _, t := range all {
		for i := range guesses {
			if o := t.option(&guesses[i]); o != nil {
				options = append(options, o)
			}
		}
	}
	slices.SortStableFunc(options, func(a, b *option) int { return b.rank - a.rank })
	given := map[string]bool{}
	for _, o := range options {
		switch t := o.table; {
		case t.section != "":
		case given[o.section]:
			if t.second == "" {
				t.second = o.section
			}
		default:
			given[o.section] = true
			t.section, t.fields = o.section, o.fields
			for name, c := range o.fields {
				c.field, c.lens = name, o.lenses[name]
			}
		}
	}
	for _, t := range all {
		for _, c := range t.columns {
			if c.field == "" {
				c.lens = c.own(t)
			}
		}
	}
}
