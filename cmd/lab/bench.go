package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
)

// bench is one stack on the engine with the tools that faults need.
type bench struct {
	stack
	lab *lab
	api *client.Client

	hurry bool // not to wait until a mended stack is healthy
}

func (l *lab) bench(ctx context.Context, name string) (*bench, error) {
	s, err := l.known(name)
	if err != nil {
		return nil, err
	}
	api, err := l.api(ctx)
	if err != nil {
		return nil, err
	}
	return &bench{stack: s, lab: l, api: api}, nil
}

// engine is the stack's core.Engine.
func (b *bench) engine() *docker.Engine {
	return b.lab.host.Open(core.Instance{ID: b.name, Name: b.name, Project: b.name, Dir: b.dir,
		Files: b.files(), Mode: core.Control})
}

// up makes all containers what the files say, without waiting.
func (b *bench) up(ctx context.Context) error { return b.lab.compose(ctx, b.stack, 0) }

// recreate makes a service's container anew from the files, alone.
func (b *bench) recreate(ctx context.Context, s core.Service) error {
	return b.engine().Up(ctx, core.UpRequest{Services: []core.Service{s}, Recreate: true})
}

// with recreates a service while .env has other values, and puts those of
// before back: the container and the file then disagree.
func (b *bench) with(ctx context.Context, s core.Service, values map[string]string) error {
	env, err := b.env()
	if err != nil {
		return err
	}
	before := map[string]string{}
	for key := range values {
		before[key] = env[key]
	}
	if err := b.setEnv(values); err != nil {
		return err
	}
	return errors.Join(b.recreate(ctx, s), b.setEnv(before))
}

// restart restarts services at once; one that does not come up again is the
// point.
func (b *bench) restart(ctx context.Context, services ...core.Service) error {
	errs := make([]error, len(services))
	var wg sync.WaitGroup
	for i, s := range services {
		wg.Go(func() {
			if err := b.engine().Restart(ctx, s); err != nil {
				errs[i] = fmt.Errorf("restart %s: %w", s, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// sql runs statements as superuser over the database's own loopback, which
// needs no password.
func (b *bench) sql(ctx context.Context, database, text string) (string, error) {
	out, err := b.engine().Exec(ctx, core.DB, core.Command{
		Args:  []string{"psql", "-h", "127.0.0.1", "-U", "supabase_admin", "-d", database, "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-qAt", "-f", "-"},
		Stdin: []byte(text),
	})
	if err != nil {
		return "", fmt.Errorf("ask the database of %s: %w", b.name, err)
	}
	return strings.TrimSpace(out), nil
}

// serviceNames are the compose services of the roles that faults touch.
var serviceNames = map[core.Service]string{core.Gateway: "kong", core.Pooler: "supavisor"}

// container inspects the container of a service.
func (b *bench) container(ctx context.Context, s core.Service) (container.InspectResponse, error) {
	name := string(s)
	if n, ok := serviceNames[s]; ok {
		name = n
	}
	list, err := b.api.ContainerList(ctx, container.ListOptions{All: true,
		Filters: labels(label+"=1", projectLabel+"="+b.name, serviceLabel+"="+name)})
	if err != nil {
		return container.InspectResponse{}, err
	}
	if len(list) == 0 {
		return container.InspectResponse{}, core.Errorf(core.NotFound, "stack %s has no container of %s", b.name, name)
	}
	return b.api.ContainerInspect(ctx, list[0].ID)
}

// remove removes a service's container, so that up makes it anew.
func (b *bench) remove(ctx context.Context, s core.Service) error {
	c, err := b.container(ctx, s)
	if err != nil && core.CodeOf(err) == core.NotFound {
		return nil //nolint:nilerr // it is gone already
	}
	if err != nil {
		return err
	}
	err = b.api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// alter makes a service's container anew with a change that no file has, as
// somebody would by hand.
func (b *bench) alter(ctx context.Context, s core.Service, change func(*container.Config, *container.HostConfig)) error {
	return b.alterWith(ctx, s, change, func(string) error { return nil })
}

// alterWith is alter with something done to the new container before it starts.
func (b *bench) alterWith(ctx context.Context, s core.Service, change func(*container.Config, *container.HostConfig), prepare func(id string) error) error {
	c, err := b.container(ctx, s)
	if err != nil {
		return err
	}
	c.Config.Hostname = "" // the engine's choice, not the old container's ID
	change(c.Config, c.HostConfig)
	nets := map[string]*network.EndpointSettings{}
	for name, e := range c.NetworkSettings.Networks {
		nets[name] = &network.EndpointSettings{Aliases: aliases(c, e)}
	}
	if err := b.remove(ctx, s); err != nil {
		return err
	}
	made, err := b.api.ContainerCreate(ctx, c.Config, c.HostConfig, &network.NetworkingConfig{EndpointsConfig: nets}, nil, strings.TrimPrefix(c.Name, "/"))
	if err != nil {
		return err
	}
	if err := prepare(made.ID); err != nil {
		return err
	}
	return b.api.ContainerStart(ctx, made.ID, container.StartOptions{})
}

// aliases are the names of a container on a network, without its own ID.
func aliases(c container.InspectResponse, e *network.EndpointSettings) []string {
	var out []string
	for _, a := range e.Aliases {
		if !strings.HasPrefix(c.ID, a) {
			out = append(out, a)
		}
	}
	return out
}

// logs returns the last lines that a service wrote.
func (b *bench) logs(ctx context.Context, s core.Service) string {
	c, err := b.container(ctx, s)
	if err != nil {
		return ""
	}
	r, err := b.api.ContainerLogs(ctx, c.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "40", Since: c.State.StartedAt})
	if err != nil {
		return ""
	}
	defer r.Close()
	var out bytes.Buffer
	_, _ = stdcopy.StdCopy(&out, &out, io.LimitReader(r, 1<<20)) // as much as there is
	return out.String()
}

// answer is what the gateway says to a client with a key of .env.
type answer struct {
	status int
	body   string
}

func (a answer) String() string {
	return fmt.Sprintf("%d %s", a.status, strings.Join(strings.Fields(a.body), " "))
}

// get asks the gateway as a client would, with the key that .env names.
func (b *bench) get(ctx context.Context, path, keyName string) (answer, error) {
	return b.ask(ctx, http.MethodGet, path, keyName, nil)
}

func (b *bench) ask(ctx context.Context, method, path, keyName string, body []byte) (answer, error) {
	env, err := b.env()
	if err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	url := "http://127.0.0.1:" + env["KONG_HTTP_PORT"] + path
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("apikey", env[keyName])
	r.Header.Set("Authorization", "Bearer "+env[keyName])
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return answer{resp.StatusCode, string(text)}, err
}
