package postgres

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/memarc/memarc/internal/store"
)

// A codec reads and writes the binary form of one type, as the type's send and
// receive functions define it. A column without a codec is read through a cast to
// text and written through a cast from it.
type codec struct {
	// check says why the type does not hold a cell that is not NULL.
	check func(c *store.Cells, row int) error
	// fits tells at a glance that check passes all cells. It may be nil, and need not
	// know: false says nothing.
	fits func(c *store.Cells) bool
	// put appends the binary form of a cell that has passed check; nil to encode.
	put func(dst []byte, c *store.Cells, row int) []byte
	// decode appends one value that is not NULL as a cell.
	decode func(src []byte, c *store.Cells) error
	// encode appends the binary form of a cell that is not NULL. Its errors wrap
	// errRefused where the type does not hold the cell exactly.
	encode func(dst []byte, c *store.Cells, row int) ([]byte, error)
	// stored appends what decode gives of what encode makes. It returns false, and
	// appends nothing, where encode refuses or only the database can tell.
	stored func(c *store.Cells, row int, out *store.Cells) bool
	// same says that stored gives the very cell.
	same bool
	// oid is the type on the wire and array the type of arrays of it; 0 if there
	// is none. An array type has a literal, which writes a cell as PostgreSQL's text.
	oid, array uint32
	literal    func(cell []byte) ([]byte, error)
}

// errRefused means that a type does not hold a cell exactly.
var errRefused = errors.New("the column's type does not hold the value")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errRefused, fmt.Sprintf(format, args...))
}

// errValue means bytes that are no binary value of their type.
var errValue = errors.New("malformed binary value")

// maxField is the greatest length of a value in bytes. PostgreSQL allocates one
// gibibyte at most for it, with its header.
const maxField = 1<<30 - 5

// newCodec makes a codec of a check, which says what encode refuses, and put,
// which appends a cell that has passed it. With same, decode gives the cell that
// put has taken.
func newCodec(same bool, check func(c *store.Cells, row int) error, put func(dst []byte, c *store.Cells, row int) []byte, decode func(src []byte, c *store.Cells) error) *codec {
	return &codec{
		check:  check,
		put:    put,
		same:   same,
		decode: decode,
		encode: func(dst []byte, c *store.Cells, row int) ([]byte, error) {
			if err := check(c, row); err != nil {
				return dst, err
			}
			return put(dst, c, row), nil
		},
		stored: func(c *store.Cells, row int, out *store.Cells) bool {
			if check(c, row) != nil {
				return false
			}
			if same {
				out.AppendRow(c, row)
				return true
			}
			return decode(put(nil, c, row), out) == nil
		},
	}
}

// baseCodec returns the codec of a type of PostgreSQL's own and the kind of its
// columns; nil and Text for a type that is read as text.
func baseCodec(oid uint32, typmod int32) (*codec, store.Kind) {
	switch oid {
	case pgtype.BoolOID:
		return with(boolCodec(), oid, pgtype.BoolArrayOID), store.Boolean
	case pgtype.Int2OID:
		return with(intCodec(2, math.MinInt16, math.MaxInt16), oid, pgtype.Int2ArrayOID), store.Integer
	case pgtype.Int4OID:
		return with(intCodec(4, math.MinInt32, math.MaxInt32), oid, pgtype.Int4ArrayOID), store.Integer
	case pgtype.Int8OID:
		return with(intCodec(8, math.MinInt64, math.MaxInt64), oid, pgtype.Int8ArrayOID), store.Integer
	case pgtype.OIDOID:
		return with(intCodec(4, 0, math.MaxUint32), oid, pgtype.OIDArrayOID), store.Integer
	case pgtype.Float4OID:
		return with(float4Codec(), oid, pgtype.Float4ArrayOID), store.Real
	case pgtype.Float8OID:
		return with(float8Codec(), oid, pgtype.Float8ArrayOID), store.Real
	case pgtype.TextOID:
		return with(textCodec(math.MaxInt), oid, pgtype.TextArrayOID), store.Text
	case pgtype.VarcharOID:
		return with(textCodec(characters(typmod)), oid, pgtype.VarcharArrayOID), store.Text
	case pgtype.BPCharOID:
		return with(bpcharCodec(characters(typmod)), oid, pgtype.BPCharArrayOID), store.Text
	case pgtype.NameOID:
		return with(nameCodec(), oid, pgtype.NameArrayOID), store.Text
	case pgtype.UUIDOID:
		return with(uuidCodec(), oid, pgtype.UUIDArrayOID), store.Text
	case pgtype.JSONOID:
		return with(jsonCodec(), oid, pgtype.JSONArrayOID), store.Document
	case pgtype.JSONBOID:
		return with(jsonbCodec(), oid, pgtype.JSONBArrayOID), store.Document
	case pgtype.ByteaOID:
		return with(byteaCodec(), oid, pgtype.ByteaArrayOID), store.Blob
	case pgtype.TimestamptzOID:
		return with(momentCodec(typmod), oid, pgtype.TimestamptzArrayOID), store.Moment
	case pgtype.TimestampOID:
		return with(momentCodec(typmod), oid, pgtype.TimestampArrayOID), store.Moment
	}
	if elem, ok := arrayElements[oid]; ok {
		c, kind := baseCodec(elem, typmod)
		return with(arrayCodec(c, kind, elem), oid, 0), store.Array
	}
	return nil, store.Text
}

