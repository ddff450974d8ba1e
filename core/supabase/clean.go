package supabase

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// fromFile are the beginnings of what the library says about a line of a file.
var fromFile = regexp.MustCompile(`unterminated quoted value|unexpected character|key cannot contain|failed to read`)

var (
	quotedName = regexp.MustCompile(`'[^']*'`)
	plainName  = regexp.MustCompile(`^'[A-Za-z0-9_. -]{1,64}'$`)
)

// clean returns what Compose's library says without what it quotes of values:
// a name of a key in the files is none.
func (r *inspector) clean(text, dir string) string {
	if fromFile.MatchString(text) {
		return "a file of variables cannot be read"
	}
	text = quotedName.ReplaceAllStringFunc(text, func(name string) string {
		if plainName.MatchString(name) {
			return name
		}
		return "'…'" // a file that is none of a stack has anything for keys
	})
	const here = "\x00"
	text = strings.ReplaceAll(text, dir, here)
	slices.SortFunc(r.values, func(a, b string) int { return len(b) - len(a) })
	for _, v := range slices.Compact(r.values) {
		for _, form := range []string{v, strings.Trim(fmt.Sprintf("%q", v), `"`)} {
			if len(v) >= 6 && !r.keys[v] {
				text = strings.ReplaceAll(text, form, core.Secret(v).String())
			}
		}
	}
	return strings.ReplaceAll(text, here, dir)
}
