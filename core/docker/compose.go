package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/flags"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/compose/v5/pkg/compose"
	"github.com/sirupsen/logrus"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// Up makes the containers of a compose project folder, which may have none yet,
// and starts them. Without files it takes those that .env or compose's own
// defaults name. With wait it returns when everything is healthy, or fails.
func (h *Host) Up(ctx context.Context, dir, project string, files []string, wait time.Duration) error {
	p, err := load(ctx, supabase.Source{Dir: dir, Compose: files, Project: project})
	if err != nil {
		return err
	}
	return h.up(ctx, p, upOptions{wait: wait})
}

// Down removes the containers and networks of a project, and its volumes with
// their data when volumes is set. A project of which nothing is left is no error.
func (h *Host) Down(ctx context.Context, project string, volumes bool) error {
	return h.compose(ctx, project, "removing "+project, func(svc api.Compose) error {
		return svc.Down(ctx, project, api.DownOptions{RemoveOrphans: true, Volumes: volumes})
	})
}

// upOptions says which services up is about; the zero value means all, those
// that differ, without waiting.
type upOptions struct {
	services []string // compose service names
	leave    []string // compose services that are made and not started
	recreate bool
	wait     time.Duration
}

func (h *Host) up(ctx context.Context, p *types.Project, o upOptions) error {
	p, err := choose(p, o)
	if err != nil {
		return err
	}
	create := api.CreateOptions{Services: o.services, IgnoreOrphans: true, Inherit: true,
		Recreate: api.RecreateDiverged, RecreateDependencies: api.RecreateDiverged}
	if o.recreate {
		create.Recreate = api.RecreateForce
	}
	start := api.StartOptions{Project: p, Wait: o.wait > 0, WaitTimeout: o.wait}
	return h.compose(ctx, p.Name, "bringing up "+p.Name, func(svc api.Compose) error {
		if len(o.leave) > 0 {
			if err := svc.Create(ctx, p, create); err != nil {
				return err
			}
			start.Project = p.WithServicesDisabled(o.leave...) // in which nothing waits for them, either
			return svc.Start(ctx, p.Name, start)
		}
		return svc.Up(ctx, p, api.UpOptions{Create: create, Start: start})
	})
}

// choose narrows the project to the wanted services: with what they depend on,
// or, when they are to be recreated, alone.
func choose(p *types.Project, o upOptions) (*types.Project, error) {
	if len(o.services) == 0 {
		return p, nil
	}
	var alone []types.DependencyOption
	if o.recreate {
		alone = append(alone, types.IgnoreDependencies)
	}
	p, err := p.WithSelectedServices(o.services, alone...)
	if err != nil {
		return nil, &core.Error{Code: core.NotFound, Message: "the compose files do not have every service of " + strings.Join(o.services, ", "), Err: err}
	}
	return p.WithoutUnnecessaryResources(), nil
}

// load reads a compose project as the compose command does, except that the
// environment of this process does not win over the .env file: of it only HOME
// is seen, which paths may use.
func load(ctx context.Context, src supabase.Source) (*types.Project, error) {
	quiet()
	dir, err := filepath.Abs(src.Dir)
	if err != nil {
		return nil, err
	}
	env, envFiles := cmp.Or(src.Env, filepath.Join(dir, ".env")), []string{}
	if info, err := os.Stat(env); err == nil && info.Mode().IsRegular() {
		envFiles = append(envFiles, env)
	}
	options, err := cli.NewProjectOptions(src.Compose,
		cli.WithWorkingDirectory(dir),
		cli.WithEnv([]string{"HOME=" + os.Getenv("HOME"), "PWD=" + dir}),
		func(o *cli.ProjectOptions) error { o.EnvFiles = envFiles; return nil },
		cli.WithDotEnv,
		composeFiles(dir),
		cli.WithDefaultProfiles(),
		cli.WithName(src.Project))
	if err != nil {
		return nil, &core.Error{Code: core.Invalid, Message: "the compose project in " + dir + " cannot be read", Err: err}
	}
	p, err := options.LoadProject(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &core.Error{Code: core.Invalid, Message: "the compose files in " + dir + " cannot be rendered", Err: err}
	}
	return label(p, src.Env), nil
}

