package docker

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/basewright/basewright/core"
)

// What is kept of a container's log.
const (
	tailLines = 200
	maxLine   = 16 << 10  // bytes of one line
	maxTail   = 512 << 10 // bytes of all lines; the oldest go first
	maxRead   = 64 << 20  // bytes taken from the engine, however long its lines are
)

// logTimeout bounds the reading of one log, however slowly it comes.
const logTimeout = 10 * time.Second

// tail returns the last lines of a container's log. It always names a number of
// lines: without one the engine reads the whole file, however large.
func (h *Host) tail(ctx context.Context, id string, tty bool) ([]core.LogLine, error) {
	return within(ctx, logTimeout, func(ctx context.Context) ([]core.LogLine, error) { return h.readTail(ctx, id, tty) })
}

func (h *Host) readTail(ctx context.Context, id string, tty bool) ([]core.LogLine, error) {
	r, err := h.api.ContainerLogs(ctx, id, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: strconv.Itoa(tailLines)})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var kept tailKeeper
	out, errs := &lineWriter{keep: &kept}, &lineWriter{keep: &kept}
	limited := io.LimitReader(r, maxRead)
	if tty {
		_, err = io.Copy(out, limited)
	} else {
		_, err = stdcopy.StdCopy(out, errs, limited)
	}
	out.flush()
	errs.flush()
	return kept.lines, err
}

// lineWriter cuts one stream into lines. A line's rest beyond maxLine is
// dropped as it comes, so memory is bounded whatever is logged.
type lineWriter struct {
	keep *tailKeeper
	line []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			w.add(p)
			return n, nil
		}
		w.add(p[:i])
		w.flush()
		p = p[i+1:]
	}
}

func (w *lineWriter) add(p []byte) {
	const room = maxLine + 64 // for the time stamp
	w.line = append(w.line, p[:min(len(p), room-min(room, len(w.line)))]...)
}

func (w *lineWriter) flush() {
	if len(w.line) > 0 {
		w.keep.add(logLine(w.line))
		w.line = w.line[:0]
	}
}

// tailKeeper keeps the newest lines within maxTail.
type tailKeeper struct {
	lines []core.LogLine
	size  int
}

func (k *tailKeeper) add(l core.LogLine) {
	k.lines = append(k.lines, l)
	k.size += len(l.Text)
	for k.size > maxTail || len(k.lines) > tailLines {
		k.size -= len(k.lines[0].Text)
		k.lines = k.lines[1:]
	}
}

// logLine splits the engine's time stamp from the text.
func logLine(b []byte) core.LogLine {
	if stamp, rest, ok := bytes.Cut(b, []byte{' '}); ok {
		if at, err := time.Parse(time.RFC3339Nano, string(stamp)); err == nil {
			return core.LogLine{At: at, Text: clean(rest, maxLine)}
		}
	}
	return core.LogLine{Text: clean(b, maxLine)}
}

// clean returns b as text that does nothing to a terminal: without escape
// sequences, control characters (tabs and newlines stay) and the marks that
// turn the writing direction, cut at max bytes.
func clean(b []byte, max int) string {
	if plain(b) {
		return string(b[:min(len(b), max)])
	}
	var s strings.Builder
	for len(b) > 0 && s.Len() < max {
		if n := escape(b); n > 0 {
			b = b[n:]
			continue
		}
		r, n := utf8.DecodeRune(b)
		b = b[n:]
		if r == '\t' || r == '\n' || !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r) {
			s.WriteRune(r)
		}
	}
	text := s.String()
	for len(text) > max {
		_, n := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-n]
	}
	return text
}

// plain reports whether b is printable ASCII throughout, as most lines are.
func plain(b []byte) bool {
	for _, c := range b {
		if (c < ' ' && c != '\t' && c != '\n') || c >= 0x7f {
			return false
		}
	}
	return true
}

// escape returns the length of the terminal escape sequence that b begins with,
// or 0: CSI up to its final byte, strings such as OSC up to their terminator,
// anything else one character after ESC.
func escape(b []byte) int {
	if b[0] != 0x1b {
		return 0
	}
	if len(b) == 1 {
		return 1
	}
	switch b[1] {
	case '[':
		for i := 2; i < len(b); i++ {
			if b[i] >= 0x40 && b[i] <= 0x7e {
				return i + 1
			}
			if b[i] < 0x20 || b[i] > 0x3f {
				return i
			}
		}
		return len(b)
	case ']', 'P', 'X', '^', '_':
		for i := 2; i < len(b); i++ {
			if b[i] == 0x07 {
				return i + 1
			}
			if b[i] == 0x1b && i+1 < len(b) && b[i+1] == '\\' {
				return i + 2
			}
		}
		return len(b)
	}
	return 2
}
