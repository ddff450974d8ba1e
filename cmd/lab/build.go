package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/docker/docker/api/types/build"
)

// file is an entry of a build context: bytes in memory, a file on disk, a link,
// or a folder.
type file struct {
	name  string // slashes, relative
	data  []byte
	disk  string // path of the contents
	temp  bool   // disk is ours to remove
	link  string
	mode  int64
	isDir bool
}

// discard removes the temporary files of a build context.
func discard(files []file) {
	for _, f := range files {
		if f.temp {
			os.Remove(f.disk)
		}
	}
}

// build has the engine build an image out of a context that is streamed to it.
func (l *lab) build(ctx context.Context, ref, inputs string, files []file) error {
	api, err := l.api(ctx)
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(writeTar(w, files)) }()
	defer r.Close()
	answer, err := api.ImageBuild(ctx, r, build.ImageBuildOptions{
		Tags: []string{ref}, Remove: true, ForceRemove: true, Version: build.BuilderV1,
		Labels: map[string]string{labelInputs: inputs},
	})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return buildResult(answer.Body)
}

// buildResult reads the builder's stream of messages to its end.
func buildResult(r io.Reader) error {
	last := ""
	for d := json.NewDecoder(r); ; {
		var m struct{ Stream, Error string }
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the build broke off after %q: %w", last, err)
		}
		if m.Error != "" {
			return fmt.Errorf("%s (after %q)", m.Error, last)
		}
		if s := strings.TrimSpace(m.Stream); s != "" {
			last = s
		}
	}
}

// writeTar writes files as a tar archive, owned by root.
func writeTar(w io.Writer, files []file) error {
	t := tar.NewWriter(w)
	for _, f := range files {
		if err := writeEntry(t, f); err != nil {
			return fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	return t.Close()
}

func writeEntry(t *tar.Writer, f file) error {
	h := &tar.Header{Name: path.Clean(f.name), Mode: f.mode, Typeflag: tar.TypeReg, Size: int64(len(f.data))}
	switch {
	case f.isDir:
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
	case f.link != "":
		h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
	case f.disk != "":
		return writeDisk(t, h, f.disk)
	}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err := t.Write(f.data)
	return err
}

func writeDisk(t *tar.Writer, h *tar.Header, name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	h.Size = info.Size()
	if h.Mode == 0 {
		h.Mode = int64(info.Mode().Perm())
	}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(t, in)
	return err
}

// rootfs packs files into a temporary archive that a Dockerfile adds at /.
func rootfs(pack func(*tar.Writer) error) (file, error) {
	out, err := os.CreateTemp("", "lab-rootfs-*.tar")
	if err != nil {
		return file{}, err
	}
	f := file{name: "rootfs.tar", disk: out.Name(), temp: true, mode: 0o600}
	t := tar.NewWriter(out)
	err = errors.Join(pack(t), t.Close(), out.Close())
	if err != nil {
		os.Remove(f.disk)
	}
	return f, err
}

func packAll(t *tar.Writer, files []file) error {
	for _, f := range files {
		if err := writeEntry(t, f); err != nil {
			return fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	return nil
}
