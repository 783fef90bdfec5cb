package memorygraph

import (
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Lenses for how the product writes times and lists.
const (
	isoformat = "time-python"
	rowTime   = "time-sqlite" // CURRENT_TIMESTAMP
	list      = "json-list-python"
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

// maps says which columns are which fields. What no map names is carried as fields
// memorygraph.COLUMN. Every engine has the same properties.
var maps = []store.TableMap{
	{Table: "nodes", Section: format.Memories, Updated: "properties.updated_at", Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "text"},
		{Column: "properties.title", Field: "title", Lens: "text", Make: makeTitle},
		{Column: "properties.content", Field: "content", Lens: "text", Make: makeContent},
		{Column: "properties.summary", Field: "summary", Lens: "text", Make: makeSummary},
		{Column: "properties.type", Field: "kind", Lens: "text", Make: makeKind},
		{Column: "properties.tags", Field: "tags", Lens: list, Make: makeTags},
		{Column: "properties.importance", Field: "importance", Lens: "real", Make: share("importance", 0.5)},
		{Column: "properties.confidence", Field: "confidence", Lens: "real", Make: share("confidence", 0.8)},
		{Column: "properties.usage_count", Field: "access_count", Lens: "int", Make: makeCount},
		{Column: "properties.last_accessed", Field: "accessed_at", Lens: isoformat, Make: moment("accessed_at")},
		{Column: "properties.created_at", Field: "created_at", Lens: isoformat, Make: moment("created_at", "updated_at", "accessed_at", epoch)},
		{Column: "properties.updated_at", Field: "updated_at", Lens: isoformat, Make: moment("updated_at", "created_at", "accessed_at", epoch)},
		{Column: "properties.context_project_path", Field: "project", Lens: "text", Make: plain("project")},
		{Column: "properties.context_session_id", Field: "session", Lens: "text", Make: plain("session")},
		{Column: "properties.context_user_id", Field: "owner", Lens: "text", Make: plain("owner")},
		{Column: "properties.context_created_by", Field: "agent", Lens: "text", Make: plain("agent")},
		{Column: "properties.context_tenant_id", Field: "namespace", Lens: "text", Make: plain("namespace")},
		{Column: "properties.context_visibility", Field: "visibility", Lens: "text", Make: makeVisibility},
		{Column: "properties.context_additional_metadata", Field: "metadata", Lens: "json", Make: makeMetadata},
		// A context has all of these.
		{Column: "properties.context_timestamp", Field: "memorygraph.properties.context_timestamp", Lens: isoformat, Make: inContext(moment("created_at", "updated_at", "accessed_at", epoch))},
		{Column: "properties.context_files_involved", Field: "memorygraph.properties.context_files_involved", Lens: list, Make: inContext(empty)},
		{Column: "properties.context_languages", Field: "memorygraph.properties.context_languages", Lens: list, Make: inContext(empty)},
		{Column: "properties.context_frameworks", Field: "memorygraph.properties.context_frameworks", Lens: list, Make: inContext(empty)},
		{Column: "properties.context_technologies", Field: "memorygraph.properties.context_technologies", Lens: list, Make: inContext(empty)},
		{Column: "label", Field: "memorygraph.label", Lens: "text", Default: textDefault("Memory")},
		{Column: "created_at", Field: "memorygraph.created_at", Lens: rowTime, Make: second("created_at", "updated_at", "accessed_at", epoch)},
		{Column: "updated_at", Field: "memorygraph.updated_at", Lens: rowTime, Make: second("updated_at", "created_at", "accessed_at", epoch)},
	}},
	{Table: "relationships", Section: format.Relations, Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "text", Make: makeEdgeID},
		{Column: "from_id", Field: "source_id", Lens: "text"},
		{Column: "to_id", Field: "target_id", Lens: "text"},
		{Column: "rel_type", Field: "type", Lens: "text", Make: makeRelation},
		{Column: "properties.strength", Field: "weight", Lens: "real", Make: share("weight", 0.5)},
		{Column: "properties.confidence", Field: "confidence", Lens: "real", Make: share("confidence", 0.8)},
		{Column: "properties.context", Field: "context", Lens: "text"},
		{Column: "properties.created_at", Field: "created_at", Lens: isoformat, Make: moment("created_at", "recorded_at", "updated_at", "accessed_at", epoch)},
		{Column: "valid_from", Field: "valid_from", Lens: isoformat, Make: moment("valid_from", "created_at", "recorded_at", "updated_at", epoch)},
		{Column: "valid_until", Field: "valid_until", Lens: isoformat, Make: moment("valid_until")},
		{Column: "recorded_at", Field: "recorded_at", Lens: isoformat, Make: moment("recorded_at", "created_at", "updated_at", epoch)},
		// Where the table does not have the columns.
		{Column: "properties.valid_from", Field: "valid_from", Lens: isoformat, Make: moment("valid_from")},
		{Column: "properties.valid_until", Field: "valid_until", Lens: isoformat, Make: moment("valid_until")},
		{Column: "properties.recorded_at", Field: "recorded_at", Lens: isoformat, Make: moment("recorded_at")},
		{Column: "properties.last_validated", Field: "memorygraph.properties.last_validated", Lens: isoformat, Make: moment("updated_at", "accessed_at", "created_at", "recorded_at", epoch)},
		{Column: "properties.evidence_count", Field: "memorygraph.properties.evidence_count", Lens: "int", Default: intDefault(1)},
		{Column: "properties.validation_count", Field: "memorygraph.properties.validation_count", Lens: "int", Default: intDefault(0)},
		{Column: "properties.counter_evidence_count", Field: "memorygraph.properties.counter_evidence_count", Lens: "int", Default: intDefault(0)},
		{Column: "created_at", Field: "memorygraph.created_at", Lens: rowTime, Make: second("created_at", "recorded_at", "updated_at", "accessed_at", epoch)},
	}},
}
