package repairs

import (
	"os"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

// attacks returns scripts that try to escape, hang, or fill memory. Each is refused
// or killed within the bounds. A want of "" allows any sentence; one that begins
// with ok is harmless and only has to end.
func attacks() map[string]attack {
	return map[string]attack{
		"01 while true loop":             {`while true do end`, "attack.lua:1: took longer"},
		"02 repeat loop inside pcall":    {`while true do pcall(function() while true do end end) end`, "attack.lua:1: took longer"},
		"04 deep recursion":              {`local function f(n) return 1+f(n+1) end f(1)`, "attack.lua:1: stack overflow"},
		"05 recursion through pcall":     {`local function f() pcall(f) end f() return 1`, "returns a number, not a table"},
		"07 __index recursion":           {`local t=setmetatable({},{__index=function(t,k) return t[k..'x'] end}) return t.a`, "attack.lua:1: attempt to call"},
		"08 string.rep 10 GB":            {`local s=string.rep('x',1e10) return #s`, "attack.lua:1: string.rep: would make more than 1024 KiB"},
		"10 string.rep into a table":     {`local t={} for i=1,1e9 do t[i]=string.rep('x',1048576)..i end`, ""},
		"11 concat doubling":             {`local s='x' while true do s=s..s end`, ""},
		"13 sparse array":                {`local r={} for k=1,8 do local t={} t[67108863]=1 r[k]=t end return 1`, "not a table"},
		"14 table.insert far away":       {`local r={} for k=1,8 do local t={} table.insert(t,67108863,1) r[k]=t end return 1`, "attack.lua:1: table.insert"},
		"16 slow pattern":                {`return string.find(string.rep('a',3000), '(.-)(.-)(.-)(.-)x')`, "attack.lua:1: the patterns need too many steps"},
		"17 slow pattern in gmatch":      {`for w in string.gmatch(string.rep('a',3000), '.*.*.*.*x') do end`, "attack.lua:1: the patterns need too many steps"},
		"19 gsub amplification":          {`local s=string.rep('a',1e6) local r=string.gsub(s,'a',string.rep('b',1e5)) return #r`, "attack.lua:1: string.gsub"},
		"20 find deep recursion":         {`return string.find(string.rep('a',1e7), '.-b')`, "attack.lua:1: string.rep"},
		"20 find on all that rep makes":  {`return string.find(string.rep('a',1e6), '.-b')`, "attack.lua:1: the patterns need too many steps"},
		"22 format width 99999999":       {`local s=string.format('%99999999d',1) return #s`, "attack.lua:1: string.format: no such conversion"},
		"23 format loop":                 {`local t={} for i=1,1e6 do t[i]=string.format('%999999d',i) end`, "attack.lua:1: string.format"},
		"25 unpack 1e8":                  {`return select('#', unpack({},1,1e8))`, "attack.lua:1: unpack: more than"},
		"26 unpack through char":         {`return #string.char(unpack({},1,1e7))`, "attack.lua:1: unpack: more than"},
		"28 coroutine bomb":              {`local t={} while true do local c=coroutine.create(function() coroutine.yield() end) coroutine.resume(c) t[#t+1]=c end`, "attack.lua:1: attempt to index"},
		"29 coroutine nesting":           {`local function f(n) local c=coroutine.wrap(f) return c(n+1) end f(1)`, "attack.lua:1: attempt to index"},
		"31 concat amplification":        {`local t={} for i=1,1000 do t[i]='x' end local s=string.rep('y',1e7) return #table.concat(t,s)`, "attack.lua:1: string.rep"},
		"31 concat amplification, small": {`local t={} for i=1,1000 do t[i]='x' end local s=string.rep('y',1e5) return #table.concat(t,s)`, "attack.lua:1: table.concat: would make"},
		"32 endless comparator":          {`local t={} for i=1,100 do t[i]=i end table.sort(t,function(a,b) while true do end end)`, "attack.lua:1: took longer"},
		"34 collectgarbage spam":         {`while true do collectgarbage() end`, "attack.lua:1: attempt to call"},
		"35 print flood":                 {`while true do print(string.rep('x',1000)) end`, "attack.lua:1: attempt to call"},
		"37 loadstring parens":           {`local f,e=loadstring('return '..string.rep('(',1e6)..'1'..string.rep(')',1e6)) return tostring(f)`, "attack.lua:1: attempt to call"},
		"38 loadstring unary minus":      {`local f,e=loadstring('return '..string.rep('- ',2e6)..'x') return tostring(f)`, "attack.lua:1: string.rep"},
		"40 loadstring functions":        {`local f,e=loadstring(string.rep('local x=function() ',2e5)..string.rep(' end',2e5)) return tostring(f)`, "attack.lua:1: string.rep"},
		"41 source nested parens 1e7":    {"return " + times("(", 1e7) + "1" + times(")", 1e7), "is longer than 64 KiB"},
		"43 source nested tables 3e6":    {"return " + times("{", 3e6) + times("}", 3e6), "is longer than 64 KiB"},
		"44 poison string metatable":     {`local mt=getmetatable('') mt.__index=function() return function() return 'poisoned' end end return ('x'):upper()`, "attack.lua:1: attempt to call"},
		"46 getfenv":                     {`local g=getfenv(0) g.evil=1 setfenv(0,{}) return tostring(g)`, "attack.lua:1: attempt to call"},
		"47 loadfile":                    {`local f,e=loadfile('/etc/passwd') return tostring(f)..' '..tostring(e)`, "attack.lua:1: attempt to call"},
		"47 dofile":                      {`return dofile('/etc/passwd')`, "attack.lua:1: attempt to call"},
		"47 require":                     {`return require('os')`, "attack.lua:1: attempt to call"},
		"49 newproxy _printregs module":  {`return tostring(newproxy)..tostring(_printregs)..tostring(module)`, "returns a string, not a table"},
		"49 newproxy is called":          {`return newproxy(true)`, "attack.lua:1: attempt to call"},
		"50 os.exit":                     {`os.exit(7)`, "attack.lua:1: attempt to index"},
		"52 os.getenv":                   {`return os.getenv('SECRET_TOKEN')`, "attack.lua:1: attempt to index"},
		"53 io.open":                     {`return io.open('/etc/passwd'):read('*l')`, "attack.lua:1: attempt to index"},
		"55 debug":                       {`return tostring(debug)..tostring(debug and debug.setmetatable)`, "returns a string, not a table"},
		"55 debug.getregistry":           {`return debug.getregistry()`, "attack.lua:1: attempt to index"},
		"56 package.loadlib":             {`return tostring(package.loadlib)..tostring(package.seeall)`, "attack.lua:1: attempt to index"},
		"58 insert at the front":         {`local t={} for i=1,1e7 do table.insert(t,1,i) end`, "attack.lua:1: took longer"},
		"59 reverse of 500 MB":           {`local s=string.rep('x',5e8) return #s:reverse()`, "attack.lua:1: string.rep"},
		"61 rep 1e12 in pcall":           {`local ok,e=pcall(string.rep,'x',1e12) return tostring(ok)`, "returns a string, not a table"},
		"62 source of nested functions":  {times("local x=function() ", 2800) + times(" end", 2800), "attack.lua:1: nests more than 200"},
		"64 source of nested parens":     {"return " + times("(", 30000) + "1" + times(")", 30000), "attack.lua:1: nests more than 200"},
		"65 source of a..a..":            {"local a='x' return " + times("a..", 20000) + "a", "attack.lua:1: has an expression of more than 200"},

		// Others of these kinds.
		"tail call for ever":        {`local function f() return f() end return f()`, "attack.lua:1: took longer"},
		"tail calls under pcall":    {`local function f() return f() end while true do pcall(f) end`, ""},
		"error with a table":        {`error({})`, "raised a table in place of a message"},
		"error with a long text":    {`error(string.rep('x',1e6))`, "xxx…"},
		"error with escapes":        {"error('a\\27[2Jb\\nc')", "attack.lua:1: a [2Jb c"},
		"random":                    {`return math.random()`, "attack.lua:1: attempt to call"},
		"_G":                        {`return _G.os.exit(1)`, "attack.lua:1: attempt to index"},
		"xpcall":                    {`return xpcall(error, error)`, "attack.lua:1: attempt to call"},
		"rawset on string":          {`return rawset(string, 'x', 1)`, "attack.lua:1: attempt to call"},
		"string.dump":               {`return string.dump(function() end)`, "attack.lua:1: attempt to call"},
		"addresses in text":         {`return tostring({}) .. tostring(print)`, "returns a string, not a table"},
		"format of Go's insides":    {`return string.format('%#v', {})`, "attack.lua:1: string.format: no such conversion"},
		"format with indexes":       {`return string.format('%[1]*d', 9)`, "attack.lua:1: string.format: no such conversion"},
		"gsub with growing matches": {`local s='x' for i=1,1e9 do s=s:gsub('x','xx') end`, "attack.lua:1: string.gsub"},
		"pattern nests":             {`return ('x'):find(string.rep('(', 40))`, "attack.lua:1: the pattern has too many captures"},
		"pattern of question marks": {`return string.find(string.rep('a',40), string.rep('a?',40)..string.rep('a',40))`, ""},
		"broken set":                {`return ('x'):find('[a')`, "attack.lua:1: the pattern has a [ without its ]"},
		"broken %":                  {`return ('x'):find('%')`, "attack.lua:1: the pattern ends with %"},
		"back reference to nothing": {`return ('x'):find('%1')`, "attack.lua:1: the pattern refers to a capture"},
		"sort without an order":     {`table.sort({1,'x',{}})`, "attack.lua:1: table.sort: cannot compare"},
		"keys without end":          {`local t={} for i=1,70000 do t['k'..i]=i end sorted_keys(t)`, "attack.lua:1: sorted_keys: more than 65536 keys"},
		"sort that contradicts":     {`local t={} for i=1,1000 do t[i]=i end table.sort(t,function() return true end) return 1`, "not a table"},
		"many strings":              {`local t={} for i=1,1e9 do t[i]=tostring(i) end`, ""},
		"many tables":               {`local t={} while true do t={t} end`, ""},
		"deep data":                 {`local t={} local r=t for i=1,1000 do t.a={} t=t.a end return {title='x', wants=r}`, "more than 16 deep"},
		"data that holds itself":    {`local t={} t.a=t return t`, "or one that holds itself"},
		"wide data":                 {`local t={} for i=1,1e5 do t[i]=i end return {title=t}`, "more than 50000 values"},
		"large data":                {`local t={} for i=1,40 do t[i]=string.rep('x',1e6) end return {title=t}`, "holds more than 1024 KiB"},
		"a function as data":        {`return {title=function() end}`, "holds a function where data belongs"},
		"not a number as data":      {`return {title=0/0}`, "not finite"},
		"source of unary minus":     {"return " + times("- ", 30000) + "1", "attack.lua:1: has an expression of more than 200"},
		"source of not":             {"return " + times("not ", 15000) + "1", "attack.lua:1: has an expression of more than 200"},
		"source of powers":          {"return " + times("2^", 30000) + "1", "attack.lua:1: has an expression of more than 200"},
		"source of indexes":         {"local a={} return a" + times(".a", 30000), ""},
		"source of calls":           {"local a={} return a" + times("()", 30000), ""},
		"source of elseif":          {"if a then " + times("elseif a then ", 4000) + " end", ""},
		"source of ifs":             {times("if a then ", 3000) + times(" end", 3000), "nests more than 200"},
		"source of repeats":         {times("repeat ", 4000) + times(" until a ", 4000), "nests more than 200"},
		"nesting behind a comment":  {"--[[ \n ]] return " + times("{", 30000) + times("}", 30000), "attack.lua:2: nests more than 200"},
		"long string without end":   {"return [==[" + times("x", 60000), "attack.lua"},
		"many locals":               {times("local a ", 6000), ""},
		"many constants":            {"return {" + constants(10000) + "}", ""},
		"number too long":           {"return " + times("9", 60000), ""},
		"empty":                     {"", "returns nothing, not a table"},
		"binary":                    {"\x1bLua\x51\x00\x01\x04", "attack.lua"},
		"zero bytes":                {times("\x00", 100), "attack.lua"},
	}
}

type attack struct{ src, want string }

func constants(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strconv.Itoa(i) + ",")
	}
	return b.String()
}

