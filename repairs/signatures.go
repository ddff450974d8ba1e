package repairs

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/basewright/basewright/core"
)

// signature says what an operation acts on and which arguments it takes.
type signature struct {
	service subject
	args    map[string]argument
	// downtime is the seconds that a service is away.
	downtime int
}

// subject says whether an operation names a service.
type subject int

const (
	noService subject = iota
	maybeService
	oneService
)

// argument is one argument of an operation.
type argument struct {
	kind     kind
	required bool
}

// kind checks a value and says what it should have been.
type kind struct {
	says string
	ok   func(v any) bool
}

var (
	envKeyShape  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	roleShape    = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	nameShape    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	modeShape    = regexp.MustCompile(`^0?[0-7]{3}$`)
	webPathShape = regexp.MustCompile(`^/[A-Za-z0-9/._~?&=%:,+-]*$`)
)

var (
	anyText      = kind{"text", func(v any) bool { return isText(v, maxSource) }}
	lineOfText   = kind{"one line of text", func(v any) bool { s, ok := v.(string); return ok && isText(v, 4096) && s == oneLineOf(s) }}
	envKey       = shape("the name of a variable", envKeyShape)
	roleName     = shape("the name of a role", roleShape)
	databaseName = shape("the name of a database", regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$`))
	plainName    = shape("a name", nameShape)
	fileMode     = shape(`a file mode such as "0600"`, modeShape)
	webPath      = shape(`a path such as "/health"`, webPathShape)
	findingCode  = shape("the code of a finding", codeShape)
	encoding     = shape("hex, base64 or alphanumeric", regexp.MustCompile(`^(hex|base64|alphanumeric)$`))
	lineEndings  = shape(`"lf"`, regexp.MustCompile(`^lf$`))
	lineEdits    = kind{"a list of edits, each with line, old and new", isEdits}
	timeSpan     = kind{`a time such as "60s", up to 1h`, func(v any) bool { s, ok := v.(string); return ok && isDuration(s) }}
	handle       = kind{"the handle of a secret", isHandle}
	textOrHandle = kind{"one line of text or the handle of a secret", func(v any) bool { return isHandle(v) || lineOfText.ok(v) }}
	fileInside   = kind{"a path inside the instance folder", isInside}
	commandLine  = kind{"a list of texts", isCommand}
)

// mountPath is where something is mounted in a container.
var mountPath = shape("a path in a container", regexp.MustCompile(`^/[A-Za-z0-9/._-]+$`))

// shape is a kind of text by its look. Nothing that is named here is longer
// than 256 bytes.
func shape(says string, re *regexp.Regexp) kind {
	return kind{says, func(v any) bool { s, ok := v.(string); return ok && len(s) <= 256 && re.MatchString(s) }}
}

func whole(least, most int) kind {
	return kind{fmt.Sprintf("a whole number from %d to %d", least, most), func(v any) bool {
		n, ok := v.(float64)
		return ok && n == float64(int(n)) && int(n) >= least && int(n) <= most
	}}
}

var portNumber = whole(1, 65535)

// signatures is every operation with its arguments.
var signatures = map[core.Op]signature{
	core.OpRestart:     {service: oneService, downtime: 10},
	core.OpStop:        {service: oneService, downtime: 10},
	core.OpStart:       {service: oneService, downtime: 10},
	core.OpRecreate:    {service: oneService, downtime: 15},
	core.OpUp:          {service: maybeService, downtime: 20, args: map[string]argument{"timeout": {timeSpan, false}}},
	core.OpWaitHealthy: {service: oneService, args: map[string]argument{"timeout": {timeSpan, false}}},
	core.OpWaitHTTP: {service: oneService, args: map[string]argument{
		"port": {portNumber, true}, "path": {webPath, true}, "status": {whole(100, 599), false}, "timeout": {timeSpan, false}}},
	core.OpSetEnv:   {args: map[string]argument{"key": {envKey, true}, "value": {textOrHandle, true}}},
	core.OpUnsetEnv: {args: map[string]argument{"key": {envKey, true}}},
	core.OpGenerateSecret: {args: map[string]argument{
		"key": {envKey, true}, "length": {whole(8, 256), false}, "encoding": {encoding, false}}},
	core.OpMintKeys:     {args: map[string]argument{"years": {whole(1, 20), false}}},
	core.OpAllocatePort: {args: map[string]argument{"key": {envKey, true}, "from": {portNumber, false}, "to": {portNumber, false}}},
	core.OpWriteFile:    {args: map[string]argument{"path": {fileInside, true}, "content": {anyText, false}, "lines": {lineEndings, false}, "edits": {lineEdits, false}, "mode": {fileMode, false}}},
	core.OpChmod:        {args: map[string]argument{"path": {fileInside, true}, "mode": {fileMode, true}}},
	core.OpQuarantine:   {service: maybeService, args: map[string]argument{"path": {fileInside, false}, "mount": {mountPath, false}}},
	core.OpSQL: {args: map[string]argument{
		"statement": {anyText, true}, "database": {databaseName, false}, "inverse": {anyText, false}}},
	core.OpSetRolePassword: {args: map[string]argument{"role": {roleName, true}, "password": {handle, true}}},
	core.OpConnectNetwork: {service: oneService, downtime: 1, args: map[string]argument{
		"network": {plainName, true}, "alias": {plainName, false}}},
	core.OpRenameContainer: {service: oneService, args: map[string]argument{"name": {plainName, true}}},
	core.OpCheck:           {args: map[string]argument{"code": {findingCode, true}}},
	core.OpNote:            {args: map[string]argument{"text": {lineOfText, true}}},
	core.OpExec:            {service: oneService, args: map[string]argument{"command": {commandLine, true}, "inverse": {commandLine, false}, "timeout": {timeSpan, false}}},
}

// takes lists what an operation takes, for messages.
func (s signature) takes() string {
	names := slices.Sorted(maps.Keys(s.args))
	if s.service != noService {
		names = append([]string{"service"}, names...)
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

func isText(v any, most int) bool {
	s, ok := v.(string)
	return ok && len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r'
	})
}

// oneLineOf is s when it has no control character, so that it can be shown and
// written anywhere as one line.
func oneLineOf(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// isHandle reports whether v is the handle of a secret that the instance has:
// nobody gives a playbook one.
func isHandle(v any) bool {
	m, ok := v.(map[string]any)
	if !ok {
		return false
	}
	s, _ := m["secret"].(string)
	h, ok := core.ParseHandle(s)
	return ok && h.From != core.FromGiven
}

// isInside reports whether v is a clean relative path that stays below.
func isInside(v any) bool {
	s, ok := v.(string)
	return ok && lineOfText.ok(v) && s != "" && s != "." && path.Clean(s) == s && !path.IsAbs(s) &&
		s != ".." && !strings.HasPrefix(s, "../") && !strings.Contains(s, `\`)
}

func isCommand(v any) bool {
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > 64 {
		return false
	}
	return !slices.ContainsFunc(list, func(x any) bool { return !isText(x, 4096) })
}

// isEdits reports whether v says which lines of a file become what.
func isEdits(v any) bool {
	list, ok := v.([]any)
	return ok && len(list) > 0 && len(list) <= 256 && !slices.ContainsFunc(list, func(e any) bool {
		m, ok := e.(map[string]any)
		return !ok || len(m) != 3 || !whole(1, 1<<20).ok(m["line"]) || !lineOfText.ok(m["old"]) || !isText(m["new"], maxSource)
	})
}
