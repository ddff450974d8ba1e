package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

func init() {
	family("configuration.compose", "What Compose makes of the files is what was meant", core.Configuration, slices.Concat(projectRules, []rule{
		endingsRule,
		{core.Explanation{Code: "DK-08"}, mountedFolders},
		{core.Explanation{
			Code: "DK-10", Title: "A mounted file is not readable in its container", Severity: core.Warning, SymptomOf: []string{"DK-08"},
			What:   "Only the file's owner and group may read it, and the service in the container is neither.",
			Breaks: "The service that reads it does not start, or a script of the database is skipped.",
			Do:     "Make it readable: `chmod 644` the file (never .env), and recreate the container.",
			Data:   "No data is at risk.", Sources: "supabase/supabase#18847",
		}, unreadableMounts},
		{core.Explanation{
			Code: "DK-06", Title: "A secret in .env is not what was written", Severity: core.Warning,
			What:   "The value holds a dollar sign outside of single quotes, which Compose takes for a variable that nothing sets, so a part of it is gone.",
			Breaks: "Services get another value than the one in the file; clients that use the written one are rejected.",
			Do:     "Put the value in single quotes, or use letters and digits only, and recreate the services.",
			Data:   "No data is at risk.", Sources: "Supabase docs, self-hosting: letters and numbers only",
		}, eatenSecrets},
		{core.Explanation{
			Code: "DK-31", Title: "Everybody on the host can read .env", Severity: core.Warning,
			What:   "The mode of .env lets any user of the host read every secret of the stack.",
			Breaks: "Nothing yet.", Do: "`chmod 600 .env`, and delete .env.old, which upstream's generate-keys.sh leaves.",
			Data: "Any account on the host is as good as the database's owner.", Sources: "supabase/supabase docker/utils/generate-keys.sh",
		}, openEnv},
		{core.Explanation{
			Code: "UPG-06", Title: "An update left conflict markers in a file", Severity: core.Warning,
			What:   "The file holds lines that begin with <<<<<<<, which upstream's update.sh writes where your changes and the release's meet.",
			Breaks: "The file cannot be read: Compose or the service refuses it.",
			Do:     "Choose one side of each mark, remove the marks, and run update.sh again.",
			Data:   "No data is at risk.", Sources: "Supabase docs, updating; docker/utils/update.sh",
		}, conflictMarkers},
		{core.Explanation{
			Code: "UPG-07", Title: ".env lacks variables that the compose files use", Severity: core.Info,
			What:   "Nothing sets these variables, so Compose makes them blank; .env is mostly of an older release than the compose files.",
			Breaks: "It depends on the variable; DK-05 tells of those without which a service fails.",
			Do:     "Take them from .env.example of your release.", Data: "No data is at risk.", Sources: "supabase/supabase docker/utils/update.sh",
		}, missingVariables},
	}))
}

// fileEndings are those of mounts that are files in upstream's stacks.
var fileEndings = []string{".yml", ".yaml", ".sql", ".exs", ".ts", ".sh", ".json", ".conf", ".toml", ".lua", ".tmpl", ".template"}

// mountedFile is a file of the instance folder that a service mounts.
type mountedFile struct {
	role core.Service
	name string // in the instance folder
	to   string // in the container
}

func mountedFiles(t core.Target) []mountedFile {
	var out []mountedFile
	for _, p := range parts(t) {
		for _, m := range p.mounts {
			name, ok := local(t, m.Source)
			if ok && m.Type == "bind" && slices.Contains(fileEndings, path.Ext(m.Target)) {
				out = append(out, mountedFile{p.role, name, m.Target})
			}
		}
	}
	return out
}

// vectorFolder is VEC-02, the same failure under vector's own code.
var vectorFolder = core.Explanation{
	Code: "VEC-02", Title: "Vector's configuration file is a directory", Severity: core.Warning,
	What:   "vector.yml did not exist when the container was created, so Docker made an empty directory of its name.",
	Breaks: "Vector does not start; in older releases the database waits for it.",
	Do:     "Put the release's vector.yml in its place and recreate vector.", Data: "No data is at risk.", Sources: "supabase/supabase#41475",
}

// mountedFolders makes one finding for the directories of a service, and one
// for what the next `up` makes a directory of. Init scripts count only for an
// empty data folder.
func mountedFolders(ctx context.Context, t core.Target) []core.Finding {
	var found []core.Finding
	for _, m := range mountedFiles(t) {
		_, err := readFile(ctx, t, m.name)
		missing := errors.Is(err, fs.ErrNotExist)
		if !missing && !notAFile(err) || m.role == core.Vector {
			continue
		}
		f := core.Finding{Service: m.role, Title: fmt.Sprintf("What %s mounts as a file is a directory", m.role), Severity: severity(m.role)}
		text := "it is mounted at " + m.to + ", and is no file"
		switch {
		case missing:
			f.Title = fmt.Sprintf("Files that %s mounts do not exist", m.role)
			text = "it is mounted at " + m.to + "; the next `up` makes a directory of it"
		case m.role == core.Gateway:
			f.Title = "The gateway's configuration file is a directory" // as its log says
		}
		if missing || strings.Contains(m.to, "initdb") {
			f.Severity, f.Affects = core.Warning, nothing
		}
		i := slices.IndexFunc(found, func(o core.Finding) bool { return o.Service == f.Service && o.Title == f.Title })
		if i < 0 {
			i, found = len(found), append(found, f)
		}
		found[i].Evidence = append(found[i].Evidence, evidence("file:"+m.name, text))
	}
	return found
}

