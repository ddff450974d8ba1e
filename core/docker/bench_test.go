package docker

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/pkg/stdcopy"
	"golang.org/x/sync/errgroup"

	"github.com/basewright/basewright/core"
)

// elevenServices is a stack of as many containers as upstream's, each with a
// full log.
func elevenServices() string {
	var b strings.Builder
	b.WriteString("services:\n")
	for _, s := range []string{"db", "auth", "rest", "kong", "realtime", "storage", "imgproxy", "meta", "functions", "supavisor", "studio"} {
		fmt.Fprintf(&b, "  %s:\n    image: ${IMAGE}\n    LABELS\n    environment: {PORT: \"4000\", LINES: \"300\", SECRET: \"${POSTGRES_PASSWORD}\"}\n", s)
	}
	return b.String()
}

// BenchmarkObserve measures Observe beside the least that has to be asked of
// the engine for the same facts: one list, then inspect and log tail of each
// container, several at a time, with nothing done to the answers but reading.
func BenchmarkObserve(b *testing.B) {
	h := engine(b)
	e := open(b, h, elevenServices(), nil)
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			floor(b, h, e.instance)
		}
	})
	b.Run("observe", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			o, err := e.Observe(b.Context())
			if err != nil || len(o.Containers) != 11 || len(o.Gaps) != 0 || len(o.Containers[10].Logs) != tailLines {
				b.Fatalf("got %v, %v", o, err)
			}
		}
	})
}

func floor(b *testing.B, h *Host, i core.Instance) {
	ctx := b.Context()
	all, err := h.api.ContainerList(ctx, container.ListOptions{All: true,
		Filters: filters.NewArgs(filters.Arg("label", projectLabel+"="+i.Project))})
	if err != nil {
		b.Fatal(err)
	}
	var work errgroup.Group
	work.SetLimit(parallel)
	for _, c := range all {
		work.Go(func() error {
			if _, err := h.api.ContainerInspect(ctx, c.ID); err != nil {
				return err
			}
			r, err := h.api.ContainerLogs(ctx, c.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: "200"})
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = stdcopy.StdCopy(io.Discard, io.Discard, r)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		b.Fatal(err)
	}
}
