package machineconfig

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Proof is what a node shows of a roll-out: facts that stand, and what is wrong.
type Proof struct {
	Node  string
	Facts []string
	Wrong []string
}

// Prove looks at every node that the roll-out has reached: its boot, its files, and what
// systemd-modules-load did at this boot. Whether the kernel has the module is also for an
// ordinary pod to say, before anybody opens a socket there.
func (p *Provider) Prove(ctx context.Context, r *Rollout) ([]Proof, error) {
	pools, nodes, err := p.both(ctx)
	if err != nil {
		return nil, err
	}
	var out []Proof
	for _, n := range nodes {
		home, _ := Primary(pools, n.Labels)
		for _, pool := range r.Pools {
			if pool != home {
				continue
			}
			proof, err := p.prove(ctx, r, n)
			if err != nil {
				return nil, err
			}
			out = append(out, proof)
		}
	}
	return out, nil
}

func (p *Provider) prove(ctx context.Context, r *Rollout, n Node) (Proof, error) {
	proof := Proof{Node: n.Name}
	before, known := r.Nodes[n.Name]
	if known {
		proof.say(rebooted(r.Disruption, before.BootID, n.BootID))
	}
	if p.Look == nil {
		proof.Facts = append(proof.Facts, "nobody looked at its files: there is no access to nodes")
		return proof, nil
	}
	for _, f := range []struct {
		path string
		good func([]byte) bool
		want string
	}{
		{Blacklist, func(c []byte) bool { return !forbids(c) }, "forbid sctp no more"},
		{AtBoot, loads, "have sctp loaded at boot"},
	} {
		// Not there is an answer, too, though stat and cat say so by their exit status.
		mode, err := p.maybe(p.Look(ctx, n.Name, "stat", "--format=%a", f.path))
		if err != nil {
			return proof, err
		}
		if mode = strings.TrimSpace(mode); mode == "" {
			proof.check(false, "%s is to %s, and is not there", f.path, f.want)
			continue
		}
		text, err := p.Look(ctx, n.Name, "cat", f.path)
		if err != nil {
			return proof, err
		}
		proof.check(f.good([]byte(text)), "%s is to %s, and says %q", f.path, f.want, text)
		proof.check(mode == fmt.Sprintf("%o", Mode), "%s has mode %s, want %o", f.path, mode, Mode)
	}
	return proof, p.proveLoaded(ctx, n.Name, known && before.Loaded && !r.Reboot, &proof)
}

// proveLoaded reads whether the kernel has the module, and who loaded it. Where it was loaded
// before the roll-out, and no boot was in between, nobody had to.
func (p *Provider) proveLoaded(ctx context.Context, node string, before bool, proof *Proof) error {
	kernel, err := p.Look(ctx, node, "cat", "/proc/modules", "/proc/net/protocols")
	if err != nil {
		return err
	}
	module, builtin := starting(kernel, "sctp "), starting(kernel, "SCTP") != ""
	proof.check(strings.Contains(module, " Live ") || module == "" && builtin, "the kernel has no module sctp that is Live: /proc/modules says %q", module)
	// Not --unit: so early, and of a process so short, journald often finds no unit to note.
	journal, err := p.maybe(p.Look(ctx, node, "journalctl", "--boot", "--no-pager", "--output=cat", "--identifier=systemd-modules-load"))
	if err != nil {
		return err
	}
	proof.say(loader(journal, before))
	return nil
}

// hasLoaded are all that systemd-modules-load says where the kernel has a module by what it
// did, or has it built in (systemd src/modules-load and src/shared/module-util.c, in all
// versions). Of one that it found loaded it says so only when it is debugged.
var hasLoaded = []string{"Inserted module 'sctp'", "Module 'sctp' is builtin", "Module 'sctp' is built in"}

// loader judges the journal of systemd-modules-load by its last line about sctp.
func loader(journal string, before bool) (fact, wrong string) {
	said := ""
	for line := range strings.Lines(journal) {
		if strings.Contains(line, "'sctp'") {
			said = strings.TrimSpace(line)
		}
	}
	switch {
	case slices.Contains(hasLoaded, said):
		return "systemd-modules-load: " + said, ""
	case before:
		return "it had the module before the roll-out, so that systemd-modules-load had nothing to load", ""
	case said == "":
		return "", "systemd-modules-load says nothing of sctp in the journal of this boot"
	}
	return "", "systemd-modules-load did not load sctp: " + said
}

