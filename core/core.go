// Package core holds the nouns of Basewright and the ports to the world.
//
// An [Instance] is one self-hosted Supabase stack. It is looked at once, which
// gives an [Observation]; [Checker]s read it and return [Finding]s, which make a
// [Diagnosis] with its root causes. A [Playbook] answers a finding with a
// [Plan]: a list of [Action]s. Applying a plan makes a [Change], guarded by a
// [Snapshot], journalled step by step; once it has ended it is its own receipt.
//
// Words, and the words to avoid for them: instance (not project, tenant),
// service (not container), finding (not issue, problem), playbook (not script,
// fix), change (not run, task), snapshot (not dump, copy), host (not node,
// server).
//
// Package core imports the standard library only. Everything else imports core.
package core

import "crypto/rand"

// NewID returns a random identifier that needs no database to be unique, so
// rows keep their IDs when they move from SQLite to PostgreSQL.
func NewID() string { return rand.Text() }
