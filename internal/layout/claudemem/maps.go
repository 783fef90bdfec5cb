package claudemem

import (
	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

func textDefault(s string) *format.Value { v := format.TextValue(s); return &v }

// maps: the text of an observation is its narrative. The column text is that of stores
// from before there was one.
var maps = []store.TableMap{
	{Table: "observations", Section: format.Memories, Columns: []store.ColumnMap{
		{Column: "id", Field: "id", Lens: "int-text", Mint: &store.Mint{}},
		{Column: "title", Field: "title", Lens: "text", Make: makeTitle},
		{Column: "narrative", Field: "content", Lens: "text", Make: makeNarrative},
		{Column: "subtitle", Field: "summary", Lens: "text"},
		{Column: "type", Field: "kind", Lens: "text", Default: textDefault("discovery")},
		{Column: "concepts", Field: "tags", Lens: "json-list", Default: textDefault("[]")},
		{Column: "agent_id", Field: "agent", Lens: "text"},
		{Column: "memory_session_id", Field: "session", Lens: "text", Make: makeSession},
		{Column: "project", Field: "project", Lens: "text", Make: makeProject},
		{Column: "created_at_epoch", Field: "created_at", Lens: "unix-millis", Make: makeEpoch},
		{Column: "metadata", Field: "metadata", Lens: "json"},
		// The same moment once more, as a text.
		{Column: "created_at", Lens: "time-millis-z", Make: makeCreated},
		{Column: "facts", Lens: "json", Default: textDefault("[]")},
		{Column: "files_read", Lens: "json", Default: textDefault("[]")},
		{Column: "files_modified", Lens: "json", Default: textDefault("[]")},
		{Column: "content_hash", Lens: "text", Make: makeHash, Apart: hashes},
	}},
}
