package docker

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/basewright/basewright/core"
)

func TestOwns(t *testing.T) {
	dir := t.TempDir()
	for name, row := range map[string]struct {
		dir    string
		files  []string
		labels map[string]string
		want   bool
	}{
		"made from the folder":                  {dir, []string{dir + "/a.yml"}, map[string]string{dirLabel: dir + "/", filesLabel: dir + "/a.yml"}, true},
		"an overlay was added since":            {dir, []string{dir + "/a.yml", dir + "/b.yml"}, map[string]string{dirLabel: dir, filesLabel: "a.yml"}, true},
		"no files on either side":               {dir, nil, map[string]string{dirLabel: dir}, true},
		"other files of the folder":             {dir, []string{dir + "/a.yml"}, map[string]string{dirLabel: dir, filesLabel: dir + "/b.yml"}, true},
		"another folder":                        {dir, nil, map[string]string{dirLabel: dir + "x"}, false},
		"no folder":                             {dir, nil, map[string]string{serviceLabel: "db"}, false},
		"an instance whose folder is not known": {"", nil, map[string]string{serviceLabel: "db"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := (&Host{}).Open(core.Instance{Project: "x", Dir: row.dir, Files: row.files})
			if got := e.owns(row.labels); got != row.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestStrangerIsLeftAlone(t *testing.T) {
	h := engine(t)
	e := open(t, h, smallStack, nil)
	project := e.instance.Project
	made, err := h.api.ContainerCreate(t.Context(), &container.Config{Image: stubImage(t, h), Env: []string{"PORT=5432"},
		Labels: map[string]string{testLabel: project, projectLabel: project, serviceLabel: "db"}}, nil, &network.NetworkingConfig{}, nil, project+"-stranger")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.api.ContainerStart(t.Context(), made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(t.Context(), core.DB); err != nil {
		t.Fatal(err)
	}
	o, err := e.Observe(t.Context())
	if err != nil || len(o.Containers) != 3 || len(o.Gaps) != 1 || o.Gaps[0].What != "container "+project+"-stranger" {
		t.Fatalf("got %+v, %v", o, err)
	}
	if c := o.Containers[2]; c.ID != made.ID || c.State != "running" || c.Service != "" || c.ComposeService != "" || c.Labels[serviceLabel] != "db" {
		t.Errorf("the stranger is %+v", c)
	}
	before := inspected(t, e)
	if err := e.Up(t.Context(), core.UpRequest{}); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), project+"-stranger carries the labels of") {
		t.Errorf("up: %v", err)
	}
	if !reflect.DeepEqual(before, inspected(t, e)) {
		t.Error("up changed something all the same")
	}
	if err := e.Login(t.Context(), core.Login{Role: "x", Password: "y", Database: "z"}); core.CodeOf(err) != core.NotFound {
		t.Errorf("login: %v", err)
	}
	if _, err := e.Dial(t.Context(), core.Address{Service: core.DB, Port: 5432}); core.CodeOf(err) != core.NotFound {
		t.Errorf("dial: %v", err)
	}
}

func TestStrangerIsSeenAndNotTouched(t *testing.T) {
	e := stuck(t, "nothing").Open(core.Instance{Project: "x", Dir: "/srv/aa"})
	o, err := e.Observe(t.Context())
	if err != nil || len(o.Containers) != 2 || o.Containers[0].Service != core.Auth || o.Containers[1].Service != "" {
		t.Fatalf("got %+v, %v", o, err)
	}
	// Two folders in the labels are what the check of shared projects goes by.
	if o.Containers[0].Labels[dirLabel] == o.Containers[1].Labels[dirLabel] {
		t.Error("the stranger's folder cannot be told")
	}
	want := core.Gap{What: "container bb", Why: "it carries the labels of this project and was not made from its folder; it is left alone"}
	if !slices.Contains(o.Gaps, want) {
		t.Errorf("gaps %v", o.Gaps)
	}
	if err := e.Restart(t.Context(), core.Auth); err != nil {
		t.Error(err)
	}
}

// asking is a server that answers every login with one message, and returns
// what it was told after that.
func asking(t *testing.T, message []byte) (dial func() (net.Conn, error), told chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	told = make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		head := make([]byte, 4)
		io.ReadFull(conn, head)
		io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head))-4)
		conn.Write(message)
		conn.(*net.TCPConn).CloseWrite()
		rest, _ := io.ReadAll(conn)
		told <- string(rest)
	}()
	return func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }, told
}

func TestPasswordIsNotSentInClearText(t *testing.T) {
	for name, row := range map[string]struct {
		message []byte
		answers bool
	}{
		"clear text": {[]byte("R\x00\x00\x00\x08\x00\x00\x00\x03"), false},
		"MD5":        {[]byte("R\x00\x00\x00\x0c\x00\x00\x00\x05salt"), true},
	} {
		t.Run(name, func(t *testing.T) {
			dial, told := asking(t, row.message)
			l := core.Login{Role: "postgres", Password: "planted secret", Database: "postgres"}
			_, err := connect(t.Context(), l, nil, func(context.Context) (net.Conn, error) { return dial() })
			err = loginError(t.Context(), l, err)
			got := <-told
			if strings.Contains(got, "planted") || strings.HasPrefix(got, "p") != row.answers {
				t.Errorf("the server was told %q", got)
			}
			if !row.answers && (!errors.Is(err, errClearText) || core.SQLState(err) != "" || core.CodeOf(err) == core.Unreachable) {
				t.Errorf("got %v", err)
			}
		})
	}
	err := psqlError(execResult{code: 2, stderr: `psql: error: connection to server at "10.0.0.2", port 5432 failed: authentication method requirement "!password" failed: server requested a cleartext password`})
	if !errors.Is(err, errClearText) {
		t.Errorf("psql: %v", err)
	}
}
