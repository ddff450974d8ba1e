package docker

import (
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
)

const twoServices = `
services:
  db:
    image: ${IMAGE}
    LABELS
    environment: {PORT: "5432", NAME: "${SOME_NAME}"}
    volumes: ["kept:/kept"]
    healthcheck: {test: ["CMD", "/stub", "healthy"], interval: 1s, retries: 5}
  auth:
    image: ${IMAGE}
    LABELS
    environment: {PORT: "9999"}
    depends_on: {db: {condition: service_healthy}}
volumes:
  kept: {LABELS}
`

func TestUpAndDown(t *testing.T) {
	h := engine(t)
	t.Setenv("SOME_NAME", "from the process")
	dir, project := stack(t, h, twoServices, map[string]string{".env": "IMAGE=" + stubImage(t, h) + "\nSOME_NAME='from the file'\n"})
	if err := h.Up(t.Context(), dir, project, nil, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	ours := filters.NewArgs(filters.Arg("label", projectLabel+"="+project))
	cs, err := h.api.ContainerList(t.Context(), container.ListOptions{Filters: ours})
	if err != nil || len(cs) != 2 {
		t.Fatalf("got %v, %v", cs, err)
	}
	if err := h.Down(t.Context(), project, false); err != nil {
		t.Fatal(err)
	}
	if vs, err := h.api.VolumeList(t.Context(), volume.ListOptions{Filters: ours}); err != nil || len(vs.Volumes) != 1 {
		t.Fatalf("volumes after down: %v, %v", vs, err)
	}
	if err := h.Down(t.Context(), project, true); err != nil {
		t.Fatal(err)
	}
	if vs, err := h.api.VolumeList(t.Context(), volume.ListOptions{Filters: ours}); err != nil || len(vs.Volumes) != 0 {
		t.Fatalf("volumes after down with volumes: %v, %v", vs, err)
	}
	if err := h.Down(t.Context(), project, true); err != nil {
		t.Fatalf("down again: %v", err)
	}
}
