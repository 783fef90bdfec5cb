package mcp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// largest is how many bytes a message may have.
const largest = 1 << 20

// frames hands on those lines that are messages. To another one it answers what is wrong,
// where the SDK would end the connection.
type frames struct {
	in   *bufio.Reader
	out  io.Writer
	rest []byte // of a line that was not read to its end
}

func newFrames(in io.Reader, out io.Writer) *frames {
	return &frames{in: bufio.NewReaderSize(in, 64<<10), out: out}
}

// Codes of JSON-RPC 2.0, section 5.1.
const (
	parseError     = -32700
	invalidRequest = -32600
)

var errLarge = fmt.Errorf("a message may have %d bytes", largest)

func (f *frames) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		line, err := f.line()
		switch {
		case errors.Is(err, errLarge):
			if err := f.refuse(invalidRequest, err.Error()); err != nil {
				return 0, err
			}
			continue
		case err != nil:
			return 0, err
		case len(bytes.TrimSpace(line)) == 0:
			continue
		}
		if code, what := malformed(line); what != "" {
			if err := f.refuse(code, what); err != nil {
				return 0, err
			}
			continue
		}
		f.rest = line
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// Close does nothing: the input is the caller's.
func (f *frames) Close() error { return nil }

// line reads a line with its end. Of one that is too large it keeps nothing.
func (f *frames) line() ([]byte, error) {
	var line []byte
	large := false
	for {
		part, err := f.in.ReadSlice('\n')
		if large = large || len(line)+len(part) > largest; large {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case large && (err == nil || errors.Is(err, io.EOF)):
			return nil, errLarge
		case errors.Is(err, io.EOF) && len(line) > 0: // the last line may have no end
			return append(line, '\n'), nil
		default:
			return line, err
		}
	}
}

// malformed says why a line is no message.
func malformed(line []byte) (code int, what string) {
	if !json.Valid(line) {
		return parseError, "the message is no JSON"
	}
	if bytes.TrimSpace(line)[0] != '{' {
		return invalidRequest, "the message is no JSON object; batches are not taken"
	}
	if _, err := jsonrpc.DecodeMessage(line); err != nil {
		return invalidRequest, "the message is no request, notification or response of JSON-RPC 2.0"
	}
	return 0, ""
}

// refuse answers a message whose id is not known.
func (f *frames) refuse(code int, what string) error {
	_, err := fmt.Fprintf(f.out, `{"jsonrpc":"2.0","id":null,"error":{"code":%d,"message":%q}}`+"\n", code, what)
	return err
}

// lockedWriter keeps messages of two writers apart: each writes one whole message.
type lockedWriter struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

// Close does nothing: the output is the caller's.
func (w *lockedWriter) Close() error { return nil }
