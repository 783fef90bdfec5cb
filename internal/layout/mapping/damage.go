package mapping

import (
	"fmt"
	"strings"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/layout/lens"
	"github.com/memarc/memarc/internal/store"
)

// A damage counts the cells of a column that are no longer what the product wrote.
type damage struct {
	count uint64
	some  []string // what the first of them show as
}

// maxDamage is how many damaged cells the ledger names.
const maxDamage = 3

func (d *damage) look(by *lens.Lens, cells *store.Cells) {
	for row := range cells.Kinds {
		if !by.Damaged(cells, row) {
			continue
		}
		if d.count++; len(d.some) < maxDamage {
			var one store.Cells
			var field format.Column
			one.Reset()
			one.AppendRow(cells, row)
			field.Reset(by.Type)
			by.Get(&one, &field, func(int) {})
			d.some = append(d.some, fmt.Sprintf("%q", field.Bytes(0)))
		}
	}
}

// markDamage finds the columns whose lenses know what damage is.
func (t *tableShape) markDamage() {
	for _, p := range t.parts {
		for i := range p.columns {
			if c := &p.columns[i]; c.lens.Damaged != nil {
				c.damage = &damage{}
			}
		}
	}
}

func (s *shape) resetDamage() {
	for i := range s.tables {
		s.tables[i].markDamage()
	}
}

// damages tells what was found. Nothing is lost that the store still had, so the entries
// are accepted.
func (s *shape) damages() (losses []format.Loss) {
	for _, t := range s.tables {
		for _, p := range t.parts {
			for _, c := range p.columns {
				if c.damage == nil || c.damage.count == 0 {
					continue
				}
				losses = append(losses, format.Loss{Code: "damaged", Where: t.table.Name + "." + c.column, Count: c.damage.count, Accepted: true,
					Reason: "the engine has made numbers of texts, so that the product cannot read the table; carried as they are: " + strings.Join(c.damage.some, ", ")})
			}
		}
	}
	return losses
}
