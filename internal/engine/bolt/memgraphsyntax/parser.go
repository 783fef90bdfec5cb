package memgraphsyntax

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Statement is what Check finds out about one.
type Statement struct {
	// Alone tells that Memgraph runs it outside of transactions alone.
	Alone bool
	// Writes tells that it changes data.
	Writes bool
}

// Check parses a statement (rule cypher).
func Check(statement string) (s Statement, err error) {
	tokens, err := lex(statement)
	if err != nil {
		return s, err
	}
	p := &parser{tokens: tokens, scope: map[string]bool{}}
	defer func() {
		if f := recover(); f != nil {
			e, ok := f.(failure)
			if !ok {
				panic(f)
			}
			err = e
		}
	}()
	p.query(&s)
	p.take(";")
	if p.peek().kind != end {
		p.fail("the end is expected")
	}
	return s, nil
}

// A failure unwinds the parser.
type failure struct{ error }

type parser struct {
	tokens []token
	i      int
	scope  map[string]bool // the variables that are known
	// aggregate tells that an aggregation may stand here.
	aggregate bool
	writes    bool
	subquery  int
}

func (p *parser) peek() token { return p.tokens[p.i] }

func (p *parser) ahead(n int) token { return p.tokens[min(p.i+n, len(p.tokens)-1)] }

func (p *parser) fail(format string, args ...any) {
	near := p.peek().raw
	if p.peek().kind == end {
		near = "the end"
	}
	panic(failure{fmt.Errorf("at %d, near %s: %s", p.peek().at, near, fmt.Sprintf(format, args...))})
}

func is(t token, s string) bool { return (t.kind == word || t.kind == symbol) && t.text == s }

// at tells whether these tokens come next.
func (p *parser) at(tokens ...string) bool {
	for i, s := range tokens {
		if !is(p.ahead(i), s) {
			return false
		}
	}
	return true
}

// take takes these tokens, if they come next.
func (p *parser) take(tokens ...string) bool {
	if !p.at(tokens...) {
		return false
	}
	p.i += len(tokens)
	return true
}

func (p *parser) need(tokens ...string) {
	for _, s := range tokens {
		if !p.take(s) {
			p.fail("%s is expected", s)
		}
	}
}

// try parses something, or goes back to where it was.
func (p *parser) try(parse func()) (ok bool) {
	i, scope, aggregate, writes := p.i, maps.Clone(p.scope), p.aggregate, p.writes
	defer func() {
		if f := recover(); f != nil {
			if _, is := f.(failure); !is {
				panic(f)
			}
			p.i, p.scope, p.aggregate, p.writes, ok = i, scope, aggregate, writes, false
		}
	}()
	parse()
	return true
}

// list parses one or more with commas between.
func (p *parser) list(one func()) {
	one()
	for p.take(",") {
		one()
	}
}

// query: cypherQuery, indexQuery, edgeIndexQuery, constraintQuery, databaseInfoQuery,
// systemInfoQuery, versionQuery, showConfigQuery, showDatabase, showDatabases,
// explainQuery, profileQuery, storageModeQuery, analyzeGraphQuery.
func (p *parser) query(s *Statement) {
	switch {
	case p.at("CREATE", "CONSTRAINT"), p.at("DROP", "CONSTRAINT"):
		s.Alone = true
		p.constraintQuery()
	case p.at("CREATE", "INDEX"), p.at("CREATE", "RANGE", "INDEX"):
		s.Alone = true
		p.i++
		p.createIndex()
	case p.take("DROP", "INDEX"): // dropIndex
		s.Alone = true
		p.indexOn()
		p.withConfig()
	case p.at("CREATE", "EDGE", "INDEX"), p.at("DROP", "EDGE", "INDEX"): // createEdgeIndex, dropEdgeIndex
		s.Alone = true
		p.i += 3
		p.need("ON", ":")
		p.labelName()
		if p.take("(") {
			p.symbolicName()
			p.need(")")
		}
	case p.take("SHOW"):
		s.Alone = true
		p.show()
	case p.take("STORAGE", "MODE"): // storageModeQuery
		s.Alone = true
		if !p.take("IN_MEMORY_ANALYTICAL") && !p.take("IN_MEMORY_TRANSACTIONAL") && !p.take("ON_DISK_TRANSACTIONAL") {
			p.fail("no storage mode")
		}
	case p.take("ANALYZE", "GRAPH"): // analyzeGraphQuery, without its options
		s.Alone = true
	case p.take("PROFILE"): // profileQuery
		s.Alone = true
		p.cypherQuery()
	default:
		p.take("EXPLAIN") // explainQuery
		p.cypherQuery()
		s.Writes = p.writes
	}
}

