package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// shownSetting is a setting as config shows it.
type shownSetting struct {
	Key   string `json:"key"`
	Value string `json:"value"` // masked when it is a secret
	Line  int    `json:"line"`
	Help  string `json:"help,omitempty"`
	Runs  string `json:"runs,omitempty"` // what a container has instead, with its service
}

func showConfig(ctx context.Context, g *global, f configFlags, name, verb string, keys []string) error {
	host, err := g.engine(ctx)
	if err != nil {
		return err
	}
	defer host.Close()
	instance, err := find(ctx, host, name)
	if err != nil {
		return err
	}
	obs, err := host.Open(instance).Observe(ctx)
	if err != nil {
		return err
	}
	if obs.Env.Err != nil {
		return obs.Env.Err
	}
	shown := settingsOf(obs, g.fingerprintKey(), keys)
	if verb == "diff" {
		shown = differences(obs, g.fingerprintKey(), keys)
	}
	for _, key := range keys {
		if _, ok := obs.Env.Lookup(key); !ok {
			return core.Errorf(core.NotFound, "%s has no variable %s", obs.Env.Path, printable(key))
		}
	}
	if err := printSettings(g, f, shown); err != nil {
		return err
	}
	if verb == "diff" && len(shown) > 0 {
		return exit{code: exitFound}
	}
	return nil
}

func settingsOf(obs *core.Observation, key core.FingerprintKey, only []string) []shownSetting {
	shown := []shownSetting{}
	for _, v := range obs.Env.Vars {
		if len(only) == 0 || slices.Contains(only, v.Key) {
			s, _ := supabase.SettingOf(v.Key)
			shown = append(shown, shownSetting{Key: v.Key, Value: maskedValue(v.Key, v.Value, key), Line: v.Line, Help: s.Help})
		}
	}
	return shown
}

// differences are the settings that a container runs without: the compose files
// would give it another value now.
func differences(obs *core.Observation, key core.FingerprintKey, only []string) []shownSetting {
	shown := []shownSetting{}
	for _, declared := range obs.Compose.Services {
		for _, c := range obs.Containers {
			if c.ComposeService != declared.Name {
				continue
			}
			for name, want := range declared.Env {
				if has, ok := c.Env[name]; (!ok || has != want) && (len(only) == 0 || slices.Contains(only, name)) {
					shown = append(shown, shownSetting{Key: name, Value: maskedValue(name, want, key), Runs: c.Name + " has " + maskedValue(name, has, key)})
				}
			}
		}
	}
	slices.SortFunc(shown, func(a, b shownSetting) int { return strings.Compare(a.Key+a.Runs, b.Key+b.Runs) })
	return shown
}

// maskedValue shows a value, or the fingerprint of one that may be a secret.
func maskedValue(name string, v core.Secret, key core.FingerprintKey) string {
	mask := core.NewMask(nil)
	mask.Know(name, v)
	s, err := supabase.SettingOf(name)
	switch {
	case v == "":
		return "(empty)"
	case err == nil && s.Secret, mask.Text(v.Reveal()) != v.Reveal():
		return "••• (" + key.Of(v) + ")"
	}
	return v.Reveal()
}

func printSettings(g *global, f configFlags, shown []shownSetting) error {
	if f.output == "json" {
		return g.indented(map[string]any{"settings": shown})
	}
	st := style{g.colour}
	for _, s := range shown {
		fmt.Fprintf(g.out, "%s=%s", st.bold(printable(s.Key)), printable(s.Value))
		if s.Runs != "" {
			fmt.Fprintf(g.out, "  %s", st.dim(printable(s.Runs)))
		} else if s.Help != "" && g.tty {
			fmt.Fprintf(g.out, "  %s", st.dim("# "+s.Help))
		}
		fmt.Fprintln(g.out)
	}
	return nil
}
