package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	json2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	json1 "github.com/go-json-experiment/json/v1"
)

// Encoding is how the records of an archive's chunks are written. FORMAT.md
// section 6.
type Encoding uint8

// The encodings. Both give the same content digest.
const (
	Arrow  Encoding = 1 // an Arrow IPC stream a chunk
	NDJSON Encoding = 2 // a JSON object a line
)

// String returns the name of the encoding as it stands in a manifest.
func (e Encoding) String() string {
	switch e {
	case Arrow:
		return "arrow"
	case NDJSON:
		return "ndjson"
	}
	return fmt.Sprintf("encoding(%d)", uint8(e))
}

// ParseEncoding is the reverse of String.
func ParseEncoding(name string) (Encoding, error) {
	switch name {
	case "arrow":
		return Arrow, nil
	case "ndjson":
		return NDJSON, nil
	}
	return 0, fmt.Errorf("encoding %q is unknown, want arrow or ndjson", name)
}

// MarshalText implements encoding.TextMarshaler.
func (e Encoding) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (e *Encoding) UnmarshalText(text []byte) (err error) {
	*e, err = ParseEncoding(string(text))
	return err
}

// A StoreID says what kind of store records came from. It has no place for a
// path, a host or a user.
type StoreID struct {
	Engine  string `json:"engine"`            // how it is talked to: sqlite, postgres, ...
	Layout  string `json:"layout"`            // the product: vestige, memarc, generic, ...
	Version string `json:"version,omitempty"` // of the product's schema
}

// An Origin is the product's store from which the records of an archive first
// came, and the shape of its tables. FORMAT.md section 4.2.
type Origin struct {
	StoreID
	Tables []Table `json:"tables,omitempty"`
	// Objects names the derived objects of the layout's own schema that the
	// store had: indexes, triggers, full-text tables.
	Objects []string `json:"objects,omitempty"`
	// Settings are numbers that the product keeps with the database as a whole.
	Settings map[string]int64 `json:"settings,omitempty"`
}

// A Table is the shape of a native table, as data. Nothing of it is code: a
// program that creates a table from it quotes the names and takes types from
// its own closed list.
type Table struct {
	Name          string        `json:"name"`
	Columns       []TableColumn `json:"columns"`
	Primary       []string      `json:"primary,omitempty"` // columns of the primary key
	Unique        [][]string    `json:"unique,omitempty"`
	Foreign       []ForeignKey  `json:"foreign,omitempty"`
	Indexes       []Index       `json:"indexes,omitempty"`
	Strict        bool          `json:"strict,omitempty"`
	WithoutRowid  bool          `json:"without_rowid,omitempty"`
	Autoincrement bool          `json:"autoincrement,omitempty"`
	Sequence      *int64        `json:"sequence,omitempty"` // the last generated key
	Module        string        `json:"module,omitempty"`   // extension whose table it is; column types are its words then
	Options       []string      `json:"options,omitempty"`  // of the table, in the module's words
}

// A TableColumn is one column of a native table.
type TableColumn struct {
	Name    string          `json:"name"`
	Type    string          `json:"type"`
	NotNull bool            `json:"notnull,omitempty"`
	Default json.RawMessage `json:"default,omitempty"` // a value as FORMAT.md section 6.2 writes Any
	Keyword string          `json:"keyword,omitempty"` // a default that is a word: CURRENT_TIMESTAMP, TRUE, ...
}

// A ForeignKey is a reference from columns of one native table to another.
type ForeignKey struct {
	Columns  []string `json:"columns"`
	Table    string   `json:"table"`
	To       []string `json:"to,omitempty"`
	OnDelete string   `json:"on_delete,omitempty"`
	OnUpdate string   `json:"on_update,omitempty"`
}

// An Index is a plain index over columns of a native table.
type Index struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Unique  bool     `json:"unique,omitempty"`
}

// A Space describes an embedding space. Absent members are unknown.
type Space struct {
	ID         string `json:"id"`
	Model      string `json:"model,omitempty"`
	Provider   string `json:"provider,omitempty"`
	Dimension  int64  `json:"dimension,omitempty"`
	Element    string `json:"element,omitempty"`
	Normalized *bool  `json:"normalized,omitempty"`
	Hash       string `json:"hash,omitempty"`
}

// A Manifest says what an archive holds. FORMAT.md section 4.
type Manifest struct {
	Writer   string            `json:"writer"`
	Created  string            `json:"created,omitempty"`
	Encoding Encoding          `json:"encoding"`
	Source   StoreID           `json:"source"`
	Origin   *Origin           `json:"origin,omitempty"`
	Sections []*Section        `json:"sections"`
	Spaces   []Space           `json:"spaces,omitempty"`
	Options  map[string]string `json:"options,omitempty"`
	// Base and Result are those of an incremental archive: where it begins and where
	// it leads. FORMAT.md section 12.
	Base   *Base  `json:"base,omitempty"`
	Result *State `json:"result,omitempty"`

	// Unknown holds members that this version does not know, to be kept when
	// the archive is rewritten.
	Unknown map[string]json.RawMessage `json:"-"`
}

