package supabase

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// bomb is a YAML file whose aliases expand to 10^9 nodes.
func bomb() string {
	var b strings.Builder
	b.WriteString("x-a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "x-a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	return b.String() + "services: {db: {image: x}}\n"
}

const canary = "Canary-hunter2-4711"

// TestRenderRefuses wants one quick clear sentence, and no content of a file,
// about stacks that would hold, flood or make talk the library.
func TestRenderRefuses(t *testing.T) {
	outside := stack(t, map[string]string{
		"out.env": "A B=" + canary + "\nlineof " + canary + "\n", "out.yml": "services: {db: {image: '" + canary + ":::'}}\n"})
	db := func(more string) string { return "services:\n  db:\n    image: x\n" + more }
	wide := strings.TrimSpace(strings.Repeat("${A}", 20_000))
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a pipe is included":        {map[string]string{"compose.yml": db("include: [./fifo]\n")}, "fifo is not a plain file"},
		"a pipe, deeper":            {map[string]string{"compose.yml": db("include: [./b.yml]\n"), "b.yml": "include: [{path: fifo}]\n"}, "fifo is not a plain file"},
		"a pipe is extended":        {map[string]string{"compose.yml": db("    extends: {file: fifo, service: x}\n")}, "fifo is not a plain file"},
		"a pipe of variables":       {map[string]string{"compose.yml": db("    env_file: fifo\n")}, "fifo is not a plain file"},
		"a pipe, by a variable":     {map[string]string{"compose.yml": db("    env_file: [{path: '${F}'}]\n"), ".env": "F=fifo\n"}, "fifo is not a plain file"},
		"a pipe, in a second part":  {map[string]string{"compose.yml": db("") + "---\n" + db("    env_file: fifo\n")}, "fifo is not a plain file"},
		"a pipe, by an alias":       {map[string]string{"compose.yml": "x-f: &f {env_file: fifo}\n" + db("    <<: *f\n")}, "fifo is not a plain file"},
		"a folder of variables":     {map[string]string{"compose.yml": db("    env_file: .\n")}, "is not a plain file"},
		"a device":                  {map[string]string{"compose.yml": db("    env_file: /dev/zero\n")}, "/dev/zero, which env_file names, is outside"},
		"a huge file":               {map[string]string{"compose.yml": db("#" + strings.Repeat("x", 1<<20))}, "is not a plain file of at most 1 MiB"},
		"aliases upon aliases":      {map[string]string{"compose.yml": bomb()}, "more than 100000 YAML nodes"},
		"an alias of itself":        {map[string]string{"compose.yml": "x-a: &a [*a]\n" + db("")}, "more than 100000 YAML nodes"},
		"variables that grow":       {map[string]string{"compose.yml": db("    hostname: '" + wide + "'\n"), ".env": "A=" + strings.Repeat("x", 10_000) + "\n"}, "line 4: with its variables"},
		"env_file outside":          {map[string]string{"compose.yml": db("    env_file: " + outside + "/out.env\n")}, "out.env, which env_file names, is outside"},
		"env_file above":            {map[string]string{"compose.yml": db("    env_file: [{path: ../../x.env}]\n")}, "x.env, which env_file names, is outside"},
		"env_file by a link":        {map[string]string{"compose.yml": db("    env_file: link.env\n")}, "link.env, which env_file names, is outside"},
		"label_file outside":        {map[string]string{"compose.yml": db("    label_file: link.env\n")}, "link.env, which label_file names, is outside"},
		"include outside":           {map[string]string{"compose.yml": db("include: [" + outside + "/out.yml]\n")}, "out.yml, which include names, is outside"},
		"variables of an include":   {map[string]string{"compose.yml": db("include: [{path: b.yml, env_file: link.env}]\n"), "b.yml": "{}"}, "link.env, which include names, is outside"},
		"extends outside":           {map[string]string{"compose.yml": db("    extends: {file: " + outside + "/out.yml, service: db}\n")}, "out.yml, which extends names, is outside"},
		"too many ports":            {map[string]string{"compose.yml": db("    ports: ['${P}:1-65535']\n"), ".env": "P=1-65535\n"}, "more than 2000 ports"},
		"env_file that is torn":     {map[string]string{"compose.yml": db("    env_file: b.env\n"), "b.env": "A=1\nB C=" + canary + "\n"}, "b.env: the file is not a valid .env: line 2 cannot be read"},
		"env_file left open":        {map[string]string{"compose.yml": db("    env_file: b.env\n"), "b.env": "A='" + canary + "\n"}, "never closed"},
		"a value in a wrong place":  {map[string]string{"compose.yml": db("    ports: ['${P}']\n"), ".env": "P=" + canary + "\n"}, "cannot be rendered"},
		"an environment that isn't": {map[string]string{"compose.yml": db("    environment: {A: '" + canary + "${'}\n")}, "cannot be rendered"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := stack(t, tt.files)
			if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(outside, "out.env"), filepath.Join(dir, "link.env")); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			c := Render(t.Context(), Source{Dir: dir, Project: "shop"})
			code := core.Invalid // or a file that is not looked at, which says nothing against the stack
			if strings.Contains(tt.want, "outside") {
				code = core.Unreachable
			}
			if c.Err == nil || !strings.Contains(c.Err.Error(), tt.want) || core.CodeOf(c.Err) != code {
				t.Errorf("err = %v, want %q in it", c.Err, tt.want)
			}
			if c.Err != nil && strings.Contains(c.Err.Error(), "hunter2") {
				t.Errorf("the error shows what is in a file: %v", c.Err)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestRenderTakesWhatIsInside wants the files within a folder read as before.
func TestRenderTakesWhatIsInside(t *testing.T) {
	dir := stack(t, map[string]string{
		"compose.yml": "include: [b.yml]\nservices:\n  db:\n    extends: {file: c.yml, service: base}\n    env_file: [a.env, {path: none.env, required: false}]\n    restart: !reset null\n",
		"b.yml":       "services: {auth: {image: 'y:${TAG}'}}\n", "c.yml": "services: {base: {image: x, restart: always}}\n",
		"a.env": "A=${TAG:?must be there}\nB=${A}\n", ".env": "TAG=7\n"})
	c := Render(t.Context(), Source{Dir: dir, Project: "shop"})
	if c.Err != nil || len(c.Services) != 2 || c.Services[0].Image != "y:7" || c.Services[1].Env["B"] != "7" || c.Services[1].Image != "x" {
		t.Fatalf("%+v", c)
	}
}

func TestRenderStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := Render(ctx, Source{Dir: stack(t, map[string]string{"compose.yml": composeYAML}), Project: "shop"})
	if c.Err != nil && core.CodeOf(c.Err) != core.Unreachable {
		t.Errorf("err = %v", c.Err)
	}
}
