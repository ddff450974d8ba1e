package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// extraCommands are the subcommands that tell a story with the others.
func (l *lab) extraCommands() []*cobra.Command {
	return []*cobra.Command{
		l.toolsCommand(), l.testCommand(), l.clientCommand(),
		{
			Use: "demo", Short: "Break a stack, diagnose it, repair it, and roll back a repair that does not help",
			Args: args(cobra.NoArgs),
			RunE: func(c *cobra.Command, _ []string) error { return l.demo(c.Context()) },
		},
	}
}

// story tells the demo step by step and checks that each step really happened.
type story struct {
	*lab
	step  int
	begin time.Time
	a     *bench
}

// demo does the main job on real parts. It may be repeated: it begins by
// mending what an earlier one left broken.
func (l *lab) demo(ctx context.Context) error {
	s := &story{lab: l, begin: time.Now()}
	for _, chapter := range []func(context.Context) error{
		s.engineAndImages, s.stacks, s.adoption, s.breakdown, s.diagnosis, s.repair, s.failedRepair, s.end, s.smallFault, s.panel,
	} {
		if err := chapter(ctx); err != nil {
			return fmt.Errorf("demo, step %d: %w", s.step, err)
		}
	}
	return nil
}

// tell opens a step.
func (s *story) tell(title, why string) {
	s.step++
	s.say("\n── %d. %s  (%.0f s)", s.step, title, time.Since(s.begin).Seconds())
	if why != "" {
		s.say("   %s", why)
	}
	s.say("")
}

func (s *story) engineAndImages(ctx context.Context) error {
	s.tell("A Docker Engine", "Basewright works on the Docker Engine of this machine; the demo uses it, or installs and starts one.")
	if err := s.engineUp(ctx, false); err != nil {
		return err
	}
	s.tell("Images without a registry", "PostgreSQL and postgres-meta are the real ones; the other services are stand-ins that fail as the real ones do.")
	return s.buildImages(ctx, false)
}

func (s *story) stacks(ctx context.Context) error {
	s.tell("Two Supabase stacks", "lab-a and lab-b, each with its own network, ports and secrets.")
	for _, name := range []string{"lab-a", "lab-b"} {
		if b, err := s.bench(ctx, name); err == nil {
			if err := b.mendAll(ctx); err != nil {
				return err
			}
		}
	}
	if err := s.up(ctx, []string{"lab-a", "lab-b"}); err != nil {
		return err
	}
	var err error
	if s.a, err = s.bench(ctx, "lab-a"); err != nil {
		return err
	}
	if err := s.a.signup(ctx); err != nil {
		return err
	}
	s.say("")
	return s.basewright(ctx, 0, "doctor", "lab-a", "lab-b")
}

