package supabase

import (
	"testing"

	"github.com/basewright/basewright/core"
)

func TestRoleOf(t *testing.T) {
	tests := map[string]struct {
		service, image string
		want           core.Service
	}{
		"upstream's auth": {"auth", "supabase/gotrue:v2.196.0", core.Auth},
		"a renamed service keeps its role by image":      {"login", "mirror.example:5000/supabase/gotrue:v2.196.0", core.Auth},
		"a digest instead of a tag":                      {"x", "postgrest/postgrest@sha256:00ff", core.Rest},
		"the gateway of 2026 by image":                   {"api-gw", "envoyproxy/envoy:v1.39.1", core.Gateway},
		"an image built by hand is known by the service": {"storage", "acme/files:3", core.Storage},
		"supabase's own database image":                  {"pg", "supabase/postgres:17.6.1.136", core.DB},
		"plain postgres is the database when it is db":   {"db", "postgres:15", core.DB},
		"plain postgres of another application is not":   {"umami-db", "postgres:15", ""},
		"an instance's number in the service name":       {"supabase-auth", "acme/x", core.Auth},
		"anything else is none of Supabase's":            {"minio", "minio/minio:latest", ""},
		"a registry's port is no tag":                    {"x", "localhost:5000/kong", core.Gateway},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := RoleOf(tt.service, tt.image); got != tt.want {
				t.Errorf("RoleOf(%q, %q) = %q, want %q", tt.service, tt.image, got, tt.want)
			}
		})
	}
}