// rebooted judges a node's boot ids by what was to happen.
func rebooted(d Disruption, before, now string) (fact, wrong string) {
	changed := before != now
	switch {
	case changed == d.Reboot && changed:
		return "it was rebooted: boot " + now, ""
	case changed == d.Reboot:
		return "it was not rebooted, as its policy says", ""
	case changed:
		return "", "it was rebooted, although the node disruption policy needs no reboot"
	}
	return "", "it was not rebooted, although no node disruption policy spares it that"
}

// say adds what is a fact, or wrong.
func (p *Proof) say(fact, wrong string) {
	if fact != "" {
		p.Facts = append(p.Facts, fact)
	}
	if wrong != "" {
		p.Wrong = append(p.Wrong, wrong)
	}
}

// check adds a sentence that is wrong where ok is false.
func (p *Proof) check(ok bool, format string, args ...any) {
	if !ok {
		p.Wrong = append(p.Wrong, fmt.Sprintf(format, args...))
	}
}

// both are pools and nodes as they are now.
func (p *Provider) both(ctx context.Context) (pools []Pool, nodes []Node, err error) {
	err = p.patiently(ctx, func(ctx context.Context) (err error) {
		if pools, err = p.api.Pools(ctx); err == nil {
			nodes, err = p.api.Nodes(ctx)
		}
		return err
	})
	return pools, nodes, err
}

// unlike are sentences about what is not as it was before the roll-out. boots are the nodes'
// boots before the MachineConfigs were deleted.
func (p *Provider) unlike(ctx context.Context, r *Rollout, boots map[string]string) ([]string, error) {
	pools, nodes, err := p.both(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, pool := range pools {
		if was := r.Rendered[pool.Name()]; was != "" && pool.Target() != was {
			out = append(out, fmt.Sprintf("pool %s has %s, and had %s", pool.Name(), pool.Target(), was))
		}
	}
	for _, n := range nodes {
		was, known := r.Nodes[n.Name]
		if !known {
			continue
		}
		now, err := p.look(ctx, n)
		if err != nil {
			return nil, err
		}
		out = append(out, differences(n.Name, was, now, boots[n.Name] != n.BootID)...)
	}
	return out, nil
}

// differences between how a node was and is, where both times somebody looked: a run without
// access may take back what one with access has begun. A module stays loaded until the node
// boots.
func differences(node string, was, now Evidence, booted bool) []string {
	var out []string
	looked := was.Files != nil && now.Files != nil
	for _, path := range sorted(was.Files) {
		if looked && was.Files[path] != now.Files[path] {
			out = append(out, fmt.Sprintf("node %s: %s was %s and is %s", node, path, was.Files[path], now.Files[path]))
		}
	}
	if was.Config != now.Config {
		out = append(out, fmt.Sprintf("node %s has %s, and had %s", node, now.Config, was.Config))
	}
	if looked && booted && now.Loaded && !was.Loaded {
		out = append(out, fmt.Sprintf("node %s has SCTP after its reboot, and had none before", node))
	}
	return out
}

// Untouched are sentences about nodes outside of the pools that are not as they were, and how
// many were looked at.
func (p *Provider) Untouched(ctx context.Context, r *Rollout) (wrong []string, looked int, err error) {
	_, nodes, err := p.both(ctx)
	if err != nil {
		return nil, 0, err
	}
	outside := map[string]bool{}
	for _, name := range r.Outside {
		outside[name] = true
	}
	for _, n := range nodes {
		was, known := r.Nodes[n.Name]
		if !known || !outside[n.Name] {
			continue
		}
		now, err := p.look(ctx, n)
		if err != nil {
			return nil, looked, err
		}
		looked++
		wrong = append(wrong, differences(n.Name, was, now, false)...)
		if was.Files != nil && now.Loaded && !was.Loaded {
			wrong = append(wrong, fmt.Sprintf("node %s has SCTP, and had none before", n.Name))
		}
		if was.BootID != now.BootID {
			wrong = append(wrong, fmt.Sprintf("node %s was rebooted", n.Name))
		}
	}
	return wrong, looked, nil
}

// Over says whether the roll-out has been taken back.
func (r *Rollout) Over() bool { return r.over }

// Kept says under which conditions the module outlives the restoration, "" where it does not.
func (r *Rollout) Kept() string {
	if r.over && !r.Reboot {
		return "the module stays loaded until the nodes' next boot: their policy restores files without one"
	}
	return ""
}