func (s *story) adoption(ctx context.Context) error {
	s.tell("Both are adopted", "What Basewright sees and does from now on is kept, and the panel will show it.")
	for _, name := range []string{"lab-a", "lab-b"} {
		if err := s.adopt(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) breakdown(ctx context.Context) error {
	s.tell("A fault", "Somebody changes POSTGRES_PASSWORD and recreates the containers. The data volume keeps the old one.")
	f, err := faultOf("PG-01")
	if err != nil {
		return err
	}
	if err := s.a.breakIt(ctx, f); err != nil {
		return err
	}
	s.say("\n$ lab signup lab-a")
	err = s.a.signup(ctx)
	if err == nil {
		return errors.New("a user could sign up in spite of the fault")
	}
	s.say("%s", err)
	return nil
}

func (s *story) diagnosis(ctx context.Context) error {
	s.tell("The diagnosis", "Many red services, one cause, with its proof. lab-b is well.")
	if err := s.basewright(ctx, 1, "doctor", "lab-a", "lab-b"); err != nil {
		return err
	}
	roots, err := s.rootCauses(ctx)
	if err != nil {
		return err
	}
	if !slices.Equal(roots["lab-a"], []string{"PG-01"}) || len(roots["lab-b"]) != 0 {
		return fmt.Errorf("the diagnosis is wrong: root causes %v", roots)
	}
	return s.basewright(ctx, 1, "playbook", "tend", "lab-a") // which keeps it
}

func (s *story) repair(ctx context.Context) error {
	users, err := s.users(ctx)
	if err != nil {
		return err
	}
	s.tell("The repair", "First the exact plan; nothing is changed by looking at it.")
	if err := s.basewright(ctx, 0, "repair", "lab-a", "align-database-passwords", "--plan"); err != nil {
		return err
	}
	s.tell("The repair, applied", "Snapshot, journal, actions, re-diagnosis, receipt.")
	if err := s.basewright(ctx, 0, "repair", "lab-a", "align-database-passwords", "--yes"); err != nil {
		return err
	}
	s.say("\n$ lab signup lab-a")
	if err := s.a.signup(ctx); err != nil {
		return err
	}
	now, err := s.users(ctx)
	if err != nil {
		return err
	}
	if now != users+1 {
		return fmt.Errorf("there were %d users before the repair, and %d after one more signed up", users, now)
	}
	s.say("   %d users before the repair, %d now: nothing in the data volume was lost.", users, now)
	return nil
}

func (s *story) failedRepair(ctx context.Context) error {
	s.tell("A repair that does not help", "The same fault again, and a playbook that restarts auth and hopes. It must be put back, byte for byte.")
	f, err := faultOf("PG-01")
	if err != nil {
		return err
	}
	if err := s.a.breakIt(ctx, f); err != nil {
		return err
	}
	before, err := os.ReadFile(s.a.path(".env"))
	if err != nil {
		return err
	}
	wrong := filepath.Join(s.source, "repairs", "testdata", "wrong-cure.lua")
	if err := s.basewright(ctx, 1, "repair", "lab-a", wrong, "--yes"); err != nil {
		return err
	}
	after, err := os.ReadFile(s.a.path(".env"))
	if err != nil {
		return err
	}
	if !bytes.Equal(before, after) {
		return errors.New("the rollback left another .env behind")
	}
	s.say("   .env is byte for byte what it was (%d bytes).", len(after))
	s.tell("And the one that helps", "")
	return s.basewright(ctx, 0, "repair", "lab-a", "--finding", "PG-01", "--yes")
}

func (s *story) end(ctx context.Context) error {
	if err := s.a.setBroken(nil); err != nil { // Basewright has repaired it
		return err
	}
	s.tell("Done", "")
	if err := s.basewright(ctx, 0, "doctor", "lab-a", "lab-b"); err != nil {
		return err
	}
	if err := s.basewright(ctx, 0, "playbook", "tend", "lab-a"); err != nil {
		return err
	}
	s.say("\nBoth stacks run on. Try it yourself:\n" +
		"   bin/lab faults; bin/lab break lab-a GW-04\n" +
		"   bin/basewright doctor\n" +
		"   bin/lab mend lab-a\n" +
		"   make demo-down      removes all of it, and nothing else")
	return nil
}

func (s *story) smallFault(ctx context.Context) error {
	s.tell("A small fault stays", "lab-b works, but its links in mails lead to localhost: something to press Fix for.")
	b, err := s.bench(ctx, "lab-b")
	if err != nil {
		return err
	}
	f, err := faultOf("AUTH-10")
	if err != nil {
		return err
	}
	if err := b.breakIt(ctx, f); err != nil {
		return err
	}
	return s.basewright(ctx, 1, "playbook", "tend", "lab-b")
}

// basewright runs the real program as a person would and wants the exit code.
func (s *story) basewright(ctx context.Context, want int, arguments ...string) error {
	s.say("$ basewright %s", strings.Join(arguments, " "))
	code, err := s.program(ctx, s.out, arguments...)
	if err != nil {
		return err
	}
	if code != want {
		return fmt.Errorf("basewright %s ended with exit code %d, not %d", strings.Join(arguments, " "), code, want)
	}
	return nil
}

// program runs bin/basewright with its state in the lab's folder.
func (s *story) program(ctx context.Context, out io.Writer, arguments ...string) (int, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.source, "bin", "basewright"), arguments...)
	cmd.Env = append(os.Environ(), "BASEWRIGHT_DATA="+s.data())
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// rootCauses asks for the diagnosis as a script would.
func (s *story) rootCauses(ctx context.Context) (map[string][]string, error) {
	var out bytes.Buffer
	if _, err := s.program(ctx, &out, "doctor", "lab-a", "lab-b", "--output", "json"); err != nil {
		return nil, err
	}
	var answer struct {
		Diagnoses []struct {
			Project    string   `json:"project"`
			RootCauses []string `json:"root_causes"`
		} `json:"diagnoses"`
	}
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return nil, fmt.Errorf("read doctor's JSON: %w", err)
	}
	roots := map[string][]string{}
	for _, d := range answer.Diagnoses {
		roots[d.Project] = d.RootCauses
	}
	return roots, nil
}

func (s *story) users(ctx context.Context) (int, error) {
	out, err := s.a.sql(ctx, "postgres", "select count(*) from auth.users")
	if err != nil {
		return 0, err
	}
	n := 0
	_, err = fmt.Sscan(out, &n)
	return n, err
}
