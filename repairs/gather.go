package repairs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/basewright/basewright/core"
)

const (
	maxWants     = 16
	maxLogLines  = 2000
	maxRows      = 1000
	maxFact      = 256 << 10 // bytes of one thing that was asked for
	maxGathering = 5 * time.Second
)

// Wanted is what a playbook asked to see beyond the usual facts.
type Wanted struct {
	Logs  map[string][]string
	SQL   map[string][][]string
	Files map[string]string
	HTTP  map[string]core.Response
	Gaps  map[string]string // "sql.roles" to why it could not be had

	Stats   map[string]stat // of the files that were asked for
	Release release
}

// Gather reads what a playbook wants. What cannot be had is a gap that the
// playbook sees; an error means that the asking was cut short.
func Gather(ctx context.Context, t core.Target, wants core.Wants, finding *core.Finding) (Wanted, error) {
	bounded, cancel := context.WithTimeout(ctx, maxGathering)
	defer cancel()
	w := Wanted{
		Logs: map[string][]string{}, SQL: map[string][][]string{}, Files: map[string]string{},
		HTTP: map[string]core.Response{}, Gaps: map[string]string{}, Stats: map[string]stat{},
	}
	for service, n := range wants.Logs {
		w.logs(t.Observation, service, min(n, maxLogLines))
	}
	for _, name := range slices.Sorted(maps.Keys(wants.SQL)) {
		w.query(bounded, t, name, cmp.Or(wants.Databases[name], "postgres"), wants.SQL[name])
	}
	for _, name := range fileNames(t.Observation, finding, wants.Files) {
		w.read(bounded, t, name)
	}
	w.Release = w.fromRelease(t.Instance.Release, wants.Release)
	for _, name := range slices.Sorted(maps.Keys(wants.HTTP)) {
		w.get(bounded, t, name, wants.HTTP[name])
	}
	return w, ctx.Err()
}

func (w Wanted) gap(what string, err error) { w.Gaps[what] = oneLine(err.Error()) }

// logs takes the last n lines of a service from the observation.
func (w Wanted) logs(o *core.Observation, service string, n int) {
	for _, c := range o.Containers {
		if string(c.Service) != service && c.ComposeService != service {
			continue
		}
		lines := []string{}
		for _, l := range c.Logs[max(0, len(c.Logs)-n):] {
			lines = append(lines, l.Text)
		}
		w.Logs[service] = lines
		return
	}
	w.Gaps["logs."+service] = "there is no container"
}

func (w Wanted) query(ctx context.Context, in core.Inspector, name, database, sql string) {
	err := checkQuery(sql)
	var rows [][]string
	if err == nil {
		rows, err = in.Query(ctx, database, sql)
	}
	if err != nil {
		w.gap("sql."+name, err)
		return
	}
	size := 0
	for i, row := range rows {
		for _, v := range row {
			size += len(v)
		}
		if i >= maxRows || size > maxFact {
			w.Gaps["sql."+name] = fmt.Sprintf("more than %d rows or %d KiB; the rest is left out", maxRows, maxFact>>10)
			rows = rows[:i]
			break
		}
	}
	w.SQL[name] = rows
}

func (w Wanted) get(ctx context.Context, in core.Inspector, name, where string) {
	r, err := parseProbe(where)
	if err == nil {
		var answer core.Response
		if answer, err = core.Send(ctx, in, r); err == nil {
			w.HTTP[name] = answer
			return
		}
	}
	w.gap("http."+name, err)
}

var probeShape = regexp.MustCompile(`^([a-z][a-z0-9_-]*):([0-9]{1,5})(/[A-Za-z0-9/._~?&=%:,+-]*)$`)

// parseProbe reads "service:port/path".
func parseProbe(where string) (core.Request, error) {
	m := probeShape.FindStringSubmatch(where)
	if m == nil {
		return core.Request{}, core.Errorf(core.Invalid, `%q is not "service:port/path"`, oneLine(where))
	}
	n, err := strconv.Atoi(m[2])
	if err != nil || n < 1 || n > 65535 {
		return core.Request{}, core.Errorf(core.Invalid, "%q has no such port", oneLine(where))
	}
	return core.Request{Address: core.Address{Service: core.Service(m[1]), Port: n}, Path: m[3]}, nil
}

// addTo puts what was gathered into the facts, without the instance's secrets.
func (w Wanted) addTo(facts map[string]any, secrets *core.Mask) {
	logs, sql, files, http, gaps := map[string]any{}, map[string]any{}, map[string]any{}, map[string]any{}, map[string]any{}
	for service, lines := range w.Logs {
		logs[service] = cleanList(lines, secrets)
	}
	for name, rows := range w.SQL {
		list := []any{}
		for _, row := range rows {
			list = append(list, cleanList(row, secrets))
		}
		sql[name] = list
	}
	for name, data := range w.Files {
		files[name] = secrets.Text(data)
	}
	for name, r := range w.HTTP {
		http[name] = map[string]any{"status": float64(r.Status), "body": secrets.Text(r.Body)}
	}
	for what, why := range w.Gaps {
		gaps[what] = secrets.Text(why)
	}
	facts["logs"], facts["sql"], facts["files"], facts["http"], facts["gaps"] = logs, sql, files, http, gaps
	facts["stats"], facts["release"] = statFacts(w.Stats), w.Release.facts()
}

func cleanList(list []string, secrets *core.Mask) []any {
	clean := make([]any, len(list))
	for i, s := range list {
		clean[i] = secrets.Text(s)
	}
	return clean
}
