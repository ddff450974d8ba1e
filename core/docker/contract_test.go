package docker

import (
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

const smallStack = `
services:
  db:
    image: ${IMAGE}
    LABELS
    environment: {PORT: "5432", POSTGRES_PASSWORD: "${POSTGRES_PASSWORD}"}
    stop_grace_period: 3s
  auth:
    image: ${IMAGE}
    LABELS
    environment: {PORT: "9999", NAME: auth, LINES: "300"}
    ports: ["127.0.0.1::9999"]
    depends_on: [db]
`

// open brings up a stack and returns its engine.
func open(t testing.TB, h *Host, compose string, files map[string]string) *Engine {
	t.Helper()
	if files == nil {
		files = map[string]string{}
	}
	files[".env"] += "\nIMAGE=" + stubImage(t, h) + "\nPOSTGRES_PASSWORD='planted secret'\n"
	dir, project := stack(t, h, compose, files)
	if err := h.Up(t.Context(), dir, project, nil, 0); err != nil {
		t.Fatal(err)
	}
	e := h.Open(core.Instance{ID: core.Slug(project), Project: project, Dir: dir, Files: []string{dir + "/docker-compose.yml"}})
	if compose == smallStack {
		listening(t, e, core.Address{Service: core.DB, Port: 5432})
		listening(t, e, core.Address{Service: core.Auth, Port: 9999})
	}
	return e
}

// listening waits until somebody answers at a.
func listening(t testing.TB, e *Engine, a core.Address) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		conn, err := e.Dial(t.Context(), a)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestContract(t *testing.T) {
	h := engine(t)
	coretest.TestEngine(t, func(t *testing.T) core.Engine { return open(t, h, smallStack, nil) })
}
