package memorygraph

import (
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Lenses for how the product writes times and lists in SQLite.
const (
	isoformat = "time-python"
	rowTime   = "time-sqlite" // CURRENT_TIMESTAMP
	list      = "json-list-python"
)

// forms are the lenses by which an engine keeps what others keep otherwise.
type forms struct {
	text     string
	tags     string
	list     string // of a context; an empty one is a text
	validity string // of an edge
}

var (
	inSQLite   = forms{text: "text", tags: list, list: list, validity: isoformat}
	inNeo4j    = forms{text: "text", tags: "value-list", list: "value-list-text", validity: "value-time"}
	inFalkorDB = forms{text: "text-no-nul", tags: "value-list", list: "value-list-text", validity: isoformat}
)

// documents are the properties of nodes and edges, in the order in which the product
// writes them. What is a copy of a column goes stale: the product changes the column
// alone when an edge ceases to hold.
var documents = []store.JSONColumn{
	{Table: "nodes", Column: "properties", Members: []store.Member{
		{Name: "id", Kind: store.Text, Copy: "id"},
		{Name: "type", Kind: store.Text},
		{Name: "title", Kind: store.Text},
		{Name: "content", Kind: store.Text},
		{Name: "tags", Kind: store.Array},
		{Name: "importance", Kind: store.Real},
		{Name: "confidence", Kind: store.Real},
		{Name: "usage_count", Kind: store.Integer},
		{Name: "created_at", Kind: store.Text},
		{Name: "updated_at", Kind: store.Text},
		{Name: "summary", Kind: store.Text},
		{Name: "effectiveness", Kind: store.Real},
		{Name: "last_accessed", Kind: store.Text},
		{Name: "context_project_path", Kind: store.Text},
		{Name: "context_files_involved", Kind: store.Array, EmptyText: true},
		{Name: "context_languages", Kind: store.Array, EmptyText: true},
		{Name: "context_frameworks", Kind: store.Array, EmptyText: true},
		{Name: "context_technologies", Kind: store.Array, EmptyText: true},
		{Name: "context_git_commit", Kind: store.Text},
		{Name: "context_git_branch", Kind: store.Text},
		{Name: "context_working_directory", Kind: store.Text},
		{Name: "context_timestamp", Kind: store.Text},
		{Name: "context_session_id", Kind: store.Text},
		{Name: "context_user_id", Kind: store.Text},
		{Name: "context_additional_metadata", Kind: store.Text},
		{Name: "context_tenant_id", Kind: store.Text},
		{Name: "context_team_id", Kind: store.Text},
		{Name: "context_visibility", Kind: store.Text},
		{Name: "context_created_by", Kind: store.Text},
	}},
	{Table: "relationships", Column: "properties", Members: []store.Member{
		{Name: "strength", Kind: store.Real},
		{Name: "confidence", Kind: store.Real},
		{Name: "context", Kind: store.Text, Null: true},
		{Name: "evidence_count", Kind: store.Integer},
		{Name: "success_rate", Kind: store.Real, Null: true},
		{Name: "created_at", Kind: store.Text},
		{Name: "last_validated", Kind: store.Text},
		{Name: "validation_count", Kind: store.Integer},
		{Name: "counter_evidence_count", Kind: store.Integer},
		{Name: "valid_from", Kind: store.Text, Copy: "valid_from"},
		{Name: "valid_until", Kind: store.Text, Null: true, Copy: "valid_until"},
		{Name: "recorded_at", Kind: store.Text, Copy: "recorded_at"},
		{Name: "invalidated_by", Kind: store.Text, Null: true, Copy: "invalidated_by"},
		{Name: "id", Kind: store.Text, Copy: "id"},
	}},
}

func textDefault(s string) *format.Value { v := format.TextValue(s); return &v }
func intDefault(i int64) *format.Value   { v := format.IntValue(i); return &v }

// ownField names a property that no other product has.
func ownField(property string) string { return Name + "." + property }

// memoryProperties says which properties of a node are which fields. at is the column
// of a property.
func memoryProperties(in forms, at func(property string) string) []store.ColumnMap {
	text := func(property, field string, make maker) store.ColumnMap {
		return store.ColumnMap{Column: at(property), Field: field, Lens: in.text, Make: make}
	}
	time := func(property, field string, make maker) store.ColumnMap {
		return store.ColumnMap{Column: at(property), Field: field, Lens: isoformat, Make: make}
	}
	files := func(property string) store.ColumnMap {
		return store.ColumnMap{Column: at(property), Field: ownField(property), Lens: in.list, Make: inContext(empty)}
	}
	return []store.ColumnMap{
		text("title", "title", makeTitle),
		text("content", "content", makeContent),
		text("summary", "summary", makeSummary),
		text("type", "kind", makeKind),
		{Column: at("tags"), Field: "tags", Lens: in.tags, Make: makeTags(in.tags)},
		{Column: at("importance"), Field: "importance", Lens: "real", Make: share("importance", 0.5)},
		{Column: at("confidence"), Field: "confidence", Lens: "real", Make: share("confidence", 0.8)},
		{Column: at("usage_count"), Field: "access_count", Lens: "int", Make: makeCount},
		{Column: at("effectiveness"), Field: ownField("effectiveness"), Lens: "real"},
		time("last_accessed", "accessed_at", moment("accessed_at")),
		time("created_at", "created_at", moment("created_at", "updated_at", "accessed_at", epoch)),
		time("updated_at", "updated_at", moment("updated_at", "created_at", "accessed_at", epoch)),
		text("context_project_path", "project", plain("project")),
		text("context_session_id", "session", plain("session")),
		text("context_user_id", "owner", plain("owner")),
		text("context_created_by", "agent", plain("agent")),
		text("context_tenant_id", "namespace", plain("namespace")),
		text("context_visibility", "visibility", makeVisibility),
		text("context_team_id", ownField("context_team_id"), nil),
		text("context_git_commit", ownField("context_git_commit"), nil),
		text("context_git_branch", ownField("context_git_branch"), nil),
		text("context_working_directory", ownField("context_working_directory"), nil),
		{Column: at("context_additional_metadata"), Field: "metadata", Lens: "json", Make: makeMetadata},
		// A context has all of these.
		time("context_timestamp", ownField("context_timestamp"), inContext(moment("created_at", "updated_at", "accessed_at", epoch))),
		files("context_files_involved"), files("context_languages"), files("context_frameworks"), files("context_technologies"),
	}
}

// edgeProperties says the same of a relationship, but for its times of validity.
func edgeProperties(in forms, at func(property string) string) []store.ColumnMap {
	return []store.ColumnMap{
		{Column: at("strength"), Field: "weight", Lens: "real", Make: share("weight", 0.5)},
		{Column: at("confidence"), Field: "confidence", Lens: "real", Make: share("confidence", 0.8)},
		{Column: at("context"), Field: "context", Lens: in.text},
		{Column: at("created_at"), Field: "created_at", Lens: isoformat, Make: moment("created_at", "recorded_at", "updated_at", "accessed_at", epoch)},
		{Column: at("last_validated"), Field: ownField("last_validated"), Lens: isoformat, Make: moment("updated_at", "accessed_at", "created_at", "recorded_at", epoch)},
		{Column: at("evidence_count"), Field: ownField("evidence_count"), Lens: "int", Default: intDefault(1)},
		{Column: at("success_rate"), Field: ownField("success_rate"), Lens: "real"},
		{Column: at("validation_count"), Field: ownField("validation_count"), Lens: "int", Default: intDefault(0)},
		{Column: at("counter_evidence_count"), Field: ownField("counter_evidence_count"), Lens: "int", Default: intDefault(0)},
	}
}

// validity says which columns of a relationship say when it held.
func validity(in forms) []store.ColumnMap {
	return []store.ColumnMap{
		{Column: "valid_from", Field: "valid_from", Lens: in.validity, Make: timeIn(in.validity, microsecond, "valid_from", "created_at", "recorded_at", "updated_at", epoch)},
		{Column: "valid_until", Field: "valid_until", Lens: in.validity, Make: timeIn(in.validity, microsecond, "valid_until")},
		{Column: "recorded_at", Field: "recorded_at", Lens: in.validity, Make: timeIn(in.validity, microsecond, "recorded_at", "created_at", "updated_at", epoch)},
		{Column: "invalidated_by", Field: ownField("invalidated_by"), Lens: in.text},
	}
}

// sqliteMaps says which columns are which fields. What no map names is carried as
// fields memorygraph.COLUMN.
var sqliteMaps = func() []store.TableMap {
	at := func(property string) string { return "properties." + property }
	return []store.TableMap{
		{Table: "nodes", Section: format.Memories, Updated: at("updated_at"), Columns: slices.Concat(
			[]store.ColumnMap{{Column: "id", Field: "id", Lens: "text"}},
			memoryProperties(inSQLite, at),
			[]store.ColumnMap{
				{Column: "label", Lens: "text", Default: textDefault("Memory")},
				{Column: "created_at", Field: ownField("row_created_at"), Lens: rowTime, Make: second("created_at", "updated_at", "accessed_at", epoch)},
				{Column: "updated_at", Field: ownField("row_updated_at"), Lens: rowTime, Make: second("updated_at", "created_at", "accessed_at", epoch)},
			})},
		{Table: "relationships", Section: format.Relations, Columns: slices.Concat(
			[]store.ColumnMap{
				{Column: "id", Field: "id", Lens: "text", Make: makeEdgeID},
				{Column: "from_id", Field: "source_id", Lens: "text"},
				{Column: "to_id", Field: "target_id", Lens: "text"},
				{Column: "rel_type", Field: "type", Lens: "text", Make: makeRelation},
			},
			edgeProperties(inSQLite, at),
			validity(inSQLite),
			[]store.ColumnMap{
				// Where the table does not have the columns.
				{Column: at("valid_from"), Field: "valid_from", Lens: isoformat, Make: moment("valid_from")},
				{Column: at("valid_until"), Field: "valid_until", Lens: isoformat, Make: moment("valid_until")},
				{Column: at("recorded_at"), Field: "recorded_at", Lens: isoformat, Make: moment("recorded_at")},
				{Column: "created_at", Field: ownField("row_created_at"), Lens: rowTime, Make: second("created_at", "recorded_at", "updated_at", "accessed_at", epoch)},
			})},
	}
}()

// graphMaps says it of an engine whose nodes and relationships have the properties
// themselves.
func graphMaps(in forms) []store.TableMap {
	at := func(property string) string { return property }
	return []store.TableMap{
		{Table: nodes, Section: format.Memories, Updated: "updated_at", Columns: slices.Concat(
			[]store.ColumnMap{{Column: "id", Field: "id", Lens: in.text}}, memoryProperties(in, at))},
		{Table: edges, Section: format.Relations, Columns: slices.Concat(
			[]store.ColumnMap{
				{Column: "id", Field: "id", Lens: in.text, Make: makeEdgeID},
				{Column: "$from", Field: "source_id", Lens: in.text},
				{Column: "$to", Field: "target_id", Lens: in.text},
				{Column: "$type", Field: "type", Lens: "text", Make: makeRelation},
			},
			edgeProperties(in, at), validity(in))},
	}
}
