package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// TestSlowLoris holds connections that send a byte now and then. Others are
// answered meanwhile, and the slow ones are dropped.
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	s, login := quietAgent(t)
	many := 1000
	if os.Getenv("BASEWRIGHT_TEST_ALL") == "1" {
		many = 9000
	}
	begin := time.Now()
	var slow sync.WaitGroup
	var longest atomic.Int64
	for i := range many {
		first := "POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
		if i%2 == 0 {
			first = "GET / HTTP/1.1\r\nHost: x\r\nX-"
		}
		slow.Go(func() {
			drip(strings.TrimPrefix(s.url, "http://"), first)
			took := time.Since(begin).Milliseconds()
			for old := longest.Load(); took > old && !longest.CompareAndSwap(old, took); old = longest.Load() {
			}
		})
	}
	var times []time.Duration
	for time.Since(begin) < 4*time.Second {
		asked := time.Now()
		if code, body := s.get("/api/me", login); code != http.StatusOK {
			t.Fatalf("among %d slow ones: %d %s", many, code, body)
		}
		times = append(times, time.Since(asked))
		time.Sleep(5 * time.Millisecond) // as a person does, not as a load
	}
	slow.Wait()
	slices.Sort(times)
	p99 := times[len(times)*99/100]
	t.Logf("%d slow ones gone after %d ms; %d others: p50 %v, p99 %v; %d MiB resident", many, longest.Load(), len(times), times[len(times)/2], p99, resident(t, s))
	if longest.Load() > 15_000 || p99 > 2*time.Second || resident(t, s) > mostResident {
		t.Error("slow connections stay, slow others down, or fill the memory")
	}
}

// drip opens a connection, sends the beginning, then a byte each second until
// the server has enough.
func drip(address, first string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = io.WriteString(c, first)
	gone := make(chan bool)
	go func() {
		_, _ = io.Copy(io.Discard, c)
		close(gone)
	}()
	for {
		select {
		case <-gone:
			return
		case <-time.After(time.Second):
			_, _ = io.WriteString(c, "a")
		}
	}
}

// tooLate is how long a request may wait in this program between its connection
// and its first byte before the server may rightly drop it, which it does after
// five seconds.
const tooLate = 4 * time.Second

// TestCrowd asks many times at once: who is not answered is told to come back,
// and nothing else goes wrong.
func TestCrowd(t *testing.T) {
	t.Parallel()
	s, login := quietAgent(t)
	many := 3000
	if os.Getenv("BASEWRIGHT_TEST_ALL") == "1" {
		many = 10_000
	}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	var mu sync.Mutex
	var times []time.Duration
	away, late := 0, 0
	start := make(chan bool)
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			r, _ := http.NewRequest("GET", s.url+"/api/instances", nil)
			r.Header.Set("Authorization", "Bearer "+login)
			var connected, sent time.Time
			r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
				ConnectDone:  func(string, string, error) { connected = time.Now() },
				WroteRequest: func(httptrace.WroteRequestInfo) { sent = time.Now() },
			}))
			<-start
			begin := time.Now()
			resp, err := client.Do(r)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				if sent.Sub(connected) > tooLate {
					late++ // this program had no turn to send it, and was taken for a slow one
					return
				}
				t.Errorf("one of %d, sent after %v: %v", many, sent.Sub(connected), err)
				return
			}
			defer resp.Body.Close()
			_, _ = io.Copy(io.Discard, resp.Body)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case resp.StatusCode == http.StatusOK:
				times = append(times, time.Since(begin))
			case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
				away++
			default:
				t.Errorf("one of %d: %d", many, resp.StatusCode)
			}
		})
	}
	close(start)
	all.Wait()
	slices.Sort(times)
	if len(times) == 0 || late > many/10 {
		t.Fatalf("%d of %d were answered, and %d came late", len(times), many, late)
	}
	t.Logf("%d at once: %d answered, %d sent away, %d came late; p50 %v, p99 %v; %d MiB resident", many, len(times), away, late, times[len(times)/2], times[len(times)*99/100], resident(t, s))
	if mib := resident(t, s); mib > mostResident {
		t.Errorf("%d MiB resident", mib)
	}
}
