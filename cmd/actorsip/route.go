package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/actorsip/actorsip/system"
)

// route explains where a request to a URI would go that came by a leg.
func route(args []string, stdout, stderr io.Writer) error {
	var path, from, callID string
	rest, err := flags("route", "URI", 1, stderr, func(f *flag.FlagSet) {
		configFlag(f, &path)
		f.StringVar(&from, "from", "", "`LEG` by which the request came; default the first one")
		f.StringVar(&callID, "call-id", "", "`Call-ID` of the request: it picks among equals in DNS")
	})(args)
	if err != nil {
		return err
	}
	cfg, err := system.Load(path)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	steps, err := system.Explain(ctx, cfg, from, rest[0], callID)
	for _, s := range steps {
		fmt.Fprintln(stdout, s)
	}
	return err
}
