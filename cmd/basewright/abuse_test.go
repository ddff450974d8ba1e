package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mostResident is what the agent may take of memory, whatever it is sent.
const mostResident = 300 // MiB

// quietAgent is an agent without an engine, and a login.
func quietAgent(t *testing.T) (*served, string) {
	t.Helper()
	s := startServe(t, filepath.Join(t.TempDir(), "data"), noEngine).ready()
	return s, s.logIn()
}

// raw sends bytes as they are and returns the status line of the answer.
func (s *served) raw(text io.Reader) string {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	go func() { _, _ = io.Copy(c, text) }() // the server may stop reading before all is written
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(line)
}

// TestAbuse sends what no client sends: every answer is a refusal, and memory
// stays bounded.
func TestAbuse(t *testing.T) {
	t.Parallel()
	s, login := quietAgent(t)
	head := func(line, more string, length int) string {
		return line + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + login + "\r\n" + more + fmt.Sprintf("Content-Length: %d\r\n\r\n", length)
	}
	const asJSON = "Content-Type: application/json\r\n"
	big := strings.Repeat("x", 10<<20)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 1 << 10 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	_ = z.Close()
	for name, row := range map[string]struct{ text, want string }{
		"a body of 10 MB":               {head("POST /api/users", asJSON, len(big)+2) + `"` + big + `"`, "413"},
		"a body of 10 MB to log in":     {head("POST /api/login", asJSON, len(big)+2) + `"` + big + `"`, "413"},
		"a body of 10 MB in chunks":     {"POST /api/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + login + "\r\n" + asJSON + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n", len(big)) + `"` + big, "413"},
		"a header of 1 MB":              {"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + big[:1<<20] + "\r\n\r\n", "431"},
		"an address of 1 MB":            {"GET /" + big[:1<<20] + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
		"100,000 header fields":         {"GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 100_000) + "\r\n", "431"},
		"a packed body":                 {head("POST /api/users", asJSON+"Content-Encoding: gzip\r\n", bomb.Len()) + bomb.String(), "415"},
		"a form":                        {head("POST /api/users", "Content-Type: application/x-www-form-urlencoded\r\n", 3) + "a=b", "415"},
		"no kind of body":               {head("POST /api/users", "", 2) + "{}", "415"},
		"half of a JSON":                {head("POST /api/users", asJSON, 8) + `{"name":`, "400"},
		"JSON within JSON":              {head("POST /api/users", asJSON, 200_000) + strings.Repeat("[", 200_000), "400"},
		"JSON twice":                    {head("POST /api/playbooks/check", asJSON, 26) + `{"source":"x"}{"source":1}`, "400"},
		"no UTF-8":                      {head("POST /api/users", asJSON, 4) + "\"\xff\xfe\"", "400"},
		"a path that climbs":            {head("GET /../../../etc/passwd", "", 0), "404"},
		"a path that climbs, hidden":    {head("GET /api/instances/..%2f..%2f..%2fetc%2fpasswd/logs", "", 0), "404"},
		"a path with a NUL":             {head("GET /api/instances/shop%00/logs", "", 0), "404"},
		"a playbook in another folder":  {head("PUT /api/playbooks/..%2f..%2fevil", asJSON, 15) + `{"source":"x y"}`[:15], "40"},
		"a method of its own":           {head("BREW /api/users", "", 0), "405"},
		"two lengths":                   {"POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
		"a length and chunks":           {"POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "4"},
		"no HTTP":                       {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n", "400"},
		"a page of another site writes": {head("POST /api/logout", "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n", 0), "403"},
	} {
		if got := s.raw(strings.NewReader(row.text)); !strings.HasPrefix(got, "HTTP/1.1 "+row.want) && !(row.want == "4" && strings.HasPrefix(got, "HTTP/1.1 4")) {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
	if mib := resident(t, s); mib > mostResident {
		t.Errorf("%d MiB resident", mib)
	}
	if code, body := s.get("/api/me", login); code != http.StatusOK {
		t.Errorf("afterwards: %d %s", code, body)
	}
}
