package repairs

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
)

// Fixture returns an example for a playbook as Lua text: the facts of a real
// instance with its names, addresses and fingerprints replaced, and what the
// playbook makes of them. It passes `playbook test` as it is.
func Fixture(ctx context.Context, book core.Playbook, t core.Target, finding *core.Finding) (string, error) {
	wanted, err := Gather(ctx, t, book.Wants, finding)
	if err != nil {
		return "", fmt.Errorf("facts for playbook %s: %w", book.ID, err)
	}
	facts := Facts(t.Observation, finding, nil, wanted, t.Key)
	delete(facts, "findings")
	a := anonymiser{names: namesToHide(t.Instance), prints: map[string]string{}}
	given, _ := a.value(facts).(map[string]any)
	actions, refusal, err := evaluate(ctx, book, given, nil, permission{exec: true})
	if err != nil {
		return "", err
	}
	example := map[string]any{"given": given}
	if refusal != "" {
		example["refuses"] = refusal
	} else {
		plan := []any{}
		for _, x := range actions {
			plan = append(plan, x.String())
		}
		example["plan"] = plan
	}
	var b strings.Builder
	writeLua(&b, example, 0)
	return b.String() + ",\n", nil
}

// anonymiser replaces what tells whose instance it is.
type anonymiser struct {
	names  *regexp.Regexp    // nil when there is none to hide
	prints map[string]string // fingerprint to its stand-in
}

// common are names that tell nothing of whose instance it is, and that stand in
// names of roles, images and services.
var common = wordSet(`supabase postgres docker app api db auth rest gateway realtime storage imgproxy meta functions pooler analytics
	vector studio kong envoy stack test dev prod staging`)

// namesToHide matches what the instance is called, as a whole word.
func namesToHide(i core.Instance) *regexp.Regexp {
	names := []string{}
	for _, n := range []string{i.Dir, i.ID, i.Project, i.Name} {
		if len(n) > 2 && !common[strings.ToLower(n)] {
			names = append(names, regexp.QuoteMeta(n))
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	return regexp.MustCompile(`(^|[^A-Za-z0-9_])(` + strings.Join(slices.Compact(names), "|") + `)\b`)
}

// ownNames are settings that hold a name or a host of the instance's owner.
var ownNames = map[string]string{
	"SMTP_HOST": "host.example", "GOTRUE_SMTP_HOST": "host.example", "PROXY_DOMAIN": "host.example",
	"SMTP_SENDER_NAME": "Shop", "GOTRUE_SMTP_SENDER_NAME": "Shop", "STUDIO_DEFAULT_ORGANIZATION": "Shop", "STUDIO_DEFAULT_PROJECT": "Shop",
}

var (
	someMail    = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+`)
	someURL     = regexp.MustCompile(`(https?://)([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)`)
	someAddress = regexp.MustCompile(`\b(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\b`)
	loopback    = regexp.MustCompile(`^(127\.|0\.0\.0\.0$)`)
)

func (a anonymiser) text(s string) string {
	if a.names != nil {
		s = a.names.ReplaceAllString(s, "${1}shop")
	}
	s = someMail.ReplaceAllString(s, "someone@example.com")
	s = someURL.ReplaceAllString(s, "${1}host.example")
	return someAddress.ReplaceAllStringFunc(s, func(ip string) string {
		if loopback.MatchString(ip) {
			return ip
		}
		return "192.0.2.1"
	})
}

func (a anonymiser) value(v any) any {
	switch v := v.(type) {
	case string:
		return a.text(v)
	case []any:
		list := make([]any, len(v))
		for i, x := range v {
			list[i] = a.value(x)
		}
		return list
	case map[string]any:
		fields := map[string]any{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if print, ok := v[k].(string); ok && k == "fingerprint" && v["secret"] != nil && print != "empty" {
				fields[k] = a.print(print)
				continue
			}
			if text, ok := v[k].(string); ok && ownNames[k] != "" && text != "" && text != "supabase-mail" {
				fields[k] = ownNames[k]
				continue
			}
			fields[a.text(k)] = a.value(v[k])
		}
		return fields
	}
	return v
}

// print numbers fingerprints in the order in which they are met: equal secrets
// stay equal, and nothing leads back to the key.
func (a anonymiser) print(s string) string {
	if a.prints[s] == "" {
		a.prints[s] = fmt.Sprintf("%08d", len(a.prints)+1)
	}
	return a.prints[s]
}

var luaName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

var luaWords = wordSet(`and break do else elseif end false for function if in local nil not or repeat return then true until while`)

// writeLua writes data as a Lua table, its keys in order.
func writeLua(b *strings.Builder, v any, depth int) {
	indent := strings.Repeat("  ", depth+1)
	switch v := v.(type) {
	case string:
		b.WriteString(luaText(v))
	case float64:
		b.WriteString(strconv.FormatFloat(v, 'f', -1, 64))
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case []any:
		if len(v) == 0 {
			b.WriteString("{}")
			return
		}
		b.WriteString("{\n")
		for _, x := range v {
			b.WriteString(indent)
			writeLua(b, x, depth+1)
			b.WriteString(",\n")
		}
		b.WriteString(indent[2:] + "}")
	case map[string]any:
		if len(v) == 0 {
			b.WriteString("{}")
			return
		}
		b.WriteString("{\n")
		for _, k := range slices.Sorted(maps.Keys(v)) {
			key := k
			if !luaName.MatchString(k) || luaWords[k] {
				key = "[" + luaText(k) + "]"
			}
			b.WriteString(indent + key + " = ")
			writeLua(b, v[k], depth+1)
			b.WriteString(",\n")
		}
		b.WriteString(indent[2:] + "}")
	default:
		b.WriteString("nil")
	}
}

// luaText quotes a text so that Lua reads the same bytes.
func luaText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ' || c == 127:
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
