package openmemory_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memarc/memarc/exporter"
	"github.com/memarc/memarc/internal/bench/sample"
	"github.com/memarc/memarc/internal/layout/openmemory"
	"github.com/memarc/memarc/internal/store"
	"github.com/memarc/memarc/internal/store/all"
	"github.com/memarc/memarc/internal/store/storetest"
)

const (
	ada   = "7f3c1a52-0d4e-4b8a-9c61-2e5d8f7a1b30"
	shell = "b1111111-2222-4333-8444-555555555555"
	work  = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	first = "9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d"
	last  = "01234567-89ab-4cde-8f01-23456789abcd"
)

// rows is memories.json as Python's json.dumps writes it with an indent of 2.
const rows = `{
  "user": {
    "id": "` + ada + `",
    "user_id": "ada",
    "name": "Ada",
    "email": null,
    "metadata": {},
    "created_at": "2025-06-01T10:00:00+00:00",
    "updated_at": null
  },
  "apps": [
    {
      "id": "` + shell + `",
      "owner_id": "` + ada + `",
      "name": "openmemory",
      "description": null,
      "metadata": {
        "a": [
          1,
          2.5
        ]
      },
      "is_active": true,
      "created_at": "2025-06-01T10:00:00.123456+00:00",
      "updated_at": "2025-06-01T10:00:00+00:00"
    }
  ],
  "categories": [
    {
      "id": "` + work + `",
      "name": "w\u00f6rk",
      "description": null,
      "created_at": "2025-06-01T10:00:00+00:00",
      "updated_at": "2025-06-01T10:00:00+00:00"
    }
  ],
  "memories": [
    {
      "id": "` + first + `",
      "user_id": "` + ada + `",
      "app_id": "` + shell + `",
      "content": "likes \u00e9 \ud83d\ude00 tea",
      "metadata": {
        "k": "v"
      },
      "state": "active",
      "created_at": "2025-06-01T10:00:00.500000+00:00",
      "updated_at": "2025-06-02T10:00:00+00:00",
      "archived_at": null,
      "deleted_at": null,
      "category_ids": [
        "` + work + `"
      ]
    },
    {
      "id": "` + last + `",
      "user_id": "` + ada + `",
      "app_id": "` + shell + `",
      "content": "",
      "metadata": {},
      "state": "deleted",
      "created_at": "2025-06-01T10:00:00+00:00",
      "updated_at": "2025-06-01T10:00:00+00:00",
      "archived_at": null,
      "deleted_at": "2025-06-03T10:00:00+00:00",
      "category_ids": []
    }
  ],
  "memory_categories": [
    {
      "memory_id": "` + first + `",
      "category_id": "` + work + `"
    }
  ],
  "status_history": [
    {
      "id": "c3333333-2222-4333-8444-555555555555",
      "memory_id": "` + first + `",
      "changed_by": "` + ada + `",
      "old_state": "deleted",
      "new_state": "active",
      "changed_at": "2025-06-01T10:00:00+00:00"
    }
  ],
  "access_controls": [
    {
      "id": "d4444444-2222-4333-8444-555555555555",
      "subject_type": "app",
      "subject_id": "` + shell + `",
      "object_type": "memory",
      "object_id": null,
      "effect": "allow",
      "created_at": "2025-06-01T10:00:00+00:00"
    }
  ],
  "export_meta": {
    "app_id_filter": null,
    "from_date": null,
    "to_date": null,
    "version": "1",
    "generated_at": "2025-07-01T10:00:00.000001+00:00"
  }
}`

// logical is what memories.jsonl.gz holds.
const logical = `{"id": "` + first + `", "content": "likes \u00e9 \ud83d\ude00 tea", "metadata": {"k": "v"}, "created_at": "2025-06-01T10:00:00.500000+00:00", "updated_at": "2025-06-02T10:00:00+00:00", "state": "active", "app": "openmemory", "categories": ["w\u00f6rk"]}
{"id": "` + last + `", "content": "", "metadata": {}, "created_at": "2025-06-01T10:00:00+00:00", "updated_at": "2025-06-01T10:00:00+00:00", "state": "deleted", "app": "openmemory", "categories": []}
`

