package diagnose_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/diagnose"
)

// TestNoSecret plants a password in all that a check may say, and wants none of
// it in the diagnosis.
func TestNoSecret(t *testing.T) {
	const planted = "Hunter2-Hunter2"
	tg := target()
	tg.Containers = []core.Container{{Service: core.DB, Env: map[string]core.Secret{"POSTGRES_PASSWORD": planted}}}
	says := func(err error) func(context.Context, core.Target) ([]core.Finding, error) {
		return func(context.Context, core.Target) ([]core.Finding, error) {
			return []core.Finding{{Code: "A", Severity: core.Critical, Title: "a " + planted, Explanation: "b " + planted,
				Evidence: []core.Evidence{{Source: "log:" + planted, Text: "c " + planted}}, Details: map[string]string{"said": planted}}}, err
		}
	}
	d := diagnose.Run(t.Context(), tg, []core.Checker{
		{ID: "x.y", Category: core.ServiceHealth, Check: says(nil)}, {ID: "x.z", Category: core.ServiceHealth, Check: says(errors.New("no " + planted))},
	}, diagnose.Options{})
	out, err := json.Marshal(d)
	if err != nil || strings.Contains(string(out), planted) || strings.Count(string(out), "•••") < 7 {
		t.Errorf("%v in %s", err, out)
	}
}
