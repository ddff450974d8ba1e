// Package supabase is what Basewright knows about Supabase: which image plays
// which role, how services depend on each other, how .env and compose files
// read, and how API keys are signed.
package supabase

import (
	"strings"

	"github.com/basewright/basewright/core"
)

// byImage maps the last part of an image repository to the role it plays,
// whatever registry or mirror prefix stands before it.
// Source: supabase/supabase docker/docker-compose*.yml, 2023 to 2026.
var byImage = map[string]core.Service{
	"gotrue":        core.Auth,
	"auth":          core.Auth,
	"postgrest":     core.Rest,
	"kong":          core.Gateway,
	"envoy":         core.Gateway,
	"realtime":      core.Realtime,
	"storage-api":   core.Storage,
	"imgproxy":      core.Imgproxy,
	"postgres-meta": core.Meta,
	"edge-runtime":  core.Functions,
	"supavisor":     core.Pooler,
	"pgbouncer":     core.Pooler,
	"logflare":      core.Analytics,
	"vector":        core.Vector,
	"studio":        core.Studio,
}

// byName maps compose service names to roles, for images built by hand and for
// images such as plain postgres that tell nothing.
var byName = map[string]core.Service{
	"db": core.DB, "postgres": core.DB, "database": core.DB,
	"auth": core.Auth, "gotrue": core.Auth,
	"rest": core.Rest, "postgrest": core.Rest,
	"kong": core.Gateway, "api-gw": core.Gateway, "envoy": core.Gateway, "gateway": core.Gateway,
	"realtime": core.Realtime,
	"storage":  core.Storage,
	"imgproxy": core.Imgproxy,
	"meta":     core.Meta, "pg-meta": core.Meta,
	"functions": core.Functions, "edge-functions": core.Functions,
	"supavisor": core.Pooler, "pooler": core.Pooler, "pgbouncer": core.Pooler,
	"analytics": core.Analytics, "logflare": core.Analytics,
	"vector": core.Vector,
	"studio": core.Studio,
}

// RoleOf returns the role of a compose service, or "" when it is not one of
// Supabase's. The image decides where it can, since people rename services more
// often than they rebuild images; container names are never asked.
func RoleOf(composeService, image string) core.Service {
	repo := repository(image)
	last := repo[strings.LastIndexByte(repo, '/')+1:]
	if role, ok := byImage[last]; ok {
		return role
	}
	if last == "postgres" && strings.Contains(repo, "supabase/") {
		return core.DB
	}
	return byName[strings.TrimPrefix(composeService, "supabase-")]
}

// Recognisable reports whether image is one that hardly anything but Supabase
// uses, so that its presence tells a Supabase stack from any other project.
func Recognisable(image string) bool {
	repo := repository(image)
	switch repo[strings.LastIndexByte(repo, '/')+1:] {
	case "gotrue", "postgrest", "storage-api", "postgres-meta", "edge-runtime", "supavisor", "logflare":
		return true
	case "postgres", "realtime", "studio":
		return strings.Contains(repo, "supabase/")
	}
	return false
}

// repository cuts the tag and the digest off an image reference. A colon before
// the last slash belongs to a registry's port.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	return image
}

// Tag returns the tag of an image reference, or "".
func Tag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[i+1:]
	}
	return ""
}

// Upstream lists what each service cannot work without. A failure of a service
// shows in all that lead to it along these edges.
// Source: environment and depends_on in supabase/supabase docker-compose.yml.
var Upstream = map[core.Service][]core.Service{
	core.DB:        {core.Host},
	core.Auth:      {core.DB},
	core.Rest:      {core.DB},
	core.Realtime:  {core.DB},
	core.Storage:   {core.DB},
	core.Meta:      {core.DB},
	core.Pooler:    {core.DB},
	core.Analytics: {core.DB},
	core.Imgproxy:  {core.Host},
	core.Vector:    {core.Host},
	core.Functions: {core.Host},
	core.Gateway:   {core.Host},
	core.Studio:    {core.Meta},
}
