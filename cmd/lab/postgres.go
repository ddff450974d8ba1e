package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// The packages that hold PostgreSQL, and what of their dependencies a server in
// a container does without.
var (
	postgresPackages = []string{"postgresql-15", "postgresql-client-15", "busybox-static"}

	unusedPackage = regexp.MustCompile(`^(libllvm|libz3|perl|locales|debconf|adduser|passwd|libperl|dpkg|apt_|gcc-|util-linux|systemd|` +
		`sysvinit|init-system|login|mount|bash|coreutils|e2fsprogs|findutils|gawk|grep|gzip|hostname|sed_|tar_|ssl-cert|openssl_|` +
		`postgresql-common|postgresql-client-common|lsb-base|sensible|ucf|diffutils|ncurses|mawk|procps|libdb5|libsemanage|libsepol|` +
		`tzdata-legacy|logsave|init_|debianutils|base-passwd|base-files|dash|netbase|cron|netcat)`)

	unusedPath = regexp.MustCompile(`^(var|etc|lib/systemd|usr/lib/systemd|usr/sbin|sbin|usr/share/(doc|man|locale|lintian|bug|zoneinfo/right|postgresql/15/man|perl5|gcc))(/|$)` +
		`|/bitcode(/|$)|/llvmjit|usr/lib/[^/]+/(gconv|perl[^/]*)(/|$)|\.pl$`)
)

// busyboxNames are the tools that a shell in the database's container has.
var busyboxNames = strings.Fields("sh id mkdir chown chmod rm sync cat ls sleep kill ps env head tail grep sed awk cut tr wc " +
	"test date df du find stat touch mv cp ln mktemp timeout nc hostname ip true false echo printf sort uniq xargs which tee")

var postgresTools = []string{"psql", "pg_isready", "pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup", "pg_ctl", "pg_controldata", "postgres"}

// postgresRecipe is the real PostgreSQL out of Debian's packages, with the
// roles, schemas and grants of Supabase's image.
func postgresRecipe(tag string) recipe {
	return recipe{name: "postgres", tag: tag,
		inputs: func(*lab) (string, error) {
			return hashFolder("postgres", strings.Join(postgresPackages, " "), unusedPackage.String(), unusedPath.String(), strings.Join(busyboxNames, " "))
		},
		files: func(ctx context.Context, l *lab) ([]file, error) {
			debs, err := l.download(ctx, postgresPackages)
			if err != nil {
				return nil, err
			}
			return postgresContext(ctx, debs)
		},
	}
}

func postgresContext(ctx context.Context, debs []string) ([]file, error) {
	conf, err := embedded("postgres")
	if err != nil {
		return nil, err
	}
	root, err := rootfs(func(t *tar.Writer) error {
		seen := map[string]bool{}
		for _, deb := range debs {
			if err := unpack(ctx, t, deb, seen); err != nil {
				return fmt.Errorf("unpack %s: %w", filepath.Base(deb), err)
			}
		}
		return packAll(t, slices.Concat(postgresSkeleton(seen), postgresScripts(conf)))
	})
	return []file{{name: "Dockerfile", data: conf["Dockerfile"], mode: 0o644}, root}, err
}

// postgresSkeleton is what Debian's maintainer scripts would have made.
func postgresSkeleton(seen map[string]bool) []file {
	files := []file{
		{name: "tmp", isDir: true, mode: 0o1777}, {name: "run/postgresql", isDir: true, mode: 0o2775},
		{name: "root", isDir: true, mode: 0o700}, {name: "var/lib/postgresql/data", isDir: true, mode: 0o700},
		{name: "etc/postgresql-custom/conf.d", isDir: true, mode: 0o755}, {name: "var/run", link: "../run", mode: 0o777},
		{name: "etc/passwd", data: []byte("root:x:0:0:root:/root:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n"), mode: 0o644},
		{name: "etc/group", data: []byte("root:x:0:\npostgres:x:999:\n"), mode: 0o644},
	}
	for _, n := range busyboxNames {
		if !seen["bin/"+n] && !seen["usr/bin/"+n] {
			files = append(files, file{name: "bin/" + n, link: "busybox", mode: 0o777})
		}
	}
	for _, n := range postgresTools {
		files = append(files, file{name: "usr/local/bin/" + n, link: "/usr/lib/postgresql/15/bin/" + n, mode: 0o777})
	}
	return files
}

