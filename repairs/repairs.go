// Package repairs holds the built-in playbooks, one Lua file each, and the
// jail in which playbooks run. A playbook is a pure function from facts to a
// plan: it decides, package apply acts. It is evaluated in a child process that
// has no files, network, clock, environment or secrets.
package repairs

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

//go:embed *.lua
var builtIn embed.FS

// BuiltIn returns the playbooks that come with Basewright.
func BuiltIn(ctx context.Context) ([]core.Playbook, error) {
	books, problems, err := Load(ctx, builtIn, true)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, problems[0].err()
	}
	return books, nil
}

// Load reads every *.lua file at the top of fsys; the file's name is the ID.
// A playbook that is not right is left out and shows among the problems.
func Load(ctx context.Context, fsys fs.FS, builtIn bool) ([]core.Playbook, []Problem, error) {
	names, err := fs.Glob(fsys, "*.lua")
	if err != nil {
		return nil, nil, fmt.Errorf("list playbooks: %w", err)
	}
	var sources []source
	var problems []Problem
	for _, name := range names {
		text, p := readSource(fsys, name)
		if p != nil {
			problems = append(problems, *p)
			continue
		}
		sources = append(sources, source{Name: name, Text: text})
	}
	read, err := readAll(ctx, sources)
	if err != nil {
		return nil, nil, err
	}
	var books []core.Playbook
	for i, m := range read {
		if len(m.problems) > 0 {
			problems = append(problems, m.problems...)
			continue
		}
		m.book.Source, m.book.BuiltIn = sources[i].Text, builtIn
		books = append(books, m.book)
	}
	return books, problems, nil
}

// readSource reads a playbook's file, if it is one and not too long.
func readSource(fsys fs.FS, name string) (string, *Problem) {
	info, err := fs.Stat(fsys, name)
	if err == nil && !info.Mode().IsRegular() {
		return "", &Problem{Playbook: name, Message: "is not a regular file"}
	}
	if err == nil && info.Size() > maxSource {
		return "", checkSource(source{Name: name, Text: strings.Repeat(" ", maxSource+1)})
	}
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return "", &Problem{Playbook: name, Message: "cannot be read: " + err.Error()}
	}
	return string(text), nil
}

// Remedies lists the playbooks that claim to fix code, least risky first.
func Remedies(books []core.Playbook, code string) []core.Remedy {
	var list []core.Remedy
	for _, b := range books {
		if slices.Contains(b.Fixes, code) {
			list = append(list, core.Remedy{Playbook: b.ID, Risk: b.Risk, DataLoss: dataLoss[b.Risk]})
		}
	}
	slices.SortStableFunc(list, func(a, b core.Remedy) int { return riskRank[a.Risk] - riskRank[b.Risk] })
	return list
}

var (
	riskRank = map[core.Risk]int{core.LowRisk: 1, core.MediumRisk: 2, core.HighRisk: 3}
	dataLoss = map[core.Risk]string{
		core.LowRisk: "none", core.MediumRisk: "none", core.HighRisk: "data may change; a database snapshot is taken first",
	}
)
