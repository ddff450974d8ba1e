package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/basewright/basewright/core"
)

// engineFaults are those of how the engine runs the containers.
func engineFaults() []fault {
	return []fault{
		{code: "DK-02", does: "rest was brought up from a copy of the folder, which has the same project name.",
			apply: upFromCopy, shows: madeIn(core.Rest, ".copy"), mend: remakeAnd(core.Rest)},
		{code: "DK-16", does: "storage's program uses an instruction that no processor has.",
			apply: program(core.Storage, native(), 0x0f, 0x0b), shows: endsWith(core.Storage, 132), mend: remakeAnd(core.Storage)},
		{code: "DK-17", does: "storage's program is built for another processor.",
			apply: program(core.Storage, foreign(), 0x0f, 0x0b), shows: logs(core.Storage, "exec format error"), mend: remakeAnd(core.Storage)},
		edited("DK-19", "The pooler may not open as many files as it wants.", dies(core.Pooler, "cannot modify limit"),
			[]swap{
				{composeFile, "\n  supavisor:\n    <<: *lab\n", "\n  supavisor:\n    <<: *lab\n    ulimits:\n      nofile: 1024\n"},
				{composeFile, "      POOLER_POOL_MODE: transaction\n", "      POOLER_POOL_MODE: transaction\n      RLIMIT_NOFILE: \"100000\"\n"},
			}, core.Pooler),
		{code: "DK-22", does: "The database is on a network of other stacks too, under its plain name.", quiet: true,
			apply: joinShared, shows: onShared, mend: leaveShared},
	}
}

// upFromCopy leaves rest as Compose makes it from a second clone of upstream's
// repository: by the labels in which Compose notes where it was.
func upFromCopy(ctx context.Context, b *bench, _ saved) error {
	return b.alter(ctx, core.Rest, func(c *container.Config, _ *container.HostConfig) {
		c.Labels["com.docker.compose.project.working_dir"] = b.path(".copy")
		c.Labels["com.docker.compose.project.config_files"] = b.path(".copy/" + composeFile)
	})
}

func madeIn(s core.Service, folder string) shower {
	return func(ctx context.Context, b *bench) (bool, string) {
		c, err := b.container(ctx, s)
		if err != nil {
			return false, err.Error()
		}
		dir := c.Config.Labels["com.docker.compose.project.working_dir"]
		return strings.HasSuffix(dir, folder) && c.State.Running, string(s) + " was made in " + dir
	}
}

// The machines of ELF programs. Source: elf.h.
func native() uint16  { return 62 }  // EM_X86_64
func foreign() uint16 { return 243 } // EM_RISCV

// program starts a service as a program of nothing but some bytes of code.
func program(s core.Service, machine uint16, code ...byte) func(context.Context, *bench, saved) error {
	return func(ctx context.Context, b *bench, _ saved) error {
		archive, err := packed("broken", executable(machine, code))
		if err != nil {
			return err
		}
		return b.alterWith(ctx, s, func(c *container.Config, _ *container.HostConfig) {
			c.Entrypoint, c.Cmd = []string{"/broken"}, nil
		}, func(id string) error {
			return b.api.CopyToContainer(ctx, id, "/", bytes.NewReader(archive), container.CopyToContainerOptions{})
		})
	}
}

// executable is the smallest ELF program that the kernel starts: one header, one
// segment, the code.
func executable(machine uint16, code []byte) []byte {
	const base, headers = 0x400000, 64 + 56
	var out bytes.Buffer
	out.WriteString("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	size := uint64(headers + len(code))
	for _, v := range []any{uint16(2), machine, uint32(1), uint64(base + headers), uint64(64), uint64(0), uint32(0),
		uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0), // the header
		uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), size, size, uint64(0x1000)} { // the segment
		_ = binary.Write(&out, binary.LittleEndian, v) // a Buffer takes all
	}
	out.Write(code)
	return out.Bytes()
}

// packed is an archive of one program.
func packed(name string, data []byte) ([]byte, error) {
	var out bytes.Buffer
	t := tar.NewWriter(&out)
	err := errors.Join(t.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data))}))
	if err == nil {
		_, err = t.Write(data)
	}
	return out.Bytes(), errors.Join(err, t.Close())
}

// endsWith waits until a service ended with an exit code.
func endsWith(s core.Service, code int) shower {
	return func(ctx context.Context, b *bench) (bool, string) {
		c, err := b.container(ctx, s)
		if err != nil {
			return false, err.Error()
		}
		return c.State.ExitCode == code && c.RestartCount > 1, fmt.Sprintf("%s is %s, exit code %d", s, c.State.Status, c.State.ExitCode)
	}
}

// logs waits until a service has logged a text.
func logs(s core.Service, text string) shower {
	return func(ctx context.Context, b *bench) (bool, string) {
		log := b.logs(ctx, s)
		return strings.Contains(log, text), string(s) + " says: " + around(log, text)
	}
}

// sharedNetwork is called after no stack, as a proxy's network is.
func sharedNetwork(b *bench) string { return "lab-proxy-" + hash(b.name) }

func joinShared(ctx context.Context, b *bench, _ saved) error {
	subnet, err := b.lab.freeSubnet(ctx)
	if err != nil {
		return err
	}
	made, err := b.api.NetworkCreate(ctx, sharedNetwork(b), network.CreateOptions{
		Labels: map[string]string{label: "1", labelStack: b.name}, IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet}}}})
	if err != nil {
		return err
	}
	c, err := b.container(ctx, core.DB)
	if err != nil {
		return err
	}
	return b.api.NetworkConnect(ctx, made.ID, c.ID, &network.EndpointSettings{Aliases: []string{"db"}})
}

func onShared(ctx context.Context, b *bench) (bool, string) {
	c, err := b.container(ctx, core.DB)
	if err != nil {
		return false, err.Error()
	}
	_, there := c.NetworkSettings.Networks[sharedNetwork(b)]
	return there, "the database is on " + sharedNetwork(b)
}

func leaveShared(ctx context.Context, b *bench, _ saved) error {
	c, err := b.container(ctx, core.DB)
	if err == nil {
		if err = b.api.NetworkDisconnect(ctx, sharedNetwork(b), c.ID, true); errdefs.IsNotFound(err) {
			err = nil
		}
	}
	if gone := b.api.NetworkRemove(ctx, sharedNetwork(b)); gone != nil && !errdefs.IsNotFound(gone) {
		err = errors.Join(err, gone)
	}
	return err
}