// show: databaseInfoQuery, systemInfoQuery and their like. None has a YIELD.
func (p *parser) show() {
	for _, words := range [][]string{
		{"INDEX", "INFO"}, {"INDEXES"}, {"CONSTRAINT", "INFO"}, {"CONSTRAINTS"}, {"EDGE_TYPES", "INFO"}, {"NODE_LABELS", "INFO"},
		{"VECTOR", "INDEX", "INFO"}, {"VECTOR", "INDEXES"}, {"METRICS", "INFO"}, {"METRICS"}, {"BUILD", "INFO"}, {"LICENSE", "INFO"}, {"SCHEMA", "INFO"},
		{"VERSION"}, {"CONFIG"}, {"DATABASES"}, {"CURRENT", "DATABASE"}, {"DATABASE"}, {"TRANSACTIONS"}, {"ENUMS"}, {"TRIGGERS"},
	} {
		if p.take(words...) {
			return
		}
	}
	p.need("STORAGE", "INFO") // storageInfo
	if p.take("ON") && !p.take("CURRENT", "DATABASE") {
		p.need("DATABASE")
		p.symbolicName()
	}
}

// indexOn is what createIndex and dropIndex have in common: a label and properties.
func (p *parser) indexOn() {
	p.need("ON", ":")
	p.labelName()
	if p.take("(") { // nestedPropertyKeyList
		p.list(p.nestedPropertyKeyNames)
		p.need(")")
	}
}

func (p *parser) nestedPropertyKeyNames() {
	p.symbolicName()
	for p.take(".") {
		p.symbolicName()
	}
}

func (p *parser) withConfig() {
	if !p.take("WITH", "CONFIG") {
		return
	}
	p.need("{") // configMap
	p.list(func() {
		if p.peek().kind != text {
			p.fail("a text is expected")
		}
		p.i++
		p.need(":")
		p.atom()
	})
	p.need("}")
}

// createIndex; its second form, and createEdgeIndexAlternativeSyntax, are of recent
// versions.
func (p *parser) createIndex() {
	ranged := p.take("RANGE")
	p.need("INDEX")
	if !ranged && p.at("ON", ":") {
		p.indexOn()
		p.withConfig()
		return
	}
	p.nameAndCondition()
	p.need("FOR")
	name := p.alternativePattern()
	p.need("ON", "(")
	p.list(func() { p.alternativePropertyRef(name) })
	p.need(")")
}

// nameAndCondition is symbolicName? ifNotExists?
func (p *parser) nameAndCondition() {
	if !p.at("FOR", "(") && !p.at("IF", "NOT", "EXISTS") {
		p.symbolicName()
	}
	p.take("IF", "NOT", "EXISTS")
}

// alternativePattern: alternativeConstraintPattern.
func (p *parser) alternativePattern() (name string) {
	p.need("(")
	edge := p.take(")", "-", "[")
	name = p.symbolicName()
	p.need(":")
	p.labelName()
	if edge {
		p.need("]", "-", "(")
	}
	p.need(")")
	return name
}

func (p *parser) alternativePropertyRef(variable string) {
	if p.symbolicName() != variable {
		p.fail("properties of another variable")
	}
	p.need(".")
	p.nestedPropertyKeyNames()
}

