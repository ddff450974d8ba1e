package docker

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// memoryUsed returns the memory that a container's control group holds, less
// the file cache that the kernel may take back, as `docker stats` shows it. The
// engine's own stats call would take a second.
func memoryUsed(id string, pid int) (int64, error) {
	group, v2, err := memoryGroup(id, pid)
	if err != nil {
		return -1, err
	}
	usage, inactive := "memory.usage_in_bytes", "total_inactive_file"
	if v2 {
		usage, inactive = "memory.current", "inactive_file"
	}
	used, err := readInt(filepath.Join(group, usage))
	if err != nil {
		return -1, err
	}
	if cache := statField(filepath.Join(group, "memory.stat"), inactive); cache < used {
		used -= cache
	}
	return used, nil
}

const cgroups = "/sys/fs/cgroup"

// memoryGroup finds the folder of a container's memory control group through
// its first process. That the group's path holds the container's ID proves that
// the process number means the same here as to the engine.
func memoryGroup(id string, pid int) (dir string, v2 bool, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return "", false, err
	}
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || !strings.Contains(parts[2], id) {
			continue
		}
		if parts[0] == "0" && parts[1] == "" {
			if dir := filepath.Join(cgroups, parts[2]); exists(filepath.Join(dir, "memory.current")) {
				return dir, true, nil
			}
		}
		if strings.Contains(","+parts[1]+",", ",memory,") {
			return v1Group(id, parts[2]), false, nil
		}
	}
	if ended(pid) {
		return "", false, fs.ErrNotExist
	}
	return "", false, errors.New("its control group is not visible here")
}

// ended reports whether a process is gone, or dead and not yet reaped: it has
// left its control group by then.
func ended(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(data), ") ") // the name may hold anything but this
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

// v1Group returns where a version 1 group is mounted. Seen from inside another
// container the path has more in front than the mount has.
func v1Group(id, path string) string {
	dir := filepath.Join(cgroups, "memory", path)
	if short := filepath.Join(cgroups, "memory", "docker", id); !exists(dir) && exists(short) {
		return short
	}
	return dir
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readInt(path string) (int64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
}

// statField returns a field of a file of "name value" lines, or 0.
func statField(path, name string) int64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(data) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte{' '})
		if string(key) == name {
			n, _ := strconv.ParseInt(string(value), 10, 64)
			return n
		}
	}
	return 0
}
