package create

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/basewright/basewright/configs"
)

// image is one image of a stack.
type image struct {
	Variable string // of the .env that names it: IMAGE_KONG
	Ref      string
}

// imageDefault matches ${IMAGE_KONG:-kong/kong:3.9.3} in a release's compose file.
var imageDefault = regexp.MustCompile(`\$\{(IMAGE_[A-Z_]+):-([^}]+)\}`)

// postgres15 is the image for stacks that stay with PostgreSQL 15. Source:
// supabase/supabase docker/docker-compose.pg15.yml.
const postgres15 = "supabase/postgres:15.8.1.060"

// imagesOf returns the images that a stack will run, in the order of the
// compose file.
func imagesOf(o Order) ([]image, error) {
	release, err := configs.Release(o.Release)
	if err != nil {
		return nil, fmt.Errorf("release %s: %w", o.Release, err)
	}
	text, err := fs.ReadFile(release, "docker-compose.yml")
	if err != nil {
		return nil, fmt.Errorf("release %s: %w", o.Release, err)
	}
	var out []image
	for _, m := range imageDefault.FindAllStringSubmatch(string(text), -1) {
		ref := m[2]
		if m[1] == "IMAGE_POSTGRES" && o.PG == 15 {
			ref = postgres15
		}
		if o.Images != "" {
			ref = strings.TrimRight(o.Images, "/") + "/" + ref[strings.LastIndexByte(ref, '/')+1:]
		}
		out = append(out, image{m[1], ref})
	}
	return out, nil
}

// overridden are the images that differ from the release's own and must stand
// in the .env.
func overridden(o Order) ([]image, error) {
	own := o
	own.Images, own.PG = "", 17
	normal, err := imagesOf(own)
	if err != nil {
		return nil, err
	}
	wanted, err := imagesOf(o)
	if err != nil {
		return nil, err
	}
	var out []image
	for i := range wanted {
		if wanted[i] != normal[i] {
			out = append(out, wanted[i])
		}
	}
	return out, nil
}

// containerNames are the names that a stack's containers will have. The first
// label of realtime's is the tenant that it reads out of the Host header.
func containerNames(id string) []string {
	names := []string{"realtime-dev." + id + "-realtime"}
	for _, s := range []string{"studio", "api-gw", "auth", "rest", "storage", "imgproxy", "meta", "edge-functions", "db", "pooler"} {
		names = append(names, id+"-"+s)
	}
	return names
}
