package apply

import (
	"bytes"
	"strings"

	"github.com/basewright/basewright/core"
)

// edit is one line of a file and the text that is to stand there.
type edit struct {
	line     int // from 1
	old, new string
}

func editsOf(a core.Action) ([]edit, error) {
	list, _ := a.Args["edits"].([]any)
	var edits []edit
	for _, v := range list {
		m, _ := v.(map[string]any)
		old, isText := m["old"].(string)
		text, hasNew := m["new"].(string)
		e := edit{number(core.Action{Args: m}, "line", 0), old, text}
		if e.line < 1 || !isText || !hasNew {
			return nil, core.Errorf(core.Invalid, "an edit lacks line, old or new")
		}
		edits = append(edits, e)
	}
	return edits, nil
}

// written is what an action makes of the text of a file.
func written(a core.Action, text []byte) ([]byte, error) {
	edits, err := editsOf(a)
	switch {
	case err != nil:
		return nil, err
	case a.Text("lines") == "lf":
		return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), nil
	case len(edits) == 0:
		return []byte(a.Text("content")), nil
	}
	lines := strings.Split(string(text), "\n")
	for _, e := range edits {
		if e.line > len(lines) || lines[e.line-1] != e.old {
			return nil, core.Errorf(core.Conflict, "line %d is not what it was when the plan was made", e.line)
		}
		lines[e.line-1] = e.new
	}
	return []byte(strings.Join(lines, "\n")), nil
}
