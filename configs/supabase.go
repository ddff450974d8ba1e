package configs

import (
	"embed"
	"io/fs"
	"slices"
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
	slices.Sort(names)
	return names
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
