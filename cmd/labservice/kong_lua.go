package main

import (
	"regexp"
	"strconv"
	"strings"
)

// luaEval evaluates a request-transformer template expression: or, and, ==, ~=, parentheses, strings, nil,
// headers.NAME, query_params.NAME and :sub(from, to). That is what Supabase's kong-entrypoint.sh writes.
// Nil and a false comparison are "".
func luaEval(expr string, look func(table, name string) (string, bool)) string {
	p := &luaParser{toks: luaToken.FindAllString(expr, -1), look: look}
	return p.or().s
}

var luaToken = regexp.MustCompile(`'[^']*'|"[^"]*"|==|~=|[A-Za-z_][A-Za-z_0-9]*|\d+|[().:,\[\]]`)

// luaValue is a string, or nil or false when ok is not set.
type luaValue struct {
	s  string
	ok bool
}

type luaParser struct {
	toks []string
	look func(table, name string) (string, bool)
}

func (p *luaParser) peek() string {
	if len(p.toks) == 0 {
		return ""
	}
	return p.toks[0]
}

func (p *luaParser) next() string {
	t := p.peek()
	if t != "" {
		p.toks = p.toks[1:]
	}
	return t
}

func (p *luaParser) accept(t string) bool {
	if p.peek() != t {
		return false
	}
	p.next()
	return true
}

func (p *luaParser) or() luaValue {
	v := p.and()
	for p.accept("or") {
		if w := p.and(); !v.ok {
			v = w
		}
	}
	return v
}

func (p *luaParser) and() luaValue {
	v := p.compare()
	for p.accept("and") {
		if w := p.compare(); v.ok {
			v = w
		}
	}
	return v
}

func (p *luaParser) compare() luaValue {
	v := p.value()
	switch {
	case p.accept("=="):
		return luaBool(v == p.value())
	case p.accept("~="):
		return luaBool(v != p.value())
	}
	return v
}

func luaBool(b bool) luaValue {
	if b {
		return luaValue{"true", true}
	}
	return luaValue{}
}

func (p *luaParser) value() luaValue {
	t := p.next()
	switch {
	case t == "(":
		v := p.or()
		p.accept(")")
		return v
	case t == "nil" || t == "false" || t == "":
		return luaValue{}
	case t[0] == '\'' || t[0] == '"':
		return luaValue{t[1 : len(t)-1], true}
	case t[0] >= '0' && t[0] <= '9':
		return luaValue{t, true}
	}
	name := ""
	if p.accept(".") {
		name = p.next()
	} else if p.accept("[") {
		name = strings.Trim(p.next(), `'"`)
		p.accept("]")
	}
	s, ok := p.look(t, name)
	return p.sub(luaValue{s, ok})
}

// sub applies :sub(from, to) with Lua's positions, which count from one.
func (p *luaParser) sub(v luaValue) luaValue {
	if !p.accept(":") {
		return v
	}
	p.next() // sub
	p.accept("(")
	from, _ := strconv.Atoi(p.next())
	p.accept(",")
	to, _ := strconv.Atoi(p.next())
	p.accept(")")
	if !v.ok {
		return v
	}
	from, to = max(from, 1), min(to, len(v.s))
	if from > to {
		return luaValue{"", true}
	}
	return luaValue{v.s[from-1 : to], true}
}
