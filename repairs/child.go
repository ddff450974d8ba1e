package repairs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
)

// childArg makes Basewright's own binary evaluate playbooks and exit. Lua in
// our own process could not be stopped inside one native call, nor kept from
// filling memory; a child can be killed.
const childArg = "lua-child"

const (
	maxRequest = 8 << 20 // bytes of facts and sources
	maxReply   = 1 << 20
)

// request is what the parent asks: to read the metadata of playbooks, and to
// run the first of them on facts.
type request struct {
	Books []source  `json:"books"`
	Runs  []run     `json:"runs,omitempty"`
	Until time.Time `json:"until"` // when the parent will kill the child
}

// source is the text of a playbook under the name that errors show.
type source struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// lastLine is the line that the text ends on.
func (s source) lastLine() int { return 1 + strings.Count(strings.TrimRight(s.Text, " \t\r\n"), "\n") }

var tableStart = regexp.MustCompile(`(?m)^return\b`)

// lineOf is the line on which the key is first set, or else on which the
// playbook's table begins.
func (s source) lineOf(key string) int {
	at := tableStart.FindStringIndex(s.Text)
	if key != "" {
		set := regexp.MustCompile(`(?:^|[\s{,;])(` + regexp.QuoteMeta(key) + `)\s*=(?:[^=]|$)`)
		if found := set.FindStringSubmatchIndex(s.Text); found != nil {
			at = found[2:]
		}
	}
	if at == nil {
		return 1
	}
	return 1 + strings.Count(s.Text[:at[0]], "\n")
}

// run is one call of a playbook's plan function.
type run struct {
	Facts  map[string]any `json:"facts"`
	Params map[string]any `json:"params"`
}

// reply answers each book and each run of a request, in order.
type reply struct {
	Books []outcome `json:"books,omitempty"`
	Runs  []outcome `json:"runs,omitempty"`
}

// outcome is what a playbook returned: its metadata or its actions, why it
// makes no plan, or what is wrong with it.
type outcome struct {
	Value   any      `json:"value,omitempty"`
	Refusal string   `json:"refusal,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// init lives the life of the child before the packages are set up that come after
// this one, which together take longer than a plan.
func init() {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		serveChild()
	}
}

// serveChild is the whole life of the child process: it goes to jail, answers
// one request and exits.
func serveChild() {
	in, err := enterJail(os.Stdin)
	if err == nil {
		err = serve(in, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve answers the request in and writes the reply to out.
func serve(in []byte, out io.Writer) error {
	var req request
	if err := json.Unmarshal(in, &req); err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	ctx, stop := withinBounds(context.Background(), req.Until.Add(-mercy))
	defer stop()
	b, err := json.Marshal(answer(ctx, req))
	if err != nil {
		return fmt.Errorf("write reply: %w", err)
	}
	if len(b) > maxReply {
		b, err = json.Marshal(tooLong(req))
		if err != nil {
			return fmt.Errorf("write reply: %w", err)
		}
	}
	_, err = io.Copy(out, bytes.NewReader(b))
	return err
}

func answer(ctx bounds, req request) reply {
	var r reply
	for _, b := range req.Books {
		if len(req.Runs) > 0 {
			break
		}
		r.Books = append(r.Books, readMetadata(ctx, b))
	}
	for _, one := range req.Runs {
		r.Runs = append(r.Runs, runPlan(ctx, req.Books[0], one))
	}
	return r
}

// tooLong is the reply in place of one that is over the bound.
func tooLong(req request) reply {
	problem := func(b source) outcome {
		return outcome{Problem: &Problem{Playbook: b.Name, Message: fmt.Sprintf("returns more than %d KiB", maxReply>>10)}}
	}
	var r reply
	for _, b := range req.Books {
		r.Books = append(r.Books, problem(b))
	}
	for range req.Runs {
		r.Runs = append(r.Runs, problem(req.Books[0]))
	}
	return r
}

// mercy is how long before its end the child stops Lua by itself, since it can
// name the line. The parent's deadline is the bound that holds.
const mercy = 200 * time.Millisecond
