package main

import (
	"strings"
	"testing"
	"time"
)

const events = `{"Action":"build-output","ImportPath":"m/bad","Output":"bad.go:1: syntax\n"}
{"Action":"start","Package":"m/a"}
{"Action":"run","Package":"m/a","Test":"TestGood"}
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"    a_test.go:9: NOT PROVEN here: the large case\n"}
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"        > [!exec:zsh] skip 'NOT PROVEN, zsh is missing'\n"}
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"    a_test.go:10: chatter\n"}
{"Action":"pass","Package":"m/a","Test":"TestGood"}
{"Action":"run","Package":"m/a","Test":"TestSkipped"}
{"Action":"output","Package":"m/a","Test":"TestSkipped","Output":"    a_test.go:20: zstd is missing\n"}
{"Action":"skip","Package":"m/a","Test":"TestSkipped"}
{"Action":"run","Package":"m/a","Test":"TestBad"}
{"Action":"output","Package":"m/a","Test":"TestBad","Output":"    a_test.go:30: wrong\n"}
{"Action":"fail","Package":"m/a","Test":"TestBad"}
{"Action":"run","Package":"m/a","Test":"TestPanics"}
{"Action":"output","Package":"m/a","Test":"TestPanics","Output":"panic: oh\n"}
{"Action":"output","Package":"m/a","Output":"FAIL\tm/a\t0.1s\n"}
{"Action":"fail","Package":"m/a"}
{"Action":"output","Package":"m/b","Output":"?   \tm/b\t[no test files]\n"}
{"Action":"skip","Package":"m/b"}
no JSON
`

func TestRun(t *testing.T) {
	var out strings.Builder
	r := newRun(&out, "restic")
	if err := r.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	wantOut := "bad.go:1: syntax\n    a_test.go:30: wrong\nFAIL\tm/a\t0.1s\npanic: oh\nno JSON\n"
	if out.String() != wantOut {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), wantOut)
	}
	want := `
skipped, or not proven in this run (2):
  a TestGood: NOT PROVEN here: the large case
  a TestSkipped: zstd is missing

1 passed, 2 failed, 1 skipped in 1 packages, 2.0s
`
	if got := r.summary(2 * time.Second); got != want {
		t.Errorf("summary\n%s\nwant\n%s", got, want)
	}
}

// What is required must not be skipped.
func TestRequired(t *testing.T) {
	var out strings.Builder
	r := newRun(&out, "restic zstd")
	if err := r.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	if r.skipped != 0 || r.failed != 3 || !strings.Contains(r.summary(0), "zstd is missing (MEMARC_TEST_REQUIRE asks for it)") {
		t.Errorf("%d skipped, %d failed: %s", r.skipped, r.failed, r.summary(0))
	}
}
