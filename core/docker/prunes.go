package docker

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// schedules are where cron keeps what it runs, and where a person's own units of
// systemd are.
var schedules = []string{
	"/etc/crontab", "/etc/cron.d/*", "/etc/cron.hourly/*", "/etc/cron.daily/*", "/etc/cron.weekly/*", "/etc/cron.monthly/*",
	"/var/spool/cron/crontabs/*", "/var/spool/cron/*", "/etc/systemd/system/*.service",
}

// maxSchedule bounds what is read of one file: a schedule or a script is small.
const maxSchedule = 64 << 10

var (
	// pruneCommand matches a prune on this machine that may reach volumes, up to the
	// end of the command.
	pruneCommand = regexp.MustCompile(`\bdocker\s+(?:(?:-H|--host)[\s=]*unix:\S+\s+|(?:-D|--debug)\s+)*(?:volume|system)\s+prune\b[^;|&><#]*`)
	// namesVolumes matches the option without which a system prune leaves volumes alone.
	namesVolumes = regexp.MustCompile(`\s--volumes\b`)
	// namesAll matches what makes a volume prune take named ones, too.
	namesAll = regexp.MustCompile(`\s(?:-[a-z]*a[a-z]*|--all)\b|\ball=(?:1|true)\b`)
	// script matches the file that a line of a schedule runs.
	script = regexp.MustCompile(`(?:^|[\s="'])(/[^\s"';|&><]+)`)
)

// scheduledPrunes returns what this machine is set to run now and then that removes
// volumes which no container uses. Scripts that a schedule names are looked into,
// and no further. What this process may not read is left out. Commands that choose
// by label are those of a person who knows what they do.
func scheduledPrunes(root string) []core.Prune {
	var files []string
	for _, pattern := range schedules {
		matched, _ := filepath.Glob(filepath.Join(root, pattern)) // only a bad pattern is an error
		for _, name := range matched {
			unit, isUnit := strings.CutSuffix(name, ".service")
			if isUnit && !exists(unit+".timer") {
				continue // it runs when a person starts it
			}
			files = append(files, name)
			for _, line := range scheduleLines(name) {
				for _, called := range script.FindAllStringSubmatch(line.text, -1) {
					files = append(files, filepath.Join(root, called[1]))
				}
			}
		}
	}
	slices.Sort(files)
	var found []core.Prune
	for _, name := range slices.Compact(files) {
		found = append(found, prunesIn(root, name)...)
	}
	return found
}

// prunesIn returns the prunes in one file. What is around the command stays out: it
// may hold a secret.
func prunesIn(root, name string) []core.Prune {
	var found []core.Prune
	for _, line := range scheduleLines(name) {
		for _, command := range pruneCommand.FindAllString(line.text, -1) {
			system := strings.Contains(command, "system")
			if system && !namesVolumes.MatchString(command) || strings.Contains(command, "label") {
				continue
			}
			found = append(found, core.Prune{
				File: strings.TrimPrefix(name, strings.TrimSuffix(root, "/")), Line: line.number,
				Command: strings.Trim(strings.Join(strings.Fields(command), " "), `"'`),
				Stopped: system, Named: !system && namesAll.MatchString(command),
			})
		}
	}
	return found
}

type scheduleLine struct {
	number int
	text   string
}

// scheduleLines returns the lines of a file that are no comments; none of what is no
// small regular file.
func scheduleLines(name string) []scheduleLine {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSchedule {
		return nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	var lines []scheduleLine
	number := 0
	for text := range strings.Lines(string(data)) {
		number++
		if text = strings.TrimSpace(text); text != "" && !strings.HasPrefix(text, "#") {
			lines = append(lines, scheduleLine{number, text})
		}
	}
	return lines
}
