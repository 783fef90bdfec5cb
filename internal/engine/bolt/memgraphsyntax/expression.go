package memgraphsyntax

import (
	"maps"
	"slices"
	"strings"
)

// functions are the built-in ones (awesome_memgraph_functions.cpp), whatever their case.
var functions = strings.Fields(`ISEMPTY DESCRIPTION DEGREE INDEGREE OUTDEGREE ENDNODE HEAD ID ELEMENTID LAST PROPERTIES
	RANDOMUUID SIZE LENGTH PROPERTYSIZE STARTNODE TIMESTAMP TOBOOLEAN TOFLOAT TOINTEGER TOBOOLEANORNULL TOFLOATORNULL
	TOINTEGERORNULL TOBOOLEANLIST TOFLOATLIST TOINTEGERLIST TYPE VALUETYPE KEYS LABELS NODES RANGE RELATIONSHIPS TAIL TOSET
	UNIFORMSAMPLE VALUES ABS CEIL FLOOR RAND ROUND SIGN E EXP LOG LOG10 SQRT ACOS ASIN ATAN ATAN2 COS PI SIN TAN CONTAINS
	ENDSWITH LEFT LTRIM REPLACE REVERSE RIGHT RTRIM SPLIT STARTSWITH SUBSTRING TOLOWER TOSTRING TOSTRINGORNULL TOSTRINGLIST
	TOUPPER TRIM ASSERT COUNTER TOBYTESTRING FROMBYTESTRING DATE LOCALTIME LOCALDATETIME DATETIME DURATION TOENUM POINT
	GETHOPSCOUNTER USERNAME ROLES`)

// aggregations stand in WITH and RETURN alone (symbol_generator.cpp).
var aggregations = []string{"COUNT", "MIN", "MAX", "SUM", "AVG", "COLLECT", "PROJECT"}

// expression: expression12.
func (p *parser) expression() {
	p.expression11()
	for p.take("OR") {
		p.expression11()
	}
}

func (p *parser) expression11() {
	p.expression10()
	for p.take("XOR") {
		p.expression10()
	}
}

func (p *parser) expression10() {
	p.expression9()
	for p.take("AND") {
		p.expression9()
	}
}

func (p *parser) expression9() {
	for p.take("NOT") {
	}
	p.expression8()
}

// expression8 has partialComparisonExpressions.
func (p *parser) expression8() {
	p.expression7()
	for p.take("=") || p.take("<>") || p.take("!=") || p.take("<") || p.take(">") || p.take("<=") || p.take(">=") {
		p.expression7()
	}
}

// expression7 has stringAndNullOperators.
func (p *parser) expression7() {
	p.expression6()
	for {
		switch {
		case p.take("=~"), p.take("IN"), p.take("STARTS", "WITH"), p.take("ENDS", "WITH"), p.take("CONTAINS"):
			p.expression6()
		case p.take("IS"):
			p.take("NOT")
			p.need("NULL")
		default:
			return
		}
	}
}

// expression6, expression5, expression4 and expression3: + - * / % ^ and signs.
func (p *parser) expression6() {
	for {
		for p.take("+") || p.take("-") {
		}
		p.expression2a()
		if !p.take("+") && !p.take("-") && !p.take("*") && !p.take("/") && !p.take("%") && !p.take("^") {
			return
		}
	}
}

// expression2a: labels may stand behind.
func (p *parser) expression2a() {
	p.expression2b()
	if p.at(":") && !is(p.ahead(1), ":") {
		p.nodeLabels()
	}
}

// expression2b: memberAccess, listIndexingOrSlicing.
func (p *parser) expression2b() {
	p.atom()
	for {
		switch {
		case p.take("."): // propertyLookup
			p.symbolicName()
		case p.take("["):
			lower := !p.at("..")
			if lower {
				p.expression()
			}
			if p.take("..") {
				if !p.at("]") {
					p.expression()
				} else if !lower {
					p.fail("a slice without bounds")
				}
			}
			p.need("]")
		default:
			return
		}
	}
}

// atom.
func (p *parser) atom() {
	t := p.peek()
	switch {
	case p.at("["):
		p.bracket()
	case t.kind == text || t.kind == integer || t.kind == float: // literal
		p.i++
	case p.at("{"):
		p.mapLiteral()
	case p.at("$"):
		p.parameter()
	case p.at("("):
		if p.try(func() { p.relationshipsPattern() }) { // patternExpression
			return
		}
		p.i++ // parenthesizedExpression
		p.expression()
		p.need(")")
	case p.at("CASE") && !p.scope[t.raw]:
		p.caseExpression()
	case p.take("COUNT", "(", "*", ")"):
		if !p.aggregate {
			p.fail("an aggregation stands in WITH and RETURN alone")
		}
	case p.at("COUNT", "{"), p.at("EXISTS", "{"): // existsSubquery, countSubquery
		p.i += 2
		p.inner(func() {
			if !p.try(func() { p.relationshipsPattern(); p.need("}") }) {
				p.subquery++
				p.cypherQuery()
				p.subquery--
				p.need("}")
			}
		})
	case p.take("EXISTS", "("): // existsExpression
		p.relationshipsPattern()
		p.need(")")
	case p.at("FILTER", "("), p.at("ALL", "("), p.at("ANY", "("), p.at("NONE", "("), p.at("SINGLE", "("):
		p.i += 2
		p.filterExpression(t.text != "FILTER", nil)
		p.need(")")
	case p.take("EXTRACT", "("): // extractExpression
		p.filterExpression(false, func() { p.need("|"); p.expression() })
		p.need(")")
	case p.take("REDUCE", "("): // reduceExpression
		name := p.symbolicName()
		p.need("=")
		p.expression()
		p.need(",")
		p.inner(func() {
			p.scope[name] = true
			p.filterExpression(false, func() { p.need("|"); p.expression() })
		})
		p.need(")")
	case t.kind == word && slices.Contains([]string{"NULL", "TRUE", "FALSE"}, t.text):
		p.i++
	case p.isName():
		p.named()
	default:
		p.fail("an expression is expected")
	}
}

