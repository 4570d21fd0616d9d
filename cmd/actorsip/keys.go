package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/system"
)

// keys lists the keys, makes the file, adds one, or drops old ones. A running proxy sees the change within a second.
func keys(args []string, stdout, stderr io.Writer) error {
	word := "list"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		word, args = args[0], args[1:]
	}
	switch word {
	case "list":
		return keysList(args, stdout, stderr)
	case "make":
		return keysMake(args, stdout, stderr)
	case "rotate":
		return keysRotate(args, stdout, stderr)
	case "retire":
		return keysRetire(args, stdout, stderr)
	}
	fmt.Fprintln(stderr, "usage: actorsip keys [list|make|rotate|retire] [flags]")
	return errUsage
}

// patience is how long the nodes of a cluster are waited for.
const patience = 2 * time.Minute

// ringOf is where the keys of a configuration are: the vault of a cluster that has them in etcd, or a file. end is called when it is done
// with.
func ringOf(name string, args []string, stderr io.Writer, define func(*flag.FlagSet)) (v *keyring.Vault, file string, end func(), err error) {
	var path string
	if _, err = flags(name, "", 0, stderr, func(f *flag.FlagSet) { configFlag(f, &path); define(f) })(args); err != nil {
		return nil, "", nil, err
	}
	cfg, err := system.Load(path)
	if err != nil {
		return nil, "", nil, err
	}
	v, end, err = cfg.Vault()
	return v, cfg.KeyFile, end, err
}

// keyFile is the key file that a configuration names.
func keyFile(name string, args []string, stderr io.Writer, define func(*flag.FlagSet)) (string, error) {
	var path string
	_, err := flags(name, "", 0, stderr, func(f *flag.FlagSet) { configFlag(f, &path); define(f) })(args)
	if err != nil {
		return "", err
	}
	cfg, err := system.Load(path)
	return cfg.KeyFile, err
}

func keysList(args []string, stdout, stderr io.Writer) error {
	vault, path, end, err := ringOf("keys list", args, stderr, func(*flag.FlagSet) {})
	if err != nil {
		return err
	}
	defer end()
	if vault != nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return clusterKeysList(ctx, vault, stdout)
	}
	ring, err := keyring.Read(path)
	if err != nil {
		return err
	}
	printKeys(stdout, path, ring)
	return nil
}

// printKeys says which keys stand where.
func printKeys(stdout io.Writer, where string, ring *keyring.Keys) {
	fmt.Fprintf(stdout, "%s: cluster %s\n", where, ring.Cluster())
	for _, k := range ring.All() {
		from, state := k.UseFrom.Format(time.RFC3339), "opens"
		switch {
		case ring.Newest(k.Purpose) == k:
			state = "seals and opens"
		case k.IsWaiting():
			from, state = "when all nodes have it", "opens"
		case k.UseFrom.After(time.Now()):
			state = "opens, seals later"
		}
		fmt.Fprintf(stdout, "  key %2d  %-8s  made %s  used from %s  %s\n", k.ID, k.Purpose, k.Created.Format(time.RFC3339), from, state)
	}
}

func keysMake(args []string, stdout, stderr io.Writer) error {
	path, err := keyFile("keys make", args, stderr, func(*flag.FlagSet) {})
	if err != nil {
		return err
	}
	if err := keyring.Create(path, "", time.Now()); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s was made: keep it secret, and back it up; every node of a cluster needs a copy\n", path)
	return nil
}

func keysRotate(args []string, stdout, stderr io.Writer) error {
	var word string
	var delay time.Duration
	vault, path, end, err := ringOf("keys rotate", args, stderr, func(f *flag.FlagSet) {
		f.StringVar(&word, "purpose", "dialog", "what the new key seals: `dialog or register`")
		f.DurationVar(&delay, "delay", 10*time.Second, "how long until it is used: every node must have the file by then")
	})
	if err != nil {
		return err
	}
	defer end()
	purpose, err := keyring.ParsePurpose(word)
	if err != nil {
		return err
	}
	if vault != nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return clusterKeysRotate(ctx, vault, purpose, delay, nil, stdout)
	}
	id, err := keyring.Rotate(path, purpose, delay, time.Now())
	if err != nil {
		return err
	}
	ring, err := keyring.Read(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: key %d (%s) is used from %s on\n", path, id, purpose, ring.ByID(id).UseFrom.Format(time.RFC3339))
	return nil
}

func keysRetire(args []string, stdout, stderr io.Writer) error {
	var unused time.Duration
	vault, path, end, err := ringOf("keys retire", args, stderr, func(f *flag.FlagSet) {
		f.DurationVar(&unused, "unused", 7*24*time.Hour, "drop keys that have sealed nothing for so long: longer than any call or registration")
	})
	if err != nil {
		return err
	}
	defer end()
	if vault != nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return clusterKeysRetire(ctx, vault, unused, stdout)
	}
	ids, err := keyring.Retire(path, unused, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %d keys retired %v\n", path, len(ids), ids)
	return nil
}
