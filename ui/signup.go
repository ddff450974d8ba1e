package ui

import (
	"cmp"
	"slices"

	"github.com/basewright/basewright/core"
)

type signupStep struct {
	Step   string `json:"step" doc:"gateway, key, auth, database, trigger, sign_in, delete or mail"`
	Does   string `json:"does"`
	Status string `json:"status" doc:"ok, failed, not reached, or not tried"`
	Detail string `json:"detail,omitempty"`
}

// signupSteps are the steps of the probe as it takes them. It sends no mail.
var signupSteps = []signupStep{
	{Step: "gateway", Does: "reach auth through the gateway"}, {Step: "key", Does: "have the service key accepted"},
	{Step: "auth", Does: "have auth answer"}, {Step: "database", Does: "write the user"}, {Step: "trigger", Does: "pass the triggers on auth.users"},
	{Step: "sign_in", Does: "sign in and refresh the session"}, {Step: "delete", Does: "delete the user"}, {Step: "mail", Does: "send a mail"},
}

// failedStep says at which step the probe found something.
func failedStep(f core.Finding) string {
	switch f.Code {
	case "SIGN-03":
		return "sign_in"
	case "SIGN-01":
		return "delete"
	}
	return cmp.Or(f.Details["step"], "database") // a cause of its own, such as a full sequence, stops the write
}

// stepsOf tells the findings of the probe as the steps that it took.
func stepsOf(d *core.Diagnosis) []signupStep {
	steps := slices.Clone(signupSteps)
	failed, detail := len(steps), ""
	for _, f := range d.Findings {
		at := slices.IndexFunc(steps, func(s signupStep) bool { return s.Step == failedStep(f) })
		if at >= 0 && at < failed {
			failed, detail = at, f.Code+": "+f.Title
		}
	}
	if len(d.Unknowns) > 0 && failed == len(steps) {
		failed, detail = 0, d.Unknowns[0].Reason
	}
	for i := range steps {
		switch {
		case i == failed:
			steps[i].Status, steps[i].Detail = "failed", detail
		case i > failed:
			steps[i].Status = "not reached"
		case steps[i].Step == "mail":
			steps[i].Status, steps[i].Detail = "not tried", "the probe sends no mail"
		default:
			steps[i].Status = "ok"
		}
	}
	return steps
}
