package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// guest is one connection of a crowd, seen from its client.
type guest struct {
	toConnect time.Duration // until the kernel had it
	toSend    time.Duration // from there until this program had the turn to send
	toAnswer  time.Duration // from there until the answer was read
	status    int
	retry     string
	err       error
}

// crowd is what became of many visits.
type crowd struct {
	answered   []guest
	away, late int
	wrong      map[string]int
}

// tooLate is how long a request may wait in this program between its connection
// and its first byte before the server may rightly drop it, which it does after
// seven seconds.
const tooLate = 6 * time.Second

// visitAll has many clients connect at once and ask for a path, each on a
// connection of its own.
func visitAll(s *served, path, login string, many int) crowd {
	address := strings.TrimPrefix(s.url, "http://")
	text := "GET " + path + " HTTP/1.1\r\nHost: " + address + "\r\nAuthorization: Bearer " + login + "\r\nConnection: close\r\n\r\n"
	visits, start := make([]guest, many), make(chan bool)
	var all sync.WaitGroup
	for i := range visits {
		all.Go(func() {
			<-start
			visits[i] = visitOnce(address, text)
		})
	}
	close(start)
	all.Wait()
	c := crowd{wrong: map[string]int{}}
	for _, v := range visits {
		switch {
		case v.err != nil && v.toConnect+v.toSend > tooLate: // the kernel may have had it long before this program knew
			c.late++
		case v.err != nil:
			c.wrong[fmt.Sprintf("%v, sent %v after it began to connect", v.err, (v.toConnect+v.toSend).Round(time.Second))]++
		case v.status == http.StatusOK:
			c.answered = append(c.answered, v)
		case v.status == http.StatusServiceUnavailable && v.retry != "":
			c.away++
		default:
			c.wrong[http.StatusText(v.status)]++
		}
	}
	return c
}

func visitOnce(address, text string) (v guest) {
	begin := time.Now()
	c, err := net.Dial("tcp", address)
	if err != nil {
		v.err = err
		return v
	}
	defer c.Close()
	connected := time.Now()
	_ = c.SetDeadline(connected.Add(5 * time.Minute))
	_, err = io.WriteString(c, text)
	sent := time.Now()
	v.toConnect, v.toSend = connected.Sub(begin), sent.Sub(connected)
	if err != nil {
		v.err = err
		return v
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(c, 1024), nil)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		err = errors.Join(err, resp.Body.Close())
		v.status, v.retry = resp.StatusCode, resp.Header.Get("Retry-After")
	}
	v.toAnswer, v.err = time.Since(sent), err
	return v
}

// times returns a part of what the answered took, in order.
func (c crowd) times(of func(guest) time.Duration) []time.Duration {
	var list []time.Duration
	for _, v := range c.answered {
		list = append(list, of(v))
	}
	slices.Sort(list)
	return list
}

// howMany is the size of a crowd: the whole one with the slow tests.
func howMany(few, all int) int {
	if os.Getenv("BASEWRIGHT_TEST_ALL") == "1" {
		return all
	}
	return few
}

// TestCrowd asks many times at once: who is not answered is told to come back,
// and nothing else goes wrong.
func TestCrowd(t *testing.T) {
	t.Parallel()
	s, login := quietAgent(t)
	many := howMany(3000, 10_000)
	c := visitAll(s, "/api/instances", login, many)
	t.Logf("%d at once: %d answered, %d sent away, %d came late; %d MiB resident", many, len(c.answered), c.away, c.late, resident(t, s))
	for what, n := range c.wrong {
		t.Errorf("%d times: %s", n, what)
	}
	if len(c.answered) == 0 || c.late > many/10 {
		t.Error("nobody was answered, or this program came too late itself")
	}
	if mib := resident(t, s); mib > mostResident {
		t.Errorf("%d MiB resident", mib)
	}
	if code, body := s.get("/api/me", login); code != http.StatusOK {
		t.Errorf("afterwards: %d %s", code, body)
	}
	if strings.Count(s.out.String(), "a request failed") > 0 {
		t.Errorf("a crowd fills the log:\n%.2000s", s.out)
	}
}

// slowOnes are connections that send a byte each second until the server has
// enough.
type slowOnes struct {
	all   sync.WaitGroup
	mu    sync.Mutex
	lives []time.Duration // from when each was connected until it was dropped
}

// drip begins so many, half of them in the header and half in the body.
func (o *slowOnes) drip(address string, many int) {
	for i := range many {
		first := "POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
		if i%2 == 0 {
			first = "GET / HTTP/1.1\r\nHost: x\r\nX-"
		}
		o.all.Go(func() { o.one(address, first) })
	}
}

func (o *slowOnes) one(address, first string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer c.Close()
	begin := time.Now()
	_, _ = io.WriteString(c, first)
	gone := make(chan bool)
	go func() {
		_, _ = io.Copy(io.Discard, c)
		close(gone)
	}()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		select {
		case <-gone:
			o.mu.Lock()
			defer o.mu.Unlock()
			o.lives = append(o.lives, time.Since(begin))
			return
		case <-again.C:
			_, _ = io.WriteString(c, "a")
		}
	}
}

// TestSlowLoris holds connections that send a byte now and then. Others are
// answered meanwhile, and every slow one is dropped.
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	s, login := quietAgent(t)
	many := howMany(1000, 9000)
	var slow slowOnes
	slow.drip(strings.TrimPrefix(s.url, "http://"), many)
	dropped := make(chan bool)
	go func() { slow.all.Wait(); close(dropped) }()
	others, away := askUntil(t, s, login, dropped)
	t.Logf("%d slow ones were dropped, the last after %v; %d others were answered, %d sent away; %d MiB resident", len(slow.lives), slices.Max(slow.lives), len(others), away, resident(t, s))
	if len(slow.lives) != many {
		t.Errorf("of %d slow ones %d came in", many, len(slow.lives))
	}
	if mib := resident(t, s); mib > mostResident {
		t.Errorf("%d MiB resident", mib)
	}
}

// askUntil asks now and then, as a person does, and returns how long each took
// that was answered. On a machine that is so busy that a request waits for long
// with many connections behind it, some are told to come back.
func askUntil(t testing.TB, s *served, login string, done <-chan bool) (times []time.Duration, away int) {
	t.Helper()
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for {
		asked := time.Now()
		switch code, body := s.get("/api/me", login); {
		case code == http.StatusOK:
			times = append(times, time.Since(asked))
		case code == http.StatusServiceUnavailable && strings.Contains(body, "retry_after"):
			away++
		default:
			t.Fatalf("among the slow ones: %d %s", code, body)
		}
		select {
		case <-done:
			return times, away
		case <-pause.C:
		}
	}
}
