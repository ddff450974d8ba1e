package docker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestAFolderThatCannotBeWritten is read-only for real: the error names the file
// that was to be written, not the temporary one beside it, and says why.
func TestAFolderThatCannotBeWritten(t *testing.T) {
	e, dir := folderEngine(t)
	api := filepath.Join(dir, "volumes", "api")
	if err := os.MkdirAll(api, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", api, "tmpfs", syscall.MS_RDONLY, "size=64k"); err != nil {
		t.Skipf("a read-only file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(api, 0); err != nil {
			t.Error(err)
		}
	})
	err := e.WriteFile(t.Context(), core.File{Name: "volumes/api/kong.yml", Data: []byte("x"), Mode: 0o600})
	if !errors.Is(err, syscall.EROFS) || err.Error() != "write volumes/api/kong.yml: read-only file system" {
		t.Errorf("%v", err)
	}
	err = e.WriteFile(t.Context(), core.File{Name: "volumes/api/new/kong.yml", Data: []byte("x"), Mode: 0o600})
	if !errors.Is(err, syscall.EROFS) || strings.Contains(err.Error(), ".basewright-") {
		t.Errorf("%v", err)
	}
}