// insides is what no message may hold: Go's files, addresses and stacks.
var insides = regexp.MustCompile(`\.go:|goroutine|0x[0-9a-f]{6}|runtime error|github\.com|\n`)

func TestAttacks(t *testing.T) {
	all := attacks()
	debug.FreeOSMemory() // their texts are long themselves
	before := residentSize(t)
	for name, tt := range all {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			problems := Check(t.Context(), "attack", tt.src)
			took := time.Since(start)
			if len(problems) == 0 {
				t.Fatal("it was let through")
			}
			said := problems[0].String()
			if took > maxTime+3*time.Second {
				t.Errorf("took %v", took)
			}
			if insides.MatchString(said) || len(said) > 600 {
				t.Errorf("the message shows our insides: %s", said)
			}
			// On a machine that is busy the deadline may come before any other bound.
			late := took > maxTime-mercy && strings.Contains(said, errTime.Error())
			if !strings.Contains(said, tt.want) && !late {
				t.Errorf("says %q, not %q", said, tt.want)
			}
			t.Logf("%v: %s", took.Round(time.Millisecond), said)
		})
	}
	grew := residentSize(t) - before
	t.Logf("%d attacks; our own memory grew by %d KiB", len(all), grew>>10)
	if limitsMemory && grew > 10<<20 {
		t.Errorf("our own memory grew by %d MiB", grew>>20)
	}
	if p := Check(t.Context(), "good", playbookWith("return {}")); len(p) > 0 {
		t.Errorf("the next playbook suffers: %v", p)
	}
}

