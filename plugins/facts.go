package plugins

import "github.com/basewright/basewright/core"

// facts are what a plugin is told of an instance. No environment and no label is in
// them, since these hold secrets.
type facts struct {
	Instance   string      `json:"instance"`
	Name       string      `json:"name"`
	Project    string      `json:"project"`
	Containers []container `json:"containers"`
}

type container struct {
	Service   core.Service      `json:"service"`
	Name      string            `json:"name"`
	Image     string            `json:"image"`
	State     string            `json:"state"`
	Health    string            `json:"health"`
	Restarts  int               `json:"restarts"`
	Addresses map[string]string `json:"addresses"` // by network
	Ports     []port            `json:"ports"`     // published
}

type port struct {
	Host      string `json:"host"`
	HostPort  int    `json:"host_port"`
	Container int    `json:"container_port"`
	Proto     string `json:"proto"`
}

func factsOf(o *core.Observation) facts {
	f := facts{Instance: o.Instance.ID, Name: o.Instance.Name, Project: o.Instance.Project, Containers: []container{}}
	for _, c := range o.Containers {
		told := container{Service: c.Service, Name: c.Name, Image: c.Image, State: c.State, Health: c.Health, Restarts: c.Restarts, Addresses: map[string]string{}, Ports: []port{}}
		for _, e := range c.Networks {
			told.Addresses[e.Network] = e.IP
		}
		for _, p := range c.Ports {
			if p.HostPort != 0 {
				told.Ports = append(told.Ports, port{p.HostIP, p.HostPort, p.ContainerPort, p.Proto})
			}
		}
		f.Containers = append(f.Containers, told)
	}
	return f
}
