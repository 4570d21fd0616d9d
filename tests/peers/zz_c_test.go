package peers

import (
	"fmt"
	"testing"
	"time"
	"log/slog"
	"os"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

func TestZZC(t *testing.T) {
	a, bob := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	sys, at := begin(t, []leg{
		{name: "inside", listen: "127.0.0.1", reach: []string{a.Addr().String()}},
		{name: "outside", listen: "127.0.0.1", reach: []string{bob.Addr().String()}},
	}, fmt.Sprintf("next_hops: {\"*\": \"sip:%s\"}\nlog: {level: debug}\n", bob.Addr()), system.Options{Log: slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	_ = sys
	for _, lines := range []string{"Cseq: 10 INVITE\r\nCseq: 20 INVITE\r\n", "Cseq: 20 INVITE\r\nCall-Id: other\r\n"} {
		a.Send([]byte("INVITE sip:callee@example.com SIP/2.0\r\nVia: SIP/2.0/UDP "+a.Addr().String()+";branch=z9hG4bK1\r\nFrom: <sip:me@example.com>;tag=1\r\nTo: <sip:callee@example.com>\r\nCall-Id: c\r\n"+lines+"Content-length: 0\r\n\r\n"), at["inside"])
		m, came := a.Next(time.Second)
		t.Logf("%v %s", came, m.Raw)
	}
}
