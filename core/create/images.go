package create

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/basewright/basewright/configs"
	"github.com/basewright/basewright/core"
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

// imagesOf returns the images that a stack will run, in the order of its compose
// files.
func imagesOf(o Order) ([]image, error) {
	release, err := configs.Release(o.Release)
	if err != nil {
		return nil, fmt.Errorf("release %s: %w", o.Release, err)
	}
	var text []byte
	for _, name := range o.composeFiles() {
		data, err := fs.ReadFile(release, name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, core.Errorf(core.Invalid, "release %s has no %s, which the order needs", o.Release, name)
		}
		if err != nil {
			return nil, fmt.Errorf("release %s: %w", o.Release, err)
		}
		text = append(text, data...)
	}
	var out []image
	for _, m := range imageDefault.FindAllStringSubmatch(string(text), -1) {
		if m[1] == "IMAGE_KONG" && o.envoy() {
			continue // the overlay puts another in its place
		}
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
func containerNames(o Order) []string {
	names := []string{"realtime-dev." + o.ID + "-realtime"}
	services := []string{"studio", "api-gw", "auth", "rest", "storage", "imgproxy", "meta", "edge-functions", "db", "pooler"}
	if o.Logs {
		services = append(services, "analytics", "vector")
	}
	for _, s := range services {
		names = append(names, o.ID+"-"+s)
	}
	return names
}
