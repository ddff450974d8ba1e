package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/logs"
	"github.com/basewright/basewright/core/supabase"
)

// logFlags say which lines of a stack's logs are wanted.
type logFlags struct {
	services []string
	level    string
	span     string
	grep     string
	tail     int
	follow   bool
	output   string

	since time.Time // of span; zero without one
	after time.Time // only what was logged later is followed; zero for the newest lines
}

// How many lines of a container's log are asked for. The engine is never asked
// for a time alone: it would read the whole log to find it.
const (
	usualTail = 200
	spanTail  = 20_000
)

func logsCommand(g *global) *cobra.Command {
	var f logFlags
	cmd := &cobra.Command{
		Use:   "logs INSTANCE",
		Short: "Show the logs of all services of a stack, merged by time",
		Long: `Shows what the services of a stack logged, merged by time, with their own words for
levels made one, HTTP statuses and SQLSTATEs found, and secrets masked. The newest
` + strconv.Itoa(usualTail) + ` lines of each service are shown, or those of --range, or as many as --tail says.
With --output json every line is a JSON object.`,
		Example: "  basewright logs shop --level error --range 1h\n  basewright logs shop --service auth,db --grep SQLSTATE\n  basewright logs shop --follow",
		Args:    exactly(1, "one instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.validate(time.Now()); err != nil {
				return err
			}
			return showLogs(cmd.Context(), g, f, args[0])
		},
	}
	cmd.Flags().StringSliceVar(&f.services, "service", nil, "only these services, e.g. auth,db")
	cmd.Flags().StringVar(&f.level, "level", "debug", "least level: debug, info, warning, error or fatal")
	cmd.Flags().StringVar(&f.span, "range", "", "only the last while, e.g. 15m, 1h or 2d")
	cmd.Flags().StringVar(&f.grep, "grep", "", "only lines that hold this text, in any case")
	cmd.Flags().IntVar(&f.tail, "tail", 0, "how many lines of each service to look at")
	cmd.Flags().BoolVar(&f.follow, "follow", false, "go on until Ctrl-C")
	cmd.Flags().StringVar(&f.output, "output", "text", "how to print: text or json")
	return cmd
}

func (f *logFlags) validate(now time.Time) error {
	if !slices.Contains(logs.Levels, logs.Level(f.level)) {
		return core.Errorf(core.Invalid, "--level %q is not one of: debug, info, warning, error, fatal", f.level)
	}
	if err := textOrJSON(f.output); err != nil {
		return err
	}
	if f.tail < 0 {
		return core.Errorf(core.Invalid, "--tail %d is less than nothing", f.tail)
	}
	if f.span != "" {
		d, err := spanOf(f.span)
		if err != nil {
			return err
		}
		f.since = now.Add(-d)
	}
	switch {
	case f.tail > 0:
	case f.span != "":
		f.tail = spanTail
	default:
		f.tail = usualTail
	}
	f.grep = strings.ToLower(f.grep)
	return nil
}

// spanOf reads a duration, which may also be in days.
func spanOf(s string) (time.Duration, error) {
	if days, err := strconv.Atoi(strings.TrimSuffix(s, "d")); err == nil && strings.HasSuffix(s, "d") && days > 0 && days < 10_000 {
		return time.Duration(days) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, core.Errorf(core.Invalid, "--range %q is not a duration such as 15m, 1h or 2d", s)
	}
	return d, nil
}

// wants reports whether the line is one of those asked for.
func (f *logFlags) wants(e logs.Entry) bool {
	if !e.Level.AtLeast(logs.Level(f.level)) || !f.since.IsZero() && e.At.Before(f.since) {
		return false
	}
	if f.grep == "" || strings.Contains(strings.ToLower(e.Message), f.grep) || strings.Contains(strings.ToLower(e.Code), f.grep) {
		return true
	}
	return slices.ContainsFunc(e.Fields, func(x logs.Field) bool { return strings.Contains(strings.ToLower(x.Value), f.grep) })
}

func showLogs(ctx context.Context, g *global, f logFlags, name string) error {
	host, err := g.engine(ctx)
	if err != nil {
		return err
	}
	defer host.Close()
	instance, err := find(ctx, host, name)
	if err != nil {
		return err
	}
	show := g.printText
	if f.output == "json" {
		show = g.printJSON
	}
	r := newLogReader(ctx, host, instance, f, func(text string) { fmt.Fprintln(g.err, "basewright: "+printable(text)) })
	if f.follow {
		err = r.follow(ctx, show)
	} else {
		err = r.merge(ctx, show)
	}
	if f.follow && ctx.Err() != nil {
		return nil // Ctrl-C is how it ends
	}
	return err
}

// newLogReader reads the logs of one instance: its own containers alone, with
// what they and the .env keep secret taken out.
func newLogReader(ctx context.Context, host *docker.Host, i core.Instance, f logFlags, note func(string)) *logReader {
	engine := host.Open(i)
	return &logReader{api: host.Client(), flags: f, project: i.Project, list: engine.Containers, env: envOf(ctx, engine), note: note}
}

// envOf returns the variables of the instance's .env, if they can be read.
func envOf(ctx context.Context, in core.Inspector) []core.EnvVar {
	file, err := in.ReadFile(ctx, ".env")
	if err != nil {
		return nil
	}
	vars, _ := supabase.ParseEnv(file.Data)
	return vars
}

func (g *global) printJSON(e logs.Entry) error { return g.console.writeJSON(e, "") }

var levelColour = map[logs.Level]string{logs.Debug: "2", logs.Info: "36", logs.Warning: "33", logs.Error: "31", logs.Fatal: "31;1"}

// telling are the fields that say what a line is about, in the order of reading.
var telling = []string{"method", "path", "req.method", "req.url", "request.url", "error", "error.message", "err.message", "upstream", "user", "project", "reason"}

// printText writes a line for people.
func (g *global) printText(e logs.Entry) error {
	s := style{g.colour}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s ", s.dim(e.At.Local().Format("2006-01-02 15:04:05.000")),
		s.bold(fmt.Sprintf("%-10s", printable(string(e.Service)))), s.paint(levelColour[e.Level], fmt.Sprintf("%-7s", e.Level)))
	if e.Status > 0 {
		fmt.Fprintf(&b, "%d ", e.Status)
	}
	if e.Code != "" {
		b.WriteString(s.bold(printable(e.Code)) + " ")
	}
	b.WriteString(printable(e.Message))
	for _, key := range telling {
		if v := e.Fields.Get(key); v != "" && !strings.Contains(e.Message, v) {
			b.WriteString(s.dim(" " + key + "=" + printable(v)))
		}
	}
	_, err := fmt.Fprintln(g.out, b.String())
	return err
}
