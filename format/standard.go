package format

// Names of the standard sections. FORMAT.md section 8.
const (
	Memories    = "memories"
	Relations   = "relations"
	Embeddings  = "embeddings"
	Spaces      = "spaces"
	Schedules   = "schedules"
	Events      = "events"
	Domains     = "domains"
	Users       = "users"
	Groups      = "groups"
	Memberships = "memberships"
)

var leftovers = Field{Leftovers, Map, "native values, by layout and column, that the other fields do not reproduce bit for bit"}

// standard is the schema of every standard section, in the order in which a
// store is written: what is referred to first.
var standard = []Section{
	{Name: Users, Key: []string{"id"}, Fields: []Field{
		{"id", Text, "identifier"},
		{"handle", Text, "short unique name"},
		{"display_name", Text, "name for people"},
		{"created_at", Time, ""},
		{"metadata", JSON, "free JSON object"},
		leftovers,
	}},
	{Name: Groups, Key: []string{"id"}, Fields: []Field{
		{"id", Text, "identifier"},
		{"handle", Text, "short unique name"},
		{"display_name", Text, "name for people"},
		{"created_at", Time, ""},
		{"metadata", JSON, "free JSON object"},
		leftovers,
	}},
	{Name: Memberships, Key: []string{"user_id", "group_id"}, Fields: []Field{
		{"user_id", Text, "users.id"},
		{"group_id", Text, "groups.id"},
		{"role", Text, "for example member, admin"},
		{"joined_at", Time, ""},
		leftovers,
	}},
	{Name: Domains, Key: []string{"id"}, Fields: []Field{
		{"id", Text, "identifier"},
		{"label", Text, "name for people"},
		{"centroid", Vector, "centre of the domain's embeddings"},
		{"terms", List, "most telling terms"},
		{"memory_count", Int, "memories in the domain"},
		{"created_at", Time, ""},
		{"metadata", JSON, "free JSON object"},
		leftovers,
	}},
	{Name: Spaces, Key: []string{"id", "dimension"}, Fields: []Field{
		{"id", Text, "name of the space: the model's name as the store has it"},
		{"model", Text, "model"},
		{"provider", Text, "who runs the model"},
		{"dimension", Int, "elements of a vector"},
		{"element", Text, "element type: f32, f16, bf16, f64, i8, bit, sparse"},
		{"normalized", Bool, "vectors have unit length"},
		{"hash", Text, "identity of the model's weights, as the store has it"},
		leftovers,
	}},
	{Name: Memories, Key: []string{"id"}, Fields: []Field{
		{"id", Text, "identifier, unique in the store"},
		{"title", Text, ""},
		{"content", Text, "what is remembered"},
		{"summary", Text, ""},
		{"kind", Text, "fact, event, decision, ...: the store's own word"},
		{"tags", List, ""},
		{"importance", Float, "the store's own scale"},
		{"confidence", Float, "0 to 1"},
		{"owner", Text, "the user whose memory it is"},
		{"agent", Text, "the agent that wrote it"},
		{"session", Text, "session or run in which it was written"},
		{"namespace", Text, "scope in which it is visible"},
		{"project", Text, "project or code base"},
		{"visibility", Text, "private, group, public: the store's own word"},
		{"shared_with", List, "groups.id with which it is shared"},
		{"source", Text, "where it comes from"},
		{"state", Text, "life-cycle state: the store's own word"},
		{"valid_from", Time, "the fact holds from"},
		{"valid_until", Time, "the fact holds until"},
		{"expires_at", Time, "the store may forget it from"},
		{"access_count", Int, "how often it was recalled"},
		{"accessed_at", Time, "last recalled"},
		{"created_at", Time, ""},
		{"updated_at", Time, ""},
		{"metadata", JSON, "free JSON object"},
		leftovers,
	}},
	{Name: Schedules, Key: []string{"memory_id"}, Fields: []Field{
		{"memory_id", Text, "memories.id"},
		{"stability", Float, "days until recall falls to 90 %"},
		{"difficulty", Float, "1 to 10"},
		{"retrievability", Float, "0 to 1"},
		{"reps", Int, "reviews so far"},
		{"lapses", Int, "failed reviews so far"},
		{"state", Text, "new, learning, review, relearning"},
		{"interval_days", Int, "days between the last review and the next"},
		{"last_review", Time, ""},
		{"next_review", Time, ""},
		leftovers,
	}},
	{Name: Relations, Key: []string{"id", "source_id", "target_id", "type"}, Fields: []Field{
		{"id", Text, "identifier, where the store gives one"},
		{"source_id", Text, "memories.id"},
		{"target_id", Text, "memories.id"},
		{"type", Text, "the store's own word"},
		{"weight", Float, "strength, the store's own scale"},
		{"confidence", Float, "0 to 1"},
		{"context", Text, "why the relation holds"},
		{"created_at", Time, ""},
		{"updated_at", Time, ""},
		{"valid_from", Time, "the relation holds from"},
		{"valid_until", Time, "the relation holds until"},
		{"recorded_at", Time, "when the store learned of it"},
		{"access_count", Int, "how often it was followed"},
		{"accessed_at", Time, "last followed"},
		{"metadata", JSON, "free JSON object"},
		leftovers,
	}},
	{Name: Embeddings, Key: []string{"memory_id", "space"}, Fields: []Field{
		{"memory_id", Text, "memories.id"},
		{"space", Text, "spaces.id"},
		{"dimension", Int, "elements, as the store says"},
		{"vector", Vector, "the vector, where its elements are f32"},
		{"element", Text, "element type where it is not f32"},
		{"data", Bytes, "the vector, where its elements are not f32"},
		{"created_at", Time, ""},
		leftovers,
	}},
	{Name: Events, Key: []string{"id"}, Fields: []Field{
		{"id", Text, "identifier"},
		{"memory_id", Text, "memories.id"},
		{"kind", Text, "review, access, update, ...: the store's own word"},
		{"at", Time, "when it happened"},
		{"actor", Text, "who did it"},
		{"before", Text, "state before"},
		{"after", Text, "state after"},
		{"data", JSON, "details"},
		leftovers,
	}},
}

// StandardNames returns the names of the standard sections in the order in which
// a store is written: what is referred to stands first.
func StandardNames() []string {
	names := make([]string, len(standard))
	for i := range standard {
		names[i] = standard[i].Name
	}
	return names
}

// Standard returns a copy of the named standard section to which fields may be
// added, or nil. Its Leftovers field is the last one.
func Standard(name string) *Section {
	for i := range standard {
		if s := &standard[i]; s.Name == name {
			return &Section{Name: s.Name, Key: append([]string(nil), s.Key...), Fields: append([]Field(nil), s.Fields...)}
		}
	}
	return nil
}

// MemoryFields returns the fields of a standard section that name memories: a
// record without those memories dangles.
func MemoryFields(section string) []string {
	switch section {
	case Memories:
		return []string{"id"}
	case Schedules, Embeddings, Events:
		return []string{"memory_id"}
	case Relations:
		return []string{"source_id", "target_id"}
	}
	return nil
}
