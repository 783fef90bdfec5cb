package memorygraph

import (
	"cmp"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// backend is the engine that the product's variable names; it takes SQLite for none.
func backend(getenv func(string) string) string { return strings.ToLower(getenv("MEMORY_BACKEND")) }

// sqliteLocations lists where the product keeps its file: by its own variable, in which
// it takes a tilde for the name of a folder, by default, and as it was first called.
func sqliteLocations(getenv func(string) string) []string {
	if !slices.Contains([]string{"", "auto", "sqlite"}, backend(getenv)) {
		return nil
	}
	var out []string
	home := getenv("HOME")
	if path := getenv("MEMORY_SQLITE_PATH"); path != "" {
		out = append(out, path)
		if rest, ok := strings.CutPrefix(path, "~/"); ok && home != "" {
			out = append(out, filepath.Join(home, rest))
		}
	}
	if home != "" {
		out = append(out, filepath.Join(home, ".memorygraph", "memory.db"), filepath.Join(home, ".claude-memory", "memory.db"))
	}
	return out
}

// graphLocations lists the graphs that the product's variables name.
func graphLocations(engine string, getenv func(string) string) []string {
	first := func(names ...string) string {
		for _, name := range names {
			if v := getenv(name); v != "" {
				return v
			}
		}
		return ""
	}
	const auto = "auto" // takes the first engine that has its variables
	named := backend(getenv)
	var out []string
	add := func(uri, user, password string) {
		if u, err := url.Parse(uri); err == nil && u.Host != "" {
			if u.User == nil && user+password != "" {
				u.User = url.UserPassword(user, password)
			}
			out = append(out, u.String())
		}
	}
	switch engine {
	case "neo4j":
		uri, password := first("MEMORY_NEO4J_URI", "NEO4J_URI"), first("MEMORY_NEO4J_PASSWORD", "NEO4J_PASSWORD")
		if named == engine || named == auto && password != "" {
			add(cmp.Or(uri, "bolt://localhost:7687"), cmp.Or(first("MEMORY_NEO4J_USER", "NEO4J_USER"), "neo4j"), password)
		}
	case "memgraph":
		uri := getenv("MEMORY_MEMGRAPH_URI")
		if named == engine || named == auto && uri != "" {
			uri = cmp.Or(uri, "bolt://localhost:7687")
			if rest, ok := strings.CutPrefix(uri, "bolt"); ok {
				uri = "memgraph" + rest
			}
			add(uri, getenv("MEMORY_MEMGRAPH_USER"), getenv("MEMORY_MEMGRAPH_PASSWORD"))
		}
	case "falkordb":
		if named == engine {
			host := first("MEMORY_FALKORDB_HOST", "FALKORDB_HOST")
			port := cmp.Or(first("MEMORY_FALKORDB_PORT", "FALKORDB_PORT"), "6379")
			add("falkordb://"+net.JoinHostPort(cmp.Or(host, "localhost"), port)+"/memorygraph", "", first("MEMORY_FALKORDB_PASSWORD", "FALKORDB_PASSWORD"))
		}
		if named == "falkordblite" || named == "" {
			paths := []string{first("MEMORY_FALKORDBLITE_PATH", "FALKORDBLITE_PATH")}
			if home := getenv("HOME"); home != "" {
				paths = append(paths, filepath.Join(home, ".memorygraph", "falkordblite.db"))
			}
			for _, path := range slices.DeleteFunc(paths, func(p string) bool { return p == "" }) {
				out = append(out, "falkordblite:"+path)
			}
		}
	}
	return out
}
