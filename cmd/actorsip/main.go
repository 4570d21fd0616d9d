// Command actorsip is a stateless SIP proxy.
//
//	actorsip serve    --config FILE                 run
//	actorsip check    --config FILE                 say what is wrong with a configuration
//	actorsip route    --config FILE --from LEG URI  explain where a request would go, without sending
//	actorsip keys     --config FILE                 list, make, rotate or retire keys
//	actorsip bindings --config FILE                 list or delete who is registered with the proxy that runs
//	actorsip bans     --config FILE                 list, add or delete bans of the proxy that runs
//	actorsip cluster  --config FILE                 show the nodes as the proxy that runs sees them
//	actorsip drain    --config FILE                 have the proxy that runs take nothing new, or --undo
//	actorsip version
//
// It exits with 0 when all went well, 1 when it could not do what it was told, 2 when it was not told right.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

// errUsage is for a command line that cannot be understood; what is wrong with it has been said.
var errUsage = errors.New("usage")

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(exitUsage)
	default:
		fmt.Fprintln(os.Stderr, "actorsip:", err)
		os.Exit(exitFailed)
	}
}

// command is one word of the command line.
type command struct {
	name, does string
	run        func(args []string, stdout, stderr io.Writer) error
}

func commands() []command {
	return []command{
		{"serve", "run the proxy", serve},
		{"check", "say what is wrong with a configuration", check},
		{"route", "explain where a request would go, without sending it", route},
		{"keys", "list, make, rotate or retire the keys of tokens and branches", keys},
		{"bindings", "list or delete who is registered with the proxy that runs", bindings},
		{"bans", "list, add or delete bans of the proxy that runs", bans},
		{"cluster", "show the nodes as the proxy that runs sees them", nodes},
		{"drain", "have the proxy that runs take nothing new, or again what comes", drain},
		{"version", "print the version", version},
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(stderr)
		if len(args) == 0 {
			return errUsage
		}
		return nil
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(args[1:], stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "actorsip: there is no command %q\n", args[0])
	usage(stderr)
	return errUsage
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "actorsip is a stateless SIP proxy.\n\nusage: actorsip COMMAND [flags]\n\ncommands:")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.does)
	}
	fmt.Fprintln(w, "\nactorsip COMMAND -h lists the flags of a command.")
}

// flags parses the flags of one command; want is how many arguments must be left.
func flags(name, arguments string, want int, stderr io.Writer, define func(*flag.FlagSet)) func(args []string) ([]string, error) {
	return func(args []string) ([]string, error) {
		f := flag.NewFlagSet(name, flag.ContinueOnError)
		f.SetOutput(stderr)
		f.Usage = func() {
			fmt.Fprintf(stderr, "usage: actorsip %s [flags] %s\n", name, arguments)
			printDefaults(f)
		}
		define(f)
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, errUsage
		}
		if f.NArg() != want {
			f.Usage()
			return nil, errUsage
		}
		return f.Args(), nil
	}
}

// hidden is the usage of a flag that -h does not list.
const hidden = ""

func printDefaults(f *flag.FlagSet) {
	shown := flag.NewFlagSet(f.Name(), flag.ContinueOnError)
	shown.SetOutput(f.Output())
	f.VisitAll(func(g *flag.Flag) {
		if g.Usage != hidden {
			shown.Var(g.Value, g.Name, g.Usage)
			shown.Lookup(g.Name).DefValue = g.DefValue
		}
	})
	shown.PrintDefaults()
}

// configFlag is --config, the same for all commands.
func configFlag(f *flag.FlagSet, path *string) {
	f.StringVar(path, "config", "actorsip.yaml", "configuration `FILE`")
}
