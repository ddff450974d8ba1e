package ui

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"
)

// received is both ends of a connection of a Receiving listener.
func received(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	theirs, err = net.Dial("tcp", l.Addr().String())
	must(t, err)
	ours, err = Receiving(l).Accept()
	must(t, err)
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return ours, theirs
}

// TestWhatCameInTimeIsRead: a server that had no turn until after its deadline
// took a request for one that never came, and closed without a word.
func TestWhatCameInTimeIsRead(t *testing.T) {
	ours, theirs := received(t)
	_, err := fmt.Fprint(theirs, "GET /")
	must(t, err)
	b := make([]byte, 3)
	must(t, ours.SetReadDeadline(time.Time{}))
	_, err = ours.Read(b[:1]) // they are there
	must(t, err)
	must(t, ours.SetReadDeadline(time.Now().Add(-time.Second)))
	if n, err := ours.Read(b); err != nil || string(b[:n]) != "ET " {
		t.Errorf("%q, %v", b[:n], err)
	}
	if n, err := ours.Read(b); err != nil || string(b[:n]) != "/" {
		t.Errorf("%q, %v", b[:n], err)
	}
	if n, err := ours.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nothing more came, and it reads %q, %v", b[:n], err)
	}
}

// TestWhoWaitedTooLongIsSentAway: the patience of the line begins when a request
// comes, not when it is read, and few have more of it than a crowd.
func TestWhoWaitedTooLongIsSentAway(t *testing.T) {
	l := newLine(1, few+2, 1)
	if _, err := l.enter(t.Context(), false, wait{lineTime, few}); problemOf(err).Status != http.StatusServiceUnavailable {
		t.Errorf("there is a place, and a crowd behind one who came long ago: %v", err)
	}
	leave, err := l.enter(t.Context(), false, wait{lineTime, 1})
	if err != nil {
		t.Fatalf("the machine is slow, and nobody else waits: %v", err)
	}
	if _, err := l.enter(t.Context(), false, wait{calmTime, 1}); problemOf(err).Status != http.StatusServiceUnavailable {
		t.Errorf("one waited for ever: %v", err)
	}
	came := make(chan error)
	go func() {
		leave, err := l.enter(t.Context(), false, wait{lineTime, 1})
		came <- err
		if err == nil {
			leave()
		}
	}()
	for len(l.waiting) == 0 {
		runtime.Gosched()
	}
	leave()
	if err := <-came; err != nil {
		t.Errorf("one who waited for longer than a crowd may, alone: %v", err)
	}
	for range few - atOnce + 1 {
		l.waiting <- struct{}{}
	}
	l.inside <- struct{}{}
	if _, err := l.enter(t.Context(), false, wait{lineTime, 1}); problemOf(err).Status != http.StatusServiceUnavailable {
		t.Errorf("one of a crowd waited longer: %v", err)
	}
}

// TestTheCrowdBehindIsKnown connects several at once and accepts one.
func TestTheCrowdBehindIsKnown(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	const behind = 5
	for range behind + 1 {
		c, err := net.Dial("tcp", l.Addr().String())
		must(t, err)
		defer c.Close()
	}
	c, err := Receiving(l).Accept()
	must(t, err)
	defer c.Close()
	if got := c.(*arrival).from.behind.Load(); got != behind {
		t.Errorf("%d are behind, want %d", got, behind)
	}
}

// TestARequestKnowsWhenItCame asks a served connection.
func TestARequestKnowsWhenItCame(t *testing.T) {
	told := make(chan wait, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := Server(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- waited(r) }))
	go func() { _ = s.Serve(Receiving(l)) }()
	t.Cleanup(func() { _ = s.Close() })
	c, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	defer c.Close()
	_, err = fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(t, err)
	must(t, resp.Body.Close())
	if w := <-told; w.ago < 0 || w.ago > time.Minute || w.behind != 0 {
		t.Errorf("it waited %+v", w)
	}
}
