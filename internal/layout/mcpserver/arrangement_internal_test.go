package mcpserver

import (
	"encoding/json"
	"slices"
	"testing"
)

// An arrangement is read as it is written, and nothing else is one: an archive may hold what
// an enemy has written.
func TestRuns(t *testing.T) {
	for _, text := range []string{
		`[["bom"],["blank",2," "],["marker",1,"{\"type\":\"_aim\",\"source\":\"mcp-knowledge-graph\"}"],["entities",3],["others"],["entities"],["relations"],["blank",1,""]]`,
	} {
		runs, err := parseRuns([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := json.Marshal(runs); err != nil || string(raw) != text {
			t.Errorf("%s became %s: %v", text, raw, err)
		}
		if !slices.Equal(arranged(slices.Clone(runs)), runs) {
			t.Errorf("%v is arranged as %v", runs, arranged(slices.Clone(runs)))
		}
	}
	for _, text := range []string{
		``, `{}`, `[[]]`, `[["x"]]`, `[["entities",-1]]`, `[["entities",1,"x"]]`, `[["bom",1]]`, `[["entities"],["bom"]]`, `[["bom"],["bom"]]`,
		`[["blank",9000000000000000000,""]]`, `[["blank",1048577,""]]`, `[["blank",1,"x"]]`, `[["blank",1,"\n"]]`, `[["blank",0,""]]`, `[["blank"]]`,
		`[["marker",1,"{}"]]`, `[["others"],["marker",1,"{\"type\":\"_aim\",\"source\":\"mcp-knowledge-graph\"}"]]`, `[["entities",1.5]]`, `[["entities",null,null,null]]`,
	} {
		if runs, err := parseRuns([]byte(text)); err == nil {
			t.Errorf("%s is read as %v", text, runs)
		}
	}
}
