package supabase

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/basewright/basewright/core"
)

// renderTime bounds what the compose library may do with a stranger's files.
const renderTime = 5 * time.Second

// Source is the files of a stack.
type Source struct {
	Dir     string
	Compose []string // in order, absolute; none means those that Compose finds by itself
	Env     string   // the file with the variables, absolute; "" means .env in Dir
	Project string
}

// Render reads the compose files of a project as `docker compose config` would,
// with the variables of its .env only: whatever Basewright's own environment
// holds must not leak into another stack. Of it only HOME is seen, and PWD is
// the stack's folder, since paths may use them. Problems are in Err and Unset;
// an Err that is Unreachable means that ctx ended first, or that a file is one
// that is not looked at.
func Render(ctx context.Context, src Source) core.Compose {
	dir := src.Dir
	limited, cancel := context.WithTimeout(ctx, renderTime)
	defer cancel()
	done := make(chan core.Compose, 1)
	go func() { // the library heeds no context: it may be left behind
		defer func() {
			if recover() != nil {
				done <- core.Compose{Err: core.Errorf(core.Invalid, "the compose files in %s cannot be parsed", dir)}
			}
		}()
		done <- render(limited, src)
	}()
	select {
	case c := <-done:
		return c
	case <-limited.Done():
		if err := ctx.Err(); err != nil {
			return core.Compose{Err: &core.Error{Code: core.Unreachable, Message: "reading the compose files in " + dir + " was stopped", Err: err}}
		}
		return core.Compose{Err: core.Errorf(core.Invalid, "the compose files in %s could not be read in %v", dir, renderTime)}
	}
}

func render(ctx context.Context, src Source) core.Compose {
	dir, files := src.Dir, src.Compose
	if len(files) == 0 {
		files = defaultFiles(dir)
	}
	problem := func(err error) core.Compose {
		code := core.Invalid
		if core.CodeOf(err) == core.Unreachable {
			code = core.Unreachable
		}
		return core.Compose{Err: &core.Error{Code: code, Message: "the compose files in " + dir + " cannot be rendered", Err: err}}
	}
	seen := inspector{places: places{dir: dir, at: map[string]string{}}}
	shell := []string{"HOME=" + os.Getenv("HOME"), "PWD=" + dir}
	if err := seen.inspect(src, files, shell); err != nil {
		return problem(err)
	}
	key := seen.digest(slices.Concat([]string{dir, src.Project, src.envFile()}, shell, files))
	if known, ok := rendered.get(key); ok {
		return known
	}
	opts, err := cli.NewProjectOptions(files,
		cli.WithWorkingDirectory(dir), cli.WithName(src.Project), cli.WithEnv(shell), withEnvFile(src.envFile()), cli.WithDotEnv,
		cli.WithProfiles([]string{"*"}))
	if err != nil {
		return problem(errors.New(seen.clean(err.Error(), dir)))
	}
	p, err := opts.LoadProject(ctx)
	if err != nil {
		return problem(errors.New(seen.clean(err.Error(), dir)))
	}
	out := core.Compose{Places: seen.places.at}
	for _, s := range p.Services {
		out.Services = append(out.Services, service(s, opts.Environment["COMPOSE_PROFILES"]))
	}
	slices.SortFunc(out.Services, func(a, b core.ComposeService) int { return strings.Compare(a.Name, b.Name) })
	markJobs(out.Services)
	seen.places.unset(files, opts.Environment, &out)
	rendered.put(key, out)
	return out
}

// envFile returns the path of the file with the variables.
func (s Source) envFile() string {
	return cmp.Or(s.Env, filepath.Join(s.Dir, ".env"))
}

// pair matches the compose file of one of several stacks in a folder.
var pair = regexp.MustCompile(`^docker-compose-(.+)\.ya?ml$`)

