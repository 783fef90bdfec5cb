package memgraphsyntax

import (
	"strings"
	"testing"
)

// cases are statements that Memgraph takes, and such that it refuses ("-"), by the rule
// of its grammar, or the function of its source, that says so.
const cases = `
cypherMatch
+ MATCH (n) RETURN n
+ OPTIONAL MATCH (n:A:B {x: 1}) WHERE n.y > 2 RETURN n
+ match (n) return n;
- MATCH n RETURN n
- MATCH (n) WHERE RETURN n
- MATCH (n) RETURN n LIMIT
- MATCH (n) RETURN n;;
- MATCH (n
visitSingleQuery
+ UNWIND $rows AS row MATCH (n) WHERE id(n) = row.id SET n = row.p
+ MATCH (n) CREATE (m) WITH n, m MATCH (k) RETURN k
+ MATCH (n) MATCH (m) CREATE (n)-[r:T]->(m) SET r = $p DELETE n
- CREATE (n) MATCH (m) RETURN m
- CREATE (n) UNWIND [1] AS i RETURN i
- MATCH (n) RETURN n MATCH (m) RETURN m
- MATCH (n) RETURN n DELETE n
- MATCH (n)
- UNWIND [1] AS i
- OPTIONAL MATCH (n) MATCH (m) RETURN m
- MATCH (n) RETURN n RETURN n
- RETURN 1 WITH 2 AS x
unwind
+ UNWIND range(1, 10) AS i RETURN i
- UNWIND [1, 2] i RETURN i
- UNWIND [1] AS i UNWIND [2] AS i RETURN i
set
+ MATCH (n) SET n = $p, n.a = 1, n += {b: 2}, n:A:B
+ MATCH (n) SET n.a.b = 1
- MATCH (n) SET n.a
- MATCH (n) SET n.a := 1
- MATCH (n) SET m.a = 1
remove
+ MATCH (n) REMOVE n.a, n:A, n.b
- MATCH (n) REMOVE n
cypherDelete
+ MATCH (n)-[r]->() DETACH DELETE n, r
- MATCH (n) DETACH n
- MATCH (n) DELETE DETACH n
- MATCH (n) NODETACH DELETE n
create
+ CREATE (n:A $p)-[r:T $q]->(m) SET n.x = 1
+ CREATE (a)-[r:` + "`T``s`" + `]->(b), (a)-[:X]->(b)
- CREATE (a)-[r]->(b)
- CREATE (a)-[r:T]-(b)
- CREATE (a)-[r:T|S]->(b)
- CREATE (a)-[r:T*2]->(b)
- MATCH (n) CREATE (n)
- MATCH (n) CREATE (n:A)-[:T]->(m)
- CREATE (n:A|B)
merge
+ MERGE (n:A {id: 1}) ON CREATE SET n.x = 1 ON MATCH SET n.y = 2
- MERGE (n:A $p)
- MERGE (n:A), (m:B)
with
+ MATCH (n) WITH n.a AS k, count(n) AS c WHERE c > 1 AND k IS NOT NULL RETURN k
+ MATCH (n) WITH n LIMIT 10 DETACH DELETE n RETURN count(*)
- MATCH (n) WITH n.a RETURN 1
- MATCH (n) WITH n.a AS a RETURN n
- MATCH (n) WITH DISTINCT RETURN n
returnBody
+ MATCH (n) RETURN DISTINCT n.a AS a, n ORDER BY a DESC, n.b SKIP 1 LIMIT $k
- MATCH (n) RETURN n.a AS a, n.b AS a
- MATCH (n) RETURN n LIMIT 1 SKIP 1
- MATCH (n) RETURN n LIMIT n.a
- RETURN *
cypherUnion
+ RETURN 1 AS a UNION ALL RETURN 2 AS a
- RETURN 1 AS a UNION RETURN 2 AS b
callSubquery
+ MATCH (n) CALL { WITH n DETACH DELETE n } IN TRANSACTIONS OF 10 ROWS
+ MATCH (n) CALL (n) { SET n.x = 1 RETURN n.y AS y } RETURN y
- MATCH (n) CALL { WITH n DETACH DELETE n } IN TRANSACTIONS
- MATCH (n) CALL { WITH n DETACH DELETE n } IN 2 CONCURRENT TRANSACTIONS OF 10 ROWS
- MATCH (n) CALL { WITH n DETACH DELETE n } IN TRANSACTIONS OF $n ROWS
- MATCH (n) CALL { WITH n DETACH DELETE n } IN TRANSACTIONS OF 10 ROWS ON ERROR CONTINUE
- MATCH (n) CALL { DETACH DELETE n } RETURN 1
callProcedure
+ CALL mg.procedures() YIELD name, signature AS s WHERE name > 'a' RETURN name, s
+ CALL mg.procedures() YIELD *
- CALL db.awaitIndexes
- CALL mg.procedures() YIELD name.x
foreach
+ MATCH (n) FOREACH (i IN [1, 2] | SET n.x = i CREATE (m {y: i}))
- FOREACH (i IN [1] | MATCH (n))
periodicCommit
+ USING PERIODIC COMMIT 10 MATCH (n) DETACH DELETE n
- USING PERIODIC COMMIT MATCH (n) DETACH DELETE n
nodePattern
+ MATCH (n:A|B) RETURN n
+ MATCH (:A) RETURN 1
- MATCH (n:A|:B) RETURN n
- MATCH (n:!A) RETURN n
- MATCH (n:A&B) RETURN n
- MATCH (n WHERE n.x = 1) RETURN n
- MATCH (n IS A) RETURN n
relationshipPattern
+ MATCH (a)<-[r:A|:B|C {x: 1}]-(b)--(c)-->(d)<--(e) RETURN r
+ MATCH (a)-[r *BFS 1..3]->(b) RETURN r
- MATCH (a)->(b) RETURN a
- MATCH (a)-[r->(b) RETURN a
- MATCH (a)-[r]->(b)-[r]->(c) RETURN a
- MATCH (a)-[r WHERE r.x = 1]->(b) RETURN a
nodeLabels
+ MATCH (n) WHERE n:A AND NOT n:B:C RETURN n
+ MATCH (n) WHERE n.x = 1 AND n:` + "`a b`" + ` RETURN n
- MATCH (n) WHERE n: RETURN n
- MATCH (n) WHERE n:A|B RETURN n
- MATCH (n) WHERE n:$(x) RETURN n
expression
+ RETURN 1 + 2 * -3 ^ 2 % 4 <> 5 XOR NOT true OR 'a' STARTS WITH 'b' AND [1] IS NOT NULL
+ RETURN 'a' =~ 'b', 1 IN [1, 2], 'a' CONTAINS 'b', 'a' ENDS WITH 'c', 1 != 2
- RETURN 1 ==  2
- RETURN NOT
- RETURN 1 IS NULLABLE
- RETURN 1 || 2
- RETURN 1 IS :: INTEGER
listIndexingOrSlicing
+ RETURN $v[0], $v[1..2], $v[..2], $v[1..]
- RETURN $v[]
- RETURN $v[..]
listComprehension
+ MATCH (n) WHERE size([l IN labels(n) WHERE l <> 'X']) = 1 RETURN [x IN [1] | x * 2], [x IN [1]]
- MATCH (n) RETURN [l IN labels(n) WHERE l <> 'X' | ]
- MATCH (n) RETURN [l IN labels(n) WHERE m <> 'X']
- RETURN [x IN [1] | count(x)]
patternComprehension
+ MATCH (n) RETURN [(n)-[:T]->(m) WHERE m.x = 1 | m.y]
- MATCH (n) RETURN [(n)-[:T]->(m)]
caseExpression
+ MATCH (n) RETURN CASE WHEN $l IN labels(n) THEN n.x END, CASE n.x WHEN 1 THEN 2 ELSE 3 END
- MATCH (n) RETURN CASE ELSE 1 END
- MATCH (n) RETURN CASE WHEN n.x THEN 1
- MATCH (n) RETURN CASE WHEN n.x THEN count(n) END
NameToFunction
+ MATCH (n)-[r]->() RETURN id(n), LABELS(n), keys(n), properties(n), type(r), size('a'), coalesce(n.x, 1), startNode(r), endNode(r), toString(1)
- MATCH (n) RETURN elementIds(n)
- MATCH (n) RETURN apoc.coll.sort([1])
- RETURN vector([1.0], 1, FLOAT32)
- RETURN toUpperCase('a')
- RETURN time('10:00')
Aggregation
+ MATCH (n) RETURN max(n.x), count(n), count(DISTINCT n.y), count(*), collect(n), 1 + sum(n.x)
- MATCH (n) WHERE count(n) > 1 RETURN n
- MATCH (n) SET n.x = count(*)
- MATCH (n) RETURN max(count(n))
- RETURN count()
existsSubquery
+ MATCH (n) WHERE EXISTS { MATCH (n)-[:T]->(m) WHERE m.x = 1 } AND exists((n)-[:T]->()) RETURN n
- MATCH (n) WHERE EXISTS (n.x) RETURN n
- MATCH (n) RETURN COLLECT { MATCH (m) RETURN m }
patternExpression
+ MATCH (n) WHERE (n)-[:T]->() AND (n.x) = 1 RETURN n
- MATCH (n) WHERE (n)-[:T]-> RETURN n
mapLiteral
+ RETURN {a: 1, ` + "`b c`" + `: {d: []}}, {}
- RETURN {'a': 1}
- RETURN {a: 1, a: 2}
- RETURN {1: 2}
mapProjectionLiteral
+ MATCH (n) RETURN n {.a, .*, b: 1}
- MATCH (n) RETURN n {.a b}
parameter
+ RETURN $a, $1, $` + "`x y`" + `, $null
- RETURN $
- RETURN {a}
- RETURN :a
symbolicName
+ MATCH (match)-[set]->(return) RETURN match.create AS order, set.x AS ` + "`select``x`" + `, return
+ RETURN 1 AS _, 2 AS c0, 3 AS é
- RETURN 1 AS kshortest
- RETURN 1 AS 2
- RETURN 1 AS a-b
- RETURN 1 AS ` + "`a" + `
EscapedSymbolicName
+ RETURN 1 AS ` + "`\\u005C`" + `
StringLiteral
+ RETURN 'it\'s', "a\n\u00e9\\", 'x' // a comment
- RETURN 'a
- RETURN 'a\x'
- RETURN 'a\u12'
- RETURN "a\0"
numberLiteral
+ RETURN 1, 0x1F, 017, .5, 1.5, 1e3, 1.5E-3, $v[1..2]
- RETURN 1.
- RETURN 1_000
- RETURN 0o17
- RETURN 09
createIndex
+ CREATE INDEX ON :A(b)
+ CREATE INDEX ON :` + "`a b`(`c``d`, e.f)" + `
+ CREATE INDEX ON :A
+ CREATE INDEX memarc IF NOT EXISTS FOR (n:A) ON (n.b, n.c)
- CREATE INDEX ON A(b)
- CREATE INDEX FOR :A(b)
- CREATE INDEX a FOR (n:A) ON n.b
- CREATE INDEX a FOR (n:A) ON (m.b)
- CREATE INDEX IF NOT EXISTS a FOR (n:A) ON (n.b)
- CREATE TEXT INDEX a FOR (n:A) ON (n.b)
- CREATE FULLTEXT INDEX a FOR (n:A) ON EACH [n.b]
dropIndex
+ DROP INDEX ON :A(b)
+ DROP INDEX ON :A
- DROP INDEX a
- DROP INDEX a IF EXISTS
- DROP INDEX ON :A(b) IF EXISTS
constraint
+ CREATE CONSTRAINT ON (n:A) ASSERT n.b IS UNIQUE
+ CREATE CONSTRAINT ON (n:A) ASSERT n.b, n.c IS UNIQUE
+ CREATE CONSTRAINT ON (n:A) ASSERT EXISTS (n.b)
+ CREATE CONSTRAINT ON (n:A) ASSERT n.b IS TYPED STRING
+ DROP CONSTRAINT ON (n:A) ASSERT n.b IS UNIQUE
- CREATE CONSTRAINT ON (n:A) ASSERT m.b IS UNIQUE
- CREATE CONSTRAINT ON (n:A) ASSERT (n.b) IS UNIQUE
- CREATE CONSTRAINT ON (n:A) ASSERT n.b IS TYPED TEXT
- CREATE CONSTRAINT ON n:A ASSERT n.b IS UNIQUE
- DROP CONSTRAINT a IF EXISTS
alternativeConstraintSyntax
+ CREATE CONSTRAINT a IF NOT EXISTS FOR (n:A) REQUIRE n.b IS UNIQUE
+ CREATE CONSTRAINT FOR (n:A) REQUIRE n.b IS NOT NULL
- CREATE CONSTRAINT a FOR (n:A) REQUIRE n.b IS NODE KEY
- CREATE CONSTRAINT a FOR (n:A) ASSERT n.b IS UNIQUE
databaseInfoQuery
+ SHOW INDEX INFO
+ SHOW CONSTRAINT INFO
- SHOW INDEXES YIELD name
- SHOW INDEX
- SHOW CONSTRAINTS WHERE name = 'a'
storageInfo
+ SHOW STORAGE INFO
+ SHOW STORAGE INFO ON CURRENT DATABASE
+ SHOW STORAGE INFO ON DATABASE memgraph
- SHOW STORAGE
- SHOW STORAGE INFO ON memgraph
versionQuery
+ SHOW VERSION
showConfigQuery
+ SHOW CONFIG
- SHOW CONFIG YIELD name
showDatabases
+ SHOW DATABASES
- SHOW DATABASES YIELD name, lastCommittedTxn
- SHOW SETTINGS
`

