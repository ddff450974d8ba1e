package snapshot

import (
	"archive/tar"
	"cmp"
	"errors"
	"io"
	"path"
	"path/filepath"
	"strings"

	"github.com/basewright/basewright/core"
)

// Bounds of a volume's tar, whatever its manifest says.
const (
	maxEntries = 5_000_000
	maxLinked  = 200_000 // files with several names, which are remembered
	maxName    = 4096
)

// guard judges the entries of a volume's tar in order. What it lets pass cannot
// lead out of the folder: entries come in the order of a walk, so that none comes
// twice, and each lies in a folder that the tar itself made.
type guard struct {
	volume         Volume
	entries, bytes int64
	last           string          // name of the entry before
	inside         []string        // the folders that are open
	linked         map[string]bool // files that hard links may name
}

func newGuard(v Volume) *guard { return &guard{volume: v, linked: map[string]bool{}} }

// admit returns the clean name of an entry, or why it is refused.
func (g *guard) admit(h *tar.Header) (string, error) {
	name := strings.TrimSuffix(h.Name, "/")
	refuse := func(why string) (string, error) {
		return "", core.Errorf(core.Invalid, "its entry %.200q is refused: %s", h.Name, why)
	}
	g.entries++
	g.bytes += h.Size
	switch {
	case g.entries > g.volume.Entries || g.entries > maxEntries:
		return refuse("there are more entries than the manifest says")
	case h.Size < 0 || g.bytes > g.volume.Bytes:
		return refuse("it is larger than the manifest says")
	case len(name) > maxName || strings.ContainsRune(name, 0) || !filepath.IsLocal(name) || path.Clean(name) != name:
		return refuse("its name leads out of the volume")
	case g.entries == 1 && (name != "." || h.Typeflag != tar.TypeDir):
		return refuse("a volume begins with its own folder")
	case g.entries > 1 && !walksAfter(g.last, name):
		return refuse("it comes twice, or out of order")
	case h.Uid < 0 || h.Gid < 0 || h.Mode < 0 || h.Mode > 0o7777:
		return refuse("its owner or mode cannot be")
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.") {
			return refuse("it is packed in a way that no Basewright packs")
		}
		if name, ok := strings.CutPrefix(k, xattrRecord); ok && !keptAttribute(name) {
			return refuse("its attribute " + name + " is not one that a snapshot keeps")
		}
	}
	if g.entries > 1 && !g.leave(path.Dir(name)) {
		return refuse("it does not lie in a folder of the volume")
	}
	if why := g.admitKind(name, h); why != "" {
		return refuse(why)
	}
	g.last = name
	return name, nil
}

// leave closes the folders that the walk came out of; it reports whether dir is
// the one that is open then.
func (g *guard) leave(dir string) bool {
	for len(g.inside) > 0 && g.inside[len(g.inside)-1] != dir {
		g.inside = g.inside[:len(g.inside)-1]
	}
	return len(g.inside) > 0
}

func (g *guard) admitKind(name string, h *tar.Header) string {
	switch h.Typeflag {
	case tar.TypeDir:
		g.inside = append(g.inside, name)
	case tar.TypeReg:
		if h.PAXRecords[linksRecord] != "" {
			if g.linked[name] = true; len(g.linked) > maxLinked {
				return "there are too many hard links"
			}
		}
	case tar.TypeSymlink:
		if h.Linkname == "" || len(h.Linkname) > maxName || strings.ContainsRune(h.Linkname, 0) {
			return "it is a link to nothing"
		}
	case tar.TypeLink:
		if !g.linked[h.Linkname] {
			return "it is a hard link to what is not in the volume"
		}
	default:
		return "it is neither a file, a folder nor a link"
	}
	return ""
}

// walksAfter reports whether a walk that visits folders first, and names in order,
// comes to b after a.
func walksAfter(a, b string) bool {
	if a == "." {
		return b != "."
	}
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	for i := range min(len(as), len(bs)) {
		if c := cmp.Compare(as[i], bs[i]); c != 0 {
			return c < 0
		}
	}
	return len(bs) > len(as)
}

// end judges whether everything came.
func (g *guard) end() error {
	if g.entries != g.volume.Entries || g.bytes != g.volume.Bytes {
		return core.Errorf(core.Invalid, "the volume %s has %d of %d entries", g.volume.label(), g.entries, g.volume.Entries)
	}
	return nil
}

// eachEntry gives every entry that passes the guard to use.
func eachEntry(r io.Reader, v Volume, use func(name string, h *tar.Header, data io.Reader) error) error {
	g, t := newGuard(v), tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return g.end()
		}
		if err != nil {
			return core.Errorf(core.Invalid, "the volume %s is damaged: %v", v.label(), err)
		}
		name, err := g.admit(h)
		if err != nil {
			return err
		}
		if err := use(name, h, t); err != nil {
			return err
		}
	}
}

// checkTar reads a volume's tar and judges every entry.
func checkTar(r io.Reader, v Volume) error {
	return eachEntry(r, v, func(string, *tar.Header, io.Reader) error { return nil })
}
