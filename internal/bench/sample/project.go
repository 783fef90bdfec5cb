package sample

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/memarc/memarc/internal/layout/vestige"
)

// Project writes a small vestige store of a version to path. Its pages are small
// too, so that the file is.
func Project(path string, version int) error {
	temporary := path + ".part"
	defer os.Remove(temporary)
	c, err := open(temporary)
	if err != nil {
		return err
	}
	p := &project{builder: builder{conn: c}, r: rand.New(rand.NewPCG(39, 11)), version: version}
	tables, objects := split(vestige.CreateStatements(version))
	tables = slices.DeleteFunc(tables, func(s string) bool { return strings.HasPrefix(s, "PRAGMA page_size") })
	p.exec("PRAGMA page_size=512", "PRAGMA journal_mode=OFF")
	p.exec(tables...)
	p.exec("BEGIN")
	p.rows()
	p.exec(objects...)
	p.exec("INSERT INTO knowledge_fts(knowledge_fts) VALUES ('rebuild')", "COMMIT", "PRAGMA journal_mode=WAL")
	if err := c.Close(); p.err == nil {
		p.err = err
	}
	if p.err != nil {
		return p.err
	}
	return os.Rename(temporary, path)
}

type project struct {
	builder
	r       *rand.Rand
	version int
	ids     []string
}

// row is a row by column.
type row map[string]any

// add inserts a row into a table, if the version has it, with those of the
// columns that it has.
func (p *project) add(table string, values row) {
	if p.err != nil {
		return
	}
	var columns []string
	info := p.prepare("SELECT name FROM pragma_table_info('" + table + "')")
	for info != nil && info.Step() {
		if name := info.ColumnText(0); values[name] != nil {
			columns = append(columns, name)
		}
	}
	if info != nil {
		info.Close()
	}
	if len(columns) == 0 || p.err != nil {
		return
	}
	marks := strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",")
	s := p.prepare(fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(columns, ", "), marks))
	var all []any
	for _, name := range columns {
		all = append(all, values[name])
	}
	p.insert(s, all...)
	if s != nil {
		s.Close()
	}
}

// after is a time so many days and hours after the start.
func after(days, hours, fraction int) string {
	return stamp(start.Add(time.Duration(24*days+hours)*time.Hour + time.Duration(fraction)))
}

// embed is a direction in which texts with the same words are close.
func embed(text string, dimension int) []byte {
	values := make([]float64, dimension)
	for _, word := range strings.Fields(strings.ToLower(text)) {
		h := fnv.New64a()
		h.Write([]byte(word))
		r := rand.New(rand.NewPCG(h.Sum64(), 1))
		for i := range values {
			values[i] += r.NormFloat64()
		}
	}
	var sum float64
	for _, v := range values {
		sum += float64(v * v)
	}
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v/math.Sqrt(sum))))
	}
	return out
}

const (
	model         = "example-embed-small"
	dimension     = 16
	profile       = "nomic-v1.5-legacy-raw-256" // what every store has from V28 on
	profileLength = 256
)

// part returns v for a share of the records, else nothing.
func part(yes bool, v any) any {
	if yes {
		return v
	}
	return nil
}

func (p *project) rows() {
	for range memories {
		p.ids = append(p.ids, uuid(p.r))
	}
	for i, m := range memories {
		p.memory(i, m)
	}
	for i, l := range links {
		p.add("memory_connections", row{"source_id": p.ids[l.from], "target_id": p.ids[l.to], "strength": l.strength, "link_type": l.kind,
			"created_at": after(20, i, 77*i), "last_activated": after(21, i, 1000*i), "activation_count": l.used})
		p.add("knowledge_edges", row{"id": uuid(p.r), "source_id": p.ids[l.from], "target_id": p.ids[l.to], "edge_type": l.kind, "weight": l.strength,
			"created_at": after(20, i, 77*i), "confidence": 0.9, "metadata": `{"by":"extractor"}`})
	}
	for i := range 36 {
		p.add("memory_access_log", row{"node_id": p.ids[i*7%len(p.ids)], "access_type": []string{"search_hit", "search_hit", "promote", "demote"}[i%4],
			"accessed_at": after(20+i/4, i%24, 1001*i)})
	}
	p.plans()
	p.history()
	p.late()
}