// constraintQuery: originalConstraintQuery, alternativeConstraintSyntax.
func (p *parser) constraintQuery() {
	create := p.at("CREATE")
	p.i += 2
	if !p.take("ON") {
		if !create {
			p.fail("ON is expected")
		}
		p.nameAndCondition()
		p.need("FOR")
		name := p.alternativePattern()
		p.need("REQUIRE")
		if p.take("(") {
			p.list(func() { p.alternativePropertyRef(name) })
			p.need(")", "IS", "UNIQUE")
			return
		}
		p.alternativePropertyRef(name)
		p.need("IS")
		if !p.take("UNIQUE") && !p.take("NOT", "NULL") {
			p.need(":", ":")
			p.symbolicName()
		}
		return
	}
	p.need("(") // constraint
	name := p.symbolicName()
	p.need(":")
	p.labelName()
	p.need(")", "ASSERT")
	properties := func() { // constraintPropertyList
		p.list(func() {
			if p.symbolicName() != name {
				p.fail("properties of another variable")
			}
			p.need(".")
			p.symbolicName()
		})
	}
	switch {
	case p.take("EXISTS", "("):
		properties()
		p.need(")")
	case p.take("("):
		properties()
		p.need(")", "IS", "NODE", "KEY")
	default:
		properties()
		p.need("IS")
		if p.take("TYPED") { // typeConstraintType
			if !slices.Contains(strings.Fields("BOOLEAN STRING INTEGER FLOAT LIST MAP DATE LOCALTIME LOCALDATETIME ZONEDDATETIME DURATION ENUM POINT"), p.peek().text) {
				p.fail("no type of a constraint")
			}
			p.i++
			return
		}
		p.need("UNIQUE")
	}
}

// cypherQuery.
func (p *parser) cypherQuery() (columns []string) {
	if p.take("USING") { // preQueryDirectives, of which others are not known here
		p.need("PERIODIC", "COMMIT")
		p.integerLiteral()
	}
	outer := maps.Clone(p.scope)
	columns = p.singleQuery()
	for p.take("UNION") { // cypherUnion
		p.take("ALL")
		p.scope = maps.Clone(outer)
		if !slices.Equal(p.singleQuery(), columns) {
			p.fail("the parts of a union have other columns")
		}
	}
	if p.take("QUERY") { // queryMemoryLimit
		p.memoryLimit()
	}
	return columns
}

func (p *parser) memoryLimit() {
	p.need("MEMORY")
	if !p.take("UNLIMITED") {
		p.need("LIMIT")
		p.integerLiteral()
		if !p.take("MB") {
			p.need("KB")
		}
	}
}

func (p *parser) integerLiteral() {
	if p.peek().kind != integer {
		p.fail("an integer is expected")
	}
	p.i++
}