// Section returns the named section, or nil.
func (m *Manifest) Section(name string) *Section {
	for _, s := range m.Sections {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Check reports the first violation of FORMAT.md sections 4 and 9.
func (m *Manifest) Check() error {
	if m.Encoding != Arrow && m.Encoding != NDJSON {
		return fmt.Errorf("manifest names no encoding")
	}
	if len(m.Sections) > MaxSections {
		return &LimitError{What: "sections of an archive", Got: uint64(len(m.Sections)), Max: MaxSections}
	}
	seen := make(map[string]bool, len(m.Sections))
	for _, s := range m.Sections {
		if s == nil {
			return fmt.Errorf("manifest has a null section")
		}
		if err := s.Check(); err != nil {
			return err
		}
		if seen[s.Name] {
			return fmt.Errorf("manifest names section %q twice", s.Name)
		}
		seen[s.Name] = true
	}
	return m.checkIncrement()
}

func (m *Manifest) encode() ([]byte, error) {
	// As encoding/json does, but with [] where a nil slice would give null.
	raw, err := json2.Marshal(m, json1.DefaultOptionsV1(), json2.FormatNilSliceAsNull(false))
	if err != nil || len(m.Unknown) == 0 {
		return raw, err
	}
	all := map[string]json.RawMessage{}
	for name, v := range m.Unknown {
		all[name] = v
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

func decodeManifest(raw []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := decodeObject(raw, m); err != nil {
		return nil, fmt.Errorf("manifest: %w: %w", ErrCorrupt, err)
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("manifest: %w: %w", ErrCorrupt, err)
	}
	for _, name := range []string{"writer", "encoding", "source", "sections"} {
		if all[name] == nil {
			return nil, fmt.Errorf("manifest: %w: member %q is missing", ErrCorrupt, name)
		}
	}
	for _, s := range m.Sections {
		if s.Key == nil || s.Fields == nil {
			return nil, fmt.Errorf("manifest: %w: section %q lacks its key or its fields", ErrCorrupt, s.Name)
		}
	}
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("manifest: %w: %w", ErrCorrupt, err)
	}
	for _, known := range []string{"writer", "created", "encoding", "source", "origin", "sections", "spaces", "options", "base", "result"} {
		delete(all, known)
	}
	if len(all) > 0 {
		m.Unknown = all
	}
	return m, nil
}

// present refuses null for every member that is known, and otherwise leaves
// the decoding to the package. Member names are compared byte by byte, which
// encoding/json does not.
var present = json2.WithUnmarshalers(json2.UnmarshalFromFunc(func(dec *jsontext.Decoder, _ any) error {
	if dec.PeekKind() == 'n' {
		return errors.New("null stands for an absent member")
	}
	return errors.ErrUnsupported
}))

// decodeObject decodes a JSON object of a control block: valid UTF-8, no
// duplicate names, nesting bounded.
func decodeObject(raw []byte, into any) error {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	if dec.PeekKind() != '{' {
		return fmt.Errorf("not a JSON object")
	}
	for {
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		if dec.StackDepth() > MaxNesting {
			return &LimitError{What: "nesting", Got: uint64(dec.StackDepth()), Max: MaxNesting}
		}
		if dec.StackDepth() == 0 {
			break
		}
	}
	if rest := bytes.TrimLeft(raw[dec.InputOffset():], " \t\r\n"); len(rest) != 0 {
		return fmt.Errorf("text follows the JSON object")
	}
	return json2.Unmarshal(raw, into, present)
}

// A Loss is one entry of the loss ledger: what of a source an archive does not
// hold, and why.
type Loss struct {
	Code     string `json:"code"`  // stable word, what --accept-loss takes
	Where    string `json:"where"` // the table, column or section
	Count    uint64 `json:"count"` // records or things concerned
	Reason   string `json:"reason"`
	Accepted bool   `json:"accepted"` // by the user or by the request itself
}

// An End is the closing record of an archive. FORMAT.md section 7.
type End struct {
	Complete bool            `json:"complete"`
	Records  uint64          `json:"records"`
	Sections []SectionDigest `json:"sections"`
	Content  Hash            `json:"content"`
	Losses   []Loss          `json:"losses"`
	Index    []IndexEntry    `json:"index"`

	// Root is the file root: the check of the end block.
	Root Hash `json:"-"`
	// Bytes is the length of the archive.
	Bytes int64 `json:"-"`
}

// An IndexEntry says where a chunk is: its header frame starts at Offset and,
// with the payload behind it, takes Length bytes.
type IndexEntry struct {
	Section  string
	Sequence uint32
	Records  uint32
	Offset   int64
	Length   int64
	Check    Hash // of the chunk's header
}

// MarshalJSON implements json.Marshaler: an array, to keep the index small.
func (e IndexEntry) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{e.Section, e.Sequence, e.Records, e.Offset, e.Length, e.Check})
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *IndexEntry) UnmarshalJSON(raw []byte) error {
	parts := []any{&e.Section, &e.Sequence, &e.Records, &e.Offset, &e.Length, &e.Check}
	var got []jsontext.Value
	if err := json2.Unmarshal(raw, &got); err != nil {
		return err
	}
	if len(got) != len(parts) {
		return fmt.Errorf("index entry has %d parts, want %d", len(got), len(parts))
	}
	for i := range parts {
		if err := json2.Unmarshal(got[i], parts[i], present); err != nil {
			return err
		}
	}
	return nil
}
