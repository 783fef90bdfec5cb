package bolt

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/memarc/memarc/internal/engine/bolt/memgraphsyntax"
	"github.com/memarc/memarc/internal/store"
)

// A pretender takes a Neo4j for a Memgraph: sessions with its options send what they
// would send to Memgraph, and it keeps each statement. Statements of data go to Neo4j as
// they are, for there the two agree.
type pretender struct {
	lock sync.Mutex
	sent []sent
	// Memgraph has an index beside a constraint, and Neo4j will not have both: so
	// constraints are kept here, and nothing enforces them.
	constraints [][2]string
}

type sent struct {
	statement string
	auto      bool
}

func (p *pretender) options() Options { return Options{as: Memgraph, wire: p.wire} }

const quotedName = "(`(?:[^`]|``)+`)"

var (
	memgraphIndex      = regexp.MustCompile("^(CREATE|DROP) INDEX ON :" + quotedName + `\(` + quotedName + `\)$`)
	memgraphConstraint = regexp.MustCompile("^(CREATE|DROP) CONSTRAINT ON " + `\(n:` + quotedName + `\) ASSERT n\.` + quotedName + " IS UNIQUE$")
)

// indexName is the same for the same index.
func indexName(label, property string) string {
	return fmt.Sprintf("`pretended %x`", label+property)
}

// wire keeps a statement and returns what Neo4j is sent in its place.
func (p *pretender) wire(statement string, auto bool) string {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.sent = append(p.sent, sent{statement, auto})
	switch statement { // what Memgraph says of itself, with the columns that it has
	case "SHOW VERSION":
		return "RETURN '3.5.0' AS version"
	case "SHOW STORAGE INFO ON CURRENT DATABASE":
		return "RETURN 'storage_mode' AS `storage info`, 'IN_MEMORY_TRANSACTIONAL' AS value"
	case "SHOW CONFIG":
		return "RETURN 'storage_properties_on_edges' AS name, 'true' AS current_value"
	case "SHOW INDEX INFO":
		return "SHOW INDEXES YIELD type, labelsOrTypes AS l, properties AS p WHERE type = 'RANGE' RETURN 'label+property' AS `index type`, l[0] AS label, p AS property, 0 AS count"
	case "SHOW CONSTRAINT INFO":
		var rows []string
		for _, c := range p.constraints {
			rows = append(rows, "{l: keys({"+c[0]+": 1}), p: keys({"+c[1]+": 1})}")
		}
		return "UNWIND [" + strings.Join(rows, ", ") + "] AS c RETURN 'unique' AS `constraint type`, c.l[0] AS label, c.p AS properties, '' AS data_type"
	}
	if m := memgraphIndex.FindStringSubmatch(statement); m != nil {
		if m[1] == "DROP" {
			return "DROP INDEX " + indexName(m[2], m[3])
		}
		return "CREATE INDEX " + indexName(m[2], m[3]) + " IF NOT EXISTS FOR (n:" + m[2] + ") ON (n." + m[3] + ")"
	}
	if m := memgraphConstraint.FindStringSubmatch(statement); m != nil {
		all := p.constraints
		p.constraints = nil
		for _, c := range all {
			if c != [2]string(m[2:]) {
				p.constraints = append(p.constraints, c)
			}
		}
		if m[1] == "CREATE" {
			p.constraints = append(p.constraints, [2]string(m[2:]))
		}
		return "RETURN 1"
	}
	return statement
}

// check fails the test for each statement that Memgraph would not take where it was
// sent. It returns how many different ones there are.
func (p *pretender) check(t testing.TB) int {
	t.Helper()
	p.lock.Lock()
	defer p.lock.Unlock()
	seen := map[sent]bool{}
	for _, s := range p.sent {
		if seen[s] {
			continue
		}
		seen[s] = true
		is, err := memgraphsyntax.Check(s.statement)
		switch {
		case err != nil:
			t.Errorf("%.2000s\n\t%v", s.statement, err)
		case is.Alone && !s.auto:
			t.Errorf("%s\n\tis sent within a transaction", s.statement)
		case s.auto && is.Writes:
			t.Errorf("%s\n\twrites data, and is not done again where others are in its way", s.statement)
		}
	}
	if testing.Verbose() {
		for s := range seen {
			t.Logf("auto %v: %.300s", s.auto, s.statement)
		}
	}
	return len(seen)
}

// PretendMemgraph is for tests outside of the package: an engine for Memgraph's schemes,
// and a function that checks what it has sent.
func PretendMemgraph() (e *store.Engine, check func(testing.TB) int) {
	p := &pretender{}
	return engines(p.options())[1], p.check
}
