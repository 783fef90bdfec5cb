package mcpserver

import "path/filepath"

// locations lists where a file may be. The server takes a path that is not absolute from the
// folder of its own program, not from where it was started: such a one is looked for only in
// the folders where npm and npx put it. That is also where a server stands that was told
// no path; memory.json is what it called its file before it was one of lines.
func locations(getenv func(string) string) []string {
	file := getenv("MEMORY_FILE_PATH")
	var out []string
	switch {
	case filepath.IsAbs(file):
		out = []string{file}
	case file != "":
		out = inPrograms(getenv, file)
	default:
		out = inPrograms(getenv, "memory.jsonl", "memory.json")
	}
	// The fork's, of the project at hand.
	more, _ := filepath.Glob(filepath.Join(".aim", "memory*.jsonl")) // fails only for a malformed pattern
	return append(out, more...)
}

// inPrograms lists files in the folders in which the server's program is.
func inPrograms(getenv func(string) string, files ...string) (out []string) {
	for _, dir := range programs(getenv) {
		for _, name := range files {
			out = append(out, filepath.Join(dir, name))
		}
	}
	return out
}

// programs lists the folders in which the server's program is.
func programs(getenv func(string) string) []string {
	const program = "node_modules/@modelcontextprotocol/server-memory/dist"
	var out []string
	if home := getenv("HOME"); home != "" {
		cached, _ := filepath.Glob(filepath.Join(home, ".npm", "_npx", "*", program))
		out = append(out, cached...)
	}
	for _, prefix := range []string{getenv("NPM_CONFIG_PREFIX"), "/usr/local", "/usr"} {
		if prefix != "" {
			out = append(out, filepath.Join(prefix, "lib", program))
		}
	}
	return append(out, "/app/dist") // of its container
}