// postgresScripts puts the embedded files where Supabase's image has them.
func postgresScripts(conf map[string][]byte) []file {
	var files []file
	for name, data := range conf {
		f := file{data: data, mode: 0o644}
		switch {
		case name == "Dockerfile":
			continue
		case name == "docker-entrypoint.sh":
			f.name, f.mode = "usr/local/bin/"+name, 0o755
		case name == "migrate.sh", strings.HasSuffix(name, ".sql"):
			f.name = "docker-entrypoint-initdb.d/" + name
		default:
			f.name = "etc/postgresql/" + name
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files
}

// unpack copies the wanted files of a Debian package into an archive, without
// running any of its scripts.
func unpack(ctx context.Context, t *tar.Writer, deb string, seen map[string]bool) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	copyErr := copyWanted(t, tar.NewReader(out), seen)
	if copyErr != nil {
		_ = cmd.Process.Kill() // Wait tells how it ended
	} else {
		_, copyErr = io.Copy(io.Discard, out)
	}
	return errors.Join(copyErr, cmd.Wait())
}

func copyWanted(t *tar.Writer, in *tar.Reader, seen map[string]bool) error {
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		if name == "." || seen[name] || unusedPath.MatchString(name) {
			continue
		}
		seen[name] = true
		h.Name = name
		if h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		h.Format = tar.FormatUnknown
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(t, in); err != nil {
			return err
		}
	}
}

// download fetches packages and all that they depend on into the lab's own
// cache, so that a second build needs no network, and returns the files.
func (l *lab) download(ctx context.Context, packages []string) ([]string, error) {
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, core.Errorf(core.Invalid, "the lab's PostgreSQL comes from Debian's packages, and this machine has no %s", tool)
		}
	}
	cache, err := cacheDir("debs")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(cache, "partial"), 0o755); err != nil {
		return nil, err
	}
	if err := ensureLists(ctx, packages[0]); err != nil {
		return nil, err
	}
	fetch := append([]string{"-o", "Dir::State::status=/dev/null", "-o", "Dir::Cache::archives=" + cache,
		"-o", "APT::Install-Recommends=0", "-o", "APT::Keep-Downloaded-Packages=1", "-o", "Debug::NoLocking=1",
		"-o", "APT::Sandbox::User=root", "install", "-y", "-qq", "--download-only"}, packages...)
	if err := apt(ctx, fetch...); err != nil { // the lists may name versions that are gone
		if apt(ctx, "update", "-qq") != nil {
			return nil, err
		}
		if err := apt(ctx, fetch...); err != nil {
			return nil, err
		}
	}
	return closure(ctx, cache)
}

// closure lists the cached files that belong to the present versions; the cache
// may hold older ones beside them.
func closure(ctx context.Context, cache string) ([]string, error) {
	all, err := filepath.Glob(filepath.Join(cache, "*.deb"))
	if err != nil {
		return nil, err
	}
	newest := map[string]string{}
	for _, deb := range all {
		name, rest, _ := strings.Cut(filepath.Base(deb), "_")
		version, _, _ := strings.Cut(rest, "_")
		if old, ok := newest[name]; ok && !newer(ctx, version, old) {
			continue
		}
		newest[name] = version
	}
	var debs []string
	for _, deb := range all {
		base := filepath.Base(deb)
		name, rest, _ := strings.Cut(base, "_")
		if strings.HasPrefix(rest, newest[name]+"_") && !unusedPackage.MatchString(base) {
			debs = append(debs, deb)
		}
	}
	return debs, nil
}

func newer(ctx context.Context, version, than string) bool {
	unescape := strings.NewReplacer("%3a", ":")
	return exec.CommandContext(ctx, "dpkg", "--compare-versions", unescape.Replace(version), "gt", unescape.Replace(than)).Run() == nil
}
