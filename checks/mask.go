package checks

import "github.com/basewright/basewright/core"

// Mask hides what looks like a secret in a line of text.
func Mask(s string) string { return core.MaskLooks(s) }

// fingerprint names a secret in evidence without showing it.
func fingerprint(t core.Target, s core.Secret) string { return "fingerprint " + t.Key.Of(s) }
