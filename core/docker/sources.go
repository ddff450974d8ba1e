package docker

import (
	"context"
	"slices"

	"github.com/basewright/basewright/core"
)

// Containers asks for the containers of the instance as they are now, without
// their logs. Strangers that carry the project's labels are left out.
func (e *Engine) Containers(ctx context.Context) ([]core.Container, error) {
	all, err := e.refresh(ctx)
	return slices.DeleteFunc(slices.Clone(all), func(c core.Container) bool { return c.ComposeService == "" }), err
}
