package ui

import (
	"strconv"
	"strings"

	"github.com/basewright/basewright/ui/panel"
)

// counted is what a form did of each kind, as the page that it leads to is asked to
// tell it: "begun:3,paced:1".
func counted(n map[string]int, kinds ...string) string {
	var done []string
	for _, kind := range kinds {
		if n[kind] > 0 {
			done = append(done, kind+":"+strconv.Itoa(n[kind]))
		}
	}
	return strings.Join(done, ",")
}

// noticeOf puts into words what was just done: names of messages, each alone or with
// how many of it there were. What anybody else writes there says nothing.
func noticeOf(l panel.Lang, done string) string {
	var said []string
	for kind := range strings.SplitSeq(clip(done, 100), ",") {
		kind, count, _ := strings.Cut(kind, ":")
		n, err := strconv.Atoi(count)
		if key := "done." + kind; panel.Has(key) && (count == "" || err == nil && n > 0) {
			said = append(said, l.T(key, "n", n))
		}
	}
	return strings.Join(said, " ")
}
