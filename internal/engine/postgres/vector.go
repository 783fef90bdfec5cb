package postgres

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/memarc/memarc/internal/store"
)

// maxDimension is what pgvector's types hold. Source: VECTOR_MAX_DIM and
// HALFVEC_MAX_DIM in its src/vector.h and src/halfvec.h.
const maxDimension = 16000

// vectorCodec is the codec of pgvector's vector, or of its halfvec. Binary form:
// a 16-bit dimension, 16 bits of zeros, the elements, all big-endian.
func vectorCodec(typmod int32, half bool) *codec {
	size := 4
	if half {
		size = 2
	}
	codec := newCodec(true, func(c *store.Cells, row int) error {
		return checkVector(c, row, typmod, half)
	}, func(dst []byte, c *store.Cells, row int) []byte {
		raw := c.Bytes(row)
		dst = slices.Grow(dst, 4+len(raw)/4*size)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(raw)/4))
		dst = append(dst, 0, 0)
		for ; len(raw) >= 4; raw = raw[4:] {
			bits := binary.LittleEndian.Uint32(raw)
			if half {
				h, _ := toHalf(bits)
				dst = binary.BigEndian.AppendUint16(dst, h)
			} else {
				dst = binary.BigEndian.AppendUint32(dst, bits)
			}
		}
		return dst
	}, func(src []byte, c *store.Cells) error {
		if len(src) < 4 || len(src)-4 != int(binary.BigEndian.Uint16(src))*size {
			return errValue
		}
		n := (len(src) - 4) / size
		at := len(c.Data)
		c.Data = slices.Grow(c.Data, 4*n)[:at+4*n]
		out, src := c.Data[at:], src[4:]
		if half {
			for ; len(src) >= 2 && len(out) >= 4; src, out = src[2:], out[4:] {
				binary.LittleEndian.PutUint32(out, fromHalf(binary.BigEndian.Uint16(src)))
			}
		} else {
			for ; len(src) >= 4 && len(out) >= 4; src, out = src[4:], out[4:] {
				binary.LittleEndian.PutUint32(out, binary.BigEndian.Uint32(src))
			}
		}
		c.Kinds = append(c.Kinds, store.Blob)
		c.Words = append(c.Words, 0)
		c.Offsets = append(c.Offsets, int32(len(c.Data)))
		return nil
	})
	if !half {
		codec.fits = func(c *store.Cells) bool { return vectorsFit(c, typmod) }
	}
	return codec
}

// vectorsFit tells that all cells are vectors of finite numbers, of the dimension that
// the column demands.
func vectorsFit(c *store.Cells, typmod int32) bool {
	for row, kind := range c.Kinds {
		size := int(c.Offsets[row+1] - c.Offsets[row])
		if kind == store.Null {
			continue
		}
		if kind != store.Blob || size%4 != 0 || size == 0 || size/4 > maxDimension || typmod > 0 && size/4 != int(typmod) {
			return false
		}
	}
	return store.Finite(c.Data)
}

func checkVector(c *store.Cells, row int, typmod int32, half bool) error {
	if err := ofClass(c, row, store.Blob); err != nil {
		return err
	}
	raw := c.Bytes(row)
	n := len(raw) / 4
	switch {
	case len(raw)%4 != 0 || n == 0:
		return refused("%d bytes are no vector of float32", len(raw))
	case n > maxDimension:
		return refused("a vector of %d dimensions is too long", n)
	case typmod > 0 && n != int(typmod):
		return refused("the vector has %d dimensions, the column takes %d", n, typmod)
	}
	for ; len(raw) >= 4; raw = raw[4:] {
		bits := binary.LittleEndian.Uint32(raw)
		if bits&0x7f800000 == 0x7f800000 {
			return refused("the vector has an element that is no finite number")
		}
		if half {
			if _, ok := toHalf(bits); !ok {
				return refused("%v is no number of half precision", math.Float32frombits(bits))
			}
		}
	}
	return nil
}

// fromHalf returns the bits of the float32 that a number of IEEE 754 half
// precision is.
func fromHalf(h uint16) uint32 {
	sign, exponent, fraction := uint32(h&0x8000)<<16, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch {
	case exponent == 0x1f: // infinite, or no number
		return sign | 0x7f800000 | fraction<<13
	case exponent != 0:
		return sign | (exponent+127-15)<<23 | fraction<<13
	case fraction == 0:
		return sign
	}
	exponent = 127 - 15 + 1 // subnormal: shift up to a leading one
	for fraction&0x400 == 0 {
		fraction <<= 1
		exponent--
	}
	return sign | exponent<<23 | fraction&0x3ff<<13
}

// toHalf returns the number of half precision that the finite float32 of these
// bits is; false if there is none.
func toHalf(bits uint32) (uint16, bool) {
	sign, exponent, fraction := uint16(bits>>16&0x8000), int(bits>>23&0xff)-127+15, bits&0x7fffff
	var h uint16
	switch {
	case bits&0x7fffffff == 0:
		return sign, true
	case exponent >= 0x1f || exponent < -10:
		return 0, false
	case exponent > 0:
		h = sign | uint16(exponent)<<10 | uint16(fraction>>13)
	default: // subnormal
		h = sign | uint16((fraction|0x800000)>>(14-exponent))
	}
	return h, fromHalf(h) == bits
}
