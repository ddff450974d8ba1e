package main

import (
	"archive/tar"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const metaPackage = "@supabase/postgres-meta"

// standInMeta is the end of the stand-in's Dockerfile: Compose waits for the
// health check that the real image brings along.
const standInMeta = `ENV PG_META_PORT=8080
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --retries=3 CMD ["wget", "--no-verbose", "--tries=1", "--spider", "http://localhost:8080/health"]
CMD ["meta"]`

// authorities are those that Debian trusts. Node has its own, and knows none that
// the owner of a machine has added, for a proxy say.
const authorities = "/etc/ssl/certs/ca-certificates.crt"

// metaRecipe is the real postgres-meta from npm on this machine's node. Where
// either cannot be had, its stand-in takes the place and the lab says so.
func metaRecipe(tag string) recipe {
	fallback := standIn("postgres-meta", tag, standInMeta)
	r := recipe{name: "postgres-meta", tag: tag}
	r.inputs = func(l *lab) (string, error) {
		node, err := exec.LookPath("node")
		if err != nil && !mayInstall() {
			return fallback.inputs(l)
		}
		info, err := os.Stat(node)
		if err != nil {
			return hashFolder("meta", tag, "debian's node")
		}
		wget, err := l.standInHash()
		if err != nil {
			return "", err
		}
		return hashFolder("meta", tag, node, info.ModTime().String(), wget)
	}
	r.files = func(ctx context.Context, l *lab) ([]file, error) {
		files, err := realMeta(ctx, l, tag)
		if err != nil {
			l.say("postgres-meta cannot be had from npm (%v): a stand-in takes its place", err)
			return fallback.files(ctx, l)
		}
		return files, nil
	}
	return r
}

func realMeta(ctx context.Context, l *lab, tag string) ([]file, error) {
	node, err := findNode(ctx)
	if err != nil {
		return nil, err
	}
	modules, err := npmInstall(ctx, metaPackage+"@"+strings.TrimPrefix(tag, "v"))
	if err != nil {
		return nil, err
	}
	conf, err := embedded("meta")
	if err != nil {
		return nil, err
	}
	libraries, err := sharedLibraries(ctx, node)
	if err != nil {
		return nil, err
	}
	wget, err := l.standInBinary()
	if err != nil {
		return nil, err
	}
	root, err := rootfs(func(t *tar.Writer) error {
		files := []file{
			{name: "usr/local/bin/wget", disk: wget, mode: 0o755},
			{name: "tmp", isDir: true, mode: 0o1777},
			{name: "etc/passwd", data: []byte("root:x:0:0:root:/root:/bin/sh\n"), mode: 0o644},
			{name: "usr/local/bin/node", disk: node, mode: 0o755},
		}
		for _, lib := range libraries {
			files = append(files, file{name: strings.TrimPrefix(lib, "/"), disk: lib, mode: 0o755})
		}
		if err := packAll(t, files); err != nil {
			return err
		}
		return packModules(t, modules)
	})
	return []file{{name: "Dockerfile", data: conf["Dockerfile"], mode: 0o644}, root}, err
}

// findNode returns the path of node with npm beside it; on Debian, root may
// install them.
func findNode(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("npm"); err != nil {
		if !mayInstall() {
			return "", err
		}
		if err := ensureLists(ctx, "nodejs"); err != nil {
			return "", err
		}
		if err := apt(ctx, "install", "-y", "-qq", "--no-install-recommends", "nodejs", "npm"); err != nil {
			return "", err
		}
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(node)
}

// npmInstall puts a package with its dependencies into the lab's cache and
// returns its node_modules.
func npmInstall(ctx context.Context, pkg string) (string, error) {
	dir, err := cacheDir(regexp.MustCompile(`[^a-z0-9.]+`).ReplaceAllString(pkg, "-"))
	if err != nil {
		return "", err
	}
	done := filepath.Join(dir, ".complete")
	if _, err := os.Stat(done); err == nil {
		return filepath.Join(dir, "node_modules"), nil
	}
	if out, err := npm(ctx, "install", "--prefix", dir, pkg).CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install: %w: %s", err, lastLine(out))
	}
	return filepath.Join(dir, "node_modules"), os.WriteFile(done, nil, 0o644)
}

// npm is a command of npm that runs nothing of what it brings.
func npm(ctx context.Context, verb string, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "npm", append([]string{verb, "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"}, arguments...)...)
	if _, err := os.Stat(authorities); err == nil && os.Getenv("NODE_EXTRA_CA_CERTS") == "" {
		cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+authorities)
	}
	return cmd
}

// sharedLibraries lists what node is linked with, the loader included.
func sharedLibraries(ctx context.Context, binary string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "ldd", binary).Output()
	if err != nil {
		return nil, fmt.Errorf("ldd %s: %w", binary, err)
	}
	libs := regexp.MustCompile(`(/\S+) \(0x`).FindAllStringSubmatch(string(out), -1)
	var paths []string
	for _, m := range libs {
		paths = append(paths, m[1])
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// unusedModule are files that a server never reads.
var unusedModule = regexp.MustCompile(`\.(map|md|markdown|d\.ts|d\.mts|d\.cts|flow)$`)

func packModules(t *tar.Writer, modules string) error {
	return filepath.WalkDir(modules, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || unusedModule.MatchString(path) {
			return err
		}
		name := "usr/src/app/node_modules/" + filepath.ToSlash(strings.TrimPrefix(path, modules+"/"))
		if d.Type()&fs.ModeSymlink != 0 {
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return writeEntry(t, file{name: name, link: link, mode: 0o777})
		}
		return writeEntry(t, file{name: name, disk: path})
	})
}
