package diagnose

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/basewright/basewright/core"
)

// featuresSQL names extensions and roles. Of a password and of a role's settings
// only a digest leaves the database.
const featuresSQL = `
select 'extension', extname, extversion from pg_extension
union all
select 'role', a.rolname, concat_ws(' ', case when a.rolsuper then 'superuser' end, case when a.rolcanlogin then 'login' end,
    case when a.rolbypassrls then 'bypassrls' end, case when a.rolreplication then 'replication' end, case when a.rolcreaterole then 'createrole' end)
  from pg_authid a where a.rolname !~ '^pg_'
union all
select 'role password', a.rolname, encode(sha256(convert_to(a.rolpassword, 'UTF8')), 'hex') from pg_authid a where a.rolpassword is not null
union all
select 'role settings', a.rolname, encode(sha256(convert_to(array_to_string(s.setconfig, chr(10)), 'UTF8')), 'hex')
  from pg_db_role_setting s join pg_authid a on a.oid = s.setrole where s.setdatabase = 0`

// Features returns what of the instance may change: images, variables, compose
// services, extensions, roles and disks. What cannot be looked at is left out.
func Features(ctx context.Context, t core.Target) core.Features {
	f := core.Features{}
	for _, c := range t.Containers {
		if c.Service == "" {
			continue
		}
		f.Set("image", string(c.Service), c.Image+" "+shortID(c.ImageID))
		for key, v := range c.Env {
			f.Set("env:"+string(c.Service), key, t.Key.Of(v))
		}
	}
	for _, v := range t.Env.Vars {
		value, _ := t.Env.Lookup(v.Key)
		f.Set(".env", v.Key, t.Key.Of(value))
	}
	for _, s := range t.Compose.Services {
		s.Env = nil // what it comes to is in the containers, or will be
		text, err := json.Marshal(s)
		if err == nil {
			f.Set("compose", s.Name, t.Key.Of(core.Secret(text)))
		}
	}
	for _, d := range t.Host.Disks {
		if d.Total > 0 {
			f.Set("disk", d.Path, fmt.Sprintf("%d %% used", 10*((100-100*d.Free/d.Total)/10)))
		}
	}
	databaseFeatures(ctx, t, f)
	return f
}

func databaseFeatures(ctx context.Context, t core.Target, f core.Features) {
	if db, ok := t.Container(core.DB); !ok || db.State != "running" || t.Inspector == nil {
		return
	}
	rows, err := t.Query(ctx, "postgres", featuresSQL)
	if err != nil {
		return // the checks say why
	}
	for _, r := range rows {
		if len(r) != 3 {
			continue
		}
		area, name, value := r[0], r[1], r[2]
		if area != "extension" && area != "role" {
			value = t.Key.Of(core.Secret(value))
		}
		f.Set(area, name, value)
	}
}

// shortID is the beginning of an image's ID, as people write it.
func shortID(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), 12)]
}
