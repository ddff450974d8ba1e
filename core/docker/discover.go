package docker

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// The labels by which compose marks what it made.
const (
	projectLabel = "com.docker.compose.project"
	serviceLabel = "com.docker.compose.service"
	numberLabel  = "com.docker.compose.container-number"
	oneoffLabel  = "com.docker.compose.oneoff"
	dirLabel     = "com.docker.compose.project.working_dir"
	filesLabel   = "com.docker.compose.project.config_files"
	envFileLabel = "com.docker.compose.project.environment_file"
)

// Discover returns the Supabase instances on the engine, ordered by ID, from
// one list of its containers. Labels are text that anybody could have written:
// they are read, never run or followed.
func (h *Host) Discover(ctx context.Context) ([]core.Instance, error) {
	all, err := h.list(ctx, filters.Arg("label", projectLabel))
	if err != nil {
		return nil, h.wrap(ctx, "looking for instances", err)
	}
	projects := map[string][]container.Summary{}
	for _, c := range all {
		if !oneoff(c.Labels) {
			name := c.Labels[projectLabel]
			projects[name] = append(projects[name], c)
		}
	}
	var found []core.Instance
	for name, containers := range projects {
		if name != "" && isSupabase(containers) {
			found = append(found, instanceOf(name, containers))
		}
	}
	distinguish(found)
	h.discovered.Store(&discovery{at: time.Now(), instances: slices.Clone(found), listed: projects})
	slices.SortFunc(found, func(a, b core.Instance) int { return cmp.Compare(a.ID, b.ID) })
	return found, nil
}

// list returns containers, also stopped ones, that match the labels.
func (h *Host) list(ctx context.Context, labels ...filters.KeyValuePair) ([]container.Summary, error) {
	return within(ctx, listTimeout, func(ctx context.Context) ([]container.Summary, error) {
		return h.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(labels...)})
	})
}

// oneoff reports whether the labels are of a `compose run` container, which is
// no part of what the stack is.
func oneoff(labels map[string]string) bool { return strings.EqualFold(labels[oneoffLabel], "true") }

// isSupabase says whether the containers of a project are a Supabase stack. They
// are when any of these holds:
//
//   - two different roles run images that hardly anything but Supabase uses,
//     whatever the services are called, and also when the database is missing;
//   - there is a database and one of auth, rest or gateway, and one image is such
//     an image: Kong with its own PostgreSQL has none;
//   - there are database, auth and rest at once, with images built by hand.
func isSupabase(containers []container.Summary) bool {
	roles, own := map[core.Service]bool{}, map[core.Service]bool{}
	for _, c := range containers {
		role := supabase.RoleOf(c.Labels[serviceLabel], c.Image)
		if role == "" {
			continue
		}
		roles[role] = true
		if supabase.Recognisable(c.Image) {
			own[role] = true
		}
	}
	front := roles[core.Auth] || roles[core.Rest] || roles[core.Gateway]
	switch {
	case len(own) >= 2:
		return true
	case len(own) == 1:
		return roles[core.DB] && front
	}
	return roles[core.DB] && roles[core.Auth] && roles[core.Rest]
}

// instanceOf describes a project by the labels of its containers: the folder is
// the one that most of them were made from, the files are those of the newest of
// them.
func instanceOf(project string, containers []container.Summary) core.Instance {
	i := core.Instance{ID: core.Slug(project), Name: project, Project: project, Origin: core.Adopted, Mode: core.Observe}
	i.Dir = mainFolder(containers)
	made := slices.DeleteFunc(slices.Clone(containers), func(c container.Summary) bool { return folderOf(c.Labels) != i.Dir })
	newest := slices.MaxFunc(made, age)
	i.Files, i.EnvFile = filesOf(newest.Labels, i.Dir), envFileOf(newest.Labels, i.Dir)
	return i
}

// mainFolder returns the folder that most containers name; of several, that of
// the oldest container. Those that name none do not count.
func mainFolder(containers []container.Summary) string {
	count := map[string]int{}
	for _, c := range containers {
		count[folderOf(c.Labels)]++
	}
	delete(count, "")
	main := ""
	for _, c := range slices.SortedFunc(slices.Values(containers), age) {
		if dir := folderOf(c.Labels); count[dir] > count[main] {
			main = dir
		}
	}
	return main
}

// age orders containers, the oldest first.
func age(a, b container.Summary) int {
	return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.ID, b.ID))
}

// distinguish makes equal IDs differ by a hash of the project's name, so that
// an ID does not depend on which other projects there are on the same day. The
// project that is called as its ID keeps it.
func distinguish(found []core.Instance) {
	count := map[string]int{}
	for _, i := range found {
		count[i.ID]++
	}
	for n := range found {
		i := &found[n]
		if count[i.ID] == 1 || i.Project == i.ID {
			continue
		}
		sum := sha256.Sum256([]byte(i.Project))
		i.ID = strings.TrimRight(i.ID[:min(len(i.ID), 33)], "-") + "-" + hex.EncodeToString(sum[:3])
	}
}
