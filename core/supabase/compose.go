package supabase

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"

	"github.com/basewright/basewright/core"
)

// renderTime bounds what the compose library may do with a stranger's files.
const renderTime = 5 * time.Second

// Render reads the compose files of a project as `docker compose config` would,
// with the variables of its .env only: whatever Basewright's own environment
// holds must not leak into another stack. Problems are in Err and Unset; an Err
// that is Unreachable means that ctx ended first.
func Render(ctx context.Context, dir string, files []string, project string) core.Compose {
	limited, cancel := context.WithTimeout(ctx, renderTime)
	defer cancel()
	done := make(chan core.Compose, 1)
	go func() { // the library heeds no context: it may be left behind
		defer func() {
			if recover() != nil {
				done <- core.Compose{Err: core.Errorf(core.Invalid, "the compose files in %s cannot be parsed", dir)}
			}
		}()
		done <- render(limited, dir, files, project)
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

func render(ctx context.Context, dir string, files []string, project string) core.Compose {
	if len(files) == 0 {
		files = defaultFiles(dir)
	}
	problem := func(err error) core.Compose {
		return core.Compose{Err: &core.Error{Code: core.Invalid, Message: "the compose files in " + dir + " cannot be rendered", Err: err}}
	}
	var seen inspector
	if err := seen.inspect(dir, files); err != nil {
		return problem(err)
	}
	key := seen.digest(append([]string{dir, project}, files...))
	if known, ok := rendered.get(key); ok {
		return known
	}
	opts, err := cli.NewProjectOptions(files,
		cli.WithWorkingDirectory(dir), cli.WithName(project), cli.WithEnvFiles(), cli.WithDotEnv,
		cli.WithProfiles([]string{"*"}))
	if err != nil {
		return problem(errors.New(seen.clean(err.Error(), dir)))
	}
	p, err := opts.LoadProject(ctx)
	if err != nil {
		return problem(errors.New(seen.clean(err.Error(), dir)))
	}
	out := core.Compose{Unset: unset(files, opts.Environment)}
	for _, s := range p.Services {
		out.Services = append(out.Services, service(s))
	}
	slices.SortFunc(out.Services, func(a, b core.ComposeService) int { return strings.Compare(a.Name, b.Name) })
	rendered.put(key, out)
	return out
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

func service(s types.ServiceConfig) core.ComposeService {
	out := core.ComposeService{
		Name: s.Name, Service: RoleOf(s.Name, s.Image), Image: s.Image, ContainerName: s.ContainerName,
		Env: map[string]core.Secret{}, DependsOn: map[string]string{}, Restart: s.Restart,
		HasHealth: s.HealthCheck != nil && !s.HealthCheck.Disable,
	}
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

// unset lists the variables that files use without a default and that nothing
// sets. Compose replaces them with nothing and goes on.
func unset(files []string, env types.Mapping) []string {
	var names []string
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		var doc yaml.Node
		if yaml.Unmarshal(data, &doc) != nil {
			continue
		}
		eachScalar(&doc, func(s string) { names = append(names, missing(s, env)...) })
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func eachScalar(n *yaml.Node, visit func(string)) {
	if n.Kind == yaml.ScalarNode {
		visit(n.Value)
	}
	for _, c := range n.Content {
		eachScalar(c, visit)
	}
}

// missing lists the variables that s would blank: $A and ${A} where A is not
// set, and those inside a default or replacement that is really used.
func missing(s string, env types.Mapping) []string {
	var names []string
	for i := 0; i < len(s); i++ {
		if s[i] != '$' || i+1 == len(s) {
			continue
		}
		i++
		if s[i] == '$' {
			continue
		}
		braced := s[i] == '{'
		if braced {
			i++
		}
		start := i
		for i < len(s) && isNameByte(s[i]) {
			i++
		}
		name := s[start:i]
		if !braced {
			i--
		}
		value, set := env[name]
		if !braced || i < len(s) && s[i] == '}' {
			if name != "" && !set {
				names = append(names, name)
			}
			continue
		}
		end := closing(s, i)
		names = append(names, missingInOperand(s[i:end], value, set, env)...)
		i = end
	}
	return names
}

// missingInOperand looks into what follows the name in ${NAME…}, such as
// ":-default", when the operator makes Compose use it.
func missingInOperand(rest, value string, set bool, env types.Mapping) []string {
	filled := set
	if strings.HasPrefix(rest, ":") {
		filled, rest = value != "", rest[1:]
	}
	if rest == "" {
		return nil
	}
	if op := rest[0]; op == '-' && !filled || op == '+' && filled {
		return missing(rest[1:], env)
	}
	return nil
}

// closing returns the index of the brace that closes the one before i.
func closing(s string, i int) int {
	for depth := 1; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(s)
}

func isNameByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}
