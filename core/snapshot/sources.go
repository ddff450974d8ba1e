package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/basewright/basewright/core"
)

// source is a stream to be written: what it is, about how large, and how to read
// it from the instance.
type source struct {
	stream Stream
	step   string // for progress
	size   int64  // bytes, estimated
	fill   func(ctx context.Context, s *Stream, w io.Writer) error
}

// sources lists the data that a snapshot of the manifest's scope holds.
func (f *Folder) sources(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, h *halt, m *Manifest) ([]source, error) {
	var all []source
	snap := core.Snapshot{Scope: m.Scope}
	if snap.Holds(core.DatabaseScope) {
		found, err := databaseSources(ctx, e, obs, m)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if snap.Holds(core.VolumesScope) {
		found, err := volumeSources(inst, h.asStopped(obs), m)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	count := map[StreamKind]int{}
	for i := range all {
		s := &all[i].stream
		count[s.Kind]++
		s.File = fmt.Sprintf("%s-%d%s", s.Kind, count[s.Kind], s.Kind.extension(m.Encrypted))
	}
	if len(all) > 0 {
		m.Schema = schema
	}
	return all, nil
}

// writeStreams reads every source into a stream and enters it in the manifest.
func (f *Folder) writeStreams(ctx context.Context, dir string, c *Contents, sources []source, h *halt) (err error) {
	defer func() { err = errors.Join(err, h.end(ctx, dir)) }()
	for _, from := range sources {
		if from.stream.Kind == volumeStream {
			if err := h.begin(ctx, dir); err != nil {
				return err
			}
		}
		f.At("snapshot." + from.stream.File)
		s := from.stream
		f.tell(from.step, 0, from.size)
		err := f.writeStream(dir, &s, c.to, func(w io.Writer) error {
			return from.fill(ctx, &s, &told{w: w, f: f, step: from.step, total: from.size})
		})
		if err != nil {
			return fmt.Errorf("%s: %w", from.step, err)
		}
		f.tell(from.step, s.RawSize, s.RawSize)
		c.Manifest.Streams = append(c.Manifest.Streams, s)
	}
	return nil
}

// told reports what passes as progress, now and then.
type told struct {
	w           io.Writer
	f           *Folder
	step        string
	done, total int64
	last        int64
}

// often is how many bytes pass between two reports.
const often = 4 << 20

func (t *told) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	if t.done += int64(n); t.done-t.last >= often {
		t.last = t.done
		t.f.tell(t.step, t.done, t.total)
	}
	return n, err
}
