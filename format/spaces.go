package format

// SpacesOf turns records of the spaces section into what a manifest says.
func SpacesOf(b *Batch) []Space {
	var out []Space
	text := func(name string, row int) string {
		if c := b.Typed(name, Text); c != nil && !c.Null(row) {
			return c.String(row)
		}
		return ""
	}
	for row := range b.Rows {
		sp := Space{ID: text("id", row), Model: text("model", row), Provider: text("provider", row), Element: text("element", row), Hash: text("hash", row)}
		if c := b.Typed("dimension", Int); c != nil && !c.Null(row) {
			sp.Dimension = c.Int(row)
		}
		if c := b.Typed("normalized", Bool); c != nil && !c.Null(row) {
			v := c.Cells[row] == 1
			sp.Normalized = &v
		}
		out = append(out, sp)
	}
	return out
}