func (p *project) memory(i int, m memory) {
	accessed := after(m.day+9, i, m.fraction)
	if i == 12 {
		accessed = strings.Replace(accessed, "+00:00", "Z", 1) // a script's way of writing UTC
	}
	old := i == 18
	p.add("knowledge_nodes", row{
		"id": p.ids[i], "content": m.text, "node_type": m.kind, "created_at": after(m.day, 1, m.fraction), "updated_at": after(m.day+m.reps, 2, m.fraction),
		"last_accessed": accessed, "stability": 1.5 + float64(m.reps)*2.25, "difficulty": 5.282434422319005, "reps": m.reps, "lapses": i % 2,
		"learning_state": m.state, "storage_strength": 1 + float64(m.reps)/10, "retrieval_strength": 0.93 - float64(i)/40,
		"retention_strength": 0.9 - float64(i)/50, "sentiment_score": float64(i%5-2) / 4, "sentiment_magnitude": float64(i%3) / 3,
		"next_review": part(m.reps > 0, after(m.day+30, 0, m.fraction)), "scheduled_days": 3 * m.reps, "source": m.source, "tags": m.tags,
		"has_embedding": 1, "embedding_model": model,
		"valid_from": part(old, after(1, 0, 0)), "valid_until": part(old, after(6, 1, 0)), "scope": []string{"user", "tidewatch"}[min(1, len(m.tags)/20)],
		"memory_system": []string{"semantic", "episodic", "procedural"}[i%3], "activation": part(i%3 > 0, float64(i)/7),
		"waking_tag": part(i%4 == 0, 1), "waking_tag_at": part(i%4 == 0, after(m.day, 5, 12000)), "utility_score": float64(m.reps) / 16,
		"times_retrieved": 2 * m.reps, "times_useful": m.reps, "emotional_valence": float64(i%3-1) / 2, "flashbulb": part(i == 4, 1),
		"temporal_level": part(i == 5, "weekly"), "summary_parent_id": part(i == 4 || i == 1, p.ids[5]),
		"suppression_count": part(old, 2), "suppressed_at": part(old, after(7, 3, 20304050)), "superseded_by": part(old, p.ids[7]), "protected": part(i == 16, 1),
		"domains": `["harbour"]`, "domain_scores": `{"harbour":0.8125}`,
		"source_system": part(i == 13, "git"), "source_id": part(i == 13, "9f2c41d"), "source_project": part(i == 13, "tidewatch"),
		"source_url": part(i == 13, "https://example.org/tidewatch/commit/9f2c41d"), "source_updated_at": part(i == 13, after(14, 0, 0)),
	})
	p.add("node_embeddings", row{"node_id": p.ids[i], "embedding": embed(m.text, dimension), "dimensions": dimension, "model": model,
		"created_at": after(m.day, 1, m.fraction+500000), "version": 1})
	if i%5 == 0 {
		p.add("embedding_profile_vectors", row{"profile_id": profile, "node_id": p.ids[i], "embedding": embed(m.text, profileLength), "dimensions": profileLength,
			"model": "nomic-ai/nomic-embed-text-v1.5", "created_at": after(m.day, 1, m.fraction)})
	}
	p.add("memory_states", row{"memory_id": p.ids[i], "state": []string{"active", "dormant", "silent"}[i%3], "last_access": accessed, "access_count": m.reps + 1,
		"state_entered_at": after(m.day, 1, m.fraction), "time_active_seconds": 3600 * i})
}

