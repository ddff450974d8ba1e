package docker

import (
	"context"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
)

// Fetch pulls those of the images that are not on the engine, with the logins that
// people gave their Docker command. It touches no container.
func (h *Host) Fetch(ctx context.Context, project string, images []string) error {
	p := &types.Project{Name: project, Services: types.Services{}}
	for i, ref := range images {
		if err := h.onEngine(ctx, ref); err == nil {
			continue
		}
		name := "image-" + strconv.Itoa(i+1)
		p.Services[name] = types.ServiceConfig{Name: name, Image: ref, PullPolicy: types.PullPolicyMissing}
	}
	if len(p.Services) == 0 {
		return nil
	}
	return h.compose(ctx, project, "getting images for "+project, func(svc api.Compose) error {
		return svc.Pull(ctx, p, api.PullOptions{Quiet: true})
	})
}