// composeFiles chooses the files when none are given: COMPOSE_FILE of .env,
// relative to the folder, else the default names in the folder itself; never,
// as compose would, those of a parent folder, which are another project.
func composeFiles(dir string) cli.ProjectOptionsFn {
	return func(o *cli.ProjectOptions) error {
		if list := o.Environment["COMPOSE_FILE"]; len(o.ConfigPaths) == 0 && list != "" {
			sep := cmp.Or(o.Environment["COMPOSE_PATH_SEPARATOR"], string(os.PathListSeparator))
			o.ConfigPaths = strings.Split(list, sep)
		}
		if len(o.ConfigPaths) == 0 {
			if err := cli.WithDefaultConfigPath(o); err != nil {
				return err
			}
			if len(o.ConfigPaths) == 0 || filepath.Dir(o.ConfigPaths[0]) != dir {
				return core.Errorf(core.NotFound, "there is no compose file in %s", dir)
			}
		}
		for i, path := range o.ConfigPaths {
			if !filepath.IsAbs(path) {
				o.ConfigPaths[i] = filepath.Join(dir, path)
			}
		}
		return nil
	}
}

// label gives every service the labels by which compose knows its containers,
// and the file of variables, unless that is .env.
func label(p *types.Project, env string) *types.Project {
	for name, s := range p.Services {
		s.CustomLabels = types.Labels{
			api.ProjectLabel:     p.Name,
			api.ServiceLabel:     name,
			api.VersionLabel:     api.ComposeVersion,
			api.WorkingDirLabel:  p.WorkingDir,
			api.ConfigFilesLabel: strings.Join(p.ComposeFiles, ","),
			api.OneoffLabel:      "False",
		}
		if env != "" && env != filepath.Join(p.WorkingDir, ".env") {
			s.CustomLabels[api.EnvironmentFileLabel] = env
		}
		p.Services[name] = s
	}
	return p.WithoutUnnecessaryResources()
}

// compose does one thing with the compose library while it holds the project:
// two at once on one project would make two networks of one name.
func (h *Host) compose(ctx context.Context, project, doing string, do func(api.Compose) error) error {
	release, err := hold(ctx, h.end.host+" "+project)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer release()
	svc, err := h.composeService()
	if err != nil {
		return &core.Error{Code: core.Internal, Message: doing, Err: err}
	}
	return h.composeError(ctx, doing, do(svc))
}

func (h *Host) composeService() (api.Compose, error) {
	quiet()
	docker, err := command.NewDockerCli(command.WithCombinedStreams(io.Discard), command.WithUserAgent("basewright"))
	if err != nil {
		return nil, err
	}
	where := &flags.ClientOptions{Context: h.end.context}
	if h.end.context == "" {
		where.Hosts = []string{h.end.host}
		where.TLS, where.TLSOptions = h.end.tls != nil, h.end.tls
	}
	if err := docker.Initialize(where); err != nil {
		return nil, err
	}
	return compose.NewComposeService(docker, compose.WithPrompt(refuse), compose.WithMaxConcurrency(4))
}

// refuse answers no to what compose asks, such as whether to recreate a volume
// whose definition changed, which would lose its data.
func refuse(string, bool) (bool, error) { return false, nil }

// composeError gives compose's plain error strings a code. Compose hides a
// cancelled context behind a text of its own, and a vanished engine too.
func (h *Host) composeError(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	if gone := h.ping(ctx); gone != nil {
		return &core.Error{Code: core.Unreachable,
			Message: fmt.Sprintf("the Docker Engine at %s stopped answering while %s", h.end.host, doing), Err: errors.Join(err, gone)}
	}
	for _, known := range composeCodes {
		if strings.Contains(err.Error(), known.text) {
			return &core.Error{Code: known.code, Message: doing, Err: err}
		}
	}
	return h.wrap(ctx, doing, err)
}

// composeCodes maps what compose says to codes; the first that fits counts.
// Source: pkg/compose of docker/compose v5.5.1 and the engine's own messages.
var composeCodes = []struct {
	text string
	code core.ErrorCode
}{
	{"port is already allocated", core.Conflict},
	{"address already in use", core.Conflict},
	{"in use by container", core.Conflict}, // a container's name
	{"matches found on name", core.Conflict},
	{"non-overlapping IPv4", core.Conflict}, // the engine has no subnet left
	{"No such image", core.NotFound},
	{"bind source path does not exist", core.NotFound},
	{"declared as external, but could not be found", core.NotFound},
	{"is unhealthy", core.Unreachable},
	{"application not healthy", core.Unreachable},
	{"exited (", core.Unreachable},
	{"no such host", core.Unreachable}, // a registry
}

// quiet stops the compose libraries from writing to this process's stderr.
var quiet = sync.OnceFunc(func() { logrus.SetOutput(io.Discard) })
