package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/spf13/cobra"

	"github.com/basewright/basewright/configs"
)

// recipe is how one of the lab's images is made.
type recipe struct {
	name, tag string
	older     string                       // tag of release 0.6.0 under which the same image goes, too; empty for none
	inputs    func(l *lab) (string, error) // tells two builds apart
	files     func(ctx context.Context, l *lab) ([]file, error)
}

// ref is the name of the image under the lab's prefix.
func (r recipe) ref(prefix string) string { return prefix + "/" + r.name + ":" + r.tag }

// before gives the image of the release 0.6.0 another name, too: what the lab has
// of it does not differ, and so an instance can be made there and upgraded.
func (r recipe) before(tag string) recipe {
	r.older = tag
	return r
}

// recipes lists every image that a stack can name. Their tags are those of
// supabase/supabase docker/docker-compose.yml, 2026-09.
func recipes() []recipe {
	return []recipe{
		postgresRecipe("15.8.1.060"),
		standIn("gotrue", "v2.196.0", `CMD ["auth"]`).before("v2.189.0"),
		standIn("postgrest", "v14.17", `CMD ["postgrest"]`).before("v14.12"),
		standIn("kong", "3.9.3", `CMD ["kong", "docker-start"]`).before("3.9.1"),
		standIn("realtime", "v2.134.10", `CMD ["realtime"]`).before("v2.102.3"),
		standIn("storage-api", "v1.74.0", `CMD ["storage"]`).before("v1.60.4"),
		standIn("imgproxy", "v3.31.4", `CMD ["imgproxy"]`).before("v3.30.1"),
		metaRecipe("v0.99.0").before("v0.96.6"),
		standIn("edge-runtime", "v1.76.2", `ENTRYPOINT ["edge-runtime"]`).before("v1.74.0"),
		standIn("supavisor", "2.9.12", `CMD ["supavisor"]`).before("2.9.5"),
		standIn("studio", "2026.09.07-sha-7996410", `CMD ["studio"]`).before("2026.06.03-sha-0bca601"),
		standIn("logflare", "1.43.0", `CMD ["logflare"]`),
		standIn("vector", "0.53.0-alpine", `ENTRYPOINT ["vector"]`),
	}
}

func (l *lab) imagesCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "images", Short: "Build the lab's images from packages and from this repository",
		Long: "Build the lab's images. No registry is needed: PostgreSQL comes from Debian's packages, postgres-meta\n" +
			"from npm, everything else is a stand-in built from ./cmd/labservice. What is up to date is skipped;\n" +
			"an image that somebody else put under the same name is kept.",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return l.buildImages(c.Context(), force) },
	}
	c.Flags().BoolVar(&force, "force", false, "build also what is up to date")
	return c
}

// buildImages makes every image that is missing or out of date and says so, a
// line for each.
func (l *lab) buildImages(ctx context.Context, force bool) error {
	if _, err := l.engine(ctx); err != nil {
		return err
	}
	var errs []error
	for _, r := range recipes() {
		start := time.Now()
		did, err := l.buildImage(ctx, r, force)
		if err != nil {
			errs = append(errs, fmt.Errorf("image %s: %w", r.ref(l.prefix), err))
			did = "FAILED"
		}
		l.say("%-50s %s, %.1f s", r.ref(l.prefix), did, time.Since(start).Seconds())
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errors.Join(errs...)
}

// buildImage makes one image and says what it did.
func (l *lab) buildImage(ctx context.Context, r recipe, force bool) (string, error) {
	old, inputs, err := l.imageInputs(ctx, r.ref(l.prefix))
	if err != nil {
		return "", err
	}
	found := old != ""
	if found && inputs == "" {
		return "kept, it is not the lab's own", nil
	}
	want, err := r.inputs(l)
	if err != nil {
		return "", err
	}
	if found && inputs == want && !force {
		return "up to date", l.tagOlder(ctx, r)
	}
	files, err := r.files(ctx, l)
	if err != nil {
		return "", err
	}
	defer discard(files)
	if err := l.build(ctx, r.ref(l.prefix), want, files); err != nil {
		return "", err
	}
	if err := l.tagOlder(ctx, r); err != nil {
		return "", err
	}
	return "built", l.dropOld(ctx, r.ref(l.prefix), old)
}

// tagOlder gives the image its name of an older release, unless somebody else has
// put an image there.
func (l *lab) tagOlder(ctx context.Context, r recipe) error {
	if r.older == "" {
		return nil
	}
	ref := l.prefix + "/" + r.name + ":" + r.older
	found, inputs, err := l.imageInputs(ctx, ref)
	if err != nil || found != "" && inputs == "" {
		return err
	}
	api, err := l.api(ctx)
	if err != nil {
		return err
	}
	return api.ImageTag(ctx, r.ref(l.prefix), ref)
}

// dropOld removes the image that a new build took the name from, unless a
// container still uses it.
func (l *lab) dropOld(ctx context.Context, ref, old string) error {
	api, err := l.api(ctx)
	if err != nil || old == "" {
		return err
	}
	now, err := api.ImageInspect(ctx, ref)
	if err != nil || now.ID == old {
		return err
	}
	_, err = api.ImageRemove(ctx, old, image.RemoveOptions{PruneChildren: true})
	if errdefs.IsConflict(err) || errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// imageInputs returns the ID of an image, empty when there is none, and the
// hash that it was built from, empty when the lab did not build it.
func (l *lab) imageInputs(ctx context.Context, ref string) (id, inputs string, err error) {
	api, err := l.api(ctx)
	if err != nil {
		return "", "", err
	}
	info, err := api.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		return "", "", nil
	}
	if err != nil || info.Config == nil || info.Config.Labels[labelInputs] == "" {
		return info.ID, "", err
	}
	return info.ID, info.Config.Labels[labelInputs], nil
}

// hash is one fingerprint of several texts.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// embedded returns a folder of the lab's configuration, names relative to it.
func embedded(dir string) (map[string][]byte, error) {
	folder, err := fs.Sub(configs.Lab, "lab/"+dir)
	if err != nil {
		return nil, err
	}
	return textsIn(folder, ".")
}

// hashFolder is the fingerprint of an embedded folder.
func hashFolder(dir string, more ...string) (string, error) {
	files, err := embedded(dir)
	if err != nil {
		return "", err
	}
	parts := more
	for name, data := range files {
		parts = append(parts, name+"\x00"+string(data))
	}
	slices.Sort(parts)
	return hash(parts...), nil
}
