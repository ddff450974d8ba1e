package repairs

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// Diff says what each action will change, as a person reads it. Secrets show as
// fingerprints. Waiting, checks and notes change nothing and are left out.
func Diff(o *core.Observation, actions []core.Action, key core.FingerprintKey) []core.Diff {
	d := differ{o, key}
	list := []core.Diff{}
	for _, a := range actions {
		if edits, ok := a.Args["edits"].([]any); ok && a.Op == core.OpWriteFile {
			list = append(list, d.edited(a.Text("path"), edits)...)
			continue
		}
		if one := d.one(a); one.Target != "" {
			list = append(list, one)
		}
	}
	return list
}

type differ struct {
	*core.Observation
	key core.FingerprintKey
}

// afterwards is what becomes of a container. Its state before is left out: one
// that dies again and again changes it between the plan and its approval.
var afterwards = map[core.Op]string{
	core.OpRestart: "restarted", core.OpStop: "stopped", core.OpStart: "started",
	core.OpRecreate: "recreated from its compose files",
}

func (d differ) one(a core.Action) core.Diff {
	switch a.Op {
	case core.OpRestart, core.OpStop, core.OpStart, core.OpRecreate:
		return core.Diff{Target: "container " + d.name(a.Service), After: afterwards[a.Op]}
	case core.OpUp:
		if a.Service == "" {
			return core.Diff{Target: "all containers", After: "as the compose files say"}
		}
		return core.Diff{Target: "container " + d.name(a.Service), After: "created and started"}
	case core.OpSetEnv, core.OpUnsetEnv, core.OpGenerateSecret, core.OpAllocatePort:
		return core.Diff{Target: ".env " + a.Text("key"), Before: d.setting(a.Text("key")), After: d.newSetting(a)}
	case core.OpMintKeys:
		return d.minted(a)
	case core.OpSetRolePassword:
		return core.Diff{Target: "role " + a.Text("role"), Before: "password in the database", After: d.meant(a.SecretHandle("password"))}
	case core.OpWriteFile:
		after := fmt.Sprintf("%d bytes", len(a.Text("content")))
		if a.Text("lines") != "" {
			after = "every line ends with " + strings.ToUpper(a.Text("lines"))
		}
		return core.Diff{Target: "file " + a.Text("path"), After: after}
	case core.OpChmod:
		return core.Diff{Target: "file " + a.Text("path"), After: "mode " + a.Text("mode")}
	case core.OpQuarantine:
		what := "file " + a.Text("path")
		if mount := a.Text("mount"); mount != "" {
			what = mount + " of " + d.name(a.Service)
		}
		return core.Diff{Target: what, After: "moved to quarantine; nothing is deleted"}
	case core.OpSQL:
		return core.Diff{Target: "database " + cmp.Or(a.Text("database"), "postgres"), After: oneLine(a.Text("statement"))}
	case core.OpConnectNetwork:
		return core.Diff{Target: "container " + d.name(a.Service), After: "on network " + a.Text("network")}
	case core.OpRenameContainer:
		return core.Diff{Target: "container " + d.name(a.Service), Before: d.name(a.Service), After: a.Text("name")}
	case core.OpExec:
		return core.Diff{Target: "container " + d.name(a.Service), Before: back(a), After: "runs " + quoted(a.Args["command"])}
	}
	return core.Diff{}
}

// shownLines bounds how many lines of one file a plan shows.
const shownLines = 40

// edited shows a file line by line, as far as it changes: what stood there and
// what will, or what is added.
func (d differ) edited(path string, edits []any) []core.Diff {
	mask := core.NewMask(d.Observation)
	var list []core.Diff
	for _, e := range edits {
		edit, _ := e.(map[string]any)
		old, _ := edit["old"].(string)
		text, _ := edit["new"].(string)
		at := fmt.Sprintf("file %s:%v", path, edit["line"])
		lines := strings.Split(text, "\n")
		if lines[0] != old {
			list = append(list, core.Diff{Target: at, Before: oneLine(mask.Text(old)), After: oneLine(mask.Text(lines[0]))})
		}
		for _, line := range lines[1:] {
			list = append(list, core.Diff{Target: at + " (added)", After: oneLine(mask.Text(line))})
		}
	}
	if more := len(list) - shownLines; more > 0 {
		list = append(list[:shownLines], core.Diff{Target: "file " + path, After: fmt.Sprintf("… and %d more lines", more)})
	}
	return list
}

