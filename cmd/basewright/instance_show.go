package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// shownInstance is an instance with what is known of it now.
type shownInstance struct {
	core.Instance
	Kept      bool           `json:"kept"` // Basewright keeps it
	Status    core.Status    `json:"status"`
	Diagnosed *time.Time     `json:"diagnosed_at"`
	Services  []shownService `json:"services"`
	Change    *shownChange   `json:"last_change"`
}

type shownService struct {
	Service   core.Service `json:"service"`
	Container string       `json:"container"`
	State     string       `json:"state"`
	Health    string       `json:"health,omitempty"`
	Image     string       `json:"image"`
	Ports     []string     `json:"ports"`
}

type shownChange struct {
	ID    string           `json:"id"`
	Title string           `json:"title"`
	State core.ChangeState `json:"state"`
	At    time.Time        `json:"at"`
}

func instanceShow(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "show INSTANCE", Short: "Show an instance: its services, ports, last diagnosis and last change", Example: "  basewright instance show shop", Args: exactly(1, "one instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			return g.showInstance(cmd.Context(), args[0], output)
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

func (g *global) showInstance(ctx context.Context, name, output string) error {
	host, err := g.engine(ctx)
	if err != nil {
		return err
	}
	w, err := openState(g, host)
	if err != nil {
		host.Close()
		return err
	}
	defer w.close()
	inst, err := w.known(ctx, name)
	if err != nil {
		return err
	}
	obs, err := host.Open(inst).Observe(ctx)
	if err != nil {
		return err
	}
	shown, err := describeInstance(ctx, w.store, inst, obs)
	if err != nil {
		return err
	}
	if output == "json" {
		return g.indented(shown)
	}
	return shown.print(g.console)
}

func describeInstance(ctx context.Context, s *store.Store, inst core.Instance, obs *core.Observation) (shownInstance, error) {
	v := shownInstance{Instance: inst, Status: core.Unknown, Services: []shownService{}}
	kept, err := s.Instance(ctx, inst.ID)
	switch {
	case err == nil:
		v.Kept, v.Name, v.Origin, v.Mode, v.Release = true, kept.Name, kept.Origin, kept.Mode, kept.Release
	case core.CodeOf(err) != core.NotFound:
		return v, err
	default:
		v.Mode = core.Observe
	}
	d, err := s.LastDiagnosis(ctx, inst.ID)
	if err == nil {
		v.Status, v.Diagnosed = d.Status, &d.Timestamp
	} else if core.CodeOf(err) != core.NotFound {
		return v, err
	}
	changes, err := s.Changes(ctx, inst.ID, 1)
	if err != nil {
		return v, err
	}
	for _, c := range changes {
		v.Change = &shownChange{c.ID, c.Plan.Title, c.State, c.Created}
	}
	for _, c := range obs.Containers {
		if c.Service == "" {
			continue
		}
		one := shownService{Service: c.Service, Container: c.Name, State: c.State, Health: c.Health, Image: c.Image, Ports: []string{}}
		for _, p := range c.Ports {
			if p.HostPort != 0 {
				one.Ports = append(one.Ports, fmt.Sprintf("%s:%d→%d", p.HostIP, p.HostPort, p.ContainerPort))
			}
		}
		v.Services = append(v.Services, one)
	}
	return v, nil
}

func (v shownInstance) print(c *console) error {
	fmt.Fprintf(c.out, "%s  %s\n", style{c.colour}.bold(printable(v.ID)), printable(v.Name))
	c.field("Project", printable(v.Project))
	c.field("Folder", printable(v.Dir))
	kept := string(v.Origin) + ", " + string(v.Mode)
	if !v.Kept {
		kept = "not kept by Basewright; `basewright instance adopt " + printable(v.Project) + "` does that"
	}
	c.field("Kept as", kept)
	if v.Release != "" {
		c.field("Release", printable(v.Release))
	}
	status := string(v.Status)
	if v.Diagnosed != nil {
		status += ", " + v.Diagnosed.Local().Format(time.DateTime)
	}
	c.field("Diagnosis", status)
	if v.Change != nil {
		c.field("Last change", printable(fmt.Sprintf("%s  %s, %s, %s", v.Change.ID, v.Change.Title, v.Change.State, v.Change.At.Local().Format(time.DateTime))))
	}
	fmt.Fprintln(c.out)
	t := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SERVICE\tSTATE\tHEALTH\tPORTS\tIMAGE\tCONTAINER")
	for _, s := range v.Services {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Service, s.State, s.Health, printable(strings.Join(s.Ports, " ")), printable(s.Image), printable(s.Container))
	}
	return t.Flush()
}