// unreadableMounts looks at the services whose process is not root.
func unreadableMounts(ctx context.Context, t core.Target) []core.Finding {
	proof := map[core.Service][]core.Evidence{}
	for _, m := range mountedFiles(t) {
		f, err := readFile(ctx, t, m.name)
		if err != nil || f.Mode == 0 || f.Mode&0o004 != 0 || m.role != core.Gateway && m.role != core.DB {
			continue
		}
		if f.UID != 0 && f.UID != 1000 || f.UID == 1000 && m.role == core.Gateway {
			continue // it may well be the service's own
		}
		proof[m.role] = append(proof[m.role], evidence("file:"+m.name, fmt.Sprintf("its mode is %04o, its owner %d", f.Mode.Perm(), f.UID)))
	}
	return slices.Concat(advice(core.DB, proof[core.DB]...), fault(core.Gateway, proof[core.Gateway]...))
}

// secretName reports whether a variable holds a secret by its name.
func secretName(key string) bool {
	return slices.ContainsFunc([]string{"PASSWORD", "SECRET", "_KEY", "TOKEN", "_PASS"}, func(part string) bool { return strings.Contains(key, part) })
}

// eatenSecrets compares what is written in .env with what Compose leaves of it. A
// reference to a variable that is set is meant. The finding's details say of each
// secret what mends it: "quote" what was meant as it is written, "keep" what is
// left because the API keys are signed with that, "weak" where that is too short
// to be kept, "braced" what can only be meant as a variable.
func eatenSecrets(_ context.Context, t core.Target) []core.Finding {
	var proof []core.Evidence
	mends := map[string]string{}
	for _, v := range t.Env.Vars {
		if !secretName(v.Key) || !loses(t, v) {
			continue
		}
		proof = append(proof, evidence(fmt.Sprintf("file:.env:%d", v.Line), v.Key+" holds a dollar sign that Compose takes for a variable ("+fingerprint(t, v.Value)+" is left)"))
		mend := "quote"
		switch anon, _ := t.Env.Lookup("ANON_KEY"); {
		case strings.Contains(v.Written.Reveal(), "${"):
			mend = "braced"
		case v.Key != "JWT_SECRET" || v.Value == "" || !supabase.SignedBy(anon, v.Value):
		case len(v.Value) < shortestSecret:
			mend = "weak"
		default:
			mend = "keep"
		}
		mends[mend] = strings.TrimPrefix(mends[mend]+","+v.Key, ",")
	}
	found := advice(core.Host, proof...)
	for i := range found {
		found[i].Details = mends
	}
	return found
}

// shortestSecret is how long a secret must be that signs with HS256 (RFC 7518, 3.2).
const shortestSecret = 32

// loses reports whether Compose takes a part of a value for a variable that
// nothing sets.
func loses(t core.Target, v core.EnvVar) bool {
	for _, m := range reference.FindAllStringSubmatch(v.Written.Reveal(), -1) {
		if _, set := t.Env.Lookup(m[1]); !set && !strings.Contains(m[0], ":-") && !strings.Contains(v.Value.Reveal(), m[0]) {
			return true
		}
	}
	return false
}

func openEnv(ctx context.Context, t core.Target) []core.Finding {
	var proof []core.Evidence
	if t.Env.Mode&0o004 != 0 && len(t.Env.Vars) > 0 {
		proof = append(proof, evidence("file:.env", fmt.Sprintf("its mode is %04o", t.Env.Mode.Perm())))
	}
	if f, err := readFile(ctx, t, ".env.old"); err == nil && f.Mode&0o004 != 0 {
		proof = append(proof, evidence("file:.env.old", fmt.Sprintf("its mode is %04o", f.Mode.Perm())))
	}
	return advice(core.Host, proof...)
}

// conflictMarkers looks into the compose files and what the gateway and vector
// read.
func conflictMarkers(ctx context.Context, t core.Target) []core.Finding {
	names := map[string]bool{".env": true}
	files := t.Instance.Files
	if len(files) == 0 {
		files = []string{filepath.Join(t.Instance.Dir, "docker-compose.yml")}
	}
	for _, f := range files {
		if name, ok := local(t, f); ok {
			names[name] = true
		}
	}
	for _, m := range mountedFiles(t) {
		names[m.name] = m.role != core.DB
	}
	var proof []core.Evidence
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f, err := readFile(ctx, t, name)
		if err != nil || !names[name] {
			continue
		}
		for i, line := range strings.Split(string(f.Data), "\n") {
			if strings.HasPrefix(line, "<<<<<<< ") {
				proof = append(proof, evidence(fmt.Sprintf("file:%s:%d", name, i+1), "a conflict begins here"))
				break
			}
		}
	}
	return fault(core.Host, proof...)
}

// missingVariables leaves those that a service fails without to DK-05. One that
// no release of upstream knows, and that shapes nothing, is left blank on
// purpose more often than not: it comes from the shell, or is an option.
func missingVariables(_ context.Context, t core.Target) []core.Finding {
	if _, worse := blank(t); worse {
		return nil
	}
	missed := slices.DeleteFunc(slices.Clone(t.Compose.Unset), func(name string) bool {
		return !supabase.EnvKey(name) && !slices.Contains(t.Compose.Structure, name)
	})
	return advice(core.Host, unsetProof(t, missed)...)
}
