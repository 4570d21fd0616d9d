package main

import (
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/actorsip/actorsip/system"
)

const bansUsage = "[list | add SUBJECT | delete SUBJECT]"

// bans lists whom a proxy that runs has banned, or bans somebody, or no longer.
func bans(args []string, stdout, stderr io.Writer) error {
	switch w, rest := word(args, "list", "add", "delete"); {
	case w == "add":
		return bansAdd(rest, stdout, stderr)
	case w == "delete":
		return bansDelete(rest, stdout, stderr)
	case w == "list", len(args) == 0, strings.HasPrefix(args[0], "-"):
		return bansList(rest, stdout, stderr)
	}
	fmt.Fprintln(stderr, "usage: actorsip bans "+bansUsage+" [flags]")
	return errUsage
}

func bansList(args []string, stdout, stderr io.Writer) error {
	asJSON := false
	p, _, err := adminFlags("bans list", "", 0, 0, args, stderr, func(f *flag.FlagSet) {
		f.BoolVar(&asJSON, "json", false, "one JSON object a line in place of a table")
	})
	if err != nil {
		return err
	}
	var list system.BanList
	if err := p.ask("GET", "/bans", nil, nil, &list); err != nil {
		return err
	}
	if asJSON {
		for _, b := range list.Bans {
			if err := jsonLine(stdout, b); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list.Bans) == 0 {
		fmt.Fprintln(stdout, "nobody is banned")
	} else {
		table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "SUBJECT\tENDS IN\tSINCE\tBY\tREFUSED\tWHY")
		for _, b := range list.Bans {
			ends, by := "never", "hand"
			if !b.Until.IsZero() {
				ends = lasting(time.Until(b.Until))
			}
			if !b.ByHand {
				by = fmt.Sprintf("%d strikes", b.Strikes)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", visible(b.Subject), ends, b.Since.Local().Format(time.RFC3339), by, b.Hits, visible(b.Why))
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	if list.Refused > 0 {
		fmt.Fprintf(stdout, "%d bans were not made, since bans.max are there\n", list.Refused)
	}
	return nil
}

func bansAdd(args []string, stdout, stderr io.Writer) error {
	var lasts time.Duration
	var why string
	p, rest, err := adminFlags("bans add", "SUBJECT", 1, 1, args, stderr, func(f *flag.FlagSet) {
		f.DurationVar(&lasts, "for", 0, "how long, 1s to 100 years; default: until it is deleted")
		f.StringVar(&why, "why", "", "a `sentence` for who reads the list")
	})
	if err != nil {
		return err
	}
	order, ends := system.BanOrder{Subject: rest[0], Why: why}, "until it is deleted"
	if lasts != 0 {
		order.For, ends = lasts.String(), "for "+lasting(lasts)
	}
	if err := p.ask("POST", "/bans", nil, order, nil); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "banned: %s %s\n", rest[0], ends)
	return nil
}

func bansDelete(args []string, stdout, stderr io.Writer) error {
	p, rest, err := adminFlags("bans delete", "SUBJECT", 1, 1, args, stderr, func(*flag.FlagSet) {})
	if err != nil {
		return err
	}
	if err := p.ask("DELETE", "/bans/"+url.PathEscape(rest[0]), nil, nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "no longer banned:", rest[0])
	return nil
}
