package mapping

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Without a sidecar the ledger says what the target does not hold: how many records of
// a section, under its name alone, and of these each field, under the name, a mark and
// the field.
const (
	lostField = "\x00" // the target does not have the value
	madeField = "\x01" // the target has one that the record has not
	lostWhole = "\x02" // and the reason for which a record is not there
)

// withhold counts entries that the sidecar would have taken.
func (w *sidecarWriter) withhold(section string, entries *store.Rows) {
	w.withheld[section] += uint64(entries.N)
	for row := range entries.N {
		var record map[string]json.RawMessage
		if c := &entries.Columns[3]; c.Kinds[row] == store.Text && json.Unmarshal(c.Bytes(row), &record) == nil {
			for name := range record {
				if name != "$section" {
					w.withheld[section+lostField+name]++
				}
			}
		}
		var gone []string
		if c := &entries.Columns[4]; c.Kinds[row] == store.Text && json.Unmarshal(c.Bytes(row), &gone) == nil {
			for _, name := range gone {
				w.withheld[section+madeField+name]++
			}
		}
	}
}

// leaveOut counts a record that a target without a sidecar refuses for a reason that it
// has for many, and tells whether this is one.
func (s *sink) leaveOut(section string, err error) bool {
	var unfit store.Unfit
	if s.sidecar == nil || !s.opts.NoSidecar || !s.foreign && !s.otherEngine() || !errors.As(err, &unfit) {
		return false
	}
	s.sidecar.withheld[section]++
	s.sidecar.withheld[section+lostWhole+string(unfit)]++
	return true
}

func (w *sidecarWriter) losses() []format.Loss {
	var out []format.Loss
	lose := func(where string, n uint64, reason string) {
		out = append(out, format.Loss{Code: "no-sidecar", Where: where, Count: n, Reason: reason})
	}
	why := "--no-sidecar was given"
	if w.sink.bare {
		why = "it has no room for a sidecar"
	}
	keys := slices.Sorted(maps.Keys(w.withheld))
	for _, section := range w.sink.manifest.Sections {
		if n := w.withheld[section.Name]; n > 0 {
			lose(section.Name, n, "the target's layout has no place for all of these records and "+why)
		}
		for _, key := range keys {
			if name, ok := strings.CutPrefix(key, section.Name+lostField); ok {
				lose(section.Name+"."+name, w.withheld[key], "the target does not hold it as the records have it")
			} else if name, ok := strings.CutPrefix(key, section.Name+madeField); ok {
				lose(section.Name+"."+name, w.withheld[key], "the target has a value where the records have none")
			} else if reason, ok := strings.CutPrefix(key, section.Name+lostWhole); ok {
				lose(section.Name, w.withheld[key], "not written: "+reason)
			}
		}
	}
	return out
}