// singleQuery, with the order of clauses that its visitor enforces.
func (p *parser) singleQuery() (columns []string) {
	var update, returned, optional, any, called bool
	clauses := 0
	before := func(what string, bad bool) {
		if bad {
			p.fail("%s cannot stand here", what)
		}
	}
	for ; ; clauses++ {
		switch {
		case p.at("OPTIONAL", "MATCH"), p.at("MATCH"):
			before("MATCH", update || returned || !p.at("OPTIONAL") && optional)
			optional = p.take("OPTIONAL")
			p.need("MATCH")
			p.patterns(matching)
			p.where()
		case p.take("UNWIND"): // unwind
			before("UNWIND", update || returned)
			p.expression()
			p.need("AS")
			p.declare(p.symbolicName())
		case p.take("CREATE"): // create
			before("CREATE", returned)
			p.patterns(creating)
			update = true
		case p.take("MERGE"): // merge
			before("MERGE", returned)
			p.patternPart(merging)
			for p.take("ON", "MATCH") || p.take("ON", "CREATE") { // mergeAction
				p.need("SET")
				p.list(p.setItem)
			}
			update = true
		case p.take("SET"): // set
			before("SET", returned)
			p.list(p.setItem)
			update = true
		case p.take("REMOVE"): // remove
			before("REMOVE", returned)
			p.list(p.removeItem)
			update = true
		case p.at("DETACH", "DELETE"), p.at("DELETE"): // cypherDelete
			before("DELETE", returned)
			p.take("DETACH")
			p.need("DELETE")
			p.list(p.expression)
			update = true
		case p.take("FOREACH"): // foreach
			before("FOREACH", returned)
			p.foreach()
			update = true
		case p.take("WITH"): // with
			before("WITH", returned)
			p.returnBody(true)
			p.where()
			update, optional = false, false
		case p.take("RETURN"): // cypherReturn
			before("RETURN", returned)
			columns = p.returnBody(false)
			returned = true
		case p.at("CALL"):
			before("CALL", returned)
			p.i++
			if p.at("{") || p.at("(") {
				p.callSubquery()
				any = true
			} else {
				p.callProcedure()
				called = true
			}
		default:
			if clauses == 0 {
				p.fail("a clause is expected")
			}
			if !update && !returned && !any && !(called && clauses == 1) && p.subquery == 0 {
				p.fail("the query neither writes nor returns")
			}
			p.writes = p.writes || update
			return columns
		}
		p.writes = p.writes || update
	}
}

func (p *parser) foreach() {
	p.need("(")
	name := p.symbolicName()
	p.need("IN")
	p.expression()
	p.need("|")
	outer := maps.Clone(p.scope)
	p.scope[name] = true
	for n := 0; ; n++ { // updateClause
		switch {
		case p.take("SET"):
			p.list(p.setItem)
		case p.take("REMOVE"):
			p.list(p.removeItem)
		case p.take("CREATE"):
			p.patterns(creating)
		case p.take("MERGE"):
			p.patternPart(merging)
		case p.at("DETACH", "DELETE"), p.at("DELETE"):
			p.take("DETACH")
			p.i++
			p.list(p.expression)
		case p.take("FOREACH"):
			p.foreach()
		default:
			if n == 0 {
				p.fail("FOREACH does nothing")
			}
			p.need(")")
			p.scope = outer
			return
		}
	}
}

// callSubquery. Of its IN TRANSACTIONS (periodicSubquery) the number is no choice.
func (p *parser) callSubquery() {
	outer := maps.Clone(p.scope)
	if p.take("(") { // scopeClause
		inner := map[string]bool{}
		if p.take("*") {
			inner = maps.Clone(outer)
		} else if !p.at(")") {
			p.list(func() {
				name := p.variable()
				if inner[name] {
					p.fail("%s is named twice", name)
				}
				inner[name] = true
			})
		}
		p.need(")")
		p.scope = inner
	}
	p.need("{")
	if !p.at("WITH") && is(p.tokens[p.i-2], "CALL") {
		p.scope = map[string]bool{}
	}
	p.subquery++
	columns := p.cypherQuery()
	p.subquery--
	p.need("}")
	p.scope = outer
	for _, name := range columns {
		p.declare(name)
	}
	if p.take("IN", "TRANSACTIONS") {
		p.need("OF")
		p.integerLiteral()
		p.need("ROWS")
	}
}

// callProcedure.
func (p *parser) callProcedure() {
	p.symbolicName()
	for p.take(".") {
		p.symbolicName()
	}
	p.need("(")
	if !p.at(")") {
		p.list(p.expression)
	}
	p.need(")")
	if p.take("PROCEDURE") {
		p.memoryLimit()
	}
	if !p.take("YIELD") || p.take("*") {
		return
	}
	p.list(func() { // procedureResult
		name := p.symbolicName()
		if p.take("AS") {
			name = p.symbolicName()
		}
		p.declare(name)
	})
	p.where()
}

func (p *parser) where() {
	if p.take("WHERE") {
		p.expression()
	}
}

