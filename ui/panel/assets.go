package panel

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"path"
	"slices"
	"sync"
)

//go:embed static
var static embed.FS

// styles are the parts of the one stylesheet that come after its base.
//
//go:embed styles/*.css
var styles embed.FS

// Asset is a file that browsers keep: its address changes with its content.
type Asset struct {
	Type    string
	Content []byte
	Gzipped func() []byte // made when first asked for; nil when that is not smaller
}

// Assets is the folder under which the files are served.
type Assets string

// AssetsPath is where the folders of files are.
const AssetsPath = "/static/"

// Files are the assets by name, and where they are served.
func Files() (Assets, map[string]Asset) {
	files, sum := map[string]Asset{}, sha256.New()
	names, err := fs.Glob(static, "static/*")
	if err != nil {
		panic(err)
	}
	slices.Sort(names)
	for _, name := range names {
		b, err := static.ReadFile(name)
		if err != nil {
			panic(err) // it is part of the program
		}
		if name == "static/panel.css" {
			b = append(b, styleParts()...)
		}
		sum.Write([]byte(name))
		sum.Write(b)
		kind := mime.TypeByExtension(path.Ext(name))
		if kind == "" {
			kind = "text/plain; charset=utf-8"
		}
		files[path.Base(name)] = Asset{kind, b, sync.OnceValue(func() []byte { return gzipped(b) })}
	}
	return Assets(AssetsPath + hex.EncodeToString(sum.Sum(nil))[:12] + "/"), files
}

func styleParts() (all []byte) {
	names, err := fs.Glob(styles, "styles/*.css")
	if err != nil {
		panic(err)
	}
	slices.Sort(names)
	for _, name := range names {
		b, err := styles.ReadFile(name)
		if err != nil {
			panic(err)
		}
		all = append(all, b...)
	}
	return all
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		panic(err)
	}
	_, _ = z.Write(b)
	if err := z.Close(); err != nil || out.Len() >= len(b) {
		return nil
	}
	return out.Bytes()
}
