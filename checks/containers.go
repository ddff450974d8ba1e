package checks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

func init() {
	register(core.Checker{
		ID: "containers.state", Title: "Every service of the stack has a running, healthy container",
		Category: core.ContainerStatus, Depth: core.Quick, Check: containerStates,
		Finds: []core.Explanation{
			{
				Code: "SVC-01", Title: "A service has no container", Severity: core.Critical,
				What:   "The compose files declare the service, and no container of it exists on the engine.",
				Breaks: "Everything that leads to it fails.",
				Do:     "Create it with `docker compose up -d`, or apply the playbook start-stopped-services.",
				Data:   "No data is at risk: containers hold none.",
			},
			{
				Code: "SVC-02", Title: "A service is stopped", Severity: core.Critical,
				What:   "The container exists and ended without an error of its own: somebody or something stopped it.",
				Breaks: "Everything that leads to it fails.",
				Do:     "Start it, or apply the playbook start-stopped-services.",
				Data:   "No data is at risk.",
			},
			{
				Code: "SVC-03", Title: "A service fails its health check", Severity: core.Critical, Level: core.Malfunction,
				SymptomOf: []string{"SVC-04", "SVC-05"},
				What:      "The container runs, and its own health check fails.",
				Breaks:    "Services that wait for it do not start, and requests to it fail.",
				Do:        "Read the health check's output in the proof, and the service's log: basewright logs INSTANCE --service NAME.",
				Data:      "No data is at risk by this alone.",
			},
			{
				Code: "STU-01", Title: "Studio fails its health check", Severity: core.Warning, Level: core.Malfunction,
				What:   "Studio runs, and its health check, a request for /api/platform/profile, fails.",
				Breaks: "The dashboard does not load. Since release 0.8 the gateway waits for Studio, and does not start without it.",
				Do:     "Check that HOSTNAME of the service is \"0.0.0.0\" or \"::\", and its memory; read its log.",
				Data:   "No data is at risk.", Sources: "supabase/supabase#20655; depends_on in docker-compose.yml",
			},
			{
				Code: "DK-03", Title: "A host port is taken", Severity: core.Critical,
				What:   "Docker could not publish a port of the container because another container or process of the host holds it.",
				Breaks: "The container was created and never started.",
				Do:     "Find the holder with `ss -ltnp`, or give this stack another port in its .env and run `docker compose up -d`. POSTGRES_PORT is also the database's own port inside the stack.",
				Data:   "No data is at risk.", Sources: "supabase/supabase#10837, #20043",
			},
			{
				Code: "DK-11", Title: "A service waits for one that never became healthy", Severity: core.Critical, Level: core.Consequence,
				What:   "Compose created the container and did not start it, because a service that it depends on is not healthy.",
				Breaks: "The service is not there at all.",
				Do:     "Mend the service it waits for, then run `docker compose up -d`.",
				Data:   "No data is at risk.", Sources: "supabase/supabase#16777, #40725",
			},
			{
				Code: "DK-12", Title: "The kernel killed a service for lack of memory", Severity: core.Critical, SymptomOf: []string{"HOST-01"},
				What:   "The container's main process was killed because its memory limit, or the host's memory, ran out.",
				Breaks: "The service is down or restarts again and again.",
				Do:     "Raise the limit, add memory or swap, or leave out analytics and vector; upstream asks for 4 GB a stack.",
				Data:   "The database recovers from its log after a kill; other services keep no data.", Sources: "supabase/supabase#40725",
			},
			{
				Code: "DK-13", Title: "A service ends with an error or restarts again and again", Severity: core.Critical, Level: core.Crash,
				What:   "The container's process ends with an error by itself.",
				Breaks: "Everything that leads to it fails.",
				Do:     "The last lines of its log say why. Never delete the data folder for this.",
				Data:   "No data is at risk by this alone.",
			},
			{
				Code: "DK-16", Title: "The processor lacks instructions that the image needs", Severity: core.Critical,
				What:   "The process died of an illegal instruction (exit code 132).",
				Breaks: "The service cannot run on this machine.",
				Do:     "Set the virtual machine's CPU type to host, or pin an image built for older processors.",
				Data:   "No data is at risk.", Sources: "supabase/supabase#39933, Logflare/logflare#2444",
			},
		},
	})
}

