package ui

import (
	"context"
	"errors"
	"net/http"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
)

// diagnoseSeveral begins a diagnosis of each instance that was picked and the
// caller may diagnose. How many began and how many were left out, and why, is told at
// once; the page shows how each came out as it ends.
func (c *call) diagnoseSeveral() (any, error) {
	picked := c.PostFormArray("pick")
	if len(picked) == 0 {
		return nil, core.Errorf(core.Invalid, "no instance is selected")
	}
	counts := map[string]int{}
	for _, id := range picked[:min(len(picked), mostPicks)] {
		told, err := c.beginDiagnosis(id)
		if err != nil {
			return nil, err
		}
		counts[told]++
	}
	return c.goTo(backOf(c.Context), counted(counts, "begun", "paced", "barred"))
}

// whyFailed says in the list why a diagnosis left nothing behind.
func whyFailed(err error) string {
	if p := problemOf(err); p.Status != http.StatusInternalServerError {
		return p.Detail
	}
	return "something went wrong in Basewright; its log says what"
}

// beginDiagnosis begins one, and says what to tell of it.
func (c *call) beginDiagnosis(id string) (string, error) {
	i, err := c.Store.Instance(c, id)
	if core.CodeOf(err) == core.NotFound || err == nil && !c.who.may(core.MayDiagnose, i.ID) {
		return "barred", nil // what is not there is told like what is another's
	}
	if err != nil {
		return "", err
	}
	run, err := c.Diagnoses.Admit(i, core.Full)
	if _, early := errors.AsType[*queue.Limited](err); early {
		return "paced", nil
	}
	if err != nil {
		return "", err
	}
	ctx, a := context.WithoutCancel(c.ctx), c.Agent
	go func() {
		if _, err := run(ctx); err != nil {
			a.Log.Warn("a diagnosis that was asked for with others failed", "instance", i.ID, "error", err)
		}
	}()
	return "begun", nil
}
