package repairs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// maxArray is the greatest index that makes an array grow; beyond it a table
// hashes.
const maxArray = 1 << 18

// Everything a playbook may use. What is not here does not exist: no files, no
// processes, no network, no clock, no chance, no loading of code, no way to
// reach behind a value.
var (
	allowedGlobals = []string{
		"assert", "error", "ipairs", "next", "pairs", "pcall", "select", "tonumber", "tostring", "type", "unpack",
		"compose_lines", "sorted_keys",
		"math", "string", "table",
	}
	allowedMath = []string{
		"abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "deg", "exp", "floor", "fmod", "frexp", "huge",
		"ldexp", "log", "log10", "max", "min", "modf", "pi", "pow", "rad", "sin", "sinh", "sqrt", "tan", "tanh",
	}
	allowedTable  = []string{"concat", "insert", "maxn", "remove", "sort"}
	allowedString = []string{
		"byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep", "reverse", "sub", "upper",
	}
)

// sandbox is one Lua state with what its script may still spend.
type sandbox struct {
	*lua.LState
	steps int // of pattern matching
}

// newSandbox returns a state of its own for one run of one playbook.
func newSandbox(ctx bounds) *sandbox {
	lua.MaxArrayIndex = maxArray // a setting of the library as a whole
	s := &sandbox{
		LState: lua.NewState(lua.Options{
			SkipOpenLibs: true, CallStackSize: 200, RegistrySize: 4 << 10, RegistryMaxSize: 64 << 10,
		}),
		steps: maxSteps,
	}
	for _, open := range []lua.LGFunction{lua.OpenBase, lua.OpenTable, lua.OpenString, lua.OpenMath} {
		s.Push(s.NewFunction(open))
		s.Call(0, 0)
	}
	s.restrict()
	s.SetContext(ctx)
	s.Panic = func(l *lua.LState) { panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: l.Get(-1)}) }
	return s
}

// restrict takes away what is not allowed and puts functions with budgets in
// place of those that could be made to work without end.
func (s *sandbox) restrict() {
	globals := s.G.Global
	text := globals.RawGetString("string").(*lua.LTable)
	tables := globals.RawGetString("table").(*lua.LTable)
	for name, f := range s.textFunctions() {
		text.RawSetString(name, s.NewFunction(f))
	}
	for name, f := range s.tableFunctions() {
		tables.RawSetString(name, s.NewFunction(f))
	}
	globals.RawSetString("unpack", s.NewFunction(unpack))
	globals.RawSetString("compose_lines", s.NewFunction(s.composeLines))
	globals.RawSetString("sorted_keys", s.NewFunction(sortedKeys))
	globals.RawSetString("tostring", s.NewFunction(tostring))
	keepOnly(text, append(allowedString, "__index"))
	keepOnly(tables, allowedTable)
	keepOnly(globals.RawGetString("math").(*lua.LTable), allowedMath)
	keepOnly(globals, allowedGlobals)
}

func keepOnly(t *lua.LTable, names []string) {
	keep := map[string]lua.LValue{}
	for _, n := range names {
		keep[n] = t.RawGetString(n)
	}
	t.ForEach(func(k, _ lua.LValue) {
		if keep[k.String()] == nil {
			t.RawSet(k, lua.LNil)
		}
	})
}

// load compiles the text of a playbook and runs its top level, which must
// return the table that the playbook is.
func (s *sandbox) load(b source) (*lua.LTable, *Problem) {
	chunk, err := parse.Parse(strings.NewReader(b.Text), b.Name)
	if err != nil {
		return nil, syntaxProblem(b, err)
	}
	proto, err := lua.Compile(chunk, b.Name)
	if err != nil {
		return nil, syntaxProblem(b, err)
	}
	if p := s.protect(b.Name, func() { s.Push(s.NewFunctionFromProto(proto)); s.Call(0, 1) }); p != nil {
		return nil, p
	}
	book, ok := s.Get(-1).(*lua.LTable)
	if !ok {
		return nil, &Problem{Playbook: b.Name, Line: b.lastLine(), Message: fmt.Sprintf("returns %s, not a table", named(s.Get(-1)))}
	}
	return book, nil
}

