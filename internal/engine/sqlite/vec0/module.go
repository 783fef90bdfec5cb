package vec0

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/memarc/memarc/internal/store"
)

// Register makes the module known to a connection.
func Register(db *sqlite3.Conn) error {
	//lint:ignore SA1019 the generic method needs Go 1.27
	return sqlite3.CreateModule(db, Module, create, connect)
}

// A table is one virtual table of a connection.
type table struct {
	*Definition
	db           *sqlite3.Conn
	schema, name string
	statements   map[string]*sqlite3.Stmt
	open         *chunk // into which rows go
}

var (
	_ sqlite3.VTabUpdater   = (*table)(nil)
	_ sqlite3.VTabDestroyer = (*table)(nil)
	_ sqlite3.VTabTxn       = (*table)(nil)
)

func connect(db *sqlite3.Conn, _, schema, name string, args ...string) (*table, error) {
	d, err := Parse(args)
	if err != nil {
		return nil, err
	}
	columns := []string{store.QuoteName(d.Key)}
	for _, c := range d.Columns {
		columns = append(columns, store.QuoteName(c.Name))
	}
	if err := db.DeclareVTab("CREATE TABLE x(" + strings.Join(columns, ", ") + ")"); err != nil {
		return nil, err
	}
	return &table{Definition: d, db: db, schema: schema, name: name, statements: map[string]*sqlite3.Stmt{}}, nil
}

// The version of sqlite-vec whose tables these are.
const (
	versionMajor = 0
	versionMinor = 1
	versionPatch = 9
)

func create(db *sqlite3.Conn, module, schema, name string, args ...string) (*table, error) {
	t, err := connect(db, module, schema, name, args...)
	if err != nil {
		return nil, err
	}
	for _, sql := range t.shadowSQL() {
		if err := db.Exec(sql); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// shadowSQL returns the statements that create the shadow tables, as sqlite-vec has them.
func (t *table) shadowSQL() []string {
	partitions, id := "", "id"
	for i := range t.count[Partition] {
		partitions += fmt.Sprintf("partition%02d,", i)
	}
	if partitions != "" {
		partitions = "sequence_id integer," + partitions
	}
	if t.TextKey {
		id = "id TEXT UNIQUE NOT NULL"
	}
	all := []string{
		"CREATE TABLE " + t.shadow("info") + " (key text primary key, value any)",
		fmt.Sprintf("INSERT INTO %s (key, value) VALUES ('CREATE_VERSION', 'v%d.%d.%d'), ('CREATE_VERSION_MAJOR', %[2]d), ('CREATE_VERSION_MINOR', %[3]d), ('CREATE_VERSION_PATCH', %[4]d)",
			t.shadow("info"), versionMajor, versionMinor, versionPatch),
		"CREATE TABLE " + t.shadow("chunks") + "(chunk_id INTEGER PRIMARY KEY AUTOINCREMENT,size INTEGER NOT NULL," + partitions + "validity BLOB NOT NULL,rowids BLOB NOT NULL)",
		"CREATE TABLE " + t.shadow("rowids") + "(rowid INTEGER PRIMARY KEY AUTOINCREMENT," + id + ",chunk_id INTEGER,chunk_offset INTEGER)",
	}
	auxiliary := ""
	for i := range t.Columns {
		switch c := &t.Columns[i]; c.Kind {
		case Vector:
			all = append(all, "CREATE TABLE "+t.shadow(c.chunks())+"(rowid PRIMARY KEY,vectors BLOB NOT NULL)")
		case Metadata:
			all = append(all, "CREATE TABLE "+t.shadow(c.chunks())+"(rowid PRIMARY KEY, data BLOB NOT NULL)")
			if c.Class == store.Text {
				all = append(all, "CREATE TABLE "+t.shadow(c.texts())+"(rowid PRIMARY KEY, data TEXT)")
			}
		case Auxiliary:
			auxiliary += ", " + c.value()
		}
	}
	if auxiliary != "" {
		all = append(all, "CREATE TABLE "+t.shadow("auxiliary")+"( rowid integer PRIMARY KEY "+auxiliary+")")
	}
	return all
}

// shadow returns the quoted name of a shadow table.
func (t *table) shadow(suffix string) string {
	return store.QuoteName(t.schema) + "." + store.QuoteName(t.name+"_"+suffix)
}

// chunks is the shadow table that has the column's chunks, and blob its column.
func (c *Column) chunks() string {
	if c.Kind == Vector {
		return fmt.Sprintf("vector_chunks%02d", c.at)
	}
	return fmt.Sprintf("metadatachunks%02d", c.at)
}

func (c *Column) blob() string {
	if c.Kind == Vector {
		return "vectors"
	}
	return "data"
}

func (c *Column) texts() string     { return fmt.Sprintf("metadatatext%02d", c.at) }
func (c *Column) value() string     { return fmt.Sprintf("value%02d", c.at) }
func (c *Column) partition() string { return fmt.Sprintf("partition%02d", c.at) }

// Destroy drops the shadow tables. It never fails: SQLite would use the table again, which
// the binding has forgotten by then. What cannot be dropped stays as a table of its own.
func (t *table) Destroy() error {
	t.open = nil
	for _, name := range t.Shadows(t.name) {
		_ = t.db.Exec("DROP TABLE IF EXISTS " + store.QuoteName(t.schema) + "." + store.QuoteName(name))
	}
	return nil
}

// Close closes the table's statements.
func (t *table) Close() error {
	var err error
	for _, s := range t.statements {
		err = errors.Join(err, s.Close())
	}
	t.statements = nil
	return err
}

// statement returns a prepared statement of the table, which is not being stepped.
func (t *table) statement(sql string) (*sqlite3.Stmt, error) {
	if s := t.statements[sql]; s != nil {
		return s, nil
	}
	s, _, err := t.db.Prepare(sql)
	if err != nil {
		return nil, t.damaged("%w", err)
	}
	t.statements[sql] = s
	return s, nil
}

// damaged says that the shadow tables are not what sqlite-vec makes.
func (t *table) damaged(format string, args ...any) error {
	return fmt.Errorf("%w: table %q of sqlite-vec: "+format, append([]any{sqlite3.CORRUPT_VTAB, t.name}, args...)...)
}

// Begin starts a transaction.
func (t *table) Begin() error { return nil }

// Sync writes what waits to be written.
func (t *table) Sync() error { return t.settle() }

// Commit ends a transaction.
func (t *table) Commit() error { return nil }

// Rollback forgets what waits to be written.
func (t *table) Rollback() error {
	t.open = nil
	return nil
}
