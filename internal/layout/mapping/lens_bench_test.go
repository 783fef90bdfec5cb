package mapping_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

const benchRows = 2000

// natives are columns as products write them, by the lens that reads them.
var natives = map[string]func(c *store.Cells, row int){
	"text":         func(c *store.Cells, row int) { c.AppendString(strings.Repeat("what an agent remembers ", 20+row%20)) },
	"time-rfc3339": func(c *store.Cells, row int) { c.AppendString(fmt.Sprintf("2026-02-12T10:11:12.%09d+00:00", 1+2*row)) },
	"json-list":    func(c *store.Cells, row int) { c.AppendString(fmt.Sprintf(`["project","tag-%d"]`, row%50)) },
	"real":         func(c *store.Cells, row int) { c.AppendFloat(float64(row) / 7) },
	"int":          func(c *store.Cells, row int) { c.AppendInt(int64(row)) },
	"f32":          func(c *store.Cells, _ int) { c.AppendBlob(make([]byte, 4*384)) },
}

func native(name string) *store.Cells {
	c := &store.NewRows(1).Columns[0]
	for row := range benchRows {
		natives[name](c, row)
	}
	return c
}

func eachLens(b *testing.B, f func(b *testing.B, l *lens.Lens, c *store.Cells)) {
	for _, name := range slices.Sorted(maps.Keys(natives)) {
		b.Run(name, func(b *testing.B) {
			l, err := lens.ByName(name)
			if err != nil {
				b.Fatal(err)
			}
			c := native(name)
			b.SetBytes(int64(len(c.Data) + 8*len(c.Words)))
			b.ReportAllocs()
			f(b, l, c)
		})
	}
}

func BenchmarkLensGet(b *testing.B) {
	eachLens(b, func(b *testing.B, l *lens.Lens, c *store.Cells) {
		var field format.Column
		left := func(row int) { b.Fatalf("row %d is left over", row) }
		spare := *c
		for b.Loop() {
			// Get may take the column's memory and leave its own.
			spare = *c
			field.Reset(l.Type)
			l.Get(&spare, &field, left)
			if field.Len() != benchRows {
				b.Fatalf("%d rows", field.Len())
			}
			if len(field.Data) > 0 && len(c.Data) > 0 && &field.Data[0] == &c.Data[0] {
				field = format.Column{}
			}
		}
	})
}

func BenchmarkLensPut(b *testing.B) {
	eachLens(b, func(b *testing.B, l *lens.Lens, c *store.Cells) {
		var field format.Column
		field.Reset(l.Type)
		l.Get(c, &field, func(row int) { b.Fatalf("row %d is left over", row) })
		back := &store.NewRows(1).Columns[0]
		for b.Loop() {
			back.Reset()
			l.PutAll(&field, back)
		}
		if back.Len() != benchRows {
			b.Fatalf("%d rows", back.Len())
		}
	})
}
