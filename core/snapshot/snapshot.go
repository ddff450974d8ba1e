// Package snapshot takes, verifies and restores copies of an instance: its
// configuration (files, containers, password verifiers of its database roles),
// its databases, its volumes. A snapshot holds secrets, so its folder is for this
// user only and nothing of it goes anywhere else.
//
// The configuration is small and read into memory; databases and volumes are
// streams of any size, which never are.
package snapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"filippo.io/age"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
)

// DefaultKeep is how many snapshots of an instance retention leaves.
const DefaultKeep = 10

const (
	patience = 30 * time.Second // for the database to answer and containers to settle after a restore
	stale    = time.Hour        // after which the leavings of a killed agent are swept
)

// Folder keeps the snapshots of a host: <Dir>/<instance>/<id>.
type Folder struct {
	Dir        string
	Identities []age.Identity // open encrypted snapshots
	Patience   time.Duration  // zero means 30 s
	Now        func() time.Time
	NewID      func() string
	Progress   func(Progress)    // told how far a long step is; may be nil
	Failpoint  func(name string) // nil but in tests

	free   func(dir string) (uint64, error)
	create func(name string) (file, error)
}

// Progress says how far taking, verifying or restoring a snapshot is.
type Progress struct {
	Step  string `json:"step"`            // "dump database postgres"
	Done  int64  `json:"done"`            // bytes
	Total int64  `json:"total,omitempty"` // bytes, estimated; 0 when unknown
}

// Request says what snapshot to take.
type Request struct {
	Scope      core.Scope // empty means config
	Reason     string
	Also       []string        // files that the coming change will write
	Stop       bool            // stop the database while volumes are copied, so that its data directory is one of them
	Recipients []age.Recipient // who can open it; none means it is not encrypted

	// Config is a config snapshot whose configuration this one holds, too. Without
	// an ID it holds what is there now.
	Config core.Snapshot
}

// Take makes a config snapshot of what obs saw, and of the files named in also,
// which the coming change will write.
func (f *Folder) Take(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, reason string, also ...string) (core.Snapshot, error) {
	return f.TakeScope(ctx, e, inst, obs, Request{Scope: core.ConfigScope, Reason: reason, Also: also})
}

// TakeScope makes a snapshot. Each holds the configuration, small as it is, so
// that it says what its data belonged to. What was written is read back before
// the snapshot gets its name, so there is a whole one or none.
func (f *Folder) TakeScope(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, r Request) (core.Snapshot, error) {
	s, err := f.take(ctx, e, inst, obs, r)
	if err != nil {
		return core.Snapshot{}, fmt.Errorf("snapshot of %s: %w", inst.ID, err)
	}
	return s, nil
}

func (f *Folder) take(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, r Request) (core.Snapshot, error) {
	id := f.newID()
	path, err := f.path(inst.ID, id)
	if err != nil {
		return core.Snapshot{}, err
	}
	c, err := f.configuration(ctx, e, inst, obs, r)
	if err != nil {
		return core.Snapshot{}, err
	}
	c.Manifest.ID, c.Manifest.Reason, c.Manifest.Created = id, r.Reason, f.now()
	c.Manifest.Scope, c.Manifest.Encrypted = cmp.Or(r.Scope, core.ConfigScope), len(r.Recipients) > 0
	c.to = r.Recipients
	h := newHalt(e, obs, inst, r.Stop)
	sources, err := f.sources(ctx, e, inst, obs, h, &c.Manifest)
	if err != nil {
		return core.Snapshot{}, err
	}
	parent := filepath.Dir(path)
	if err := makeDirs(parent); err != nil {
		return core.Snapshot{}, err
	}
	f.sweep(parent)
	if err := f.room(parent, c.size(), sources); err != nil {
		return core.Snapshot{}, err
	}
	if err := f.write(ctx, parent, path, c, sources, h); err != nil {
		return core.Snapshot{}, err
	}
	return c.Manifest.snapshot(path), nil
}

// configuration is what a snapshot holds beside data.
func (f *Folder) configuration(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, r Request) (*Contents, error) {
	if r.Config.ID != "" {
		return f.open(r.Config, inst.ID)
	}
	return gather(ctx, e, inst, obs, r.Also)
}