// plans are what the agent means to do, and what it has concluded.
func (p *project) plans() {
	p.add("intentions", row{"id": uuid(p.r), "content": "Rotate the wind service key", "trigger_type": "time",
		"trigger_data": `{"at":"2026-04-06T09:00:00Z"}`, "priority": 3, "status": "active", "created_at": after(17, 1, 424242), "deadline": after(92, 0, 0),
		"tags": `["security"]`, "related_memories": `["` + p.ids[16] + `"]`, "source_type": "mcp", "scope": "tidewatch"})
	p.add("intentions", row{"id": uuid(p.r), "content": "Ask the harbour master for the maintenance log", "trigger_type": "context",
		"trigger_data": `{"keywords":["harbour master","Nordmole"]}`, "priority": 2, "status": "snoozed", "created_at": after(10, 2, 515151),
		"reminder_count": 2, "last_reminded_at": after(15, 8, 0), "snoozed_until": after(22, 8, 0), "notes": "he is back on Monday",
		"related_memories": `["` + p.ids[9] + `"]`, "source_type": "nlp", "source_data": `{"confidence": 0.71}`, "scope": "tidewatch"})
	p.add("intentions", row{"id": uuid(p.r), "content": "Write the incident report of 9 January", "trigger_type": "manual", "trigger_data": `{}`,
		"priority": 1, "status": "fulfilled", "created_at": after(4, 3, 0), "fulfilled_at": after(5, 3, 1)})
	p.add("insights", row{"id": uuid(p.r), "insight": "Incidents come from conventions (units, time zones), not from mathematics",
		"source_memories": `["` + p.ids[1] + `","` + p.ids[4] + `"]`, "confidence": 0.87, "novelty_score": 0.4, "insight_type": "recurring_pattern",
		"generated_at": after(11, 3, 1000), "tags": `["incident"]`, "feedback": "accepted", "applied_count": 2})
	p.add("insights", row{"id": uuid(p.r), "insight": "The two alert thresholds contradict each other; the older one is out of date",
		"source_memories": `["` + p.ids[7] + `","` + p.ids[18] + `"]`, "confidence": 0.95, "novelty_score": 0.1, "insight_type": "contradiction",
		"generated_at": after(7, 3, 2000)})
}

// history is what the product has logged of its own work.
func (p *project) history() {
	p.add("consolidation_history", row{"completed_at": after(11, 3, 3000), "duration_ms": 412, "memories_replayed": 12, "connections_found": 4,
		"connections_strengthened": 6, "insights_generated": 1, "patterns_discovered": `["incident"]`, "duplicates_merged": 0, "activations_computed": 12, "w20_optimized": 0.1542})
	p.add("dream_history", row{"dreamed_at": after(20, 3, 198200199), "duration_ms": 1830, "memories_replayed": 18, "connections_found": 2, "insights_generated": 1,
		"memories_strengthened": 5, "phase_nrem1_ms": 300, "phase_nrem3_ms": 700, "phase_rem_ms": 600, "phase_integration_ms": 230, "creative_connections_found": 1})
	for i := range 3 {
		p.add("state_transitions", row{"memory_id": p.ids[i], "from_state": "active", "to_state": "dormant", "reason_type": "time_decay",
			"reason_data": part(i == 1, `{"days":30}`), "timestamp": after(31+i, 0, i)})
		p.add("retention_snapshots", row{"snapshot_at": after(7*i, 4, 0), "avg_retention": 0.91 - float64(i)/100, "total_memories": 6 * (i + 1),
			"memories_below_target": i, "gc_triggered": i % 2})
	}
	p.add("sessions", row{"id": uuid(p.r), "started_at": after(0, 0, 0), "context": "tidewatch", "memory_count": 4})
	p.add("compressed_memories", row{"id": uuid(p.r), "original_id": p.ids[18], "compressed_content": "Alerts at 0.9 (old).", "original_length": 45,
		"compressed_length": 20, "compression_ratio": 0.4444444444444444, "semantic_fidelity": 0.97, "compressed_at": after(9, 0, 5)})
}

// late is what versions after 11 keep.
func (p *project) late() {
	p.add("deletion_tombstones", row{"memory_id": uuid(p.r), "deleted_at": after(13, 0, 9), "reason": "asked for by the user", "node_type": "note",
		"tags": `["private"]`, "edges_pruned": 1, "insights_rewritten": 0, "insights_deleted": 0, "children_orphaned": 0})
	p.add("domains", row{"id": "harbour", "label": "Harbour", "centroid": embed("harbour tide level", dimension), "top_terms": `["tide","level","quay"]`,
		"memory_count": len(memories), "created_at": after(20, 0, 0)})
	p.add("agent_traces", row{"id": uuid(p.r), "run_id": "run-7", "seq": 1, "event_type": "tool_call", "tool": "search", "payload": `{"query":"units"}`,
		"at": 1768294800123, "created_at": after(8, 9, 123000000)})
}
