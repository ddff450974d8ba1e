package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/basewright/basewright/core"
)

// rareFaults are of clients that hold what others need, of a gateway that was
// moved or opened, and of a stack that was copied.
func rareFaults() []fault {
	return []fault{
		inDatabase("REST-06", "A table was made after PostgREST had loaded the schema, and nothing told it.",
			`create table public.lab_unseen (id int primary key);
alter table public.lab_unseen owner to postgres, enable row level security;
grant select on public.lab_unseen to anon, authenticated, service_role;`,
			`select to_regclass('public.lab_unseen') is not null;`, `drop table if exists public.lab_unseen;`),
		{code: "PG-16", does: "Ten programs of the owner's stream changes, as many as the database allows.",
			apply: func(ctx context.Context, b *bench, _ saved) error {
				return b.client(ctx, "supabase_admin", `for i in $(seq 12); do while :; do psql -qAt "dbname=postgres replication=database" -c 'select pg_sleep(86400)' >/dev/null 2>&1; sleep 1; done & done; wait`)
			}, shows: sqlShows("postgres", `select count(*) >= current_setting('max_wal_senders')::int from pg_stat_replication;`), mend: clientsGone},
		{code: "PG-23", does: "A program of the owner's waits for a lock that another one does not give back.",
			apply: func(ctx context.Context, b *bench, _ saved) error {
				return b.client(ctx, "postgres", `for i in 1 2; do psql -qAt -c 'select pg_advisory_lock(7)' -c 'select pg_sleep(86400)' & done; wait`)
			}, shows: sqlShows("postgres", `select exists (select from pg_stat_activity where wait_event_type = 'Lock' and now() - query_start > interval '31 seconds');`), mend: clientsGone},
		asked("POOL-06", "Clients hold their sessions, and the pooler has no place for one more.", core.Pooler, "EMAXCONN", crowdPooler),
		edited("SEC-14", "The gateway no longer denies the way to Studio's MCP server.", answers("/mcp", "ANON_KEY", 405, ""),
			[]swap{{gatewayConfig, deniedMCP, openedMCP}}, core.Gateway),
		edited("SEC-09", "The gateway answers the anon key with the description of the API, as before release 0.7.0.", answers("/rest/v1/", "ANON_KEY", 200, "swagger"),
			[]swap{{gatewayConfig, "          - ~/rest/v1/?$\n", "          - ~/rest/v0/?$\n"}}, core.Gateway),
		{code: "GW-05", does: "Auth has got another address, and the gateway keeps the old one.", save: saveFiles(composeFile),
			apply: moveAuth, shows: keepsAddress, mend: restoreFilesAnd(core.Gateway, core.Auth)},
		{code: "GW-05-TAKEN", does: "Realtime has got another address, and the pooler the one that the gateway keeps for it.", save: saveFiles(composeFile),
			apply: takeAddress, shows: answers("/realtime/v1/api/ping", "ANON_KEY", 404, ""), mend: restoreFilesAnd(core.Gateway, core.Realtime, core.Pooler)},
		{code: "UPG-03", does: "The gateway's service was renamed, and Studio and functions still look for kong.", save: saveFiles(composeFile),
			apply: renameGateway, shows: answers("/auth/v1/health", "ANON_KEY", 200, ""), mend: gatewayBack},
		{code: "SEC-16", does: "Another stack on the host was made with a copy of this one's .env.", quiet: true,
			apply: makeTwin, shows: hasTwin, mend: func(ctx context.Context, b *bench, _ saved) error {
				return errors.Join(b.removeHelpers(ctx), os.RemoveAll(b.path(twinFolder)))
			}},
		{code: "DK-22-TWIN", does: "The databases of two stacks are on one network under one name.", quiet: true,
			apply: joinTwin, shows: hasTwin, mend: func(ctx context.Context, b *bench, s saved) error {
				return errors.Join(b.removeHelpers(ctx), leaveShared(ctx, b, s))
			}},
	}
}

const (
	deniedMCP = `      - name: mcp
        strip_path: true
        paths:
          - /mcp
    plugins:
      - name: request-termination
        config:
          status_code: 403
          message: "Access is forbidden."
`
	openedMCP = `      - name: mcp
        strip_path: true
        paths:
          - /mcp
    plugins:
      - name: cors
`
)

// crowdPooler lets one client in, and then a second one ask. The pooler takes as
// many as before afterwards: its log tells of it.
func crowdPooler(ctx context.Context, b *bench) error {
	env, err := b.env()
	if err != nil {
		return err
	}
	if _, err := b.sql(ctx, "_supabase", `update _supavisor.tenants set default_max_clients = 1;`); err != nil {
		return err
	}
	held := make(chan error, 1)
	go func() { held <- b.pooled(ctx, env["POSTGRES_PASSWORD"], "select pg_sleep(6);") }()
	time.Sleep(2 * time.Second) // for the first one to be let in
	refused := b.pooled(ctx, env["POSTGRES_PASSWORD"], "select 1;")
	_, back := b.sql(ctx, "_supabase", `update _supavisor.tenants set default_max_clients = 100;`)
	if err := errors.Join(<-held, back); err != nil {
		return err
	}
	if refused == nil {
		return errors.New("the pooler took a second client")
	}
	return nil
}

// moveAuth puts auth at another address while the gateway remembers the one that
// it had.
func moveAuth(ctx context.Context, b *bench, s saved) error {
	if err := rememberAddress(ctx, b, s, "/auth/v1/health"); err != nil {
		return err
	}
	_, err := b.readdress(ctx, core.Auth, lastAddress)
	return err
}

