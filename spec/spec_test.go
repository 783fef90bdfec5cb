package spec_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/spec"
	"github.com/memarc/memarc/spec/internal/schema"
	"github.com/memarc/memarc/spec/internal/vectors"
)

// load returns the vectors of the embedded file system by name.
func load(t *testing.T) map[string]vectors.Vector {
	t.Helper()
	out := map[string]vectors.Vector{}
	names, err := fs.Glob(spec.FS, "vectors/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range names {
		base, isSide := strings.CutSuffix(path, ".json")
		if !isSide {
			if _, err := fs.Stat(spec.FS, strings.TrimSuffix(path, ".marc")+".json"); err != nil {
				t.Errorf("%s has no description: %v", path, err)
			}
			continue
		}
		raw, err := fs.ReadFile(spec.FS, path)
		if err != nil {
			t.Fatal(err)
		}
		var v vectors.Vector
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&v.Expectation); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if "vectors/"+v.Name != base {
			t.Errorf("%s says that its name is %q", path, v.Name)
		}
		if v.Archive, err = fs.ReadFile(spec.FS, base+".marc"); err != nil {
			t.Fatal(err)
		}
		out[v.Name] = v
	}
	if len(out) < 100 {
		t.Fatalf("%d vectors, want at least 100", len(out))
	}
	return out
}

// got is what package format says of an archive.
type got struct {
	records       int
	released      string
	root, content string
	err           error
}

func read(in io.Reader, opts format.ReaderOptions) (g got) {
	sum := sha256.New()
	defer func() { g.released = hex.EncodeToString(sum.Sum(nil)) }()
	r, err := format.NewReader(in, opts)
	if err != nil {
		g.err = err
		return g
	}
	defer r.Close()
	for b, err := range r.Batches() {
		if err != nil {
			g.err = err
			return g
		}
		for row := range b.Rows {
			record := b.AppendRecord(nil, row)
			head := binary.LittleEndian.AppendUint16(nil, uint16(len(b.Section.Name)))
			head = append(head, b.Section.Name...)
			sum.Write(append(binary.LittleEndian.AppendUint32(head, uint32(len(record))), record...))
			g.records++
		}
		b.Release()
	}
	g.root, g.content = r.End().Root.String(), r.End().Content.String()
	return g
}

func exit(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, format.ErrVersion):
		return 7
	case errors.Is(err, format.ErrCorrupt), errors.Is(err, format.ErrTruncated), errors.Is(err, format.ErrNotArchive):
		return 3
	}
	return 1
}

func TestVectors(t *testing.T) {
	ways := map[string]func([]byte) got{
		"at once":    func(b []byte) got { return read(bytes.NewReader(b), format.ReaderOptions{}) },
		"by byte":    func(b []byte) got { return read(iotest.OneByteReader(bytes.NewReader(b)), format.ReaderOptions{}) },
		"one worker": func(b []byte) got { return read(bytes.NewReader(b), format.ReaderOptions{Workers: 1}) },
	}
	for name, v := range load(t) {
		for way, read := range ways {
			g := read(v.Archive)
			if exit(g.err) != v.Exit || (g.err == nil) != (v.Expect == "ok") {
				t.Errorf("%s, read %s: error %v gives exit %d, want %d (%s)", name, way, g.err, exit(g.err), v.Exit, v.Comment)
				continue
			}
			if g.records != v.Records || g.released != v.Released {
				t.Errorf("%s, read %s: released %d records, %s; want %d, %s (%v)", name, way, g.records, g.released, v.Records, v.Released, g.err)
			}
			if g.root != v.Root || g.content != v.Content {
				t.Errorf("%s, read %s: root %q and content %q, want %q and %q", name, way, g.root, g.content, v.Root, v.Content)
			}
			// An empty file is no archive; every other cut is known as one.
			if cut := v.Class == "truncated" && len(v.Archive) > 0; cut != errors.Is(g.err, format.ErrTruncated) {
				t.Errorf("%s, read %s: error %v, class %s", name, way, g.err, v.Class)
			}
		}
	}
}

