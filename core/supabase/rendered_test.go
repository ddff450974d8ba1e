package supabase

import (
	"os"
	"path/filepath"
	"testing"
)

// Whatever goes into a rendering, an edit of it shows at the next look.
func TestRenderingsAreOfTheFilesAsTheyAre(t *testing.T) {
	dir := stack(t, map[string]string{
		"docker-compose.yml": "services:\n  db:\n    image: x:${TAG}\n    env_file: [{path: extra.env, required: false}]\n",
		".env":               "TAG=1\n",
	})
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(image, extra string) {
		t.Helper()
		for range 2 { // from the files, and as remembered
			c := Render(t.Context(), Source{Dir: dir, Project: "shop"})
			if c.Err != nil || c.Services[0].Image != image || c.Services[0].Env["EXTRA"].Reveal() != extra {
				t.Fatalf("got %+v, want image %s and EXTRA %q", c, image, extra)
			}
		}
	}
	want("x:1", "")
	put(".env", "TAG=2\n")
	want("x:2", "")
	put("extra.env", "EXTRA=a\n")
	want("x:2", "a")
	put("extra.env", "EXTRA=b\n")
	want("x:2", "b")
	put("docker-compose.yml", "services:\n  db:\n    image: y:${TAG}\n    env_file: [extra.env]\n")
	want("y:2", "b")
	if c := Render(t.Context(), Source{Dir: dir, Project: "other"}); c.Err != nil {
		t.Fatal(c.Err)
	}
}