func containerStates(_ context.Context, t core.Target) ([]core.Finding, error) {
	var found []core.Finding
	for _, s := range t.Compose.Services {
		exists := slices.ContainsFunc(t.Containers, func(c core.Container) bool {
			return c.ComposeService == s.Name || c.Labels["com.docker.compose.service"] == s.Name // of another folder: DK-02 says so
		})
		if s.Service == "" || exists || s.Optional {
			continue
		}
		found = append(found, core.Finding{
			Code: "SVC-01", Service: s.Service, Severity: severity(s.Service),
			Title:    fmt.Sprintf("%s has no container", s.Service),
			Evidence: []core.Evidence{evidence("compose", fmt.Sprintf("the compose files declare %s with image %s", s.Name, s.Image))},
		})
	}
	for _, c := range t.Containers {
		if c.Service == "" || finished(t, c) {
			continue
		}
		if f, bad := containerState(t, c); bad {
			f.Service = c.Service
			f.Severity = blockedSeverity(t, c)
			found = append(found, f)
		}
	}
	return found, nil
}

// containerState returns the one thing that is wrong with c, the most telling
// first.
func containerState(t core.Target, c core.Container) (core.Finding, bool) {
	state := evidence("inspect:"+c.Name, describe(c))
	switch {
	case portTaken(c.Error):
		return core.Finding{Code: "DK-03", Title: fmt.Sprintf("A host port of %s is taken", c.Service), Evidence: []core.Evidence{evidence("inspect:"+c.Name, clip(Mask(c.Error))), state}}, true
	case c.OOMKilled && c.State != "running":
		return core.Finding{Code: "DK-12", Title: fmt.Sprintf("%s ran out of memory", c.Service), Evidence: []core.Evidence{state}}, true
	case c.ExitCode == 132 && c.State != "running":
		return core.Finding{Code: "DK-16", Title: fmt.Sprintf("%s needs a newer processor", c.Service), Evidence: []core.Evidence{state}}, true
	case looping(t, c):
		return core.Finding{Code: "DK-13", Title: fmt.Sprintf("%s restarts again and again", c.Service), Evidence: append([]core.Evidence{state}, lastWords(c, 3)...)}, true
	case c.State == "created":
		return neverStarted(t, c, state), true
	case c.State == "exited" || c.State == "dead":
		return ended(c, state), true
	case c.State == "paused":
		return core.Finding{Code: "SVC-02", Title: fmt.Sprintf("%s is paused", c.Service), Evidence: []core.Evidence{state}}, true
	case c.State == "running" && c.Health == "unhealthy":
		return core.Finding{Code: sick(c.Service), Title: fmt.Sprintf("%s fails its health check", c.Service), Evidence: append([]core.Evidence{evidence("health:"+string(c.Service), clip(Mask(c.HealthOutput)))}, lastWords(c, 1)...)}, true
	}
	return core.Finding{}, false
}

// sick is the code of a failed health check.
func sick(s core.Service) string {
	if s == core.Studio {
		return "STU-01"
	}
	return "SVC-03"
}

func portTaken(engineError string) bool {
	return strings.Contains(engineError, "port is already allocated") || strings.Contains(engineError, "address already in use")
}

// looping tells a container that dies again and again from one that was
// restarted a while ago: it waits for its next start, or has only just begun a
// life that followed several.
func looping(t core.Target, c core.Container) bool {
	if c.State == "restarting" {
		return true
	}
	young := t.At.Sub(c.StartedAt) < 10*time.Second
	return c.State == "running" && c.Restarts >= 2 && young && c.Health != "healthy"
}

func neverStarted(t core.Target, c core.Container, state core.Evidence) core.Finding {
	if c.Error != "" {
		return core.Finding{Code: "DK-13", Title: fmt.Sprintf("%s could not be started", c.Service), Evidence: []core.Evidence{evidence("inspect:"+c.Name, clip(Mask(c.Error))), state}}
	}
	for _, on := range waitsFor(t, c) {
		return core.Finding{
			Code: "DK-11", Title: fmt.Sprintf("%s waits for %s", c.Service, on.ComposeService),
			Evidence: []core.Evidence{state, evidence("inspect:"+on.Name, describe(on))},
		}
	}
	return core.Finding{Code: "SVC-02", Title: fmt.Sprintf("%s was created and never started", c.Service), Evidence: []core.Evidence{state}}
}