// TestAttacksInPlan runs a few of them where a plan is made.
func TestAttacksInPlan(t *testing.T) {
	for name, tt := range map[string]struct{ body, want string }{
		"endless":                 {`while true do end`, "x.lua:2: took longer than 2 s"},
		"memory":                  {`local t={} for i=1,1e9 do t[i]=string.rep('x',1e6)..i end`, "used more than 256 MiB of memory"},
		"too many actions":        {`local a={} for i=1,65 do a[i]={op='note',text='x'} end return a`, "x.lua:2: plan returns 65 actions, more than 64"},
		"no list":                 {`return 7`, "x.lua:2: plan returns no list of actions"},
		"nil without a reason":    {`return nil`, "x.lua:2: plan returns nil without the reason"},
		"handle joined to text":   {`return {{op='note', text='the password is ' .. t.env.POSTGRES_PASSWORD}}`, "x.lua:2: the secret env:POSTGRES_PASSWORD can only be passed on whole"},
		"string functions remain": {`string.upper = function() return 'poisoned' end return {{op='note', text=('x'):upper()}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, _, err := evaluateBody(t.Context(), t, tt.body)
			if time.Since(start) > maxTime-mercy && err != nil && strings.Contains(err.Error(), errTime.Error()) {
				return // as good, on a machine that is busy
			}
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
	actions, _, err := evaluateBody(t.Context(), t, `return {{op='note', text=('x'):upper()}}`)
	if err != nil || actions[0].Text("text") != "X" {
		t.Errorf("an earlier playbook poisoned this one: %v %v", actions, err)
	}
}

// residentSize is the memory that this process holds now, in bytes.
func residentSize(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
