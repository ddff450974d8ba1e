package ui

import "github.com/basewright/basewright/core"

// StackAudit is what a look at all stacks of the host together found.
type StackAudit struct {
	Stacks   int       `json:"stacks" doc:"that were looked at"`
	Concerns []Concern `json:"concerns"`
}

// Concern is one question of it, and what answers that.
type Concern struct {
	ID       string         `json:"concern" doc:"secrets, ports, names or configuration"`
	Title    string         `json:"title"`
	Codes    []string       `json:"codes" doc:"of the findings that belong to it"`
	Findings []StackFinding `json:"findings"`
}

// StackFinding is a finding and the stack that has it.
type StackFinding struct {
	Stack string `json:"stack" doc:"its compose project"`
	core.Finding
}

type stackAuditOut struct {
	Reply
	StackAudit
}

func (c *call) auditStacks() (any, error) {
	found, err := c.AuditStacks(c)
	return stackAuditOut{ok(""), found}, err
}
