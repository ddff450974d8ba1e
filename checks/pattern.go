package checks

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// pattern is a regular expression that most lines are spared: each match holds
// one of its needles, and looking for those is many times as fast.
type pattern struct {
	*regexp.Regexp
	needles []string // none when every text has to be tried
}

// shortestNeedle is how long a needle is at least, to be rare.
const shortestNeedle = 4

// compile panics at start-up on an expression that cannot be read.
func compile(expression string) pattern {
	p := pattern{Regexp: regexp.MustCompile(expression)}
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return p
	}
	if needles := needlesOf(tree); shortest(needles) >= shortestNeedle {
		p.needles = needles
	}
	return p
}

// MatchString reports whether s holds a match of p.
func (p pattern) MatchString(s string) bool { return p.may(s) && p.Regexp.MatchString(s) }

// FindStringSubmatch returns the first match of p in s, or nil.
func (p pattern) FindStringSubmatch(s string) []string {
	if !p.may(s) {
		return nil
	}
	return p.Regexp.FindStringSubmatch(s)
}

// may reports whether s can hold a match.
func (p pattern) may(s string) bool {
	for _, n := range p.needles {
		if strings.Contains(s, n) {
			return true
		}
	}
	return len(p.needles) == 0
}

// needlesOf returns texts of which every match of tree holds one, or nothing
// when there are none.
func needlesOf(tree *syntax.Regexp) []string {
	switch tree.Op {
	case syntax.OpLiteral:
		if tree.Flags&syntax.FoldCase == 0 {
			return []string{string(tree.Rune)}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return needlesOf(tree.Sub[0])
	case syntax.OpRepeat:
		if tree.Min > 0 {
			return needlesOf(tree.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, part := range tree.Sub {
			if n := needlesOf(part); shortest(n) > shortest(best) {
				best = n
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, way := range tree.Sub {
			n := needlesOf(way)
			if len(n) == 0 {
				return nil
			}
			all = append(all, n...)
		}
		return all
	}
	return nil
}

// shortest is the length of the shortest text, 0 when there is none.
func shortest(texts []string) int {
	n := 0
	for i, t := range texts {
		if i == 0 || len(t) < n {
			n = len(t)
		}
	}
	return n
}
