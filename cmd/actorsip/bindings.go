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

const bindingsUsage = "[list [PREFIX] | delete AOR [CONTACT]]"

// bindings lists who is registered with a proxy that runs, or deletes it.
func bindings(args []string, stdout, stderr io.Writer) error {
	switch w, rest := word(args, "list", "delete"); {
	case w == "delete":
		return bindingsDelete(rest, stdout, stderr)
	case w == "list", len(args) == 0, strings.HasPrefix(args[0], "-"):
		return bindingsList(rest, stdout, stderr)
	}
	fmt.Fprintln(stderr, "usage: actorsip bindings "+bindingsUsage+" [flags]")
	return errUsage
}

func bindingsList(args []string, stdout, stderr io.Writer) error {
	asJSON := false
	p, rest, err := adminFlags("bindings list", "[PREFIX]", 0, 1, args, stderr, func(f *flag.FlagSet) {
		f.BoolVar(&asJSON, "json", false, "one JSON object a line in place of a table")
	})
	if err != nil {
		return err
	}
	query := url.Values{"limit": {"1000"}}
	if len(rest) > 0 {
		query.Set("prefix", aor(rest[0]))
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for line := 0; ; {
		var page system.Registrations
		if err := p.ask("GET", "/bindings", query, nil, &page); err != nil {
			return err
		}
		for _, r := range page.Registrations {
			if asJSON {
				if err := jsonLine(stdout, r); err != nil {
					return err
				}
				continue
			}
			for _, b := range r.Bindings {
				if line++; line == 1 {
					fmt.Fprintln(table, "ADDRESS OF RECORD\tCONTACT\tQ\tENDS IN\tLEG\tREACHED\tUSER AGENT")
				}
				fmt.Fprintf(table, "%s\t%s\t%g\t%s\t%s\t%s\t%s\n", visible(r.AOR), visible(b.Contact), b.Q, lasting(time.Until(b.Expires)), b.Leg, reached(b), visible(b.UserAgent))
			}
		}
		if err := table.Flush(); err != nil {
			return err
		}
		if page.Next == "" {
			if line == 0 && !asJSON {
				fmt.Fprintln(stdout, "nobody is registered")
			}
			return nil
		}
		query.Set("after", page.Next)
	}
}

// reached says by what a contact is reached.
func reached(b system.Contact) string {
	switch {
	case len(b.Path) > 0:
		return visible(b.Path[0])
	case b.Flow:
		return "its connection"
	case b.Received != "":
		return b.Received
	}
	return "its contact"
}

func bindingsDelete(args []string, stdout, stderr io.Writer) error {
	p, rest, err := adminFlags("bindings delete", "AOR [CONTACT]", 1, 2, args, stderr, func(*flag.FlagSet) {})
	if err != nil {
		return err
	}
	who, query := aor(rest[0]), url.Values{}
	what := "all contacts of " + who
	if len(rest) > 1 {
		query.Set("contact", rest[1])
		what = rest[1] + " of " + who
	}
	if err := p.ask("DELETE", "/bindings/"+url.PathEscape(who), query, nil, nil); err != nil {
		return fmt.Errorf("%s: %w", who, err)
	}
	fmt.Fprintln(stdout, "deleted:", what)
	return nil
}

// aor is an address of record as it is kept, of one as people write it: the scheme is sip, the host in lower case.
func aor(s string) string {
	for _, scheme := range []string{"sips:", "sip:"} {
		if len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
			s = s[len(scheme):]
			break
		}
	}
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		s = s[:at] + strings.ToLower(s[at:])
	}
	return "sip:" + s
}
