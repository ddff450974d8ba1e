package repairs

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

const (
	maxDepth = 16     // of data that crosses the border
	maxItems = 50_000 // in it
)

// toLua makes Lua values of decoded JSON, map keys in order, so that a script
// that walks a table walks it the same way each time.
func (s *sandbox) toLua(v any) lua.LValue {
	switch v := v.(type) {
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	case []any:
		t := s.CreateTable(len(v), 0)
		for _, x := range v {
			t.Append(s.toLua(x))
		}
		return t
	case map[string]any:
		t := s.CreateTable(0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			t.RawSetString(k, s.toLua(v[k]))
		}
		if handle, ok := v["secret"].(string); ok {
			t.Metatable = s.handleMetatable(handle)
		}
		return t
	}
	return lua.LNil
}

// handleMetatable makes a secret's handle a thing that is passed on whole:
// joining it to text is an error, not a way to write its name into a file.
func (s *sandbox) handleMetatable(handle string) *lua.LTable {
	t := s.NewTable()
	t.RawSetString("__metatable", lua.LFalse)
	t.RawSetString("__tostring", s.NewFunction(func(l *lua.LState) int {
		l.Push(lua.LString("secret " + handle))
		return 1
	}))
	for _, op := range []string{"__concat", "__newindex", "__call"} {
		t.RawSetString(op, s.NewFunction(func(l *lua.LState) int {
			l.RaiseError("the secret %s can only be passed on whole", handle)
			return 0
		}))
	}
	return t
}

// plain makes JSON data of a Lua value. An empty table is an empty map; the
// reader decides whether it was meant as a list.
func plain(v lua.LValue) (any, error) {
	return plainValue(v, maxDepth, &size{})
}

// size is how much data has crossed the border.
type size struct{ items, bytes int }

func plainValue(v lua.LValue, depth int, so *size) (any, error) {
	if so.items++; so.items > maxItems {
		return nil, fmt.Errorf("holds more than %d values", maxItems)
	}
	if s, ok := v.(lua.LString); ok {
		so.bytes += len(s)
	}
	if so.bytes > maxReply {
		return nil, fmt.Errorf("holds more than %d KiB", maxReply>>10)
	}
	switch v := v.(type) {
	case lua.LBool:
		return bool(v), nil
	case lua.LString:
		return string(v), nil
	case lua.LNumber:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, errors.New("holds a number that is not finite")
		}
		return float64(v), nil
	case *lua.LTable:
		if depth == 0 {
			return nil, fmt.Errorf("holds tables more than %d deep, or one that holds itself", maxDepth)
		}
		if v.Len() > 0 {
			return plainList(v, depth-1, so)
		}
		return plainMap(v, depth-1, so)
	}
	return nil, fmt.Errorf("holds a %s where data belongs", v.Type())
}

func plainList(t *lua.LTable, depth int, so *size) (any, error) {
	list := make([]any, t.Len())
	for i := range list {
		x, err := plainValue(t.RawGetInt(i+1), depth, so)
		if err != nil {
			return nil, err
		}
		list[i] = x
	}
	count := 0
	t.ForEach(func(_, _ lua.LValue) { count++ })
	if count != len(list) {
		return nil, errors.New("holds a table that is both a list and a map, or a list with holes")
	}
	return list, nil
}

func plainMap(t *lua.LTable, depth int, so *size) (any, error) {
	fields := map[string]any{}
	var failed error
	t.ForEach(func(k, v lua.LValue) {
		name, ok := k.(lua.LString)
		if failed != nil {
			return
		}
		if !ok {
			failed = fmt.Errorf("holds a table with a %s as a key", k.Type())
			return
		}
		x, err := plainValue(v, depth, so)
		if err != nil && depth == maxDepth-1 {
			err = fmt.Errorf("%s: %w", oneLine(string(name)), err)
		}
		if err != nil {
			failed = err
			return
		}
		fields[string(name)] = x
	})
	return fields, failed
}
