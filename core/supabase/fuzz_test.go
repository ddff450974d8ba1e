package supabase

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/sirupsen/logrus"

	"github.com/basewright/basewright/core"
)

func init() { logrus.SetOutput(io.Discard) } // as main does

// seed adds the files of published and of made-up stacks whose names match.
func seed(f *testing.F, patterns ...string) {
	f.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join("../../cmd/basewright/testdata", pattern))
		if err != nil || len(files) == 0 {
			f.Fatalf("no seed for %s: %v", pattern, err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
}

// quick fails when do takes longer than anything of a stack may. The bound is
// far above what a busy machine needs.
func quick(t *testing.T, what string, do func()) {
	t.Helper()
	began := time.Now()
	do()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("%s took %v", what, took)
	}
}

var tornEnvs = []string{
	"", "0", "0\n", "A", "A\nB=1", "=", "=x", ":", "A=1\nA=2\n", "A=1\r\nB=2\r\n", "\xef\xbb\xbfA=1\n", "A='x\ny'\nB=\"z\\\"\"\n",
	"A=$B ${C:-d${E}} #c\n", "export A=1", "A = 1 # no", "A: 1\n", "A='", "A=\"${B", "A=x\x00y", "A=p@ss#w'o\"rd\n", "A=1\nB", "A.B[0]=1\n",
	"A=\\\nB=2", "A=1\n#B=2\n  C=3\n", "A=\"x\" B=2\n", "A='a'B='b'\n", "\xffA=\xfe\n", "A=$$B\n", "A=\u2028B=1",
}

// FuzzEnv holds the reading and the editing of a .env to three laws: what is
// read is what Compose reads; an edit sets its variable; and it leaves every
// other byte, and every other value, as it was.
func FuzzEnv(f *testing.F) {
	files, err := filepath.Glob("../../cmd/basewright/testdata/*/*/.env*")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "JWT_SECRET", "new")
	}
	for _, text := range tornEnvs {
		f.Add([]byte(text), "A", "it's $5 \"here\" #1")
	}
	f.Fuzz(func(t *testing.T, data []byte, key, value string) {
		before, err := ParseEnv(data)
		agree(t, data, before, err)
		if err != nil {
			return
		}
		after, err := SetEnv(data, key, value)
		if err != nil {
			if core.CodeOf(err) != core.Invalid {
				t.Errorf("an error without a sentence: %v", err)
			}
			return
		}
		kept(t, data, after, key)
		now, err := ParseEnv(after)
		if err != nil {
			t.Fatalf("%q with %s=%q became %q, which cannot be read: %v", data, key, value, after, err)
		}
		got, ok := core.EnvFile{Vars: now}.Lookup(key)
		if !ok || got.Reveal() != value {
			t.Fatalf("%q with %s=%q became %q, which gives %q", data, key, value, after, got.Reveal())
		}
		if strings.ContainsAny(string(data), "$") {
			return // others may use the variable
		}
		for _, v := range before {
			is, _ := core.EnvFile{Vars: now}.Lookup(v.Key)
			was, _ := core.EnvFile{Vars: before}.Lookup(v.Key)
			if v.Key != key && is != was {
				t.Fatalf("%q with %s=%q became %q: %s was %q and is %q", data, key, value, after, v.Key, was.Reveal(), is.Reveal())
			}
		}
	})
}

// agree compares what ParseEnv read with what Compose's own reader does.
func agree(t *testing.T, data []byte, vars []core.EnvVar, err error) {
	t.Helper()
	if len(data) > 1<<14 || bytes.Count(data, []byte("$")) > 40 {
		return // Compose has no bounds of its own
	}
	theirs, refused := dotenv.UnmarshalWithLookup(string(bytes.TrimPrefix(data, byteOrderMark)), func(string) (string, bool) { return "", false })
	if err != nil {
		if refused == nil && !strings.Contains(err.Error(), "NUL") && !strings.Contains(err.Error(), "become") {
			t.Fatalf("%q: Compose reads it, and we say %v", data, err)
		}
		return
	}
	if refused != nil {
		t.Fatalf("%q: Compose says %v, and we read it", data, refused)
	}
	for _, v := range vars {
		if last, _ := (core.EnvFile{Vars: vars}).Lookup(v.Key); theirs[v.Key] != last.Reveal() {
			t.Fatalf("%q: Compose reads %s as %q, and we as %q", data, v.Key, theirs[v.Key], last.Reveal())
		}
	}
}