// need returns the path of a program, or skips the test, saying what is not
// proven then. Where MEMARC_TEST_REQUIRE names what, the test fails instead.
func need(t *testing.T, what, program, unproven string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing(t, what, program+" is missing: "+unproven)
	}
	return path
}

func missing(t *testing.T, what, why string) {
	t.Helper()
	if strings.Contains(os.Getenv("MEMARC_TEST_REQUIRE"), what) {
		t.Fatal(why)
	}
	t.Skip("NOT PROVEN, " + why)
}

func TestZstdProgramTakesGoodVectors(t *testing.T) {
	zstd := need(t, "zstd", "zstd", "that the zstd program accepts archives and prints their records")
	for name, v := range load(t) {
		if v.Expect != "ok" {
			continue
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, v.Archive, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(zstd, "-q", "-t", path).CombinedOutput(); err != nil {
			t.Errorf("%s: zstd -t: %v: %s", name, err, out)
		}
		out, err := exec.Command(zstd, "-q", "-d", "-c", path).Output()
		if err != nil {
			t.Errorf("%s: zstd -dc: %v", name, err)
		}
		// Lines begin with the section, whatever white space stands between.
		if lines := bytes.Count(out, []byte("\n")); bytes.HasPrefix(out, []byte(`{"$section"`)) && lines != v.Records {
			t.Errorf("%s: zstd -dc gives %d lines for %d records", name, lines, v.Records)
		}
	}
}

func TestPythonReader(t *testing.T) {
	const unproven = "that the independent reader says the same of the vectors"
	need(t, "python", "zstd", unproven)
	python := need(t, "python", "python3", unproven)
	out, err := exec.Command(python, "-B", "reader/marc.py", "vectors", "vectors").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// TestPythonReadsWriter has the independent reader verify what package format
// writes, and compares the digests.
func TestPythonReadsWriter(t *testing.T) {
	const unproven = "that the independent reader reads what the writer writes"
	need(t, "python", "zstd", unproven)
	python := need(t, "python", "python3", unproven)
	for name, v := range load(t) {
		if !strings.HasPrefix(name, "ok-types") && !strings.HasPrefix(name, "ok-vectors") && name != "ok-names" && name != "ok-no-fields-ndjson" {
			continue
		}
		for _, encoding := range []format.Encoding{format.Arrow, format.NDJSON} {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, rewrite(t, v.Archive, encoding), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(python, "-B", "reader/marc.py", "verify", path).Output()
			if err != nil || !bytes.Contains(out, []byte(`"content": "`+v.Content+`"`)) || !bytes.Contains(out, []byte(`"released": "`+v.Released+`"`)) {
				t.Errorf("%s as %s: %v: %s, want content %s, released %s", name, encoding, err, out, v.Content, v.Released)
			}
		}
	}
}

// rewrite writes the records of an archive in an encoding.
func rewrite(t *testing.T, archive []byte, encoding format.Encoding) []byte {
	t.Helper()
	r, err := format.NewReader(bytes.NewReader(archive), format.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m := *r.Manifest()
	m.Encoding = encoding
	var out bytes.Buffer
	w, err := format.NewWriter(&out, &m, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// pyarrowProgram reads the streams of zstd -dc one after the other and gives
// for each the canonical records in hex. It takes the fields of each on its
// command line.
const pyarrowProgram = `
import json, struct, sys
import pyarrow as pa

def sized(tag, data):
    return struct.pack("<BI", tag, len(data)) + data

def column(table, name, kind):
    if kind == "vector":
        planes = [table.column(f"{name}.{k}").to_pylist() for k in range(4)]
        return [None if row[0] is None else b"\x09" + struct.pack("<I", len(row[0])) + bytes(b for e in zip(*row) for b in e) for row in zip(*planes)]
    c = table.column(name)
    want = {"text": pa.string(), "json": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "time": pa.timestamp("ns", "UTC")}
    if kind == "list":
        assert pa.types.is_list(c.type) and c.type.value_type == pa.string(), c.type
    else:
        assert c.type == want.get(kind, pa.binary()), c.type
    if kind in ("float", "time"):
        c = c.view(pa.int64())
    make = {"text": lambda v: sized(4, v.encode()), "json": lambda v: sized(5, v.encode()), "bytes": lambda v: sized(6, v),
            "int": lambda v: struct.pack("<Bq", 2, v), "float": lambda v: struct.pack("<Bq", 3, v), "time": lambda v: struct.pack("<Bq", 7, v),
            "bool": lambda v: bytes((1, v)), "any": lambda v: v, "map": lambda v: v,
            "list": lambda v: b"\x08" + struct.pack("<I", len(v)) + b"".join(struct.pack("<I", len(i.encode())) + i.encode() for i in v)}[kind]
    return [None if v is None else make(v) for v in c.to_pylist()]

out = []
source = pa.BufferReader(sys.stdin.buffer.read())
for fields in json.loads(sys.argv[1]):
    with pa.ipc.open_stream(source) as stream:
        batches = list(stream)
    assert len(batches) == 1
    batches[0].validate(full=True)
    columns = [(name.encode(), column(batches[0], name, kind)) for name, kind in fields]
    columns.sort()
    out.append([b"".join(struct.pack("<H", len(n)) + n + values[row] for n, values in columns if values[row] is not None).hex()
                for row in range(batches[0].num_rows)])
assert source.tell() == source.size()
print(json.dumps(out))
`

func TestPyarrowOpensStreams(t *testing.T) {
	const unproven = "that pyarrow opens the streams of zstd -dc and sees the same values"
	zstd := need(t, "pyarrow", "zstd", unproven)
	python := os.Getenv("MEMARC_TEST_PYARROW")
	if python == "" {
		python = need(t, "pyarrow", "python3", unproven)
	}
	if err := exec.Command(python, "-c", "import pyarrow").Run(); err != nil {
		missing(t, "pyarrow", "pyarrow is missing: "+unproven)
	}
	for _, v := range vectors.All() {
		if v.Expect != "ok" || v.Encoding() != "arrow" {
			continue
		}
		archives := map[string][]byte{"vector": v.Archive, "as the writer writes it": rewrite(t, v.Archive, format.Arrow)}
		for way, archive := range archives {
			check(t, v, way, archive, zstd, python)
		}
	}
}

func check(t *testing.T, v vectors.Vector, way string, archive []byte, zstd, python string) {
	t.Helper()
	var all [][][]string
	var want [][]string
	for _, c := range v.Chunks() {
		all, want = append(all, c.Fields), append(want, c.Records)
	}
	fields, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		return
	}
	unpack := exec.Command(zstd, "-q", "-d", "-c")
	unpack.Stdin = bytes.NewReader(archive)
	streams, err := unpack.Output()
	if err != nil {
		t.Fatalf("%s, %s: zstd -dc: %v", v.Name, way, err)
	}
	program := exec.Command(python, "-B", "-c", pyarrowProgram, string(fields))
	program.Stdin, program.Stderr = bytes.NewReader(streams), os.Stderr
	out, err := program.Output()
	if err != nil {
		t.Fatalf("%s, %s: pyarrow: %v", v.Name, way, err)
	}
	var records [][]string
	if err := json.Unmarshal(out, &records); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		for row := range want[i] {
			if len(records[i]) != len(want[i]) || records[i][row] != want[i][row] {
				t.Fatalf("%s, %s: chunk %d: pyarrow sees\n%v, want\n%v", v.Name, way, i, records[i], want[i])
			}
		}
	}
}

// TestGenerated compares the files with what the generator makes.
func TestGenerated(t *testing.T) {
	dir := t.TempDir()
	if err := vectors.Write(dir); err != nil {
		t.Fatal(err)
	}
	made, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	there, err := fs.ReadDir(spec.FS, "vectors")
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != len(there) {
		t.Errorf("spec/vectors has %d files, the generator makes %d; run go generate ./spec", len(there), len(made))
	}
	for _, file := range made {
		want, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fs.ReadFile(spec.FS, "vectors/"+file.Name()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("vectors/%s is not what the generator makes (%v); run go generate ./spec", file.Name(), err)
		}
	}
	want, err := schema.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := fs.ReadFile(spec.FS, "schema.json"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("schema.json is not what the generator makes (%v); run go generate ./spec", err)
	}
}
