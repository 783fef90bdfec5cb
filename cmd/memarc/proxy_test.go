package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// A proxy stands between memarc and a PostgreSQL server and knows the moments at
// which something becomes durable or visible: the end of a COPY and a COMMIT, each as
// it is asked for and as it is answered. At the moment that is asked of it, it strikes
// instead of passing the message on, and both connections are cut. Source:
// PostgreSQL's manual, Frontend/Backend Protocol, Message Formats.
type proxy struct {
	listener net.Listener
	server   string
	moment   int    // strikes at this one, from 1; 0 for never
	only     string // count moments that begin like this alone
	byte     int64  // strikes after so many bytes to the server; 0 for never
	strike   func()
	kills    bool // the strike is told how to kill the program
	armed    chan func()

	mu      sync.Mutex
	moments []string
	sent    int64
	struck  bool
	open    sync.WaitGroup
}

// newProxy returns the proxy of a server and the URL of the database through it.
func newProxy(t testing.TB, database string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{server: u.Host, armed: make(chan func(), 1)}
	p.strike = func() {
		if p.kills {
			(<-p.armed)()
		}
	}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go p.accept()
	u.Host, u.RawQuery = p.listener.Addr().String(), "sslmode=disable"
	return p, u.String()
}

// strikes makes the strike kill the program.
func (p *proxy) strikes(kill func()) { p.armed <- kill }

// close ends the proxy and waits for its connections.
func (p *proxy) close() {
	p.listener.Close()
	p.open.Wait()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.open.Add(1)
		go p.serve(client)
	}
}

func (p *proxy) serve(client net.Conn) {
	defer p.open.Done()
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	ends := make(chan error, 2)
	go func() { ends <- p.pass(server, client, 0, p.asked) }()
	go func() { ends <- p.pass(client, server, 1, p.answered) }()
	<-ends
	client.Close()
	server.Close()
	<-ends
}

// pass copies messages. The first one of a client has no type.
func (p *proxy) pass(to io.Writer, from io.Reader, typed int, see func(kind byte, body []byte) bool) error {
	for header := make([]byte, 5); ; typed = 1 {
		if _, err := io.ReadFull(from, header[1-typed:]); err != nil {
			return err
		}
		size := int64(binary.BigEndian.Uint32(header[1:])) - 4
		body := make([]byte, size)
		if _, err := io.ReadFull(from, body); err != nil {
			return err
		}
		message := append(append([]byte(nil), header[1-typed:]...), body...)
		if typed == 1 && !see(header[0], body) {
			return fmt.Errorf("cut")
		}
		if cut := p.count(to, int64(len(message))); cut >= 0 {
			_, _ = to.Write(message[:cut])
			p.hit()
			return fmt.Errorf("cut")
		}
		if _, err := to.Write(message); err != nil {
			return err
		}
	}
}

// count counts bytes to the server and says how many of them still go, or -1 for all.
func (p *proxy) count(to io.Writer, n int64) int64 {
	if to.(net.Conn).RemoteAddr().String() != p.server {
		return -1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent += n
	if p.byte > 0 && !p.struck && p.sent > p.byte {
		return n - (p.sent - p.byte)
	}
	return -1
}

func (p *proxy) asked(kind byte, body []byte) bool {
	text := strings.TrimLeft(string(body[:min(len(body), 32)]), "\x00")
	switch {
	case kind == 'c':
		return p.at("COPY asked")
	case (kind == 'Q' || kind == 'P') && strings.HasPrefix(text, "COMMIT"):
		return p.at("COMMIT asked")
	}
	return true
}

func (p *proxy) answered(kind byte, body []byte) bool {
	if kind != 'C' {
		return true
	}
	switch tag, _, _ := strings.Cut(strings.Trim(string(body), "\x00"), " "); tag {
	case "COPY", "COMMIT":
		return p.at(tag + " answered")
	}
	return true
}

// at counts a moment and says whether the message goes on.
func (p *proxy) at(moment string) bool {
	if !strings.HasPrefix(moment, p.only) {
		return true
	}
	p.mu.Lock()
	p.moments = append(p.moments, moment)
	now := p.moment > 0 && len(p.moments) == p.moment
	p.mu.Unlock()
	if now {
		p.hit()
	}
	return !now
}

func (p *proxy) hit() {
	p.mu.Lock()
	first := !p.struck
	p.struck = true
	p.mu.Unlock()
	if first {
		p.strike()
	}
}
