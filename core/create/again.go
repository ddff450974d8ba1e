package create

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/basewright/basewright/configs"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// Rendered is a release as it would be written for one instance.
type Rendered struct {
	Env     core.EnvFile
	Files   map[string]string // by their names in the folder, without the .env
	Secrets []string          // variables of Env that hold secrets
	Images  map[string]string // what each IMAGE_ variable of the compose file stands for
}

// Again renders a release for the instance that has this .env: with its name,
// ports, network, addresses and secrets, and else what the release itself says. A
// secret that the .env lacks is empty. A .env that no release here was made of is a
// core.Invalid error.
func Again(release string, env core.EnvFile) (Rendered, error) {
	o, subnet := orderFrom(env)
	if o.ID == "" || subnet == "" {
		return Rendered{}, core.Errorf(core.Invalid, "%s names no stack and no network (STACK_NAME, STACK_SUBNET), so it was not made by Basewright", env.Path)
	}
	o.Release = release
	r := Rendered{Files: map[string]string{}, Images: map[string]string{}}
	var err error
	if o.Images, o.PG, err = imagesFrom(release, env); err != nil {
		return r, err
	}
	text, err := fillEnv(o, subnet, func(key string) (core.Secret, error) {
		r.Secrets = append(r.Secrets, key)
		v, _ := env.Lookup(key)
		return v, nil
	})
	if err != nil {
		return r, err
	}
	if r.Env.Vars, err = supabase.ParseEnv(text); err != nil {
		return r, err
	}
	images, err := imagesOf(o)
	for _, i := range images {
		r.Images[i.Variable] = i.Ref
	}
	if err != nil {
		return r, err
	}
	return r, r.read(o)
}

// read takes in the files that a stack has of its release.
func (r Rendered) read(o Order) error {
	fsys, err := configs.Release(o.Release)
	if err != nil {
		return fmt.Errorf("release %s: %w", o.Release, err)
	}
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == "env.tmpl" || !o.wants(name) {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		r.Files[name] = string(text)
		return err
	})
}

// orderFrom is the order that an instance with this .env would be made by.
func orderFrom(env core.EnvFile) (o Order, subnet string) {
	text := func(key string) string { v, _ := env.Lookup(key); return v.Reveal() }
	number := func(key string) int { n, _ := strconv.Atoi(text(key)); return n } // 0, as it would be chosen
	password, _ := env.Lookup("SMTP_PASS")
	_, limited := env.Lookup("MEMORY_DB")
	overlaid := strings.Split(text("COMPOSE_FILE"), ":")
	gateway := Kong
	if slices.Contains(overlaid, "docker-compose.envoy.yml") {
		gateway = Envoy
	}
	return Order{
		Gateway: gateway, Logs: slices.Contains(overlaid, "docker-compose.logs.yml"), MemoryLimits: limited,
		ID: text("STACK_NAME"), Name: cmp.Or(text("STUDIO_DEFAULT_PROJECT"), text("STACK_NAME")),
		URL: text("SUPABASE_PUBLIC_URL"), SiteURL: text("SITE_URL"), Bind: strings.Trim(text("BIND_ADDRESS"), "[]"),
		Ports:         Ports{number("KONG_HTTP_PORT"), number("POSTGRES_PORT"), number("POOLER_PROXY_PORT_TRANSACTION")},
		DashboardUser: text("DASHBOARD_USERNAME"),
		SMTP:          SMTP{Host: text("SMTP_HOST"), User: text("SMTP_USER"), From: text("SMTP_ADMIN_EMAIL"), Port: number("SMTP_PORT"), Password: password},
	}, text("STACK_SUBNET")
}

// Like is the order for another instance of a release that is as the one with this
// .env: of the same images and major version of PostgreSQL, with ports, network and
// address of its own, and without its mail server, since nobody is to get mails of it.
func Like(release string, env core.EnvFile) (Order, error) {
	was, _ := orderFrom(env)
	o := Order{Release: release, Gateway: was.Gateway, Logs: was.Logs, MemoryLimits: was.MemoryLimits}
	var err error
	o.Images, o.PG, err = imagesFrom(release, env)
	return o, err
}

// imagesFrom finds the prefix that most images of a .env have, and the major
// version of PostgreSQL that it keeps.
func imagesFrom(release string, env core.EnvFile) (prefix string, pg int, err error) {
	own, err := imagesOf(Order{Release: release, PG: 17})
	if err != nil {
		return "", 0, err
	}
	seen := map[string]int{}
	for _, i := range own {
		v, _ := env.Lookup(i.Variable)
		name := repository(v.Reveal())
		if at := strings.LastIndexByte(name, '/'); at > 0 && name != repository(i.Ref) && name[at:] == "/"+last(repository(i.Ref)) {
			seen[name[:at]]++
		}
	}
	for p, n := range seen {
		if 2*n > len(own) { // a single one is a pin
			prefix = p
		}
	}
	pg = 17
	if v, _ := env.Lookup("IMAGE_POSTGRES"); strings.HasPrefix(supabase.Tag(v.Reveal()), "15.") {
		pg = 15
	}
	return prefix, pg, nil
}

func repository(ref string) string { return strings.TrimSuffix(ref, ":"+supabase.Tag(ref)) }

func last(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
