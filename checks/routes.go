package checks

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// gatewayText is a configuration file of the gateway, as it reads it.
type gatewayText struct {
	name   string // in the instance folder
	raw    string
	filled string // with the variables that its start script fills in
	quotes bool   // the start script takes the double quotes away
	read   func([]byte) (supabase.GatewayFile, error)
}

// gatewayTexts reads what the gateway mounts and reads as its configuration. A
// file that no rule understands is left out.
func gatewayTexts(ctx context.Context, t core.Target) (part, []gatewayText) {
	gw, ok := partOf(t, core.Gateway)
	if !ok {
		return gw, nil
	}
	var out []gatewayText
	for _, m := range gw.mounts {
		name, inside := local(t, m.Source)
		if ext := path.Ext(m.Target); !inside || ext != ".yml" && ext != ".yaml" {
			continue
		}
		f, err := readFile(ctx, t, name)
		if err != nil {
			continue
		}
		text := gatewayText{name: name, raw: string(f.Data), read: supabase.ReadEnvoy}
		text.filled = supabase.FillPlain(text.raw, gw.env)
		if !isEnvoy(gw) {
			if !readByKong(gw, m.Target) {
				continue
			}
			text.read = supabase.ReadKong
			fillKong(&text, gw, m.Target)
		}
		out = append(out, text)
	}
	return gw, out
}

// readByKong reports whether a mounted file is Kong's configuration, or what its
// start script makes it of.
func readByKong(gw part, target string) bool {
	base := path.Base(target)
	return target == gw.env["KONG_DECLARATIVE_CONFIG"].Reveal() || strings.HasPrefix(base, "temp.") || strings.HasPrefix(base, "kong.")
}

// fillKong fills in a file as the gateway's start script would. One that is
// mounted where Kong reads it stays as it is.
func fillKong(text *gatewayText, gw part, target string) {
	script := strings.Join(gw.command, " ")
	switch {
	case target == gw.env["KONG_DECLARATIVE_CONFIG"].Reveal():
		text.filled = text.raw
	case strings.Contains(script, "eval") && strings.Contains(script, "echo"):
		text.filled, text.quotes = supabase.FillShell(text.raw, gw.env), true
	}
}

// fileProof quotes why a file cannot be read, with its line.
func fileProof(name string, err error) core.Evidence {
	problem, _ := errors.AsType[*supabase.FileError](err)
	if problem == nil || problem.Line == 0 {
		return evidence("file:"+name, clip(Mask(err.Error())))
	}
	return evidence(fmt.Sprintf("file:%s:%d", name, problem.Line), clip(Mask(problem.Text)))
}

// brokenRoutes finds what makes the gateway refuse its files. A file that holds
// conflict markers is UPG-06's.
func brokenRoutes(ctx context.Context, t core.Target) []core.Finding {
	gw, texts := gatewayTexts(ctx, t)
	var found []core.Finding
	for _, text := range texts {
		if conflicted(text.raw) {
			continue
		}
		f, err := text.read([]byte(text.filled))
		if err != nil {
			found = append(found, refusedFile(t, text.name, err)...)
			continue
		}
		if _, err := text.read([]byte(text.raw)); err != nil && text.quotes {
			found = append(found, onlyUnquoted(text.name, err)...)
		}
		if !provenWell(t, core.Gateway) {
			found = append(found, fault(core.Gateway, notEnabled(gw, text.name, f)...)...)
		}
	}
	return found
}

// refusedFile makes a finding of a file that cannot be read. A gateway that runs
// well has read another text, and would not start with this one.
func refusedFile(t core.Target, name string, err error) []core.Finding {
	found := fault(core.Gateway, fileProof(name, err))
	if provenWell(t, core.Gateway) {
		found[0].Severity, found[0].Affects = core.Warning, nothing
		found[0].Title = "The gateway's configuration was broken since it started"
	}
	return found
}