func TestCheck(t *testing.T) {
	rule := ""
	taken, refused := map[string]int{}, map[string]int{}
	for line := range strings.Lines(cases) {
		line = strings.TrimSuffix(line, "\n")
		statement, ok := strings.CutPrefix(line, "+ ")
		wrong, bad := strings.CutPrefix(line, "- ")
		switch {
		case line == "":
		case ok:
			taken[rule]++
			if _, err := Check(statement); err != nil {
				t.Errorf("%s: %s\n\t%v", rule, statement, err)
			}
		case bad:
			refused[rule]++
			if _, err := Check(wrong); err == nil {
				t.Errorf("%s: %s\n\tis taken", rule, wrong)
			}
		default:
			rule = line
		}
	}
	t.Logf("%d rules with statements that are taken, %d with such that are not", len(taken), len(refused))
}

func TestStatement(t *testing.T) {
	for statement, want := range map[string]Statement{
		"MATCH (n) RETURN n":                            {},
		"CREATE (n)":                                    {Writes: true},
		"MATCH (n) SET n.x = 1 RETURN n":                {Writes: true},
		"MATCH (n) SET n.x = 1 WITH n RETURN n":         {Writes: true},
		"CALL { CREATE (n) } RETURN 1":                  {Writes: true},
		"CREATE INDEX ON :A(b)":                         {Alone: true},
		"DROP CONSTRAINT ON (n:A) ASSERT n.b IS UNIQUE": {Alone: true},
		"SHOW INDEX INFO":                               {Alone: true},
		"SHOW STORAGE INFO":                             {Alone: true},
	} {
		got, err := Check(statement)
		if err != nil || got != want {
			t.Errorf("%s: %+v %v", statement, got, err)
		}
	}
}

// Whatever is read, the checker ends, and a blank at the end is of no matter.
func FuzzCheck(f *testing.F) {
	for line := range strings.Lines(cases) {
		if len(line) > 2 {
			f.Add(strings.TrimSpace(line[2:]))
		}
	}
	f.Fuzz(func(t *testing.T, statement string) {
		if len(statement) > 200 {
			return
		}
		a, err1 := Check(statement)
		b, err2 := Check("\t" + statement + "\n")
		if (err1 == nil) != (err2 == nil) || err1 == nil && a != b {
			t.Errorf("%q: %v, %v", statement, err1, err2)
		}
	})
}
