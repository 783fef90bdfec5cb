package openmemory

import (
	"crypto/sha1"
	"fmt"
	"regexp"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// Identifiers are UUIDs. Records have them in lower case with hyphens, whatever the
// engine keeps.

// namespace is that of the UUIDs which records of other products get, whose identifiers
// are no UUIDs.
var namespace = [16]byte{0x6d, 0x65, 0x6d, 0x61, 0x72, 0x63, 0x4f, 0x4d, 0x8b, 0x1d, 0x5e, 0x0c, 0x2a, 0x77, 0x94, 0x3f}

var isUUID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// readsAsNumber finds the UUIDs of which SQLite would make numbers.
var readsAsNumber = regexp.MustCompile(`^[0-9]+(e[0-9]+)?$`)

// identity is the identifier in the product's stores of a record of another product: a
// UUID stays what it is, if both engines can hold it.
func identity(id string) string {
	for out := id; ; out = nameUUID(id) {
		if isUUID.MatchString(out) && !readsAsNumber.MatchString(digits(out)) {
			return out
		}
		if out != id { // one in ten million
			id += "'"
		}
	}
}

// nameUUID is the UUID of version 5 of a name, RFC 9562, section 5.5.
func nameUUID(name string) string {
	sum := sha1.Sum(append(namespace[:], name...))
	sum[6] = sum[6]&0x0F | 0x50
	sum[8] = sum[8]&0x3F | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// digits are those of a UUID alone.
func digits(id string) string { return strings.ReplaceAll(id, "-", "") }

// native is the value of a UUID in a column of the engine.
func (k *kinds) native(id string) format.Value { return put(k.of[uuid].lens, format.TextValue(id)) }

// literal is the same as SQL.
func (k *kinds) literal(id string) string { return store.QuoteText(string(k.native(id).Bytes)) }
