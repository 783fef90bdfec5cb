package falkordb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A liveServer is the product's own server that has a file open.
type liveServer struct{ socket string }

// liteSettings are what a program of Python that has a store PATH open writes beside it
// as PATH.settings.
type liteSettings struct {
	PIDFile string `json:"pidfile"`
	Socket  string `json:"unixsocket"`
}

// findLive looks for a server that has the file at path open; nil if there is none. The
// error tells that this is not known.
func findLive(ctx context.Context, path string) (*liveServer, error) {
	sockets, unsure := settledSocket(path)
	sockets = append(sockets, besideSockets(path)...)
	for _, socket := range sockets {
		conn, err := net.DialTimeout("unix", socket, time.Second)
		if err != nil {
			continue // what listened there has ended
		}
		if err := conn.Close(); err != nil {
			return nil, err
		}
		if serves(ctx, socket, path) {
			return &liveServer{socket}, nil
		}
	}
	return nil, unsure
}

// besideSockets lists sockets beside a file: the package for Node.js leaves no settings,
// but its socket stands there.
func besideSockets(path string) []string {
	sockets, err := filepath.Glob(filepath.Join(quoteGlob(filepath.Dir(path)), "fdb-*.sock"))
	if err != nil {
		return nil
	}
	return sockets
}

// besideLite lists what may be opened to find the server that has a file open.
func besideLite(path string) ([]string, error) {
	out := append([]string{path + settingsEnding}, besideSockets(path)...)
	s, err := readSettings(path)
	if s == nil {
		return out, err
	}
	for _, named := range []string{s.PIDFile, s.Socket} {
		if named != "" {
			out = append(out, named)
		}
	}
	return out, nil
}

// quoteGlob makes a path stand for itself in a pattern.
func quoteGlob(path string) string {
	return strings.NewReplacer("[", `\[`, "]", `\]`, "*", `\*`, "?", `\?`, `\`, `\\`).Replace(path)
}

// settingsEnding is that of the name of the settings.
const settingsEnding = ".settings"

// readSettings reads the settings beside a file; nil if there are none.
func readSettings(path string) (*liteSettings, error) {
	info, err := os.Stat(path + settingsEnding)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() { // a pipe would wait
		return nil, fmt.Errorf("%q is no regular file", path+settingsEnding)
	}
	f, err := os.Open(path + settingsEnding)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, 1<<16))
	if err != nil {
		return nil, err
	}
	var s liteSettings
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("%q is malformed", path+settingsEnding)
	}
	return &s, nil
}

// settledSocket returns the socket in the settings beside a file, if the process that
// they name is alive.
func settledSocket(path string) ([]string, error) {
	s, err := readSettings(path)
	if s == nil {
		return nil, err
	}
	raw, err := os.ReadFile(s.PIDFile)
	if err != nil {
		return nil, nil // the server removes it when it ends
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || pid <= 0 || !alive(pid) {
		return nil, nil
	}
	return []string{s.Socket}, nil
}

// serves tells whether the server at a socket saves into the file at path: settings
// that were copied with a file name the server of another. One that does not tell is
// taken to.
func serves(ctx context.Context, socket, path string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := Connect(ctx, &Config{Network: "unix", Address: socket, name: socket})
	if err != nil {
		return true
	}
	defer c.Close()
	setting := func(name string) string {
		list, err := c.list(ctx, "CONFIG", "GET", name)
		if err != nil || len(list) != 2 {
			return ""
		}
		text, _ := list[1].(string)
		return text
	}
	dir, file := setting("dir"), setting("dbfilename")
	if dir == "" || file == "" {
		return true
	}
	if a, err := os.Stat(filepath.Join(dir, file)); err == nil {
		b, err := os.Stat(path)
		return err == nil && os.SameFile(a, b)
	}
	a, err := os.Stat(dir) // nothing was saved yet
	if err != nil {
		return false
	}
	b, err := os.Stat(filepath.Dir(path))
	return err == nil && os.SameFile(a, b) && file == filepath.Base(path)
}
