package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

func init() {
	family("configuration.versions", "The images are safe, fit each other, and fit the data", core.Configuration, []rule{
		{core.Explanation{
			Code: "STU-02", Title: "Studio has a known hole (React2Shell)", Severity: core.Warning,
			What:   "This image of Studio is older than 2025.12.17, and so has CVE-2025-55182: a request can run code in it.",
			Breaks: "Nothing visible; whoever reaches Studio without a password in front takes the container, with the service key in it.",
			Do:     "Update Studio. If it could be reached from outside, treat the keys, and the host, as read by others.",
			Data:   "Data may have been read or changed if Studio was exposed.", Sources: "supabase/supabase docker/CHANGELOG 2025-12",
		}, reactHole},
		{core.Explanation{
			Code: "SEC-18", Title: "An image lacks security fixes", Severity: core.Warning,
			What:   "Auth is older than v2.185.0, or Studio is years old; upstream calls later releases security related.",
			Breaks: "Nothing visible.", Do: "Take a snapshot, then update the whole release, not this image alone.",
			Data: "No data is at risk by this alone.", Sources: "supabase/supabase docker/CHANGELOG 2026-01",
		}, outdated},
		{core.Explanation{Code: "PG-05"}, dataVersion},
		{core.Explanation{
			Code: "UPG-09", Title: "The images are of very different ages", Severity: core.Info,
			What:   "The stack mixes images whose releases lie more than 18 months apart. Upstream tests only the sets that it releases.",
			Breaks: "Perhaps nothing; settings that one image needs may be missing in files of another age.",
			Do:     "Update to one release as a whole: images, compose files, .env and gateway files.",
			Data:   "No data is at risk by this alone.", Sources: "Supabase docs, updating self-hosted services",
		}, mixedAges},
		{core.Explanation{
			Code: "UPG-10", Title: "The only copy from before the PostgreSQL upgrade is where a retry deletes it", Severity: core.Info,
			What:   "volumes/db/data.bak.pg15 exists. Upstream's upgrade script deletes it when it runs again.",
			Breaks: "Nothing now.", Do: "Move it elsewhere before you run the script again; remove it when you are sure.",
			Data: "The copy is lost if the script runs again.", Sources: "supabase/supabase docker/utils/upgrade-pg17.sh",
		}, leftCopy},
		{core.Explanation{
			Code: "UPG-08", Title: "Upstream's scripts act on the wrong stack here", Severity: core.Info,
			What:   "Several Supabase stacks share this host, and this folder holds upstream's upgrade-pg17.sh, which takes the container supabase-db and the first volume named *_db-config, whosever they are.",
			Breaks: "Nothing until it runs.", Do: "Do not run upstream's utils unchanged on this host.",
			Data: "Another stack's database and Vault key are at risk if it runs.", Sources: "supabase/supabase docker/utils/upgrade-pg17.sh",
		}, unsafeScripts},
		{core.Explanation{
			Code: "DK-26", Title: "This Vector cannot talk to this Docker", Severity: core.Warning,
			What:   "Docker Engine 29 refuses clients older than API 1.44, which Vector 0.28 is.",
			Breaks: "Vector gathers no logs.", Do: "Use Vector 0.53.0, as in upstream's logs overlay.", Data: "No data is at risk.", Sources: "Docker Engine 29 release notes",
		}, oldVector},
	})
}

// version is a release number, most significant part first.
type version [3]int

var numbers = regexp.MustCompile(`^\D{0,20}?(\d+)\.(\d+)(?:\.(\d+))?`)

func parseVersion(s string) (v version, ok bool) {
	m := numbers.FindStringSubmatch(s)
	if m == nil {
		return v, false
	}
	for i := range v {
		v[i], _ = strconv.Atoi(m[i+1])
	}
	return v, true
}

func older(a, b version) bool { return slices.Compare(a[:], b[:]) < 0 }

const releaseFile = ".supabase-version"