// A member of a ZIP file.
type member struct{ name, text string }

func pack(t testing.TB, path string, members ...member) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		w, err := z.Create(m.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func squeeze(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// unpack returns the members of a backup, the second as it is unpacked.
func unpack(t testing.TB, path string) map[string]string {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := map[string]string{}
	for _, m := range z.File {
		f, err := m.Open()
		if err != nil {
			t.Fatal(err)
		}
		var in io.Reader = f
		if strings.HasSuffix(m.Name, ".gz") {
			if in, err = gzip.NewReader(f); err != nil {
				t.Fatal(err)
			}
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		out[m.Name] = string(text)
	}
	return out
}

func hexed(text string) string {
	for _, id := range []string{ada, shell, work, first, last, "c3333333-2222-4333-8444-555555555555", "d4444444-2222-4333-8444-555555555555"} {
		text = strings.ReplaceAll(text, id, strings.ReplaceAll(id, "-", ""))
	}
	return text
}

// The members of a backup come home as they were, from its archive, through the product's
// own database and through other products; a second backup of the same rows has the same bytes.
func TestBackups(t *testing.T) {
	for name, members := range map[string][]member{
		"server":  {{"memories.json", rows}, {"memories.jsonl.gz", squeeze(t, logical)}},
		"script":  {{"out/memories.json", hexed(rows)}, {"out/memories.jsonl.gz", squeeze(t, hexed(logical))}},
		"no copy": {{"memories.json", rows}},
		"more":    {{"memories.json", strings.Replace(rows, `"old_state"`, "\"more\": 1.50,\n      \"old_state\"", 1)}, {"notes.txt", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source := filepath.Join(dir, "memories_export_ada.zip")
			pack(t, source, members...)
			archive, report := storetest.Export(t, source, exporter.Options{})
			storetest.SameLedger(t, report.Losses)
			if report.Source.Layout != openmemory.Name || report.Source.Engine != "backup" {
				t.Errorf("recognised as %+v", report.Source)
			}
			want := []string{rows, logical}
			if name == "script" {
				want = []string{hexed(rows), hexed(logical)}
			}
			check := func(path string) {
				t.Helper()
				got := unpack(t, path)
				if name != "more" && got["memories.json"] != want[0] {
					t.Errorf("%s\nbecame %s", want[0], got["memories.json"])
				}
				if got["memories.jsonl.gz"] != want[1] {
					t.Errorf("%s\nbecame %s", want[1], got["memories.jsonl.gz"])
				}
			}
			home := filepath.Join(dir, "home.zip")
			storetest.MustImport(t, home, archive, store.SinkOptions{})
			check(home)
			for _, layout := range []string{"memarc", "vestige", "openmemory"} {
				there, back := filepath.Join(dir, layout+".db"), filepath.Join(dir, layout+".zip")
				storetest.MustImport(t, there, archive, store.SinkOptions{Layout: layout})
				if layout == openmemory.Name {
					if n := storetest.One(t, there, "SELECT count(*) FROM memories JOIN apps ON app_id = apps.id"); n != "2" {
						t.Errorf("%s memories in the product's database", n)
					}
				}
				again, second := storetest.Export(t, there, exporter.Options{})
				if second.End.Content != report.End.Content {
					t.Errorf("%s: content digest %s, want %s", layout, second.End.Content, report.End.Content)
				}
				storetest.MustImport(t, back, again, store.SinkOptions{})
				check(back)
				a, err := os.ReadFile(home)
				if err != nil {
					t.Fatal(err)
				}
				if b, err := os.ReadFile(back); err != nil || layout == "memarc" && !bytes.Equal(a, b) {
					t.Errorf("%s: other bytes, %v", layout, err)
				}
			}
		})
	}
}

// Records of other products come home through a backup, whose user's memories alone the
// product would take.
func TestForeignBackup(t *testing.T) {
	dir := t.TempDir()
	source, backup, home := filepath.Join(dir, "s.db"), filepath.Join(dir, "b.zip"), filepath.Join(dir, "h.db")
	if err := sample.Project(source, 39); err != nil {
		t.Fatal(err)
	}
	archive, report := storetest.Export(t, source, exporter.Options{})
	storetest.MustImport(t, backup, archive, store.SinkOptions{})
	again, second := storetest.Export(t, backup, exporter.Options{})
	if second.End.Content != report.End.Content {
		t.Errorf("content digest %s, want %s", second.End.Content, report.End.Content)
	}
	storetest.MustImport(t, home, again, store.SinkOptions{Layout: "vestige"})
	storetest.Same(t, source, home)
	got := unpack(t, backup)
	if n := strings.Count(got["memories.jsonl.gz"], "\n"); uint64(n) != report.Sections["memories"].Written || got["memarc.jsonl"] == "" {
		t.Errorf("%d lines of %d memories", n, report.Sections["memories"].Written)
	}
}

// What is wrong with a backup is said in one line.
func TestHostileBackups(t *testing.T) {
	for name, c := range map[string]struct {
		members []member
		want    string
	}{
		"bomb":            {[]member{{"memories.json", strings.Repeat(" ", 64<<20)}}, "200 times as big"},
		"bomb within":     {[]member{{"memories.json", rows}, {"memories.jsonl.gz", squeeze(t, strings.Repeat(" ", 64<<20))}}, "200 times as big"},
		"way out":         {[]member{{"memories.json", rows}, {"../x", ""}}, "leads out"},
		"absolute":        {[]member{{"memories.json", rows}, {"/x", ""}}, "leads out"},
		"twice":           {[]member{{"memories.json", rows}, {"a/memories.json", rows}}, "two members"},
		"no rows":         {[]member{{"memories.jsonl.gz", ""}}, `no member "memories.json"`},
		"no memories":     {[]member{{"memories.json", "{}"}}, `no member "memories"`},
		"no list":         {[]member{{"memories.json", `{"memories": 7}`}}, "is no list"},
		"cut short":       {[]member{{"memories.json", rows[:400]}}, "cut short"},
		"deep":            {[]member{{"memories.json", `{"x": ` + strings.Repeat("[", 20_000)}}, "depth"},
		"row twice":       {[]member{{"memories.json", strings.Replace(rows, `"id": "`+last, `"id": "`+first, 1)}}, "stands in it twice"},
		"no gzip":         {[]member{{"memories.json", rows}, {"memories.jsonl.gz", "x"}}, "memories.jsonl.gz"},
		"no such sidecar": {[]member{{"memories.json", rows}, {"memarc.jsonl", "x"}}, "memarc.jsonl"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "b.zip")
			pack(t, path, c.members...)
			src, err := all.Registry().OpenSource(context.Background(), path, "")
			if err == nil {
				src.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	t.Run("many", func(t *testing.T) {
		var members []member
		for i := range 65 {
			members = append(members, member{fmt.Sprintf("%d/memories.json", i), ""})
		}
		path := filepath.Join(t.TempDir(), "b.zip")
		pack(t, path, members...)
		if _, err := all.Registry().OpenSource(context.Background(), path, ""); err == nil || !strings.Contains(err.Error(), "65 members") {
			t.Error(err)
		}
	})
}

// A copy that says otherwise is told of.
func TestOtherCopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.zip")
	pack(t, path, member{"memories.json", rows}, member{"memories.jsonl.gz", squeeze(t, strings.Replace(logical, "tea", "milk", 1))})
	if _, report := storetest.Export(t, path, exporter.Options{}); len(report.Losses) != 1 || report.Losses[0].Code != "copy-differs" || report.Losses[0].Count != 1 {
		t.Errorf("%+v", report.Losses)
	}
}
