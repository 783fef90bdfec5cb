package format

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Incremental is the incompatible feature flag of an archive that says what has
// changed since another one: a reader that does not know it must not take such an
// archive for a whole one. FORMAT.md section 12.
const Incremental = 1 << 0

// knownIncompatible are the incompatible flags that this package reads.
const knownIncompatible = Incremental

// A State is what a store or a whole archive holds, in digests.
type State struct {
	Content  Hash            `json:"content"`
	Sections []SectionDigest `json:"sections"` // that hold a record, names ascending
}

// A Base is the state on which an incremental archive stands, and the archive that
// leads to it.
type Base struct {
	Root Hash `json:"root"` // file root
	State
}

// NewState is the state of the leaves that a Digester has.
func NewState(d *Digester) (State, error) {
	sections, content, err := d.Sum()
	if sections == nil {
		sections = []SectionDigest{}
	}
	return State{content, sections}, err
}

// Records returns how many records of a section the state has.
func (s *State) Records(section string) uint64 { return s.section(section).Records }

func (s *State) section(name string) SectionDigest {
	for _, d := range s.Sections {
		if d.Name == name {
			return d
		}
	}
	return SectionDigest{}
}

func (s *State) check() error {
	if s.Sections == nil {
		return fmt.Errorf("it has no sections")
	}
	for i, d := range s.Sections {
		switch {
		case d.Records == 0:
			return fmt.Errorf("section %q has no record", d.Name)
		case i > 0 && s.Sections[i-1].Name >= d.Name:
			return fmt.Errorf("its sections do not ascend")
		}
		if err := checkName(d.Name); err != nil {
			return err
		}
	}
	if len(s.Sections) > MaxSections {
		return &LimitError{What: "sections of a state", Got: uint64(len(s.Sections)), Max: MaxSections}
	}
	if sum := ContentDigest(s.Sections); sum != s.Content {
		return fmt.Errorf("its content digest is not that of its sections")
	}
	return nil
}

// LeafField is the name that a writer gives the last field of a tombstone.
const LeafField = "$leaf"

// Tombstones returns the section of an incremental archive whose records are the
// tombstones of another section's: of those that are gone, or with replaced those of
// which the archive holds the next version. taken tells which names are others'.
func Tombstones(of *Section, replaced bool, taken func(name string) bool) *Section {
	t := &Section{Name: "deleted:" + of.Name, Key: slices.Clone(of.Key), Deletes: of.Name}
	if replaced {
		t.Name, t.Deletes, t.Replaces = "replaced:"+of.Name, "", of.Name
	}
	for taken(t.Name) || len(t.Name) > MaxName {
		if t.Name = "~" + t.Name; len(t.Name) > MaxName { // the name means nothing
			t.Name = t.Name[:MaxName/2]
			t.Name = strings.ToValidUTF8(t.Name, "")
		}
	}
	if t.Key == nil {
		t.Key = []string{}
	}
	for _, name := range of.Key {
		t.Fields = append(t.Fields, of.Fields[of.Field(name)])
	}
	leaf := LeafField
	for t.Field(leaf) >= 0 {
		leaf = "$" + leaf
	}
	t.Fields = append(t.Fields, Field{Name: leaf, Type: Bytes})
	return t
}

// Buries returns the section to which the records of a section of tombstones belong;
// "" for any other section.
func (s *Section) Buries() string { return s.Deletes + s.Replaces }

// checkTombstones reports the first violation in what a section of tombstones is.
func (m *Manifest) checkTombstones(s *Section) error {
	if s.Buries() == "" {
		return nil
	}
	of := m.Section(s.Buries())
	last := len(s.Fields) - 1
	switch {
	case m.Base == nil:
		return fmt.Errorf("section %q holds tombstones, and the archive has no base", s.Name)
	case s.Deletes != "" && s.Replaces != "":
		return fmt.Errorf("section %q both deletes and replaces", s.Name)
	case m.Base.Records(s.Buries()) == 0:
		return fmt.Errorf("section %q holds tombstones of section %q, of which the base has no record", s.Name, s.Buries())
	case of != nil && of.Buries() != "":
		return fmt.Errorf("section %q holds tombstones of tombstones", s.Name)
	case last != len(s.Key) || s.Fields[last].Type != Bytes:
		return fmt.Errorf("section %q holds tombstones, and its fields are not a key and a leaf", s.Name)
	}
	for i, name := range s.Key {
		if s.Fields[i].Name != name {
			return fmt.Errorf("section %q holds tombstones, and its fields are not in the order of its key", s.Name)
		}
	}
	if s.Replaces != "" && (of == nil || !SameKey(s, of)) {
		return fmt.Errorf("section %q replaces records of section %q, which the archive has not with this key", s.Name, s.Replaces)
	}
	for _, other := range m.Sections {
		if other != nil && other != s && other.Deletes == s.Deletes && other.Replaces == s.Replaces {
			return fmt.Errorf("sections %q and %q hold the same tombstones", s.Name, other.Name)
		}
	}
	return nil
}

