package apply

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/snapshot"
)

var alterRole = regexp.MustCompile(`(?m)^ALTER ROLE "((?:[^"]|"")+)" WITH (?:(?:NO)?LOGIN )?PASSWORD (?:NULL|'(SCRAM-SHA-256\$[^']+)');$`)

// psql is the database.
func (w *world) psql(_ core.Service, c core.Command) (string, error) {
	if s := strings.Join(append(c.Args, c.Env...), " "); strings.Contains(s, planted) || strings.Contains(s, "SCRAM") {
		return "", errors.New("a secret is on the command line")
	}
	script := string(c.Stdin)
	if strings.HasPrefix(script, "select row_to_json") {
		return w.listRoles()
	}
	w.mu.Lock()
	w.sql = append(w.sql, script)
	for _, m := range alterRole.FindAllStringSubmatch(script, -1) {
		if w.roles[m[1]] = nil; m[2] != "" {
			w.roles[m[1]] = &m[2]
		}
	}
	w.mu.Unlock()
	w.saveAround("psql")
	return "", nil
}

func (w *world) listRoles() (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.roles)) {
		line, err := json.Marshal(snapshot.Role{Name: name, Verifier: w.roles[name], Login: w.roles[name] != nil})
		if err != nil {
			return "", err
		}
		b.Write(append(line, '\n'))
	}
	return b.String(), nil
}

// diagnose finds PG-01 while the database does not accept the password of .env.
func (w *world) diagnose(context.Context, core.Engine, core.Instance) (*core.Diagnosis, error) {
	d := &core.Diagnosis{Status: core.Healthy}
	var password string
	w.e.Edit(func(e *coretest.Engine) { password = envValue(e.Files, "POSTGRES_PASSWORD") })
	w.mu.Lock()
	accepted := accepts(*w.roles["authenticator"], password)
	w.mu.Unlock()
	if !accepted {
		d.Status, d.RootCauses = core.Unhealthy, []string{"PG-01"}
		d.Findings = []core.Finding{{Code: "PG-01", Severity: core.Critical, Service: core.DB, Category: core.DatabaseConnection}}
	}
	if w.spoil != nil {
		w.spoil(d)
	}
	return d, nil
}

// accepts does what PostgreSQL does at a login.
func accepts(v, password string) bool {
	var salt string
	if _, err := fmt.Sscanf(strings.ReplaceAll(v, "$", " "), "SCRAM-SHA-256 4096:%s ", &salt); err != nil {
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(salt)
	if err != nil {
		return false
	}
	again, err := verifier(core.Secret(password), raw)
	return err == nil && again == v
}
