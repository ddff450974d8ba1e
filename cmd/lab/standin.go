package main

import (
	"archive/tar"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// standInNames are the names by which the stand-ins' binary is called.
var standInNames = []string{
	"gotrue", "auth", "postgrest", "kong", "realtime", "storage", "imgproxy", "studio", "edge-runtime", "supavisor",
	"logflare", "vector", "meta", "wget", "curl", "node", "tcpcheck",
}

// standIn is an image with the stand-ins' binary that starts as one service.
func standIn(name, tag, start string) recipe {
	dockerfile := func() ([]byte, error) {
		files, err := embedded("standin")
		return append(files["Dockerfile"], start+"\n"...), err
	}
	return recipe{name: name, tag: tag,
		inputs: func(l *lab) (string, error) {
			text, err := dockerfile()
			if err != nil {
				return "", err
			}
			binary, err := l.standInHash()
			return hash(string(text), binary), err
		},
		files: func(_ context.Context, l *lab) ([]file, error) {
			text, err := dockerfile()
			if err != nil {
				return nil, err
			}
			binary, err := l.standInBinary()
			if err != nil {
				return nil, err
			}
			root, err := rootfs(func(t *tar.Writer) error { return packAll(t, standInFiles(binary)) })
			return []file{{name: "Dockerfile", data: text, mode: 0o644}, root}, err
		},
	}
}

func standInFiles(binary string) []file {
	files := []file{
		{name: "tmp", isDir: true, mode: 0o1777},
		{name: "etc/passwd", data: []byte("root:x:0:0:root:/:/none\n"), mode: 0o644},
		{name: "usr/local/bin/labservice", disk: binary, mode: 0o755},
	}
	// There is no shell: called as one, the binary does what the script it is given would do.
	files = append(files, file{name: "bin/sh", link: "/usr/local/bin/labservice", mode: 0o777})
	for _, n := range standInNames {
		files = append(files, file{name: "usr/local/bin/" + n, link: "labservice", mode: 0o777})
	}
	return files
}

// standInBinary compiles ./cmd/labservice, once.
func (l *lab) standInBinary() (string, error) {
	standInOnce.Do(func() { standInPath, standInErr = compileStandIn(l.source) })
	return standInPath, standInErr
}

// standInHash is the fingerprint of what standInBinary compiles.
func (l *lab) standInHash() (string, error) {
	binary, err := l.standInBinary()
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(binary)
	return hash(string(data)), err
}

var (
	standInOnce sync.Once
	standInPath string
	standInErr  error
)

func compileStandIn(source string) (string, error) {
	dir, err := cacheDir("bin")
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "labservice")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, "./cmd/labservice")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the stand-ins in %s: %w: %s", source, err, lastLine(text))
	}
	return out, nil
}
