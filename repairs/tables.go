package repairs

import (
	"slices"
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// tableFunctions replace those of the table library that could fill memory or
// work on without end.
func (s *sandbox) tableFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{"concat": concat, "insert": insert, "sort": sortTable}
}

func concat(l *lua.LState) int {
	t, sep := l.CheckTable(1), l.OptString(2, "")
	from, to := max(l.OptInt(3, 1), 1), l.OptInt(4, t.Len())
	var b strings.Builder
	for i := from; i <= to; i++ {
		v := t.RawGetInt(i)
		if !lua.LVCanConvToString(v) {
			l.RaiseError("table.concat: element %d is %s", i, named(v))
		}
		b.WriteString(v.String())
		if i < to {
			b.WriteString(sep)
		}
		checkText(l, "table.concat", b.Len())
	}
	l.Push(lua.LString(b.String()))
	return 1
}

func insert(l *lua.LState) int {
	t := l.CheckTable(1)
	if l.GetTop() == 2 {
		t.Append(l.Get(2))
		return 0
	}
	at, v := l.CheckInt(2), l.CheckAny(3)
	if n := t.Len(); at < 1 || at > n+1 {
		l.RaiseError("table.insert: %d is not a place in a list of %d", at, n)
	}
	t.Insert(at, v)
	return 0
}

func unpack(l *lua.LState) int {
	t := l.CheckTable(1)
	from, to := l.OptInt(2, 1), l.OptInt(3, t.Len())
	if from > to {
		return 0
	}
	if to-from >= maxValues || to-from < 0 {
		l.RaiseError("unpack: more than %d values", maxValues)
	}
	for i := from; i <= to; i++ {
		l.Push(t.RawGetInt(i))
	}
	return to - from + 1
}

// sortTable sorts a list by a script's own order or, without one, numbers or
// strings by value.
func sortTable(l *lua.LState) int {
	t := l.CheckTable(1)
	n := t.Len()
	if n > maxSort {
		l.RaiseError("table.sort: more than %d elements", maxSort)
	}
	list := make([]lua.LValue, n)
	for i := range list {
		list[i] = t.RawGetInt(i + 1)
	}
	less := func(a, b lua.LValue) bool { return lessThan(l, a, b) }
	if l.GetTop() > 1 {
		order := l.CheckFunction(2)
		less = func(a, b lua.LValue) bool {
			l.Push(order)
			l.Push(a)
			l.Push(b)
			l.Call(2, 1)
			defer l.Pop(1)
			return lua.LVAsBool(l.Get(-1))
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return less(list[i], list[j]) })
	for i, v := range list {
		t.RawSetInt(i+1, v)
	}
	return 0
}

// sortedKeys gives a playbook the names in a table in order: sorted_keys(t.files).
func sortedKeys(l *lua.LState) int {
	var names []string
	l.CheckTable(1).ForEach(func(k, _ lua.LValue) {
		name, ok := k.(lua.LString)
		if !ok {
			l.RaiseError("sorted_keys: a key is %s, not a string", named(k))
		}
		if names = append(names, string(name)); len(names) > maxSort {
			l.RaiseError("sorted_keys: more than %d keys", maxSort)
		}
	})
	slices.Sort(names)
	list := l.CreateTable(len(names), 0)
	for _, name := range names {
		list.Append(lua.LString(name))
	}
	l.Push(list)
	return 1
}

func lessThan(l *lua.LState, a, b lua.LValue) bool {
	switch {
	case a.Type() == lua.LTNumber && b.Type() == lua.LTNumber:
		return a.(lua.LNumber) < b.(lua.LNumber)
	case a.Type() == lua.LTString && b.Type() == lua.LTString:
		return a.String() < b.String()
	}
	l.RaiseError("table.sort: cannot compare %s with %s", named(a), named(b))
	return false
}

// checkText raises an error when a library function is about to make a string
// that is too long.
func checkText(l *lua.LState, function string, n int) {
	if n > maxText {
		l.RaiseError("%s: would make more than %d KiB of text", function, maxText>>10)
	}
}
