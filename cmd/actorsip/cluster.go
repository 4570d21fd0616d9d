package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/actorsip/actorsip/system"
)

// nodes shows the cluster as the proxy that runs sees it.
func nodes(args []string, stdout, stderr io.Writer) error {
	w, rest := word(args, "status")
	if w == "" && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		fmt.Fprintln(stderr, "usage: actorsip cluster [status] [flags]")
		return errUsage
	}
	asJSON := false
	p, _, err := adminFlags("cluster status", "", 0, 0, rest, stderr, func(f *flag.FlagSet) {
		f.BoolVar(&asJSON, "json", false, "a JSON object in place of tables")
	})
	if err != nil {
		return err
	}
	var st system.ClusterStatus
	if err := p.ask("GET", "/cluster", nil, nil, &st); err != nil {
		return err
	}
	if asJSON {
		return jsonLine(stdout, st)
	}
	return showCluster(stdout, st, time.Now())
}

func showCluster(stdout io.Writer, st system.ClusterStatus, now time.Time) error {
	fmt.Fprintf(stdout, "cluster %s, as node %s sees it: %d nodes, %d calls with media here, %d messages taken\n",
		visible(st.Name), visible(st.Node), len(st.Members), st.Sessions, st.Taken)
	if st.Fenced != "" {
		fmt.Fprintln(stdout, "this node is out, and joins again:", visible(st.Fenced))
	}
	if !st.Etcd.IsZero() {
		fmt.Fprintf(stdout, "etcd has answered %s ago\n", lasting(now.Sub(st.Etcd)))
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tID\tADDRESS\tROLES\tPLACE\tSTATE\tLINK\tSENT\tLOST\tQUEUED\tLEGS")
	for _, m := range st.Members {
		link, sent, lost, queued := "-", "-", "-", "-"
		if l := m.Link; l != nil {
			if link = "down"; l.Up {
				link = "up"
			}
			sent, lost, queued = fmt.Sprint(l.Sent), fmt.Sprint(l.Lost), fmt.Sprint(l.Queued)
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", visible(m.Node), m.ID, visible(m.Address), strings.Join(m.Roles, "+"),
			visible(placeOf(m)), stateOf(m), link, sent, lost, queued, visible(strings.Join(m.Legs, ", ")))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, why := range slices.Sorted(maps.Keys(st.Refused)) {
		fmt.Fprintf(stdout, "refused from others, %s: %d\n", visible(why), st.Refused[why])
	}
	return nil
}

// placeOf is how a node stands to its media place, in words.
func placeOf(m system.MemberStatus) string {
	switch {
	case m.Place == "":
		return "-"
	case m.Holds:
		return m.Place + ", has it"
	}
	return m.Place + ", stands by"
}

// stateOf is how a node is, in words.
func stateOf(m system.MemberStatus) string {
	state := "silent"
	if m.Alive {
		state = "alive"
	}
	if m.Draining {
		state += ", drains"
	}
	if m.Self {
		state += ", this one"
	}
	return state
}

// drain has the proxy that runs take nothing new, or again what comes.
func drain(args []string, stdout, stderr io.Writer) error {
	undo := false
	p, _, err := adminFlags("drain", "", 0, 0, args, stderr, func(f *flag.FlagSet) {
		f.BoolVar(&undo, "undo", false, "take what is new again")
	})
	if err != nil {
		return err
	}
	method, text := "POST", "draining: it is not ready for new calls; %d calls have their media here\n"
	if undo {
		method, text = "DELETE", "ready for new calls again; %d calls have their media here\n"
	}
	var st system.DrainStatus
	if err := p.ask(method, "/drain", nil, nil, &st); err != nil {
		return err
	}
	fmt.Fprintf(stdout, text, st.Sessions)
	return nil
}