// returnBody returns the names of the columns.
func (p *parser) returnBody(with bool) (columns []string) {
	p.take("DISTINCT")
	scope := map[string]bool{}
	item := func() { // returnItem
		first := p.i
		p.aggregate = true
		p.expression()
		p.aggregate = false
		var name strings.Builder
		for _, t := range p.tokens[first:p.i] {
			name.WriteString(t.raw)
		}
		column := name.String()
		lone := p.i == first+1 && (p.tokens[first].kind == word || p.tokens[first].kind == quoted)
		if lone {
			column = nameOf(p.tokens[first])
		}
		if p.take("AS") {
			column = p.symbolicName()
		} else if with && !lone {
			p.fail("only variables can be without a name in WITH")
		}
		if slices.Contains(columns, column) {
			p.fail("two columns with the name %s", column)
		}
		columns = append(columns, column)
		scope[column] = true
	}
	if p.take("*") {
		if len(p.scope) == 0 {
			p.fail("there are no variables for *")
		}
		for name := range p.scope {
			columns = append(columns, name)
			scope[name] = true
		}
		for p.take(",") {
			item()
		}
	} else {
		p.list(item)
	}
	if p.take("ORDER") { // order
		p.need("BY")
		old := maps.Clone(p.scope)
		maps.Copy(p.scope, scope)
		p.aggregate = true
		p.list(func() { // sortItem
			p.expression()
			_ = p.take("ASC") || p.take("ASCENDING") || p.take("DESC") || p.take("DESCENDING")
		})
		p.aggregate = false
		p.scope = old
	}
	old := p.scope
	p.scope = map[string]bool{} // SKIP and LIMIT have no variables
	if p.take("SKIP") {
		p.expression()
	}
	if p.take("LIMIT") {
		p.expression()
	}
	p.scope = old
	if with {
		p.scope = scope
	}
	return columns
}

// setItem.
func (p *parser) setItem() {
	if p.isName() && p.at2("=", "+=") {
		p.variable()
		p.i++
		p.expression()
		return
	}
	if p.isName() && is(p.ahead(1), ":") {
		p.variable()
		p.nodeLabels()
		return
	}
	p.propertyExpression()
	if !p.take("=") {
		p.need("+=")
	}
	p.expression()
}

func (p *parser) at2(a, b string) bool { return is(p.ahead(1), a) || is(p.ahead(1), b) }

// removeItem.
func (p *parser) removeItem() {
	if p.isName() && is(p.ahead(1), ":") {
		p.variable()
		p.nodeLabels()
		return
	}
	p.propertyExpression()
}

func (p *parser) propertyExpression() {
	p.atom()
	p.need(".")
	p.symbolicName()
	for p.take(".") {
		p.symbolicName()
	}
}

// isName tells whether symbolicName comes next: keywords are names but for one.
func (p *parser) isName() bool {
	t := p.peek()
	return t.kind == quoted || t.kind == word && t.text != "KSHORTEST"
}

func nameOf(t token) string {
	if t.kind == quoted {
		return t.text
	}
	return t.raw
}

func (p *parser) symbolicName() string {
	if !p.isName() {
		p.fail("a name is expected")
	}
	t := p.peek()
	p.i++
	return nameOf(t)
}

// variable is one that is known.
func (p *parser) variable() string {
	if !p.isName() {
		p.fail("a variable is expected")
	}
	if name := nameOf(p.peek()); !p.scope[name] {
		p.fail("the variable %s is unknown", name)
	}
	return p.symbolicName()
}

// declare makes a new variable.
func (p *parser) declare(name string) {
	if p.scope[name] {
		p.fail("the variable %s is there already", name)
	}
	p.scope[name] = true
}

// parameter.
func (p *parser) parameter() {
	p.need("$")
	if t := p.peek(); t.kind == integer && !strings.HasPrefix(t.text, "0x") {
		p.i++
		return
	}
	p.symbolicName()
}

