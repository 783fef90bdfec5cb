package mapping

// IsSidecar tells whether the table is the sidecar, which belongs to no product.
func IsSidecar(table string) bool { return isOurs(table) }