// name is what people see in the engine's list.
func (d differ) name(s core.Service) string {
	if c, ok := d.Named(s); ok {
		return strings.TrimPrefix(c.Name, "/")
	}
	return string(s)
}

// setting shows what .env has for a key.
func (d differ) setting(key string) string {
	v, ok := d.Env.Lookup(key)
	switch {
	case !ok:
		return "not set"
	case isOpen(key, v):
		return oneLine(v.Reveal())
	case v == "":
		return "empty"
	}
	return v.String() + " (fingerprint " + d.key.Of(v) + ")"
}

func (d differ) newSetting(a core.Action) string {
	switch a.Op {
	case core.OpUnsetEnv:
		return "not set"
	case core.OpGenerateSecret:
		return d.drawn(a)
	case core.OpAllocatePort:
		if port, ok := a.Args["port"].(int); ok {
			return fmt.Sprint(port)
		}
		return "a free port"
	}
	if h := a.SecretHandle("value"); h != "" {
		return d.meant(h)
	}
	v := core.Secret(a.Text("value"))
	if _, there := d.Env.Lookup(a.Text("key")); isOpen(a.Text("key"), v) || !there && !core.TellsSecret(a.Text("key")) {
		return oneLine(v.Reveal())
	}
	return v.String() + " (fingerprint " + d.key.Of(v) + ")"
}

// meant says which secret a handle stands for.
func (d differ) meant(handle string) string {
	h, _ := core.ParseHandle(handle) // its shape was checked before
	what := "value of " + h.Key
	switch h.From {
	case core.FromWritten:
		what += " as it is written, in quotes"
	case core.FromService:
		what += " in " + string(h.Service)
	}
	if v, ok := d.Secret(h); ok {
		return what + " (fingerprint " + d.key.Of(v) + ")"
	}
	return what
}

// drawn says what a new secret will look like, which is all that is known of it.
func (d differ) drawn(a core.Action) string {
	r, err := supabase.RecipeOf(a.Text("key"))
	if err != nil {
		return "a new random secret"
	}
	length, encoding := r.Length, cmp.Or(a.Text("encoding"), r.Encoding)
	if n, ok := a.Args["length"].(int); ok {
		length = n
	}
	return fmt.Sprintf("a new random secret, %d characters, %s", length, encoding)
}

// minted names the keys that are signed anew, by their fingerprints.
func (d differ) minted(a core.Action) core.Diff {
	keys := []string{"ANON_KEY", "SERVICE_ROLE_KEY"}
	if v, ok := d.Env.Lookup("JWT_KEYS"); ok && v != "" {
		keys = append(keys, "ANON_KEY_ASYMMETRIC", "SERVICE_ROLE_KEY_ASYMMETRIC", "JWT_KEYS", "JWT_JWKS")
	}
	var before []string
	for _, k := range keys {
		before = append(before, d.setting(k))
	}
	years, ok := a.Args["years"].(int)
	if !ok {
		years = supabase.DefaultKeyYears
	}
	return core.Diff{Target: ".env " + strings.Join(keys, ", "), Before: strings.Join(before, ", "),
		After: fmt.Sprintf("signed anew for %d years with JWT_SECRET as it is then", years)}
}

// quoted shows a command word by word.
func quoted(command any) string {
	list, _ := command.([]any)
	var words []string
	for _, w := range list {
		words = append(words, fmt.Sprintf("%q", w))
	}
	return strings.Join(words, " ")
}

// back says how a command is taken back.
func back(a core.Action) string {
	if a.Args["inverse"] == nil {
		return "what it does cannot be undone but by the snapshot"
	}
	return "undone by " + quoted(a.Args["inverse"])
}