// snapshot returns the snapshot that a manifest describes.
func (m Manifest) snapshot(path string) core.Snapshot {
	size := m.ArchiveSize
	for _, s := range m.Streams {
		size += s.Size
	}
	return core.Snapshot{
		ID: m.ID, Instance: m.Instance.ID, Scope: m.Scope, Reason: m.Reason, Path: path, Size: size, SHA256: m.identity(),
		Created: m.Created, Encrypted: m.Encrypted, Proof: core.Proof{Level: core.Readable, At: m.Created},
	}
}

// identity is the hash that a snapshot is recorded under.
func (m Manifest) identity() string {
	if len(m.Streams) == 0 {
		return m.ArchiveSHA256
	}
	return m.Seal
}

// write puts the snapshot on the disk under a temporary name, reads it back and
// renames it. The temporary folder is locked while this program lives.
func (f *Folder) write(ctx context.Context, parent, path string, c *Contents, sources []source, h *halt) (err error) {
	temp := filepath.Join(parent, tempPrefix+c.Manifest.ID)
	if err := os.Mkdir(temp, 0o700); err != nil {
		return err
	}
	release, err := lock(temp)
	if err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	defer release()
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	f.At("snapshot.archive")
	if err := f.writeArchive(filepath.Join(temp, archiveFile(c.Manifest.Encrypted)), c); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	if err := f.writeStreams(ctx, temp, c, sources, h); err != nil {
		return err
	}
	f.At("snapshot.manifest")
	if err := f.writeManifest(filepath.Join(temp, manifestName), &c.Manifest); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if err := durable.SyncDir(temp); err != nil {
		return err
	}
	f.At("snapshot.read_back")
	if _, err := f.check(temp, byHash); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	f.At("snapshot.rename")
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	f.At("snapshot.renamed")
	return durable.SyncDir(parent)
}

// At is a failpoint: tests end the program there.
func (f *Folder) At(name string) {
	if f.Failpoint != nil {
		f.Failpoint(name)
	}
}

// tell reports progress.
func (f *Folder) tell(step string, done, total int64) {
	if f.Progress != nil {
		f.Progress(Progress{Step: step, Done: done, Total: total})
	}
}

// room refuses a snapshot that would fill the disk. What a source holds is taken
// for what it will take: it is compressed, but nobody knows by how much.
func (f *Folder) room(dir string, config int64, sources []source) error {
	need := 2*uint64(config) + 1<<20
	for _, s := range sources {
		need += uint64(s.size)
	}
	return f.roomFor(dir, need, "a snapshot")
}

func (f *Folder) roomFor(dir string, need uint64, what string) error {
	free, err := f.freeSpace(dir)
	if err != nil {
		return fmt.Errorf("look for free space: %w", err)
	}
	if free < need {
		return &core.Error{
			Code:    core.Unreachable,
			Message: fmt.Sprintf("%s has %d KiB free, %s needs %d KiB", dir, free>>10, what, need>>10),
			Hint:    "make room",
		}
	}
	return nil
}

func (f *Folder) freeSpace(dir string) (uint64, error) {
	if f.free != nil {
		return f.free(dir)
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// path returns where a snapshot lies. It does not trust names that come from a
// database to be anything but names.
func (f *Folder) path(instance, id string) (string, error) {
	if !core.ValidID(instance) || !validName.MatchString(id) {
		return "", core.Errorf(core.Invalid, "%q of %q cannot name a snapshot", id, instance)
	}
	dir, err := filepath.Abs(f.Dir)
	return filepath.Join(dir, instance, id), err
}

func (f *Folder) now() time.Time {
	if f.Now != nil {
		return f.Now().UTC()
	}
	return time.Now().UTC()
}

func (f *Folder) newID() string {
	if f.NewID != nil {
		return f.NewID()
	}
	return core.NewID()
}

// makeDirs makes dir and what is missing above it, for this user only, and
// sees to it that their names last.
func makeDirs(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := makeDirs(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}
