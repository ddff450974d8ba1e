package main

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// mirror is a prefix of its own for the lab's images, in which one can be spoilt.
type mirror struct {
	t            *testing.T
	api          *client.Client
	from, prefix string
	made         []string // its tags
}

// mirrorOf gives every image of the lab a second name.
func mirrorOf(t *testing.T) *mirror {
	t.Helper()
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	m := &mirror{t: t, api: api, from: imagePrefix()}
	m.prefix = m.from + "-mirror"
	t.Cleanup(m.remove)
	for _, ref := range m.refs() {
		m.tag(ref, m.prefix+strings.TrimPrefix(ref, m.from))
	}
	return m
}

// refs are the names of the lab's images.
func (m *mirror) refs() []string {
	m.t.Helper()
	list, err := m.api.ImageList(context.Background(), image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", m.from+"/*"))})
	if err != nil {
		m.t.Fatal(err)
	}
	var refs []string
	for _, i := range list {
		for _, tag := range i.RepoTags {
			if strings.HasPrefix(tag, m.from+"/") {
				refs = append(refs, tag)
			}
		}
	}
	return refs
}

func (m *mirror) tag(ref, name string) {
	m.t.Helper()
	if err := m.api.ImageTag(context.Background(), ref, name); err != nil {
		m.t.Fatal(err)
	}
	if !slices.Contains(m.made, name) {
		m.made = append(m.made, name)
	}
}

func (m *mirror) remove() {
	for _, ref := range m.made {
		if _, err := m.api.ImageRemove(context.Background(), ref, image.RemoveOptions{Force: true}); err != nil {
			m.t.Error(err)
		}
	}
	_ = m.api.Close()
}

const newAuth = "/gotrue:v2.196.0"

func (m *mirror) mendAuth() { m.tag(m.from+newAuth, m.prefix+newAuth) }

// spoilAuth puts an image in the place of the new auth that does what a failing
// migration would: it notes one, and dies.
func (m *mirror) spoilAuth() {
	m.t.Helper()
	dockerfile := `FROM ` + m.from + `/postgres:15.8.1.060 AS postgres
FROM scratch
COPY --from=postgres / /
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin
ENTRYPOINT ["sh", "-c", "psql \"$GOTRUE_DB_DATABASE_URL\" -c \"insert into auth.schema_migrations values ('99990101000000')\"; exit 1"]
`
	var files bytes.Buffer
	t := tar.NewWriter(&files)
	if err := t.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(dockerfile))}); err != nil {
		m.t.Fatal(err)
	}
	if _, err := t.Write([]byte(dockerfile)); err != nil {
		m.t.Fatal(err)
	}
	if err := t.Close(); err != nil {
		m.t.Fatal(err)
	}
	answer, err := m.api.ImageBuild(m.t.Context(), &files, build.ImageBuildOptions{Tags: []string{m.prefix + newAuth}, Remove: true, ForceRemove: true, Version: build.BuilderV1})
	if err != nil {
		m.t.Fatal(err)
	}
	defer answer.Body.Close()
	if out, err := io.ReadAll(answer.Body); err != nil || !bytes.Contains(out, []byte("Successfully tagged")) {
		m.t.Fatalf("%v\n%s", err, out)
	}
}