// kept wants every line that an edit is not about, byte for byte.
func kept(t *testing.T, before, after []byte, key string) {
	t.Helper()
	at, found := last(before, key)
	lines := bytes.SplitAfter(before, []byte("\n"))
	head, tail := before, []byte(nil)
	if found {
		head, tail = bytes.Join(lines[:at.line-1], nil), bytes.Join(lines[at.last:], nil)
	}
	if !bytes.HasPrefix(after, head) || !bytes.HasSuffix(after, tail) {
		t.Fatalf("%q became %q", before, after)
	}
}

// FuzzRender renders whatever is put before it as a compose file: in bounded
// time, without a panic, with a sentence when it cannot.
func FuzzRender(f *testing.F) {
	seed(f, "corpus/*/docker-compose*.yml", "layouts/*/*.y*ml")
	for _, text := range []string{
		bomb(), "", "services:", "- a", "services: {db: {image: !!binary eA==}}", "services: {db: !!python/object x}", "services: {db: {image: x, ports: [!!float 1]}}",
		"services: {db: {<<: {image: x}}}", "a: &a {<<: *a}\nservices: {db: {image: x}}", "services: {db: {image: x, environment: {A: ${A:?no}}}}", "services: {? [a]: {image: x}}",
		strings.Repeat("[", 2000), strings.Repeat("a: {", 500), "services: {db: {image: x, extends: {service: db}}}", "include: [compose.yml]\nservices: {db: {image: x}}",
		"services: {db: {image: x, scale: 1000000}}", "services: {db: {image: x, ports: ['1-65535:1-65535']}}", "\xff\xfe", "%YAML 9.9\n---\n", "services: {db: {image: x}}\n---\nservices: {db: !reset null}\n",
	} {
		f.Add([]byte(text))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			return
		}
		path := filepath.Join(dir, "compose.yml")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		quick(t, "rendering", func() {
			c := Render(t.Context(), Source{Dir: dir, Compose: []string{path}, Project: "shop"})
			switch {
			case c.Err == nil:
			case strings.Contains(c.Err.Error(), "could not be read in"):
				t.Fatalf("it took too long: %q", data)
			case strings.Contains(c.Err.Error(), "cannot be parsed"):
				t.Fatalf("the library panicked: %q", data)
			case core.CodeOf(c.Err) != core.Invalid && core.CodeOf(c.Err) != core.Unreachable:
				t.Fatalf("an error without a sentence: %v", c.Err)
			}
		})
	})
}

// fuzzFile holds the reader of a configuration file to bounded time and to
// errors that name a line.
func fuzzFile(f *testing.F, read func([]byte) error, patterns ...string) {
	seed(f, patterns...)
	for _, text := range []string{"", bomb(), "a: &a [*a]\n", "services: [&s {plugins: [*s]}]\n", strings.Repeat("[", 3000), "services: {url: !!binary x}\n", "\x00", "{}", "sources: {<<: {a: {type: docker_logs}}}\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		quick(t, "reading", func() {
			if err := read(data); err != nil {
				if _, ok := errors.AsType[*FileError](err); !ok || err.Error() == "" {
					t.Fatalf("%v is no sentence about a file", err)
				}
			}
		})
	})
}

func FuzzKong(f *testing.F) {
	fuzzFile(f, func(data []byte) error {
		if _, err := ReadKong([]byte(FillShell(string(data), map[string]core.Secret{"A": "x"}))); err != nil {
			return err
		}
		_, err := ReadKong(data)
		return err
	}, "*/*/volumes/api/kong.yml")
}

func FuzzEnvoy(f *testing.F) {
	fuzzFile(f, func(data []byte) error { _, err := ReadEnvoy(data); return err }, "layouts/*/volumes/api/envoy/*.yaml")
}

func FuzzVector(f *testing.F) {
	fuzzFile(f, func(data []byte) error { _, err := ReadVector(data); return err }, "*/*/volumes/logs/vector.yml")
}