// arrayElements are the array types whose cells are JSON.
var arrayElements = map[uint32]uint32{
	pgtype.BoolArrayOID: pgtype.BoolOID, pgtype.Int2ArrayOID: pgtype.Int2OID, pgtype.Int4ArrayOID: pgtype.Int4OID,
	pgtype.Int8ArrayOID: pgtype.Int8OID, pgtype.Float4ArrayOID: pgtype.Float4OID, pgtype.Float8ArrayOID: pgtype.Float8OID,
	pgtype.TextArrayOID: pgtype.TextOID, pgtype.VarcharArrayOID: pgtype.VarcharOID, pgtype.UUIDArrayOID: pgtype.UUIDOID,
}

func with(c *codec, oid, array uint32) *codec {
	c.oid, c.array = oid, array
	return c
}

// characters returns how many characters a varchar or char holds.
func characters(typmod int32) int {
	if typmod < 4 {
		return math.MaxInt
	}
	return int(typmod - 4)
}

// ofClass refuses a cell of another class.
func ofClass(c *store.Cells, row int, k store.Kind) error {
	if c.Kinds[row] != k {
		return refused("it is of another class")
	}
	return nil
}

func boolCodec() *codec {
	return newCodec(true, func(c *store.Cells, row int) error {
		if c.Kinds[row] != store.Integer || c.Words[row] > 1 {
			return refused("it is neither true nor false")
		}
		return nil
	}, func(dst []byte, c *store.Cells, row int) []byte {
		return append(dst, byte(c.Words[row]))
	}, func(src []byte, c *store.Cells) error {
		if len(src) != 1 || src[0] > 1 {
			return errValue
		}
		c.AppendInt(int64(src[0]))
		return nil
	})
}

// intCodec is the codec of integers of size bytes. The least one says whether
// they are signed.
func intCodec(size int, least, greatest int64) *codec {
	return newCodec(true, func(c *store.Cells, row int) error {
		if err := ofClass(c, row, store.Integer); err != nil {
			return err
		}
		if v := c.Int(row); v < least || v > greatest {
			return refused("%d is out of range", v)
		}
		return nil
	}, func(dst []byte, c *store.Cells, row int) []byte {
		switch size {
		case 2:
			return binary.BigEndian.AppendUint16(dst, uint16(c.Words[row]))
		case 4:
			return binary.BigEndian.AppendUint32(dst, uint32(c.Words[row]))
		}
		return binary.BigEndian.AppendUint64(dst, c.Words[row])
	}, func(src []byte, c *store.Cells) error {
		switch {
		case len(src) != size:
			return errValue
		case size == 2:
			c.AppendInt(int64(int16(binary.BigEndian.Uint16(src))))
		case size == 4 && least == 0:
			c.AppendInt(int64(binary.BigEndian.Uint32(src)))
		case size == 4:
			c.AppendInt(int64(int32(binary.BigEndian.Uint32(src))))
		default:
			c.AppendInt(int64(binary.BigEndian.Uint64(src)))
		}
		return nil
	})
}

