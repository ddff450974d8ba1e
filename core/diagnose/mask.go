package diagnose

import "github.com/basewright/basewright/core"

// hideSecrets takes the instance's secrets out of all texts of d: checkers quote
// logs, errors and answers, which may quote anything. Codes and services stay.
// What found nothing quotes nothing, and to know a stack's secrets in every form
// is dear.
func hideSecrets(d *core.Diagnosis, obs *core.Observation) {
	if len(d.Findings) == 0 && len(d.Unknowns) == 0 {
		return
	}
	m := core.NewMask(obs)
	for i := range d.Findings {
		f := &d.Findings[i]
		f.Title, f.Explanation = m.Text(f.Title), m.Text(f.Explanation)
		for j, e := range f.Evidence {
			f.Evidence[j].Source, f.Evidence[j].Text = m.Text(e.Source), m.Text(e.Text)
		}
		for k, v := range f.Details {
			f.Details[k] = m.Text(v)
		}
	}
	for i, u := range d.Unknowns {
		d.Unknowns[i].Reason = m.Text(u.Reason)
	}
	for category, r := range d.Results {
		r.Status = m.Text(r.Status)
		for i, issue := range r.Issues {
			r.Issues[i] = m.Text(issue)
		}
		d.Results[category] = r
	}
}