// takeAddress puts realtime at another address, and the pooler, which listens on
// the same port, at the one that the gateway remembers.
func takeAddress(ctx context.Context, b *bench, s saved) error {
	if err := rememberAddress(ctx, b, s, "/realtime/v1/api/ping"); err != nil {
		return err
	}
	before, err := b.readdress(ctx, core.Realtime, lastAddress)
	if err != nil {
		return err
	}
	_, err = b.readdress(ctx, core.Pooler, func(*network.EndpointSettings) (string, error) { return before, nil })
	if err != nil {
		return err
	}
	return errors.Join(b.restart(ctx, core.Realtime), b.restart(ctx, core.Pooler)) // their sessions with the database are cut off
}

// rememberAddress has the gateway keep addresses for long, as old compose files
// do, and asks it for path, so that it keeps one.
func rememberAddress(ctx context.Context, b *bench, s saved, path string) error {
	if err := b.swapAll(s, []swap{{composeFile, "      KONG_DNS_VALID_TTL: 5\n", ""}}); err != nil {
		return err
	}
	if err := b.recreate(ctx, core.Gateway); err != nil {
		return err
	}
	return poll(ctx, showTimeout, func(ctx context.Context) (bool, string) {
		a, err := b.get(ctx, path, "ANON_KEY")
		return err == nil && a.status == 200, a.short()
	})
}

// readdress puts a running service at another address of its network and returns
// the one that it had.
func (b *bench) readdress(ctx context.Context, s core.Service, pick func(*network.EndpointSettings) (string, error)) (before string, err error) {
	c, err := b.container(ctx, s)
	if err != nil {
		return "", err
	}
	for name, e := range c.NetworkSettings.Networks {
		to, err := pick(e)
		if err != nil {
			return "", err
		}
		before = e.IPAddress
		if err := b.api.NetworkDisconnect(ctx, e.NetworkID, c.ID, true); err != nil {
			return "", err
		}
		there := &network.EndpointSettings{Aliases: aliases(c, e), IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: to}}
		if err := b.api.NetworkConnect(ctx, e.NetworkID, c.ID, there); err != nil {
			return "", fmt.Errorf("put %s on %s again: %w", s, name, err)
		}
	}
	return before, nil
}

// keepsAddress has a client ask until the gateway tells that it went to where
// nobody is.
func keepsAddress(ctx context.Context, b *bench) (bool, string) {
	if a, err := b.get(ctx, "/auth/v1/health", "ANON_KEY"); err == nil && a.status < 500 {
		return false, "GET /auth/v1/health: " + a.short()
	}
	return logs(core.Gateway, "Host is unreachable")(ctx, b)
}

// lastAddress is one that the engine gives to nobody by itself for long.
func lastAddress(e *network.EndpointSettings) (string, error) {
	ip, err := netip.ParseAddr(e.IPAddress)
	if err != nil {
		return "", err
	}
	four := ip.As4()
	four[3] = 250
	return netip.AddrFrom4(four).String(), nil
}

// renameGateway calls the gateway's service as release 0.8.0 does, and forgets
// the name that others know it by.
func renameGateway(ctx context.Context, b *bench, s saved) error {
	if err := b.remove(ctx, core.Gateway); err != nil {
		return err
	}
	err := b.swapAll(s, []swap{
		{composeFile, "\n  kong:\n    <<: *lab\n", "\n  api-gw:\n    <<: *lab\n"},
		{composeFile, "    networks:\n      default:\n        aliases:\n          - api-gw\n", ""},
		{composeFile, "      kong:\n        condition: service_healthy\n", "      api-gw:\n        condition: service_healthy\n"},
	})
	if err != nil {
		return err
	}
	return b.up(ctx)
}

func gatewayBack(ctx context.Context, b *bench, s saved) error {
	err := b.api.ContainerRemove(ctx, b.name+"-kong", container.RemoveOptions{Force: true})
	if err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	return writeBackAnd()(ctx, b, s)
}

const twinFolder = ".twin"

// makeTwin makes what another stack needs to be seen as one, with a secret of
// this one in its .env.
func makeTwin(ctx context.Context, b *bench, _ saved) error {
	env, err := b.env()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.path(twinFolder), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(b.path(twinFolder+"/.env"), []byte("JWT_SECRET="+env["JWT_SECRET"]+"\n"), 0o600); err != nil {
		return err
	}
	return errors.Join(b.twinService(ctx, "auth", "gotrue", nil), b.twinService(ctx, "rest", "postgrest", nil))
}

// twinService creates a container of the twin, which never starts.
func (b *bench) twinService(ctx context.Context, service, image string, on *network.NetworkingConfig) error {
	_, err := b.api.ContainerCreate(ctx, &container.Config{Image: b.lab.imageOf(image),
		Labels: map[string]string{label: "1", labelStack: b.name, projectLabel: twin(b), serviceLabel: service,
			"com.docker.compose.project.working_dir": b.path(twinFolder)}}, nil, on, nil, twin(b)+"-"+service)
	return err
}

// joinTwin puts the database on a network on which the twin has one, too.
func joinTwin(ctx context.Context, b *bench, s saved) error {
	if err := joinShared(ctx, b, s); err != nil {
		return err
	}
	there := &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{sharedNetwork(b): {Aliases: []string{"db"}}}}
	return errors.Join(b.twinService(ctx, "auth", "gotrue", nil), b.twinService(ctx, "db", "postgres", there))
}

func twin(b *bench) string { return b.name + "-twin" }

func hasTwin(ctx context.Context, b *bench) (bool, string) {
	list, err := b.api.ContainerList(ctx, container.ListOptions{All: true, Filters: labels(label+"=1", projectLabel+"="+twin(b))})
	var names []string
	for _, c := range list {
		names = append(names, strings.Join(c.Names, " "))
	}
	return err == nil && len(names) == 2, "beside it are " + strings.Join(names, ", ")
}
