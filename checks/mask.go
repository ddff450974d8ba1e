package checks

import (
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
)

// Mask hides secrets in a line of text.
func Mask(s string) string { return logs.Mask(s) }

// fingerprint names a secret in evidence without showing it.
func fingerprint(t core.Target, s core.Secret) string { return "fingerprint " + t.Key.Of(s) }