// waitsFor returns the containers that hold c back: those it depends on that
// are not ready.
func waitsFor(t core.Target, c core.Container) []core.Container {
	needs := map[string]string{}
	for _, s := range t.Compose.Services {
		if s.Name == c.ComposeService {
			needs = s.DependsOn
		}
	}
	var unready []core.Container
	for _, on := range t.Containers {
		condition, ok := needs[on.ComposeService]
		if ok && (on.State != "running" || condition == "service_healthy" && on.Health != "healthy") {
			unready = append(unready, on)
		}
	}
	return unready
}

// finished reports whether a container has done what it was for: others waited
// for it to end, or it is not to run on and another one fills its role.
func finished(t core.Target, c core.Container) bool {
	if c.State != "exited" || c.ExitCode != 0 {
		return false
	}
	for _, s := range t.Compose.Services {
		if s.Name == c.ComposeService && s.Job {
			return true
		}
	}
	other, _ := t.Container(c.Service)
	return other.State == "running" && (c.RestartPolicy == "" || c.RestartPolicy == "no")
}

// ended tells a service that somebody stopped from one that died. 143 and 137
// are what SIGTERM and, after the grace period, SIGKILL leave behind.
func ended(c core.Container, state core.Evidence) core.Finding {
	if c.ExitCode == 0 || c.ExitCode == 143 || c.ExitCode == 137 {
		return core.Finding{Code: "SVC-02", Title: fmt.Sprintf("%s is stopped", c.Service), Evidence: []core.Evidence{state}}
	}
	return core.Finding{Code: "DK-13", Title: fmt.Sprintf("%s ended with exit code %d", c.Service, c.ExitCode), Evidence: append([]core.Evidence{state}, lastWords(c, 3)...)}
}

// blockedSeverity is critical for an essential service, and for any other that
// keeps one from starting.
func blockedSeverity(t core.Target, c core.Container) core.Severity {
	for _, other := range t.Containers {
		if other.State != "created" || other.Error != "" || !slices.Contains(essential, other.Service) {
			continue
		}
		if slices.ContainsFunc(waitsFor(t, other), func(on core.Container) bool { return on.ID == c.ID }) {
			return core.Critical
		}
	}
	return severity(c.Service)
}

// describe says in one line what the engine knows of c.
func describe(c core.Container) string {
	s := fmt.Sprintf("%s is %s", c.Name, c.State)
	if c.Health != "" {
		s += ", health " + c.Health
	}
	if c.State != "running" && c.State != "created" {
		s += fmt.Sprintf(", exit code %d", c.ExitCode)
	}
	if c.Restarts > 0 {
		s += fmt.Sprintf(", restarted %d times", c.Restarts)
	}
	if c.OOMKilled {
		s += ", killed for lack of memory"
	}
	if c.MemoryLimit > 0 {
		s += fmt.Sprintf(", memory limit %d MiB", c.MemoryLimit>>20)
	}
	return s
}

// lastWords returns the last n lines that c logged in its present or last life,
// errors before chatter.
func lastWords(c core.Container, n int) []core.Evidence {
	if errors := lastErrors(c, n); len(errors) > 0 {
		return errors
	}
	return lastLines(c, n, func(l core.LogLine) bool { return strings.TrimSpace(l.Text) != "" })
}

// lastErrors returns the last n lines of those that tell of an error.
func lastErrors(c core.Container, n int) []core.Evidence {
	return lastLines(c, n, func(l core.LogLine) bool { return alarming.MatchString(l.Text) })
}

func lastLines(c core.Container, n int, wanted func(core.LogLine) bool) []core.Evidence {
	var out []core.Evidence
	for _, l := range slices.Backward(c.Logs) {
		if len(out) == n || l.At.Before(c.StartedAt.Add(-pauseBetweenDeaths)) {
			break
		}
		if wanted(l) {
			out = append(out, logEvidence(c.Service, l))
		}
	}
	return out
}
