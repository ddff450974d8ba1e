package docker

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/basewright/basewright/core"
)

// harms are what a change may do to a stack before it is undone.
var harms = map[string]func(t *testing.T, h *Host, e *Engine){
	"containers removed": removeAllContainers,
	"the stack taken down, networks too": func(t *testing.T, h *Host, e *Engine) {
		if err := h.Down(t.Context(), e.instance.Project, false); err != nil {
			t.Fatal(err)
		}
	},
	"recreated with another environment": func(t *testing.T, h *Host, e *Engine) {
		f, err := e.ReadFile(t.Context(), ".env")
		if err != nil {
			t.Fatal(err)
		}
		f.Data = append(f.Data, "POSTGRES_PASSWORD=other\n"...)
		if err := e.WriteFile(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if err := e.Up(t.Context(), core.UpRequest{}); err != nil {
			t.Fatal(err)
		}
	},
	"stopped, renamed and off its network": func(t *testing.T, h *Host, e *Engine) {
		auth, err := e.running(t.Context(), core.Auth)
		if err != nil {
			t.Fatal(err)
		}
		h.api.ContainerStop(t.Context(), auth.ID, container.StopOptions{})
		h.api.ContainerRename(t.Context(), auth.ID, auth.Name+"-gone")
		if err := h.api.NetworkDisconnect(t.Context(), e.instance.Project+"_back", auth.ID, true); err != nil {
			t.Fatal(err)
		}
	},
}

func TestRecoverBringsBackEverything(t *testing.T) {
	for name, harm := range harms {
		t.Run(name, func(t *testing.T) {
			h, e := openFull(t)
			captured, err := e.Capture(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			before := inspected(t, e)
			harm(t, h, e)
			if err := e.Recover(t.Context(), captured); err != nil {
				t.Fatal(err)
			}
			after, first := inspected(t, e), ids(t, e)
			if !reflect.DeepEqual(before, after) {
				differ(t, "", before, after)
			}
			if err := e.Recover(t.Context(), captured); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(first, ids(t, e)) {
				t.Error("the second time made other containers")
			}
		})
	}
}

func TestRecoverRemovesWhatCameSince(t *testing.T) {
	h, e := openFull(t)
	captured, err := e.Capture(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := ids(t, e)
	auth, err := e.running(t.Context(), core.Auth)
	if err != nil {
		t.Fatal(err)
	}
	project := e.instance.Project
	create := func(name string, labels map[string]string) string {
		labels[testLabel] = project
		made, err := h.api.ContainerCreate(t.Context(), &container.Config{Image: auth.ImageID, Labels: labels}, nil,
			&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{project + "_back": {}}}, nil, name)
		if err != nil {
			t.Fatal(err)
		}
		return made.ID
	}
	create(project+"-new", map[string]string{projectLabel: project, serviceLabel: "studio", dirLabel: e.instance.Dir})
	stranger := create(project+"-stranger", map[string]string{projectLabel: project, serviceLabel: "db"})
	foreign := create(project+"-foreign", map[string]string{})
	oneOff := create(project+"-run", map[string]string{projectLabel: project, serviceLabel: "db", oneoffLabel: "True"})
	if err := e.Recover(t.Context(), captured); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before, ids(t, e)) {
		t.Fatal("other containers than before")
	}
	for _, id := range []string{foreign, oneOff, stranger} {
		if _, err := h.api.ContainerInspect(t.Context(), id); err != nil {
			t.Errorf("what is not the stack's was removed: %v", err)
		}
	}
}

func TestRecoverLeavesAStrangerItsName(t *testing.T) {
	h, e := openFull(t)
	captured, err := e.Capture(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	removeAllContainers(t, h, e)
	made, err := h.api.ContainerCreate(t.Context(), &container.Config{Image: stubImage(t, h), Labels: map[string]string{testLabel: e.instance.Project}},
		nil, nil, nil, e.instance.Project+"-database")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Recover(t.Context(), captured); core.CodeOf(err) != core.Conflict {
		t.Fatalf("err = %v", err)
	}
	if err := h.api.ContainerRemove(t.Context(), made.ID, container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if err := e.Recover(t.Context(), captured); err != nil {
		t.Fatal(err)
	}
}

func TestRecoverRefusesAnotherProject(t *testing.T) {
	e := (&Host{}).Open(core.Instance{Project: "mine"})
	data, _ := json.Marshal(capture{Version: captureVersion, Project: "yours"})
	if err := e.Recover(t.Context(), data); core.CodeOf(err) != core.Invalid {
		t.Fatalf("err = %v", err)
	}
}