// inner parses something with variables of its own.
func (p *parser) inner(parse func()) {
	outer, aggregate := maps.Clone(p.scope), p.aggregate
	parse()
	p.scope, p.aggregate = outer, aggregate
}

// named is what begins with a name: functionInvocation, enumValueAccess,
// mapProjectionLiteral or variable.
func (p *parser) named() {
	n := 1
	for is(p.ahead(n), ".") && (p.ahead(n+1).kind == word || p.ahead(n+1).kind == quoted) {
		n += 2
	}
	switch {
	case is(p.ahead(n), "("):
		p.functionInvocation(n)
	case is(p.ahead(1), ":") && is(p.ahead(2), ":"):
		p.i += 3
		p.symbolicName()
	case is(p.ahead(1), "{"):
		p.variable()
		p.i++
		for !p.take("}") { // mapElement
			switch {
			case p.take(".", "*"):
			case p.take("."):
				p.symbolicName()
			case is(p.ahead(1), ":"):
				p.symbolicName()
				p.i++
				p.expression()
			default:
				p.variable()
			}
			if !p.at("}") {
				p.need(",")
			}
		}
	default:
		p.variable()
	}
}

// functionInvocation of a name of so many tokens.
func (p *parser) functionInvocation(n int) {
	name := strings.ToUpper(nameOf(p.peek()))
	aggregation := slices.Contains(aggregations, name)
	switch {
	case n > 1:
		p.fail("a function of a module")
	case aggregation && !p.aggregate:
		p.fail("an aggregation stands in WITH and RETURN alone, and in no other")
	case !aggregation && name != "COALESCE" && !slices.Contains(functions, name):
		p.fail("there is no function %s", name)
	}
	p.i += 2
	p.take("DISTINCT")
	before := p.aggregate
	p.aggregate = before && !aggregation
	if !p.at(")") {
		p.list(p.expression)
	} else if aggregation || name == "COALESCE" {
		p.fail("%s has no argument", name)
	}
	p.aggregate = before
	p.need(")")
}

// caseExpression. It has no aggregations.
func (p *parser) caseExpression() {
	p.need("CASE")
	before := p.aggregate
	p.aggregate = false
	if !p.at("WHEN") {
		p.expression()
	}
	for n := 0; ; n++ { // caseAlternatives
		if !p.take("WHEN") {
			if n == 0 {
				p.fail("WHEN is expected")
			}
			break
		}
		p.expression()
		p.need("THEN")
		p.expression()
	}
	if p.take("ELSE") {
		p.expression()
	}
	p.need("END")
	p.aggregate = before
}

// bracket: listComprehension, patternComprehension or listLiteral.
func (p *parser) bracket() {
	p.need("[")
	if p.take("]") {
		return
	}
	if p.isName() && is(p.ahead(1), "IN") && p.try(func() {
		p.filterExpression(false, func() {
			if p.take("|") {
				p.expression()
			}
		})
		p.need("]")
	}) {
		return
	}
	if p.try(func() {
		p.inner(func() {
			if p.isName() && is(p.ahead(1), "=") {
				p.declare(p.symbolicName())
				p.i++
			}
			p.patternChain(matching)
			p.where()
			p.need("|")
			p.expression()
		})
		p.need("]")
	}) {
		return
	}
	p.list(p.expression)
	p.need("]")
}

// filterExpression: idInColl and where, and what may follow with its variable.
func (p *parser) filterExpression(must bool, more func()) {
	name := p.symbolicName()
	p.need("IN")
	p.expression()
	p.inner(func() {
		p.aggregate = false
		p.scope[name] = true
		if must && !p.at("WHERE") {
			p.fail("WHERE is expected")
		}
		p.where()
		if more != nil {
			more()
		}
	})
}

// relationshipsPattern, in an expression.
func (p *parser) relationshipsPattern() { p.patternChain(asking) }

func (p *parser) patternChain(u use) {
	p.nodePattern(u)
	p.relationshipPattern(u)
	p.nodePattern(u)
	for p.at("-") || p.at("<") {
		p.relationshipPattern(u)
		p.nodePattern(u)
	}
}

// mapLiteral.
func (p *parser) mapLiteral() {
	p.need("{")
	if p.take("}") {
		return
	}
	var keys []string
	p.list(func() {
		key := p.symbolicName()
		if slices.Contains(keys, key) {
			p.fail("%s is named twice", key)
		}
		keys = append(keys, key)
		p.need(":")
		p.expression()
	})
	p.need("}")
}
