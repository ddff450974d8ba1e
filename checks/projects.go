package checks

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// reference matches a variable in a value of .env, as Compose would.
var reference = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)(:-)?`)

// projectRules are those of configuration.compose that are about the project as
// Docker sees it, beside others on the host.
var projectRules = []rule{
	{core.Explanation{
		Code: "DK-01", Title: "Container names are upstream's, which a second stack cannot have", Severity: core.Warning,
		What:   "The compose files fix names such as supabase-db, and more than one Supabase stack is on this host.",
		Breaks: "`docker compose up` of the second stack ends with a name conflict; scripts take the wrong stack.",
		Do:     "Give each stack names of its own, or none. Keep realtime-dev. in front of realtime's.",
		Data:   "No data is at risk by this alone.", Sources: "supabase/supabase#37412",
	}, fixedNames},
	{core.Explanation{
		Code: "DK-02", Title: "Two folders share one Compose project", Severity: core.Warning,
		What:   "Containers of this project were created from different folders; every clone of upstream's files is named supabase.",
		Breaks: "`up` in one folder recreates the other's containers with its own mounts and secrets.",
		Do:     "Set a COMPOSE_PROJECT_NAME of its own in each folder, and bring the stack up from the right one. Copy the db-config volume first.",
		Data:   "Data is at risk: both share volumes, among them the one that holds Vault's key.", Sources: "supabase/supabase PR#17967",
	}, hijacked},
	{core.Explanation{
		Code: "DK-15", Title: "Container logs grow without a bound", Severity: core.Info,
		What:   "Containers log with json-file and no max-size, as upstream's compose file leaves it.",
		Breaks: "Nothing until the disk is full.", Do: "Add logging options (max-size, max-file) to each service, or log-opts to daemon.json, and recreate.",
		Data: "No data is at risk until the disk is full. Never delete files under /var/lib/docker by hand.", Sources: "supabase/realtime#1175; supabase/supabase#5505, #6432",
	}, unboundedLogs},
	{core.Explanation{
		Code: "DK-22", Title: "The database has its plain name on a network that stacks share", Severity: core.Warning,
		What:   "The database is on a network that is not the stack's own, under the name db, and other Supabase stacks are on this host.",
		Breaks: "A service of one stack may reach the database of another: wrong data, or logins that fail at random.",
		Do:     "Join only the gateway to shared networks, under a name of its own.",
		Data:   "Data is at risk: a service may write to another stack's database.", Sources: "coollabsio/coolify#5362",
	}, sharedNetwork},
	{core.Explanation{
		Code: "DK-27", Title: "A variable reached a container unresolved", Severity: core.Warning,
		What:   "A value in the container still holds ${…}, which Compose would have replaced: another tool created it, or an old podman-compose.",
		Breaks: "The service works with the literal text.", Do: "Create the stack with Docker Compose v2, or flatten the variables in the compose files.",
		Data: "No data is at risk.", Sources: "supabase/supabase#40113, PR#40994",
	}, unresolved},
	{core.Explanation{
		Code: "DK-30", Title: "The stack was brought up without all of its compose files", Severity: core.Warning,
		What:   "COMPOSE_FILE in .env names compose files that the containers were not created from.",
		Breaks: "What those files add or change is missing: another PostgreSQL, another storage backend or gateway.",
		Do:     "Do not create anything anew until it is clear which files belong to the stack; then run `docker compose up -d` in its folder.",
		Data:   "Data is at risk if a file that is left out selects the PostgreSQL version or the storage backend.", Sources: "supabase/supabase docker/run.sh",
	}, droppedFiles},
	{core.Explanation{
		Code: "UPG-04", Title: "Logging containers are left over", Severity: core.Info,
		What:   "Analytics or Vector has a container, and the compose files no longer declare it: since June 2026 they are an overlay.",
		Breaks: "Studio's logs stay empty, or the old containers use memory for nothing.",
		Do:     "Add docker-compose.logs.yml to COMPOSE_FILE, or remove the containers with `docker compose up -d --remove-orphans`.",
		Data:   "No data is at risk; old logs stay in the database.", Sources: "supabase/supabase PR#45327",
	}, orphanedLogging},
	{vectorFolder, vectorIsFolder},
}

// upstreamName matches the container names of upstream's own compose files.
var upstreamName = regexp.MustCompile(`^(realtime-dev\.)?supabase-(studio|kong|envoy|auth|rest|realtime|storage|imgproxy|meta|edge-functions|analytics|db|vector|pooler)$`)

func fixedNames(_ context.Context, t core.Target) []core.Finding {
	if t.Host.Projects < 2 {
		return nil
	}
	var names []string
	place := ""
	for _, s := range t.Compose.Services {
		if upstreamName.MatchString(s.ContainerName) {
			names = append(names, s.ContainerName)
			place = cmp.Or(place, t.Compose.Place(s.Name, "container_name"))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return advice(core.Host, evidence(place, "container_name is "+clip(strings.Join(names, ", "))), evidence("engine", fmt.Sprintf("%d Supabase stacks are on this engine", t.Host.Projects)))
}

func hijacked(_ context.Context, t core.Target) []core.Finding {
	dirs := map[string][]string{}
	for _, c := range t.Containers {
		if d := c.Labels["com.docker.compose.project.working_dir"]; d != "" {
			d = filepath.Clean(d)
			dirs[d] = append(dirs[d], c.Name)
		}
	}
	if len(dirs) < 2 {
		return nil
	}
	var proof []core.Evidence
	for _, d := range slices.Sorted(maps.Keys(dirs)) {
		proof = append(proof, evidence("label:"+d, clip(strings.Join(dirs[d], ", "))))
	}
	return advice(core.Host, proof...)
}

func unboundedLogs(_ context.Context, t core.Target) []core.Finding {
	var names []string
	for _, c := range t.Containers {
		if c.LogDriver == "json-file" && c.LogMaxSize == "" && c.Service != "" {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return advice(core.Host, evidence("inspect", "json-file without max-size: "+clip(strings.Join(names, ", "))))
}

// sharedNetwork takes a network for the stack's own when it is called after it.
func sharedNetwork(_ context.Context, t core.Target) []core.Finding {
	db, ok := t.Container(core.DB)
	if !ok || t.Host.Projects < 2 || t.Instance.Project == "" {
		return nil
	}
	var proof []core.Evidence
	for _, e := range db.Networks {
		own := strings.Contains(e.Network, t.Instance.Project) || e.Network == "bridge" || e.Network == "host"
		if !own && slices.Contains(e.Aliases, "db") {
			proof = append(proof, evidence("inspect:"+db.Name, "it is called db on network "+e.Network))
		}
	}
	return advice(core.DB, proof...)
}

func unresolved(_ context.Context, t core.Target) []core.Finding {
	var proof []core.Evidence
	for _, c := range t.Containers {
		i := slices.IndexFunc(t.Compose.Services, func(s core.ComposeService) bool { return s.Name == c.ComposeService })
		if i < 0 || c.Service == "" {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(t.Compose.Services[i].Env)) {
			runs, meant := c.Env[key].Reveal(), t.Compose.Services[i].Env[key].Reveal()
			if strings.Contains(runs, "${") && !strings.Contains(meant, "${") {
				proof = append(proof, evidence("env:"+string(c.Service), key+" holds ${…}"))
			}
		}
	}
	return advice(core.Host, proof...)
}

// droppedFiles compares names only: where the folder is mounted differs.
func droppedFiles(_ context.Context, t core.Target) []core.Finding {
	list, ok := t.Env.Lookup("COMPOSE_FILE")
	if !ok || list == "" {
		return nil
	}
	separator := ":"
	if s, ok := t.Env.Lookup("COMPOSE_PATH_SEPARATOR"); ok && s != "" {
		separator = s.Reveal()
	}
	for _, c := range t.Containers {
		used := c.Labels["com.docker.compose.project.config_files"]
		if used == "" {
			continue
		}
		var have []string
		for _, f := range supabase.FilesOf(used) {
			have = append(have, filepath.Base(f))
		}
		for f := range strings.SplitSeq(list.Reveal(), separator) {
			if f = strings.TrimSpace(f); f != "" && !slices.Contains(have, filepath.Base(f)) {
				return advice(core.Host, evidence(fromEnv(t, "COMPOSE_FILE"), "COMPOSE_FILE names "+f), evidence("inspect:"+c.Name, "it was created from "+clip(used)))
			}
		}
	}
	return nil
}

func orphanedLogging(_ context.Context, t core.Target) []core.Finding {
	var proof []core.Evidence
	for _, s := range []core.Service{core.Analytics, core.Vector} {
		c, has := t.Container(s)
		_, declared := t.Declared(s)
		if has && !declared && len(t.Compose.Services) > 0 {
			proof = append(proof, evidence("inspect:"+c.Name, describe(c)))
		}
	}
	return advice(core.Host, proof...)
}

func vectorIsFolder(ctx context.Context, t core.Target) []core.Finding {
	var proof []core.Evidence
	for _, m := range mountedFiles(t) {
		if m.role != core.Vector {
			continue
		}
		if _, err := readFile(ctx, t, m.name); notAFile(err) {
			proof = append(proof, evidence("file:"+m.name, "it is mounted at "+m.to+", and is no file"))
		}
	}
	return fault(core.Vector, proof...)
}