// PairedEnv returns the name of the .env-ID that goes with a single
// docker-compose-ID.yml in dir, as older generators wrote them, or "".
func PairedEnv(dir string, compose []string) string {
	if len(compose) != 1 || filepath.Dir(compose[0]) != filepath.Clean(dir) {
		return ""
	}
	m := pair.FindStringSubmatch(filepath.Base(compose[0]))
	if m == nil || !fileExists(filepath.Join(dir, ".env-"+m[1])) {
		return ""
	}
	return ".env-" + m[1]
}

// FilesOf splits the label in which Compose lists the files of a project with
// commas between them. A path may hold a comma, too.
func FilesOf(label string) []string {
	var files []string
	whole := true // the last of files is
	for part := range strings.SplitSeq(label, ",") {
		if whole || filepath.IsAbs(part) {
			files = append(files, part)
		} else {
			files[len(files)-1] += "," + part
		}
		ext := filepath.Ext(part)
		whole = part == "" || ext == ".yml" || ext == ".yaml"
	}
	return slices.DeleteFunc(files, func(f string) bool { return strings.TrimSpace(f) == "" })
}

// withEnvFile has Compose read a file of variables that is there.
func withEnvFile(path string) cli.ProjectOptionsFn {
	return func(o *cli.ProjectOptions) error {
		if fileExists(path) && !isDir(path) {
			o.EnvFiles = []string{path}
		}
		return nil
	}
}

// markJobs marks the services that others wait for to end.
func markJobs(services []core.ComposeService) {
	ends := map[string]bool{}
	for _, s := range services {
		for on, condition := range s.DependsOn {
			ends[on] = ends[on] || condition == types.ServiceConditionCompletedSuccessfully
		}
	}
	for i, s := range services {
		services[i].Job = ends[s.Name]
	}
}

// defaultFiles are the names that Compose itself looks for.
func defaultFiles(dir string) []string {
	for _, base := range []string{"compose", "docker-compose"} {
		for _, ext := range []string{".yaml", ".yml"} {
			f := filepath.Join(dir, base+ext)
			if _, err := os.Stat(f); err != nil {
				continue
			}
			files := []string{f}
			if o := filepath.Join(dir, base+".override"+ext); fileExists(o) {
				files = append(files, o)
			}
			return files
		}
	}
	return nil
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func service(s types.ServiceConfig, profiles string) core.ComposeService {
	out := core.ComposeService{
		Name: s.Name, Service: RoleOf(s.Name, s.Image), Image: s.Image, ContainerName: s.ContainerName,
		Env: map[string]core.Secret{}, DependsOn: map[string]string{}, Restart: s.Restart,
		HasHealth: s.HealthCheck != nil && !s.HealthCheck.Disable,
		Optional:  !s.HasProfile(chosen(profiles)) || s.GetScale() == 0,
	}
	out.Command = slices.Concat([]string(s.Entrypoint), []string(s.Command))
	for _, n := range s.Networks {
		if n != nil {
			out.Aliases = append(out.Aliases, n.Aliases...)
		}
	}
	slices.Sort(out.Aliases)
	for k, v := range s.Environment {
		if v != nil {
			out.Env[k] = core.Secret(*v)
		}
	}
	for name, d := range s.DependsOn {
		out.DependsOn[name] = d.Condition
	}
	for _, p := range s.Ports {
		host, _ := strconv.Atoi(p.Published) // a range or none counts as 0
		out.Ports = append(out.Ports, core.Port{HostIP: p.HostIP, HostPort: host, ContainerPort: int(p.Target), Proto: p.Protocol})
	}
	for _, v := range s.Volumes {
		m := core.Mount{Type: v.Type, Target: v.Target, ReadOnly: v.ReadOnly}
		if v.Type == types.VolumeTypeVolume {
			m.Name = v.Source
		} else {
			m.Source = v.Source
		}
		out.Mounts = append(out.Mounts, m)
	}
	return out
}

// chosen splits COMPOSE_PROFILES as Compose does.
func chosen(profiles string) []string {
	var out []string
	for p := range strings.SplitSeq(profiles, ",") {
		out = append(out, strings.TrimSpace(p))
	}
	return out
}
