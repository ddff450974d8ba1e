package repairs

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

const maxDuration = time.Hour

// paramValues makes the params that a plan function gets of what was given and
// of the defaults.
func paramValues(book core.Playbook, given map[string]string) (map[string]any, error) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := book.Params[name]; !ok {
			has := "it has none"
			if len(book.Params) > 0 {
				has = "it has " + strings.Join(slices.Sorted(maps.Keys(book.Params)), ", ")
			}
			return nil, core.Errorf(core.Invalid, "playbook %s has no parameter %q; %s", book.ID, oneLine(name), has)
		}
	}
	values := map[string]any{}
	for name, p := range book.Params {
		text, ok := given[name]
		if !ok {
			text = p.Default
		}
		v, err := paramValue(name, p, text)
		if err != nil {
			return nil, core.Errorf(core.Invalid, "playbook %s: %v", book.ID, err)
		}
		if v != nil {
			values[name] = v
		}
	}
	return values, nil
}

// paramValue reads text as the type of p; without text there is no value.
func paramValue(name string, p core.Param, text string) (any, error) {
	wrong := func(kind string) error {
		return fmt.Errorf("parameter %s is %q, not %s", oneLine(name), oneLine(text), kind)
	}
	switch p.Type {
	case "string", "int", "bool", "duration":
	default:
		return nil, fmt.Errorf("parameter %s has the type %q, not string, int, bool or duration", oneLine(name), oneLine(p.Type))
	}
	if text == "" {
		return nil, nil
	}
	switch p.Type {
	case "int":
		n, err := strconv.ParseInt(text, 10, 53)
		if err != nil {
			return nil, wrong("a whole number")
		}
		return float64(n), nil
	case "bool":
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, wrong("true or false")
		}
		return b, nil
	case "duration":
		if !isDuration(text) {
			return nil, wrong(`a time such as "60s", up to 1h`)
		}
	}
	return text, nil
}

func isDuration(text string) bool {
	d, err := time.ParseDuration(text)
	return err == nil && d > 0 && d <= maxDuration
}
