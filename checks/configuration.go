package checks

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/basewright/basewright/core"
)

func init() {
	register(core.Checker{
		ID: "configuration.environment", Title: "Every variable is set, and the containers run with what the files say",
		Category: core.Configuration, Files: true, Check: environment,
		Finds: []core.Explanation{
			{
				Code: "CFG-01", Title: "Compose cannot read the stack's files", Severity: core.Warning, SymptomOf: []string{"UPG-06"},
				What:   "docker compose would refuse the compose files or the .env of this stack.",
				Breaks: "What runs goes on; nothing can be created, changed or restarted by Compose.",
				Do:     "Mend the file at the line that the proof names.", Data: "No data is at risk.",
			},
			{
				Code: "DK-05", Title: "A variable is missing and became blank", Severity: core.Critical,
				What:   "Compose replaces a variable that nothing sets with nothing, warns, and goes on.",
				Breaks: "The service that needs it does not start, or rejects every request.",
				Do:     "Add the variable to .env, as in .env.example of your release, and run `docker compose up -d`.",
				Data:   "No data is at risk.", Sources: "supabase/supabase#28459, #16777",
			},
			{
				Code: "DK-07", Title: "Containers run with older settings than the files", Severity: core.Warning,
				SymptomOf: []string{"DK-05", "DK-27", "GW-04", "PG-05", "REST-02", "ST-10", "ST-12", "META-01", "VEC-05"},
				What:      "The files were edited after the containers were created. `docker compose restart` does not apply an edit; `up -d` does.",
				Breaks:    "The edit has no effect yet, and will at the next `up`.",
				Do:        "Apply the playbook recreate-stale-containers, or run `docker compose up -d`.",
				Data:      "No data is at risk.", Sources: "Supabase docs, self-hosting with Docker",
			},
		},
	})
}

// required are the variables without which a service does not work, in any
// release. Source: upstream's compose files and each service's configuration.
var required = map[core.Service][]string{
	core.DB:        {"POSTGRES_PASSWORD"},
	core.Auth:      {"GOTRUE_JWT_SECRET", "GOTRUE_DB_DATABASE_URL", "GOTRUE_SITE_URL", "API_EXTERNAL_URL"},
	core.Rest:      {"PGRST_DB_URI", "PGRST_JWT_SECRET"},
	core.Realtime:  {"DB_HOST", "DB_PASSWORD", "API_JWT_SECRET", "SECRET_KEY_BASE", "DB_ENC_KEY"},
	core.Storage:   {"DATABASE_URL", "ANON_KEY", "SERVICE_KEY"},
	core.Meta:      {"PG_META_DB_HOST", "PG_META_DB_PASSWORD"},
	core.Functions: {"JWT_SECRET", "SUPABASE_URL", "SUPABASE_ANON_KEY"},
	core.Pooler:    {"DATABASE_URL", "SECRET_KEY_BASE", "VAULT_ENC_KEY", "API_JWT_SECRET"},
	core.Gateway:   {"SUPABASE_ANON_KEY", "SUPABASE_SERVICE_KEY"},
	core.Studio:    {"SUPABASE_URL", "SUPABASE_ANON_KEY", "SUPABASE_SERVICE_KEY"},
}

func environment(_ context.Context, t core.Target) ([]core.Finding, error) {
	var found []core.Finding
	if f, bad := unreadable(t); bad {
		found = append(found, f)
	}
	if f, bad := blank(t); bad {
		found = append(found, f)
	}
	if f, bad := stale(t); bad {
		found = append(found, f)
	}
	return found, nil
}

func unreadable(t core.Target) (core.Finding, bool) {
	f := core.Finding{Code: "CFG-01", Service: core.Host, Affects: nothing}
	for source, err := range map[string]error{"file:.env": t.Env.Err, "compose": t.Compose.Err} {
		if core.CodeOf(err) == core.Invalid && err != nil {
			f.Evidence = append(f.Evidence, evidence(source, clip(Mask(err.Error()))))
		}
	}
	slices.SortFunc(f.Evidence, func(a, b core.Evidence) int { return strings.Compare(a.Source, b.Source) })
	return f, len(f.Evidence) > 0
}

