package configs

import (
	"embed"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

//go:embed all:supabase
var supabase embed.FS

// Releases lists the releases of Supabase that stacks can be made from, the
// newest last. A release is a folder.
func Releases() []string {
	entries, err := supabase.ReadDir("supabase")
	if err != nil {
		panic(err) // it is part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.SortFunc(names, CompareReleases)
	return names
}

// CompareReleases orders releases by their numbers, so that 0.10.0 comes after
// 0.9.0: -1 when a is older than b, 1 when it is newer, else 0.
func CompareReleases(a, b string) int { return slices.Compare(numbers(a), numbers(b)) }

func numbers(release string) []int {
	var out []int
	for part := range strings.SplitSeq(strings.TrimPrefix(release, "v"), ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			n = -1 // what is no number comes before what is one
		}
		out = append(out, n)
	}
	return out
}

// Release returns the files of a release: docker-compose.yml, env.tmpl, of which
// a stack's .env is made, and what the compose file mounts. A release that is
// not there is fs.ErrNotExist.
func Release(name string) (fs.FS, error) {
	if !slices.Contains(Releases(), name) {
		return nil, fs.ErrNotExist
	}
	return fs.Sub(supabase, "supabase/"+name)
}
