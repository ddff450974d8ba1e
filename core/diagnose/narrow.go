package diagnose

import (
	"slices"

	"github.com/basewright/basewright/core"
)

// Narrow leaves of d what belongs to one category.
func Narrow(d *core.Diagnosis, c core.Category) {
	d.Findings = slices.DeleteFunc(d.Findings, func(f core.Finding) bool { return !f.CountsIn(c) })
	d.Unknowns = slices.DeleteFunc(d.Unknowns, func(u core.Unknowable) bool { return u.Category != "" && u.Category != c })
	d.RootCauses = slices.DeleteFunc(d.RootCauses, func(code string) bool { return !d.Finds(code) })
	d.Results = map[core.Category]core.CategoryResult{c: d.Results[c]}
	d.Status = status(d)
}
