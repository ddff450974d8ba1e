package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/ui/panel"
	"github.com/basewright/basewright/ui/report"
)

const (
	reportDays  = 7   // is how far back a scheduled report goes
	reportsKept = 100 // of so many days, of each instance and of all together
)

// writeReport keeps the report of a week in the data folder, as JSON, CSV and
// HTML in the language of a user, and returns where the first is.
func (a *agent) writeReport(ctx context.Context, reader string, i core.Instance) (string, error) {
	r, err := queue.MakeReport(ctx, a.store, i.ID, reportDays, time.Now())
	if err != nil {
		return "", err
	}
	lang := a.languageOf(ctx, reader)
	return a.keepReport(filepath.Join("reports", i.ID), r.To, r, r.CSV, func(w io.Writer) error { return report.Health(w, r, meaning, lang) })
}

// writeFleetReport does the same for all of them together.
func (a *agent) writeFleetReport(ctx context.Context, reader string, list []core.Instance) (string, error) {
	f, err := queue.MakeFleetReport(ctx, a.store, idsOf(list), reportDays, time.Now())
	if err != nil {
		return "", err
	}
	lang := a.languageOf(ctx, reader)
	return a.keepReport("reports", f.To, f, f.CSV, func(w io.Writer) error { return report.FleetHealth(w, f, meaning, lang) })
}

// languageOf is what a user chose to read. English is what everybody else gets: a
// schedule may have outlived who made it.
func (a *agent) languageOf(ctx context.Context, user string) panel.Lang {
	u, err := a.store.User(ctx, user)
	if err != nil {
		return panel.English
	}
	return panel.Choose(u.Language, "")
}

func (a *agent) keepReport(folder string, day time.Time, value any, csv, html func(io.Writer) error) (string, error) {
	dir := filepath.Join(a.data(), folder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	name := filepath.Join(dir, day.Format(time.DateOnly))
	asJSON := func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(value)
	}
	if err := errors.Join(writeBy(name+".json", asJSON), writeBy(name+".csv", csv), writeBy(name+".html", html)); err != nil {
		return "", err
	}
	return name + ".json", dropOldReports(dir)
}

// dropOldReports leaves the reports of the newest days in a folder, and whatever
// else somebody put there.
func dropOldReports(dir string) error {
	days, err := filepath.Glob(filepath.Join(dir, "????-??-??.json")) // sorted, so the oldest is first
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range days[:max(0, len(days)-reportsKept)] {
		for _, kind := range []string{".csv", ".html", ".json"} {
			if err := os.Remove(strings.TrimSuffix(path, ".json") + kind); !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// writeBy makes a file for the owner alone.
func writeBy(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