func float4Codec() *codec {
	return newCodec(false, func(c *store.Cells, row int) error {
		if err := ofClass(c, row, store.Real); err != nil {
			return err
		}
		if v := c.Float(row); v == v && float64(float32(v)) != v {
			return refused("%v is no number of single precision", v)
		}
		return nil
	}, func(dst []byte, c *store.Cells, row int) []byte {
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(c.Float(row))))
	}, func(src []byte, c *store.Cells) error {
		if len(src) != 4 {
			return errValue
		}
		c.AppendFloat(float64(math.Float32frombits(binary.BigEndian.Uint32(src))))
		return nil
	})
}

func float8Codec() *codec {
	return newCodec(true, func(c *store.Cells, row int) error {
		return ofClass(c, row, store.Real)
	}, func(dst []byte, c *store.Cells, row int) []byte {
		return binary.BigEndian.AppendUint64(dst, c.Words[row])
	}, func(src []byte, c *store.Cells) error {
		if len(src) != 8 {
			return errValue
		}
		c.AppendFloat(math.Float64frombits(binary.BigEndian.Uint64(src)))
		return nil
	})
}

func putBytes(dst []byte, c *store.Cells, row int) []byte { return append(dst, c.Bytes(row)...) }

func decodeText(src []byte, c *store.Cells) error {
	c.AppendText(src)
	return nil
}

// checkText refuses what no text type holds.
func checkText(c *store.Cells, row int) error {
	if err := ofClass(c, row, store.Text); err != nil {
		return err
	}
	text := c.Bytes(row)
	switch {
	case len(text) > maxField:
		return refused("a text of %d bytes is too long", len(text))
	case bytes.IndexByte(text, 0) >= 0:
		return refused("the text has a NUL")
	case !utf8.Valid(text):
		return refused("the text is not UTF-8")
	}
	return nil
}

func textCodec(limit int) *codec {
	codec := newCodec(true, func(c *store.Cells, row int) error {
		return checkLength(c, row, limit)
	}, putBytes, decodeText)
	if limit == math.MaxInt {
		codec.fits = func(c *store.Cells) bool {
			return len(c.Data) <= maxField && c.Only(store.Text) && bytes.IndexByte(c.Data, 0) < 0 && c.UTF8()
		}
	}
	return codec
}

func checkLength(c *store.Cells, row int, limit int) error {
	if err := checkText(c, row); err != nil {
		return err
	}
	if text := c.Bytes(row); len(text) > limit && utf8.RuneCount(text) > limit {
		return refused("the text is longer than %d characters", limit)
	}
	return nil
}

// bpcharCodec is the codec of char(n), which PostgreSQL fills up with spaces.
func bpcharCodec(limit int) *codec {
	c := textCodec(limit)
	c.same = false
	c.stored = func(c *store.Cells, row int, out *store.Cells) bool {
		if checkLength(c, row, limit) != nil {
			return false
		}
		padded := c.Bytes(row)
		if limit != math.MaxInt {
			padded = slices.Clone(padded)
			for n := utf8.RuneCount(padded); n < limit; n++ {
				padded = append(padded, ' ')
			}
		}
		out.AppendText(padded)
		return true
	}
	return c
}

// nameCodec is the codec of the type of names in the catalog: 63 bytes.
func nameCodec() *codec {
	return newCodec(true, func(c *store.Cells, row int) error {
		if err := checkText(c, row); err != nil {
			return err
		}
		if n := len(c.Bytes(row)); n > 63 {
			return refused("a name of %d bytes is too long", n)
		}
		return nil
	}, putBytes, decodeText)
}

func uuidCodec() *codec {
	return newCodec(false, func(c *store.Cells, row int) error {
		if err := ofClass(c, row, store.Text); err != nil {
			return err
		}
		text := c.Bytes(row)
		if len(text) != 36 {
			return refused("it is no UUID of 36 characters")
		}
		for i, b := range text {
			hyphen := i == 8 || i == 13 || i == 18 || i == 23
			if hyphen != (b == '-') || !hyphen && !isHex(b) {
				return refused("it is no UUID of 36 characters")
			}
		}
		return nil
	}, func(dst []byte, c *store.Cells, row int) []byte {
		text := c.Bytes(row)
		for i := 0; i < len(text); i += 2 {
			if text[i] == '-' {
				i++
			}
			dst = append(dst, hexDigit(text[i])<<4|hexDigit(text[i+1]))
		}
		return dst
	}, func(src []byte, c *store.Cells) error {
		if len(src) != 16 {
			return errValue
		}
		var out [36]byte
		hex.Encode(out[:8], src[:4])
		out[8] = '-'
		hex.Encode(out[9:13], src[4:6])
		out[13] = '-'
		hex.Encode(out[14:18], src[6:8])
		out[18] = '-'
		hex.Encode(out[19:23], src[8:10])
		out[23] = '-'
		hex.Encode(out[24:], src[10:])
		c.AppendText(out[:])
		return nil
	})
}