// releaseOf returns the release that upstream's setup.sh has noted, or else the one in
// Basewright's books.
func releaseOf(ctx context.Context, t core.Target) (version, bool) {
	if f, err := readFile(ctx, t, releaseFile); err == nil {
		if v, ok := parseVersion(strings.TrimSpace(string(f.Data))); ok {
			return v, true
		}
	}
	return parseVersion(t.Instance.Release) // which an upgrade changes last
}

// readFile reads a file of the instance folder, wherever the target can.
func readFile(ctx context.Context, t core.Target, name string) (core.File, error) {
	if t.Inspector == nil {
		return core.File{}, core.Errorf(core.Unreachable, "there is no way to read files")
	}
	return t.ReadFile(ctx, name)
}

// notAFile reports whether reading failed since a directory, or anything else
// that is no file, is there.
func notAFile(err error) bool {
	return err != nil && !errors.Is(err, fs.ErrNotExist) && core.CodeOf(err) == core.Invalid && strings.Contains(err.Error(), "not a plain file")
}

// local returns the name of a mount's source inside the instance folder.
func local(t core.Target, source string) (string, bool) {
	rel, err := filepath.Rel(t.Instance.Dir, source)
	if err != nil || t.Instance.Dir == "" || source == "" || !filepath.IsLocal(rel) || rel == "." {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

var dated = regexp.MustCompile(`^(\d{4})\.?(\d{2})\.?(\d{2})`)

// studioDate reads the day out of a tag such as 2025.12.17-sha-43f4f7f.
func studioDate(t core.Target) (p part, day time.Time, ok bool) {
	p, ok = partOf(t, core.Studio)
	m := dated.FindStringSubmatch(supabase.Tag(p.image))
	if !ok || m == nil {
		return p, day, false
	}
	day, err := time.Parse("20060102", m[1]+m[2]+m[3])
	return p, day, err == nil
}

// reactHole leaves images from before 2025, which were built on an older React,
// to SEC-18.
func reactHole(_ context.Context, t core.Target) []core.Finding {
	p, day, ok := studioDate(t)
	if !ok || day.Year() < 2025 || !day.Before(time.Date(2025, 12, 17, 0, 0, 0, 0, time.UTC)) {
		return nil
	}
	return advice(core.Studio, evidence(p.at("image"), p.name+" is "+p.image))
}

func outdated(_ context.Context, t core.Target) []core.Finding {
	var found []core.Finding
	if p, ok := partOf(t, core.Auth); ok && strings.Contains(p.image, "gotrue:") {
		if v, ok := parseVersion(supabase.Tag(p.image)); ok && older(v, version{2, 185, 0}) {
			found = append(found, advice(core.Auth, evidence(p.at("image"), p.name+" is "+p.image))...)
		}
	}
	if p, day, ok := studioDate(t); ok && day.Year() < 2025 {
		found = append(found, advice(core.Studio, evidence(p.at("image"), p.name+" is "+p.image))...)
	}
	return found
}

// dataVersion compares the data folder with the image that the next `up` uses.
// A folder that cannot be read tells nothing: it belongs to postgres alone.
func dataVersion(ctx context.Context, t core.Target) []core.Finding {
	d, ok := t.Declared(core.DB)
	image, has := parseVersion(supabase.Tag(d.Image))
	i := slices.IndexFunc(d.Mounts, func(m core.Mount) bool { return m.Target == "/var/lib/postgresql/data" })
	if !ok || !has || i < 0 || !strings.Contains(d.Image, "postgres:") {
		return nil
	}
	name, inside := local(t, d.Mounts[i].Source)
	if !inside {
		return nil
	}
	f, err := readFile(ctx, t, path.Join(name, "PG_VERSION"))
	data, convErr := strconv.Atoi(strings.TrimSpace(string(f.Data)))
	if err != nil || convErr != nil || data == image[0] {
		return nil
	}
	found := fault(core.DB, evidence("file:"+path.Join(name, "PG_VERSION"), fmt.Sprintf("the data is PostgreSQL %d's", data)), evidence(t.Compose.Place(d.Name, "image"), "the image is "+d.Image))
	if p, _ := partOf(t, core.DB); p.running {
		found[0].Severity, found[0].Affects = core.Warning, nothing
		found[0].Title = "The next `up` starts another major version of PostgreSQL than the data's"
	}
	return found
}

// ages are versions and the month in which they were current, oldest first.
// Source: compose files of supabase/supabase from 2023-04 to 2026-09.
var ages = []struct {
	service core.Service
	version version
	month   int // since the year 2000
}{
	{core.Auth, version{2, 59, 0}, 23*12 + 4}, {core.Auth, version{2, 143, 0}, 24*12 + 3}, {core.Auth, version{2, 177, 0}, 25*12 + 7}, {core.Auth, version{2, 189, 0}, 26*12 + 6}, {core.Auth, version{2, 196, 0}, 26*12 + 9},
	{core.Realtime, version{2, 12, 1}, 23*12 + 4}, {core.Realtime, version{2, 25, 66}, 24*12 + 3}, {core.Realtime, version{2, 34, 47}, 25*12 + 7}, {core.Realtime, version{2, 102, 3}, 26*12 + 6}, {core.Realtime, version{2, 134, 10}, 26*12 + 9},
	{core.Meta, version{0, 63, 0}, 23*12 + 4}, {core.Meta, version{0, 79, 5}, 24*12 + 3}, {core.Meta, version{0, 91, 0}, 25*12 + 7}, {core.Meta, version{0, 96, 6}, 26*12 + 6}, {core.Meta, version{0, 99, 0}, 26*12 + 9},
	{core.Functions, version{1, 38, 0}, 24*12 + 3}, {core.Functions, version{1, 67, 4}, 25*12 + 7}, {core.Functions, version{1, 74, 0}, 26*12 + 6}, {core.Functions, version{1, 76, 2}, 26*12 + 9},
}

// ageOf returns the first and the last month in which an image's version can
// have been current; ok is false for one that the table does not know.
func ageOf(p part) (from, to int, ok bool) {
	v, known := parseVersion(supabase.Tag(p.image))
	for _, a := range ages {
		if a.service != p.role || !known {
			continue
		}
		if older(v, a.version) {
			return from, a.month, from > 0
		}
		from = a.month
		if v == a.version {
			return from, from, true
		}
	}
	return from, from, from > 0
}

func mixedAges(_ context.Context, t core.Target) []core.Finding {
	var oldest, newest part
	first, last := 1<<20, 0 // the oldest can be no younger, the newest no older
	for _, p := range parts(t) {
		from, to, ok := ageOf(p)
		if !ok {
			continue
		}
		if to < first {
			first, oldest = to, p
		}
		if from > last {
			last, newest = from, p
		}
	}
	if last-first <= 18 {
		return nil
	}
	return advice(core.Host, evidence(oldest.at("image"), fmt.Sprintf("%s is of %d/%02d or before", oldest.image, 2000+(first-1)/12, (first-1)%12+1)),
		evidence(newest.at("image"), fmt.Sprintf("%s is of %d/%02d or later", newest.image, 2000+(last-1)/12, (last-1)%12+1)))
}

func leftCopy(ctx context.Context, t core.Target) []core.Finding {
	const name = "volumes/db/data.bak.pg15"
	if _, err := readFile(ctx, t, name); !notAFile(err) {
		return nil
	}
	return advice(core.DB, evidence("file:"+name, "the folder exists"))
}

func unsafeScripts(ctx context.Context, t core.Target) []core.Finding {
	const name = "utils/upgrade-pg17.sh"
	if t.Host.Projects < 2 {
		return nil
	}
	if _, err := readFile(ctx, t, name); err != nil {
		return nil
	}
	return advice(core.Host, evidence("file:"+name, fmt.Sprintf("%d Supabase stacks are on this engine", t.Host.Projects)))
}

func oldVector(_ context.Context, t core.Target) []core.Finding {
	p, ok := partOf(t, core.Vector)
	engine, known := parseVersion(t.Host.EngineVersion)
	v, tagged := parseVersion(supabase.Tag(p.image))
	if !ok || !known || !tagged || engine[0] < 29 || !older(v, version{0, 29, 0}) {
		return nil
	}
	return advice(core.Vector, evidence(p.at("image"), p.name+" is "+p.image), evidence("engine", "Docker Engine "+t.Host.EngineVersion))
}