// labelName.
func (p *parser) labelName() {
	if p.at("$") {
		p.parameter()
		return
	}
	name := p.symbolicName()
	if p.at(".") && !p.scope[name] {
		p.fail("the variable %s is unknown", name)
	}
	for p.take(".") {
		p.symbolicName()
	}
}

// nodeLabels.
func (p *parser) nodeLabels() {
	p.need(":")
	p.labelName()
	for p.take(":") {
		p.labelName()
	}
}

// What a pattern stands in.
type use int

const (
	matching use = iota
	creating
	merging
	asking // in an expression: it makes no variables
)

// patterns: pattern.
func (p *parser) patterns(u use) { p.list(func() { p.patternPart(u) }) }

// patternPart.
func (p *parser) patternPart(u use) {
	if p.isName() && is(p.ahead(1), "=") {
		p.declare(p.symbolicName())
		p.i++
	}
	p.patternElement(u)
}

func (p *parser) patternElement(u use) {
	if p.at("(", "(") {
		p.i++
		p.patternElement(u)
		p.need(")")
		return
	}
	known := maps.Clone(p.scope)
	first := p.i
	name, bare := p.nodePattern(u)
	chain := false
	for p.at("-") || p.at("<") { // patternElementChain
		p.relationshipPattern(u)
		p.nodePattern(u)
		chain = true
	}
	if u != matching && u != asking && !chain && bare && name != "" && known[name] {
		p.i = first
		p.fail("the node %s is there already", name)
	}
}

// nodePattern returns the variable, and whether nothing else is there.
func (p *parser) nodePattern(u use) (name string, bare bool) {
	p.need("(")
	bare = true
	known := false
	if p.isName() {
		name = p.symbolicName()
		known = p.scope[name]
		if u == asking && !known {
			p.fail("the variable %s is unknown", name)
		}
		p.scope[name] = true
	}
	if p.at(":") {
		bare = false
		if u != creating && is(p.ahead(2), "|") { // labelExpression
			p.i++
			p.symbolicName()
			for p.take("|") {
				p.symbolicName()
			}
		} else {
			p.nodeLabels()
		}
	}
	if p.at("{") || p.at("$") { // properties
		bare = false
		if u == merging && p.at("$") {
			p.fail("MERGE has no parameter for a map")
		}
		p.properties()
	}
	p.need(")")
	if known && !bare && (u == creating || u == merging) {
		p.fail("the node %s is there already", name)
	}
	return name, bare
}

func (p *parser) properties() {
	if p.at("$") {
		p.parameter()
	} else {
		p.mapLiteral()
	}
}

// relationshipPattern.
func (p *parser) relationshipPattern(u use) {
	left := p.take("<")
	p.need("-")
	types := 0
	if p.take("[") { // relationshipDetail
		if p.isName() {
			name := p.symbolicName()
			if known := p.scope[name]; known && u != asking || !known && u == asking {
				p.fail("the relationship %s cannot stand here", name)
			}
			p.scope[name] = true
		}
		if p.take(":") { // relationshipTypes
			p.labelName()
			types++
			for p.take("|") {
				p.take(":")
				p.labelName()
				types++
			}
		}
		if p.take("*") { // variableExpansion
			_ = p.take("BFS") || p.take("WSHORTEST") || p.take("ALLSHORTEST") || p.take("KSHORTEST")
			if p.peek().kind == integer {
				p.i++
			}
			if p.take("..") && p.peek().kind == integer {
				p.i++
			}
			if u == creating || u == merging {
				p.fail("a relationship of any length cannot be made")
			}
		}
		if p.at("{") || p.at("$") {
			p.properties()
		}
		p.need("]")
	}
	p.need("-")
	right := p.take(">")
	if (u == creating || u == merging) && types != 1 {
		p.fail("a relationship is made with one type")
	}
	if u == creating && left == right {
		p.fail("a relationship is made with one direction")
	}
}
