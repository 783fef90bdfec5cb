package mapping

import (
	"fmt"
	"slices"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// An archive may have sections of the standard's names that are not the standard's
// (FORMAT.md section 8). memarc's layout takes them as they
// are; a product's tables have a meaning, and take what has it.

// checkTypes refuses fields that have the standard's names but not its types, where they
// would have to go into a product's tables.
func (s *sink) checkTypes() error {
	for _, section := range s.manifest.Sections {
		if at := section.Field(format.Leftovers); at >= 0 && section.Fields[at].Type != format.Map {
			return fmt.Errorf("%w: the field %q of section %q is of the type %s in the archive; it must be a map", store.ErrUsage, format.Leftovers, section.Name, section.Fields[at].Type)
		}
		standard := format.Standard(section.Name)
		if standard == nil || s.layout.Own != nil || s.tableOf(section.Name) == sidecarTable {
			continue
		}
		for _, f := range section.Fields {
			if at := standard.Field(f.Name); at >= 0 && standard.Fields[at].Type != f.Type {
				return fmt.Errorf("%w: the field %q of section %q is of the type %s in the archive, and of the type %s in the standard, as the layout %q has it; import into a new store with --layout memarc",
					store.ErrUsage, f.Name, section.Name, f.Type, standard.Fields[at].Type, s.layout.Name)
			}
		}
	}
	return nil
}

// rekeyed tells whether a section has another key than the target's tables give its
// records, which the sidecar remembers.
func (s *sink) rekeyed() bool {
	for _, section := range s.manifest.Sections {
		if w := s.writers[section.Name]; w != nil && !slices.Equal(w.reading.section.Key, section.Key) {
			return true
		}
	}
	return false
}

// otherKey refuses a section whose key is not that of the records which the target has: a
// section has one key.
func otherKey(section string) error {
	return fmt.Errorf("%w: section %q has another key in the target; import into a new file", store.ErrUsage, section)
}