// SameKey tells whether two sections have the same key fields, of the same types.
func SameKey(a, b *Section) bool {
	return slices.EqualFunc(a.Key, b.Key, func(x, y string) bool {
		return x == y && a.Fields[a.Field(x)].Type == b.Fields[b.Field(y)].Type
	})
}

// checkIncrement reports the first violation of FORMAT.md section 12 in a manifest.
func (m *Manifest) checkIncrement() error {
	if (m.Base == nil) != (m.Result == nil) {
		return fmt.Errorf("manifest has only one of base and result")
	}
	if m.Base != nil {
		if m.Base.Root == (Hash{}) {
			return fmt.Errorf("base: it has no file root")
		}
		if err := m.Base.check(); err != nil {
			return fmt.Errorf("base: %w", err)
		}
		if err := m.Result.check(); err != nil {
			return fmt.Errorf("result: %w", err)
		}
		for _, d := range m.Result.Sections {
			if s := m.Section(d.Name); s == nil || s.Buries() != "" {
				return fmt.Errorf("result has a section %q that the archive has not", d.Name)
			}
		}
	}
	for _, s := range m.Sections {
		if err := m.checkTombstones(s); err != nil {
			return err
		}
	}
	return nil
}

// Whole returns the manifest as it stands in a whole archive: without base, result
// and tombstones. It shares the sections.
func (m *Manifest) Whole() *Manifest {
	w := *m
	w.Base, w.Result = nil, nil
	w.Sections = slices.DeleteFunc(slices.Clone(m.Sections), func(s *Section) bool { return s.Buries() != "" })
	return &w
}

// Outcome is the state to which an archive leads: its result if it is incremental.
func (m *Manifest) Outcome(end *End) State {
	if m.Result != nil {
		return *m.Result
	}
	return State{end.Content, end.Sections}
}

// checkLeaves makes sure that every tombstone names a leaf.
func (b *Batch) checkLeaves() error {
	if b.Section.Buries() == "" {
		return nil
	}
	c := &b.Columns[len(b.Columns)-1]
	for row := range b.Rows {
		if c.Null(row) || len(c.Bytes(row)) != len(Hash{}) {
			return fmt.Errorf("tombstone %d names no leaf", row)
		}
	}
	return nil
}

// AppendBuried appends the leaves of the records that a batch of tombstones buries.
func (b *Batch) AppendBuried(dst []Leaf) []Leaf {
	c := &b.Columns[len(b.Columns)-1]
	for row := range b.Rows {
		dst = append(dst, Leaf{b.Place(row), Hash(c.Bytes(row))})
	}
	return dst
}

// checkCounts compares the numbers of records of an incremental archive with those
// of its base and its result, and its tombstones with its records.
func (m *Manifest) checkCounts(d *Digester) error {
	if m.Base == nil {
		return nil
	}
	type change struct{ deleted, replaced *Section }
	changes := map[string]change{}
	for _, s := range m.Sections {
		if of := s.Buries(); of != "" {
			c := changes[of]
			if s.Deletes != "" {
				c.deleted = s
			} else {
				c.replaced = s
			}
			changes[of] = c
		}
	}
	all := m.Base.Sections
	for _, s := range m.Sections {
		if s.Buries() == "" {
			all = append(slices.Clip(all), SectionDigest{Name: s.Name})
		}
	}
	for _, section := range all {
		name := section.Name
		gone, added := uint64(0), d.Records(name)
		if s := m.Section(name); s != nil && s.Buries() != "" {
			added = 0 // another section of the base has the name of these tombstones
		}
		if c := changes[name]; c.deleted != nil {
			gone += d.Records(c.deleted.Name)
		}
		if c := changes[name]; c.replaced != nil {
			gone += d.Records(c.replaced.Name)
			if err := replaces(d, c.replaced.Name, name); err != nil {
				return err
			}
		}
		had, has := m.Base.section(name), m.Result.section(name)
		if gone > had.Records || had.Records-gone+added != has.Records {
			return fmt.Errorf("section %q: %d records less %d and %d more are not %d", name, had.Records, gone, added, has.Records)
		}
		if gone == 0 && added == 0 && had.Digest != has.Digest {
			return fmt.Errorf("section %q: no record has changed, and its digest has", name)
		}
	}
	return nil
}

// replaces makes sure that no place has more replaced records than new ones.
func replaces(d *Digester, tombstones, section string) error {
	next, stop := iter.Pull2(d.Leaves(section))
	defer stop()
	have, err, ok := next()
	for t, terr := range d.Leaves(tombstones) {
		if terr != nil {
			return terr
		}
		for ok && err == nil && string(have.Place[:]) < string(t.Place[:]) {
			have, err, ok = next()
		}
		if err != nil {
			return err
		}
		if !ok || have.Place != t.Place {
			return fmt.Errorf("section %q: a record is replaced, and there is no next version of it", section)
		}
		have, err, ok = next()
	}
	return err
}
