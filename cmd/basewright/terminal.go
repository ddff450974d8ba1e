package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"

	"golang.org/x/sys/unix"
	"golang.org/x/text/width"

	"github.com/mattn/go-isatty"
)

// console is what the commands print to and ask.
type console struct {
	out, err io.Writer
	in       io.Reader
	tty      bool // out is a terminal
	colour   bool
	width    int  // columns of out; 0 when it is no terminal
	live     bool // err is a terminal, which shows what goes on
}

// thisConsole is where the program was started.
func thisConsole() console {
	c := console{out: os.Stdout, err: os.Stderr, in: os.Stdin, tty: isTerminal(os.Stdout), live: isTerminal(os.Stderr)}
	c.colour = c.tty && os.Getenv("NO_COLOR") == ""
	if size, err := unix.IoctlGetWinsize(int(os.Stdout.Fd()), unix.TIOCGWINSZ); err == nil && c.tty {
		c.width = int(size.Col)
	}
	return c
}

func isTerminal(f *os.File) bool { return isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb" }

// indented writes v as JSON for people, too.
func (c *console) indented(v any) error { return c.writeJSON(v, "  ") }

// listJSON writes a list under its name; nothing is an empty list.
func listJSON[T any](c *console, name string, list []T) error {
	if list == nil {
		list = []T{}
	}
	return c.indented(map[string]any{name: list})
}

// writeJSON writes v. JSON leaves some characters as they are that a terminal
// obeys; they are written as escapes, which mean the same.
func (c *console) writeJSON(v any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	var out bytes.Buffer
	out.Grow(b.Len())
	for _, r := range b.String() {
		switch {
		case r > 0xffff && unicode.Is(unicode.Cf, r):
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		case r >= 0x7f && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	_, err := c.out.Write(out.Bytes())
	return err
}

// The widths of a report, in columns.
const (
	readable = 115 // wider lines are hard to read
	narrow   = 60  // below, labels stand above their text
	indented = 15
)

// field writes one labelled paragraph, wrapped to what fits and reads well.
func (c *console) field(label, text string) {
	s, full, indent := style{c.colour}, readable, indented
	if c.width > 0 {
		full = max(min(c.width, readable), 24)
	}
	head := s.dim(fmt.Sprintf("    %-10s ", label))
	if full < narrow {
		head, indent = "", 4
		if label != "" {
			head = s.dim("  "+label) + "\n"
		}
		head += strings.Repeat(" ", indent)
	}
	var line strings.Builder
	length := 0
	for _, word := range strings.Fields(text) {
		n := columns(word)
		if length > 0 && length+1+n > full-indent {
			line.WriteString("\n" + strings.Repeat(" ", indent))
			length = 0
		} else if length > 0 {
			line.WriteByte(' ')
			length++
		}
		line.WriteString(word)
		length += n
	}
	fmt.Fprintln(c.out, head+line.String())
}

// columns is how much room s takes on a terminal, its colours left out.
func columns(s string) int {
	n, escaped := 0, false
	for _, r := range s {
		switch {
		case r == '\x1b':
			escaped = true
		case escaped:
			escaped = r != 'm'
		case width.LookupRune(r).Kind() == width.EastAsianWide, width.LookupRune(r).Kind() == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// progress shows on a terminal how far a look at several instances is. Its line
// goes away when it is done.
type progress struct {
	mu      sync.Mutex
	c       *console
	waiting []string
}

// newProgress begins to show; where nobody looks it shows nothing.
func (c *console) newProgress(names []string) *progress {
	p := &progress{c: c, waiting: names}
	p.show()
	return p
}

func (p *progress) show() {
	if !p.c.live || len(p.waiting) == 0 {
		return
	}
	text := fmt.Sprintf("looking at %s", strings.Join(p.waiting, ", "))
	if room := p.c.width - 1; room > 10 && columns(text) > room {
		text = string([]rune(text)[:room-1]) + "…"
	}
	fmt.Fprint(p.c.err, "\r\x1b[K"+text)
}

// done takes one name off the line.
func (p *progress) done(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, w := range p.waiting {
		if w == name {
			p.waiting = append(p.waiting[:i:i], p.waiting[i+1:]...)
			break
		}
	}
	p.show()
}

// end clears the line.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = nil
	if p.c.live {
		fmt.Fprint(p.c.err, "\r\x1b[K")
	}
}