// onlyUnquoted makes a finding of a file that today's start script happens to
// make valid, by taking the quotes away, and that no other would.
func onlyUnquoted(name string, err error) []core.Finding {
	found := advice(core.Gateway, fileProof(name, err), evidence("file:"+name, "it is valid only since the start script takes its double quotes away; the start script of later releases does not"))
	found[0].Severity, found[0].Title = core.Info, "The gateway's configuration is not valid YAML of itself"
	return found
}

// notEnabled finds plugins that a file uses and Kong was not told to load: it
// refuses the whole file then.
func notEnabled(gw part, name string, f supabase.GatewayFile) []core.Evidence {
	list, set := gw.env["KONG_PLUGINS"]
	var enabled []string
	for p := range strings.SplitSeq(list.Reveal(), ",") {
		enabled = append(enabled, strings.TrimSpace(p))
	}
	if !set || list == "" || slices.Contains(enabled, "bundled") {
		return nil
	}
	var proof []core.Evidence
	for _, p := range f.Plugins {
		if !slices.Contains(enabled, p.Name) {
			proof = append(proof, evidence(fmt.Sprintf("file:%s:%d", name, p.Line), "it uses the plugin "+clip(p.Name)+", which KONG_PLUGINS does not enable"))
		}
	}
	if len(proof) > 0 {
		proof = append(proof, evidence(gw.setting("KONG_PLUGINS"), "KONG_PLUGINS is "+clip(list.Reveal())))
	}
	return proof
}

// lostHosts finds routes to a service of the stack under a name that it does not
// have. It is for files alone: where containers run, the gateway is asked.
func lostHosts(ctx context.Context, t core.Target) []core.Finding {
	if len(t.Containers) > 0 {
		return nil
	}
	_, texts := gatewayTexts(ctx, t)
	known := networkNames(t)
	var proof []core.Evidence
	for _, text := range texts {
		f, err := text.read([]byte(text.filled))
		if err != nil {
			continue
		}
		for _, h := range f.Hosts {
			if role := meant(h.Name); role != "" && t.Has(role) && !slices.Contains(known, h.Name) {
				proof = append(proof, evidence(fmt.Sprintf("file:%s:%d", text.name, h.Line), fmt.Sprintf("no service or container of the stack is called %s", clip(h.Name))))
			}
		}
	}
	found := advice(core.Gateway, proof...)
	for i := range found {
		found[i].Severity, found[i].Title = core.Warning, "The gateway's routes name a service by a name that it does not have"
	}
	return found
}

// meant returns the role that a host of a route can only mean: a service of the
// stack by its plain name, or realtime by its tenant.
func meant(host string) core.Service {
	if strings.HasPrefix(host, "realtime-dev.") {
		return core.Realtime
	}
	if _, err := netip.ParseAddr(host); err == nil || strings.Contains(host, ".") {
		return ""
	}
	return supabase.RoleOf(host, "")
}

// networkNames lists the names by which services of the stack find each other.
func networkNames(t core.Target) []string {
	var names []string
	for _, s := range t.Compose.Services {
		names = append(names, s.Name, s.ContainerName, t.Instance.Project+"-"+s.Name+"-1")
		names = append(names, s.Aliases...)
	}
	return names
}

// containerNames lists how the containers of the stack are called, or would be.
func containerNames(t core.Target) []string {
	var names []string
	for _, c := range t.Containers {
		names = append(names, c.Name)
	}
	if len(names) > 0 {
		return names
	}
	for _, s := range t.Compose.Services {
		if s.ContainerName == "" {
			names = append(names, t.Instance.Project+"-"+s.Name+"-1")
		}
		names = append(names, s.ContainerName)
	}
	return names
}

// conflicted reports whether text holds an unresolved conflict.
func conflicted(text string) bool {
	return strings.HasPrefix(text, "<<<<<<< ") || strings.Contains(text, "\n<<<<<<< ")
}