// blank finds required variables that are empty in a container, or would be
// after the next `up`.
func blank(t core.Target) (core.Finding, bool) {
	f := core.Finding{Code: "DK-05", Severity: core.Warning}
	for _, s := range core.Services {
		c, exists := t.Container(s)
		declared, _ := t.Declared(s)
		for _, name := range required[s] {
			now, set := c.Env[name]
			next, will := declared.Env[name]
			switch {
			case exists && set && emptyValue(now):
				f.Severity = core.Critical
				f.Affects = append(f.Affects, s)
				f.Evidence = append(f.Evidence, evidence("env:"+string(s), name+" is blank in the running container"))
			case will && emptyValue(next):
				f.Affects = append(f.Affects, s)
				f.Evidence = append(f.Evidence, evidence(t.Compose.Place(declared.Name, "environment", name), fmt.Sprintf("%s of %s would be blank at the next `docker compose up`", name, s)))
			}
		}
	}
	if len(f.Affects) == 0 {
		return f, false
	}
	f.Affects = slices.Compact(f.Affects)
	f.Service = f.Affects[0]
	f.Evidence = f.Evidence[:min(len(f.Evidence), 6)]
	if len(t.Compose.Unset) > 0 {
		f.Evidence = append(f.Evidence, unsetProof(t, t.Compose.Unset)...)
	}
	f.Details = map[string]string{"services": join(f.Affects), "unset": strings.Join(t.Compose.Unset, ",")}
	return f, true
}

// unsetProof says where the files use variables that nothing sets.
func unsetProof(t core.Target, names []string) []core.Evidence {
	var proof []core.Evidence
	for _, name := range names[:min(len(names), 8)] {
		proof = append(proof, evidence(t.Compose.Place("${"+name+"}"), "nothing sets "+clip(name)))
	}
	if more := len(names) - len(proof); more > 0 {
		proof = append(proof, evidence("compose", fmt.Sprintf("nothing sets %d more: %s", more, clip(strings.Join(names[len(proof):], ", ")))))
	}
	return proof
}

// emptyValue also knows a connection string whose password is gone.
func emptyValue(v core.Secret) bool {
	s := v.Reveal()
	return s == "" || strings.Contains(s, "://") && strings.Contains(s, ":@")
}

// stale compares what each container was created with to what the files say.
func stale(t core.Target) (core.Finding, bool) {
	f := core.Finding{Code: "DK-07"}
	var services []string
	for _, s := range t.Compose.Services {
		i := slices.IndexFunc(t.Containers, func(c core.Container) bool { return c.ComposeService == s.Name })
		if i < 0 {
			continue
		}
		differs := differences(t, s, t.Containers[i])
		if len(differs) == 0 {
			continue
		}
		services = append(services, s.Name)
		if s.Service != "" {
			f.Affects = append(f.Affects, s.Service)
		}
		f.Evidence = append(f.Evidence, evidence("inspect:"+t.Containers[i].Name, clip(strings.Join(differs, "; "))))
	}
	if len(services) == 0 {
		return f, false
	}
	f.Service = core.Host
	if len(f.Affects) > 0 {
		f.Service = f.Affects[0]
	}
	f.Details = map[string]string{"services": strings.Join(services, ",")}
	return f, true
}

func differences(t core.Target, s core.ComposeService, c core.Container) []string {
	var out []string
	if s.Image != "" && c.Image != s.Image {
		out = append(out, fmt.Sprintf("image %s, the files say %s", c.Image, s.Image))
	}
	names := make([]string, 0, len(s.Env))
	for name := range s.Env {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if runs, ok := c.Env[name]; !ok || runs != s.Env[name] {
			out = append(out, fmt.Sprintf("%s runs with %s, the files say %s", name, t.Key.Of(runs), t.Key.Of(s.Env[name])))
		}
	}
	return out
}