func isHex(b byte) bool {
	return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'f'
}

func hexDigit(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return b | 0x20 - 'a' + 10
}

// checkJSON refuses what is no JSON text. Of duplicate names and of escapes of
// half a surrogate pair PostgreSQL judges itself.
func checkJSON(c *store.Cells, row int) error {
	if err := checkText(c, row); err != nil {
		return err
	}
	if !jsontext.Value(c.Bytes(row)).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
		return refused("it is no JSON")
	}
	return nil
}

func jsonCodec() *codec { return newCodec(true, checkJSON, putBytes, decodeText) }

// jsonbVersion stands before the text of a jsonb.
const jsonbVersion = 1

func jsonbCodec() *codec {
	c := newCodec(false, checkJSON, func(dst []byte, c *store.Cells, row int) []byte {
		return append(append(dst, jsonbVersion), c.Bytes(row)...)
	}, func(src []byte, c *store.Cells) error {
		if len(src) < 2 || src[0] != jsonbVersion {
			return errValue
		}
		c.AppendText(src[1:])
		return nil
	})
	c.stored = func(c *store.Cells, row int, out *store.Cells) bool {
		if c.Kinds[row] != store.Text {
			return false
		}
		text, ok := normalizeJSONB(c.Bytes(row))
		if ok {
			out.AppendText(text)
		}
		return ok
	}
	return c
}

func byteaCodec() *codec {
	return newCodec(true, func(c *store.Cells, row int) error {
		if err := ofClass(c, row, store.Blob); err != nil {
			return err
		}
		if n := len(c.Bytes(row)); n > maxField {
			return refused("%d bytes are too many", n)
		}
		return nil
	}, putBytes, func(src []byte, c *store.Cells) error {
		c.AppendBlob(src)
		return nil
	})
}

// Microseconds from 1970 to the epoch of PostgreSQL's timestamps, 2000-01-01, and
// from 1970 back to the first moment that they hold, 4714-11-24 BC.
// Source: src/include/datatype/timestamp.h.
const (
	epoch       = 946684800_000000
	firstMoment = -211813488000_000000 + epoch
)

// momentCodec is the codec of both types of timestamps. They reach beyond what 64
// bits hold from 1970 on: the last 29 years before 294277 have no cell.
func momentCodec(typmod int32) *codec {
	unit := int64(1) // microseconds
	for p := typmod; p >= 0 && p < 6; p++ {
		unit *= 10
	}
	return newCodec(true, func(c *store.Cells, row int) error {
		if err := ofClass(c, row, store.Integer); err != nil {
			return err
		}
		v := c.Int(row)
		switch {
		case v == math.MinInt64 || v == math.MaxInt64:
		case v < firstMoment:
			return refused("the moment lies before 4714-11-24 BC")
		case v%unit != 0:
			return refused("the moment is finer than timestamp(%d)", typmod)
		}
		return nil
	}, func(dst []byte, c *store.Cells, row int) []byte {
		v := c.Int(row)
		if v != math.MinInt64 && v != math.MaxInt64 {
			v -= epoch
		}
		return binary.BigEndian.AppendUint64(dst, uint64(v))
	}, func(src []byte, c *store.Cells) error {
		if len(src) != 8 {
			return errValue
		}
		v := int64(binary.BigEndian.Uint64(src))
		if v != math.MinInt64 && v != math.MaxInt64 {
			if v >= math.MaxInt64-epoch {
				return errors.New("the moment lies too far in the future: after 294247-01-10")
			}
			v += epoch
		}
		c.AppendInt(v)
		return nil
	})
}