func named(v lua.LValue) string {
	if v == lua.LNil {
		return "nothing"
	}
	return "a " + v.Type().String()
}

// protect calls f and turns an error of the script into a Problem. It is not
// PCall, whose traceback of a long chain of tail calls alone fills memory.
func (s *sandbox) protect(name string, f func()) (p *Problem) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		e, ok := r.(*lua.ApiError)
		if !ok || e.Type == lua.ApiErrorPanic {
			p = &Problem{Playbook: name, Message: "broke the Lua machine"}
			return
		}
		p = scriptProblem(name, e.Object)
	}()
	f()
	return nil
}

// scriptProblem is what a script raised, which begins with the file and line
// when the Lua machine or the function error put them there.
func scriptProblem(name string, raised lua.LValue) *Problem {
	if t := raised.Type(); t != lua.LTString && t != lua.LTNumber {
		return &Problem{Playbook: name, Message: fmt.Sprintf("raised %s in place of a message", named(raised))}
	}
	text := raised.String()
	rest, found := strings.CutPrefix(text, name+":")
	digits, message, cut := strings.Cut(rest, ":")
	line, err := strconv.Atoi(digits)
	if !found || !cut || err != nil {
		return &Problem{Playbook: name, Message: oneLine(text)}
	}
	return &Problem{Playbook: name, Line: line, Message: oneLine(message)}
}

// syntaxProblem is what the parser or the compiler said, without their ways of
// putting it.
func syntaxProblem(b source, err error) *Problem {
	if e, ok := errors.AsType[*lua.CompileError](err); ok {
		return &Problem{Playbook: b.Name, Line: e.Line, Message: oneLine(e.Message)}
	}
	if e, ok := errors.AsType[*parse.Error](err); ok {
		p := &Problem{Playbook: b.Name, Line: max(e.Pos.Line, 0), Message: oneLine(e.Message)}
		switch {
		case e.Pos.Line == parse.EOF:
			p.Line, p.Message = b.lastLine(), p.Message+" at the end of the file"
		case e.Token != "":
			p.Message += fmt.Sprintf(" near %q", e.Token)
		}
		return p
	}
	return &Problem{Playbook: b.Name, Message: "cannot be read as Lua"}
}

// readMetadata returns the playbook's table as plain data, with true in place
// of its plan function.
func readMetadata(ctx bounds, b source) outcome {
	s := newSandbox(ctx)
	book, p := s.load(b)
	if p != nil {
		return outcome{Problem: p}
	}
	if book.RawGetString("plan").Type() == lua.LTFunction {
		book.RawSetString("plan", lua.LTrue)
	}
	v, err := plain(book)
	if err != nil {
		return outcome{Problem: &Problem{Playbook: b.Name, Message: err.Error()}}
	}
	return outcome{Value: v}
}

// runPlan calls the plan function of a playbook.
func runPlan(ctx bounds, b source, r run) outcome {
	s := newSandbox(ctx)
	book, p := s.load(b)
	if p != nil {
		return outcome{Problem: p}
	}
	facts, params := s.toLua(r.Facts), s.toLua(r.Params)
	p = s.protect(b.Name, func() {
		s.Push(book.RawGetString("plan"))
		s.Push(facts)
		s.Push(params)
		s.Call(2, 2)
	})
	if p != nil {
		return outcome{Problem: p}
	}
	actions, refusal := s.Get(-2), s.Get(-1)
	if actions == lua.LNil {
		return refused(b, refusal)
	}
	v, err := plain(actions)
	if err != nil {
		return outcome{Problem: &Problem{Playbook: b.Name, Message: "plan: " + err.Error()}}
	}
	return outcome{Value: v}
}

// refused is the outcome of a plan function that returns nil and a reason.
func refused(b source, reason lua.LValue) outcome {
	s, ok := reason.(lua.LString)
	if !ok || strings.TrimSpace(string(s)) == "" {
		return outcome{Problem: &Problem{Playbook: b.Name, Line: b.lineOf("plan"), Message: "plan returns nil without the reason"}}
	}
	return outcome{Refusal: oneLine(string(s))}
}
