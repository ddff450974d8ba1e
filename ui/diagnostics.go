package ui

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/basewright/basewright/core"
)

type diagnosticOut struct {
	Reply
	Diagnostic *core.Diagnosis `json:"diagnostic"`
}

func (c *call) runDiagnostics() (any, error) {
	depth := core.Depth(c.DefaultQuery("mode", string(core.Full)))
	switch {
	case !slices.Contains(core.Depths, depth):
		return nil, core.Errorf(core.Invalid, "mode=%q is not one of: quick, full, deep", clip(string(depth), 20))
	case depth == core.Deep && c.Request.Method == http.MethodGet:
		return nil, core.Errorf(core.Invalid, "a deep diagnosis makes a user and deletes it again; ask for it with POST")
	}
	d, err := c.Diagnoses.Manual(c.Request.Context(), c.instance, depth)
	if err != nil {
		return nil, err
	}
	return diagnosticOut{ok("the diagnosis is done"), d}, nil
}

type lastOut struct {
	Reply
	Diagnostic *core.Diagnosis `json:"diagnostic,omitempty"`
	RunURL     string          `json:"run_diagnostic_url,omitempty"`
}

func (c *call) lastDiagnostic() (any, error) {
	d, err := c.Diagnoses.Recent(c, c.instance.ID)
	if err != nil && core.CodeOf(err) == core.NotFound {
		return lastOut{Reply{false, "there is no diagnosis of the last five minutes"}, nil, "/api/instances/" + c.instance.ID + "/run-diagnostics"}, nil
	}
	return lastOut{ok(""), &d, ""}, err
}

type healthLine struct {
	ID      string      `json:"instance_id"`
	Name    string      `json:"instance_name"`
	Healthy bool        `json:"healthy"`
	Status  core.Status `json:"status"`
	Issues  []string    `json:"issues"`
}

type allHealthOut struct {
	Reply
	Timestamp time.Time    `json:"timestamp"`
	Total     int          `json:"total_instances"`
	Results   []healthLine `json:"results"`
}

// checkAllHealth takes what is fresh and looks at the rest, side by side.
func (c *call) checkAllHealth() (any, error) {
	all, err := c.Store.Instances(c)
	if err != nil {
		return nil, err
	}
	out := allHealthOut{ok(""), c.Now().UTC(), len(all), make([]healthLine, len(all))}
	var wg sync.WaitGroup
	for n, i := range all {
		wg.Go(func() { out.Results[n] = c.healthOf(i) })
	}
	wg.Wait()
	return out, nil
}

func (c *call) healthOf(i core.Instance) healthLine {
	line := healthLine{ID: i.ID, Name: i.Name, Status: core.Unknown, Issues: []string{}}
	d, err := c.Diagnoses.Recent(c, i.ID)
	if err != nil {
		fresh, err := c.Diagnoses.Run(c.Request.Context(), i, core.Full, core.ByHand)
		if err != nil {
			line.Issues = append(line.Issues, "it could not be looked at: "+plain(err))
			return line
		}
		d = *fresh
	}
	line.Status, line.Healthy = d.Status, d.Status == core.Healthy
	for _, f := range d.Findings {
		if f.CausedBy == nil {
			line.Issues = append(line.Issues, f.Code+" "+f.Title)
		}
	}
	return line
}

type categoryOut struct {
	Reply
	Category   core.Category       `json:"category"`
	Result     core.CategoryResult `json:"result"`
	Findings   []core.Finding      `json:"findings"`
	Diagnostic *core.Diagnosis     `json:"diagnostic"`
}

// shortNames are what people say for a category.
var shortNames = map[string]core.Category{
	"auth": core.AuthService, "containers": core.ContainerStatus, "services": core.ServiceHealth, "database": core.DatabaseConnection,
	"api": core.APIEndpoints, "disk": core.DiskUsage, "network": core.NetworkConnectivity, "config": core.Configuration,
}

func (c *call) category() (any, error) {
	category := core.Category(c.Param("category"))
	if long, found := shortNames[string(category)]; found {
		category = long
	}
	if !slices.Contains(core.Categories, category) {
		var names []string
		for _, known := range core.Categories {
			names = append(names, string(known))
		}
		return nil, core.Errorf(core.NotFound, "there is no category %q; there are: %s", clip(string(category), 40), strings.Join(names, ", "))
	}
	d, err := c.Category(c.Request.Context(), c.instance, category)
	if err != nil {
		return nil, err
	}
	d.InstanceID = c.instance.ID
	return categoryOut{ok(""), category, d.Results[category], d.Findings, d}, nil
}

type signupOut struct {
	Reply
	Healthy    bool            `json:"healthy"`
	Steps      []signupStep    `json:"steps" doc:"in the order in which they are taken"`
	Findings   []core.Finding  `json:"findings"`
	Diagnostic *core.Diagnosis `json:"diagnostic"`
}

// foundBy says in short what the probe found.
func foundBy(d *core.Diagnosis) string {
	switch {
	case d == nil:
		return ""
	case len(d.Unknowns) > 0:
		return "it could not be run"
	case len(d.Findings) == 0:
		return "no finding"
	}
	var codes []string
	for _, f := range d.Findings {
		codes = append(codes, f.Code)
	}
	return "found " + strings.Join(codes, " ")
}

func (c *call) testUserCreation() (any, error) {
	var d *core.Diagnosis
	err := c.recorded("probe.signup", "a user is created and deleted again", func() (detail string, err error) {
		d, err = c.SignUp(c.Request.Context(), c.instance)
		return foundBy(d), err
	})
	if err != nil {
		return nil, err
	}
	d.InstanceID = c.instance.ID
	out := signupOut{ok("a user was created, signed in and deleted again"), len(d.Findings) == 0 && len(d.Unknowns) == 0, stepsOf(d), d.Findings, d}
	switch {
	case len(d.Findings) > 0:
		out.Message = d.Findings[0].Code + ": " + d.Findings[0].Title
	case len(d.Unknowns) > 0:
		out.Message = "the probe could not be run: " + d.Unknowns[0].Reason
	}
	return out, nil
}

type historyOut struct {
	Reply
	Total       int              `json:"total"`
	Diagnostics []core.Diagnosis `json:"diagnostics"`
}

func (c *call) history() (any, error) {
	limit, err := c.number("limit", 20, 100)
	if err != nil {
		return nil, err
	}
	list, err := c.Store.Diagnoses(c, c.instance.ID, limit)
	return historyOut{ok(""), len(list), list}, err
}
