package docker

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/basewright/basewright/core"
)

// schedules are where cron keeps what it runs, and where a person's own units of
// systemd are.
var schedules = []string{
	"/etc/crontab", "/etc/cron.d/*", "/etc/cron.hourly/*", "/etc/cron.daily/*", "/etc/cron.weekly/*", "/etc/cron.monthly/*",
	"/var/spool/cron/crontabs/*", "/var/spool/cron/*", "/etc/systemd/system/*.service",
}

// Bounds of what is read: schedules are small and few, and each user may have one.
const (
	maxSchedule  = 64 << 10 // bytes of a file
	maxSchedules = 200
	maxPrunes    = 20
	maxCommand   = 200 // bytes of a command as it is shown
)

var (
	// pruneCommand matches a prune on this machine that may reach volumes, up to the
	// end of the command.
	pruneCommand = regexp.MustCompile(`\bdocker\s+(?:(?:-H|--host)[\s=]*unix:\S+\s+|(?:-c|--context)[\s=]*default\s+|(?:-D|--debug)\s+)*(?:volume|system)\s+prune\b[^;|&><#]*`)
	// namesVolumes matches the option without which a prune of the system leaves
	// volumes alone.
	namesVolumes = regexp.MustCompile(`\s--volumes\b`)
	// namesAll matches what makes a prune of volumes take named ones, too.
	namesAll = regexp.MustCompile(`\s(?:-[a-z]*a[a-z]*|--all)\b|\ball=(?:1|true)\b`)
	// chooses matches a filter for what has a label, which a stack's volumes lack.
	chooses = regexp.MustCompile(`\blabel=`)
)

// scheduledPrunes returns what this machine is set to run now and then that removes
// volumes which no container uses, as far as the schedule itself says so: programs
// that it names are not looked into. What this process may not read is left out.
func scheduledPrunes(root string) []core.Prune {
	var files []string
	for _, pattern := range schedules {
		matched, _ := filepath.Glob(filepath.Join(root, pattern)) // only a bad pattern is an error
		for _, name := range matched {
			if unit, ok := strings.CutSuffix(name, ".service"); ok && !exists(unit+".timer") {
				continue // it runs when a person starts it
			}
			files = append(files, name)
		}
	}
	var found []core.Prune
	for _, name := range files[:min(len(files), maxSchedules)] {
		found = append(found, prunesIn(name)...)
	}
	for i := range found {
		found[i].File = strings.TrimPrefix(found[i].File, strings.TrimSuffix(root, "/"))
	}
	return found[:min(len(found), maxPrunes)]
}

// prunesIn returns the prunes in one file. What is around the command stays out: it
// may hold a secret.
func prunesIn(name string) []core.Prune {
	var found []core.Prune
	for _, line := range scheduleLines(name) {
		for _, command := range pruneCommand.FindAllString(line.text, maxPrunes) {
			system := strings.Contains(command, "system")
			if system && !namesVolumes.MatchString(command) || chooses.MatchString(command) || len(found) == maxPrunes {
				continue
			}
			shown := strings.Trim(strings.Join(strings.Fields(command), " "), `"'`)
			found = append(found, core.Prune{
				File: name, Line: line.number, Command: shown[:min(len(shown), maxCommand)],
				Stopped: system, Named: !system && namesAll.MatchString(command),
			})
		}
	}
	return found
}

// scheduleLine is a line of a schedule with those that it is continued on.
type scheduleLine struct {
	number int // of the first
	text   string
}

// scheduleLines returns the lines of a file that are no comments; none of what is no
// small regular file.
func scheduleLines(name string) []scheduleLine {
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSchedule {
		return nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	var lines []scheduleLine
	number, goesOn := 0, false
	for text := range strings.Lines(string(data)) {
		number++
		text, more := strings.CutSuffix(strings.TrimSpace(text), `\`)
		switch {
		case goesOn:
			lines[len(lines)-1].text += " " + text
		case text == "" && !more, strings.HasPrefix(text, "#"):
			continue
		default:
			lines = append(lines, scheduleLine{number, text})
		}
		goesOn = more
	}
	return lines
}
