package repairs

import (
	"fmt"
	"strings"
)

// checkSource refuses what would exhaust the compiler, which works its way into
// nested text by recursion: too much of it, or nested too deeply.
func checkSource(b source) *Problem {
	if len(b.Text) > maxSource {
		return &Problem{Playbook: b.Name, Message: fmt.Sprintf("is longer than %d KiB", maxSource>>10)}
	}
	s := scanner{text: b.Text, line: 1}
	for s.next() {
		if s.depth > maxNesting {
			return &Problem{Playbook: b.Name, Line: s.line, Message: fmt.Sprintf("nests more than %d levels deep", maxNesting)}
		}
		if s.chain > maxNesting {
			return &Problem{Playbook: b.Name, Line: s.line, Message: fmt.Sprintf("has an expression of more than %d operators", maxNesting)}
		}
	}
	return nil
}

// scanner walks over Lua text and counts how deeply it nests. It need not tell
// right text from wrong; the parser does.
type scanner struct {
	text  string
	at    int
	line  int
	depth int // of brackets and blocks
	chain int // operators since the last break
}

// next passes one token and reports whether there was one.
func (s *scanner) next() bool {
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.pass(1)
	}
	if s.at >= len(s.text) {
		return false
	}
	rest := s.text[s.at:]
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "--"):
		s.pass(2)
		if !s.longText() {
			s.pass(until(s.text[s.at:], "\n"))
		}
	case c == '"' || c == '\'':
		s.quoted(c)
	case c == '[' && s.longText():
	case isLetter(c) || c == '_':
		n := 1
		for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n]) || rest[n] == '_') {
			n++
		}
		s.word(rest[:n])
		s.pass(n)
	case isDigit(c):
		n := 1
		for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n])) {
			n++
		}
		s.pass(n)
	default:
		s.symbol(c)
		s.pass(1)
	}
	return true
}

// pass moves on by n bytes.
func (s *scanner) pass(n int) {
	s.line += strings.Count(s.text[s.at:s.at+n], "\n")
	s.at += n
}

func (s *scanner) word(w string) {
	switch w {
	case "function", "do", "then", "repeat":
		s.depth++
		s.chain = 0
	case "end", "until", "elseif":
		s.depth--
		s.chain = 0
	case "and", "or", "not":
		s.chain++
	case "local", "return", "if", "while", "for", "in", "else", "break":
		s.chain = 0
	}
}

func (s *scanner) symbol(c byte) {
	switch c {
	case '(', '{', '[':
		s.depth++
	case ')', '}', ']':
		s.depth--
	case ',', ';', '=':
		s.chain = 0
	case '.':
		if strings.HasPrefix(s.text[s.at:], "..") {
			s.chain++
			s.pass(1)
		}
	case '+', '-', '*', '/', '%', '^', '#', '<', '>':
		s.chain++
	}
}

// quoted passes a string in quotes.
func (s *scanner) quoted(quote byte) {
	n := 1
	for s.at+n < len(s.text) {
		switch s.text[s.at+n] {
		case '\\':
			n++
		case quote, '\n':
			s.pass(n + 1)
			return
		}
		n++
	}
	s.pass(min(n, len(s.text)-s.at))
}

// longText passes a string or comment in [[ ]] or [==[ ]==], if one begins here.
func (s *scanner) longText() bool {
	rest := s.text[s.at:]
	level := 0
	for 1+level < len(rest) && rest[1+level] == '=' {
		level++
	}
	if !strings.HasPrefix(rest, "["+strings.Repeat("=", level)+"[") {
		return false
	}
	end := "]" + strings.Repeat("=", level) + "]"
	s.pass(until(rest, end))
	if strings.HasPrefix(s.text[s.at:], end) {
		s.pass(len(end))
	}
	return true
}

// until returns how many bytes come before stop, or all.
func until(text, stop string) int {
	if i := strings.Index(text, stop); i >= 0 {
		return i
	}
	return len(text)
}
