package apply

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// operation is what one Op needs and does.
type operation struct {
	// check refuses wrong arguments, before anything is touched.
	check func(a core.Action) error
	// do carries the action out.
	do func(ctx context.Context, t *transaction, a core.Action) error
	// file returns the file that do writes, given the name of the .env; nil
	// when it writes none.
	file func(a core.Action, env string) string
	// roles says that do may change role passwords.
	roles bool
	// moves says that do changes containers.
	moves bool
	// risk says why do cannot be taken back without a snapshot of data; nil,
	// or nil from it, when it can.
	risk func(a core.Action) error
}

// ops is all that a plan can do. What is missing of core.Ops is refused before
// anything is touched.
var ops map[core.Op]operation

func init() {
	ops = map[core.Op]operation{
		core.OpRestart:         {check: oneService, do: restart, moves: true},
		core.OpStop:            {check: oneService, do: stop, moves: true},
		core.OpStart:           {check: oneService, do: start, moves: true},
		core.OpRecreate:        {check: oneService, do: recreate, moves: true},
		core.OpUp:              {check: timed, do: up, moves: true},
		core.OpWaitHealthy:     {check: both(oneService, timed), do: waitHealthy},
		core.OpWaitHTTP:        {check: both(oneService, both(timed, checkHTTP)), do: waitHTTP},
		core.OpSetEnv:          {check: checkSetEnv, do: setEnv, file: dotEnv},
		core.OpUnsetEnv:        {check: checkKey, do: unsetEnv, file: dotEnv},
		core.OpGenerateSecret:  {check: checkGenerate, do: generateSecret, file: dotEnv},
		core.OpMintKeys:        {check: checkMint, do: mintKeys, file: dotEnv},
		core.OpWriteFile:       {check: checkWriteFile, do: writeFile, file: pathOf},
		core.OpChmod:           {check: checkChmod, do: chmod, file: pathOf},
		core.OpSetRolePassword: {check: checkRole, do: setRolePassword, roles: true},
		core.OpSQL:             {check: checkSQL, do: doSQL, roles: true, risk: sqlRisk},
		core.OpAllocatePort:    {check: checkAllocate, do: allocatePort, file: dotEnv},
		core.OpQuarantine:      {check: checkQuarantine, do: quarantine, risk: quarantineRisk},
		core.OpConnectNetwork:  {check: both(oneService, checkConnect), do: connectNetwork, moves: true},
		core.OpRenameContainer: {check: both(oneService, checkRename), do: renameContainer, moves: true},
		core.OpExec:            {check: both(oneService, both(timed, checkExec)), do: execute, risk: execRisk},
		core.OpCheck:           {check: needs("code"), do: recheck},
		core.OpNote:            {check: needs("text"), do: func(context.Context, *transaction, core.Action) error { return nil }},
	}
}

func both(a, b func(core.Action) error) func(core.Action) error {
	return func(x core.Action) error {
		if err := a(x); err != nil {
			return err
		}
		return b(x)
	}
}

// needs refuses an action without the text argument name.
func needs(name string) func(core.Action) error {
	return func(a core.Action) error {
		if a.Text(name) == "" {
			return core.Errorf(core.Invalid, "%s is missing", name)
		}
		return nil
	}
}

func oneService(a core.Action) error {
	if a.Service == "" || a.Service == core.Host {
		return core.Errorf(core.Invalid, "the service is missing")
	}
	return nil
}

// shown are the arguments that say what an action acts on and are no content.
var shown = map[string]bool{
	"key": true, "role": true, "path": true, "mode": true, "port": true, "status": true, "timeout": true,
	"code": true, "database": true, "text": true, "length": true, "encoding": true, "years": true,
	"network": true, "mount": true, "alias": true, "name": true, "from": true, "to": true, "command": true,
}

// describe says on one line what an action acts on. Contents of files, SQL and
// values stay out of the journal.
func describe(a core.Action) string {
	parts := []string{string(a.Op)}
	if a.Service != "" {
		parts = append(parts, string(a.Service))
	}
	for _, k := range slices.Sorted(maps.Keys(a.Args)) {
		switch h := a.SecretHandle(k); {
		case h != "":
			parts = append(parts, k+"="+h)
		case shown[k]:
			parts = append(parts, fmt.Sprintf("%s=%v", k, a.Args[k]))
		}
	}
	line := []rune(strings.Join(strings.Fields(strings.Join(parts, " ")), " "))
	if len(line) > 200 {
		return string(line[:200]) + "…"
	}
	return string(line)
}

// recheck diagnoses again and fails while the code is found.
func recheck(ctx context.Context, t *transaction, a core.Action) error {
	d, err := t.Diagnose(ctx, t.e, t.inst)
	if err != nil {
		return fmt.Errorf("diagnose: %w", err)
	}
	if code := a.Text("code"); d.Finds(code) {
		return core.Errorf(core.Conflict, "%s is still there", code)
	}
	return nil
}
