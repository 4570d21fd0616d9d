package stream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/stage"
)

// keyPair is a pair as LoadTLS has it.
func keyPair(p stage.Pair) KeyPair { return KeyPair{Cert: p.Cert, Key: p.Key} }

func loadTLS(t *testing.T, f TLSFiles) *TLS {
	t.Helper()
	l, err := LoadTLS(f)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// listenTLS accepts connections until the end of the test and sends one byte to each that shakes hands: in TLS 1.3 a client learns only
// then what became of its own certificate.
func listenTLS(t *testing.T, config *tls.Config) (addr string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(5 * time.Second))
				if _, err := c.Write([]byte{'!'}); err == nil {
					_, _ = io.Copy(c, c)
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return l.Addr().String()
}

// dialTLS connects, and reads the byte of listenTLS.
func dialTLS(t *testing.T, addr string, config *tls.Config) (*tls.Conn, error) {
	t.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", addr, config)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, err = io.ReadFull(c, make([]byte, 1))
	return c, err
}

// certificateShown is the name of the certificate that a server shows to who asks for a host.
func certificateShown(t *testing.T, addr, host string) string {
	t.Helper()
	c, err := dialTLS(t, addr, &tls.Config{ServerName: host, InsecureSkipVerify: true}) // what is shown is what is asked
	if err != nil {
		t.Fatal(err)
	}
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestThePeerIsShownTheCertificateItAsksFor(t *testing.T) {
	ca, dir := stage.NewAuthority(t), t.TempDir()
	var all []KeyPair
	for base, name := range map[string]string{"a": "a.example", "b": "b.example", "wild": "*.c.example"} {
		p := keyPair(ca.Issue(t, dir, base, name))
		if base == "a" {
			all = append([]KeyPair{p}, all...)
		} else {
			all = append(all, p)
		}
	}
	addr := listenTLS(t, loadTLS(t, TLSFiles{Certificates: all}).server())
	for host, want := range map[string]string{
		"a.example": "a", "b.example": "b", "B.Example": "b", "x.c.example": "wild", "x.y.c.example": "a", "c.example": "a",
		"unknown.example": "a", "": "a", "127.0.0.1": "a",
	} {
		if got := certificateShown(t, addr, host); got != want {
			t.Errorf("who asks for %q sees the certificate %s, want %s", host, got, want)
		}
	}
}

func TestAPeerWithoutACertificateWeTrustIsRefused(t *testing.T) {
	ca, other, dir := stage.NewAuthority(t), stage.NewAuthority(t), t.TempDir()
	own := ca.Issue(t, dir, "own", "127.0.0.1")
	demanding := loadTLS(t, TLSFiles{Certificates: []KeyPair{keyPair(own)}, CA: ca.File, VerifyClient: true})
	open := loadTLS(t, TLSFiles{Certificates: []KeyPair{keyPair(own)}, CA: ca.File})
	stranger := other.Issue(t, dir, "stranger", "peer.example")
	expired := ca.IssueUntil(t, dir, "expired", time.Now().Add(-time.Hour), "peer.example")
	friend := ca.Issue(t, dir, "friend", "peer.example")
	for _, c := range []struct {
		name   string
		server *TLS
		shows  []stage.Pair
		in     bool
	}{
		{"none", demanding, nil, false},
		{"of another authority", demanding, []stage.Pair{stranger}, false},
		{"expired", demanding, []stage.Pair{expired}, false},
		{"right", demanding, []stage.Pair{friend}, true},
		{"none where none is demanded", open, nil, true},
		{"another where none is demanded", open, []stage.Pair{stranger}, true},
	} {
		for version, name := range map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				config := &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1", MaxVersion: version}
				for _, p := range c.shows {
					shows := p.Load(t)
					config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shows, nil }
				}
				if _, err := dialTLS(t, listenTLS(t, c.server.server()), config); (err == nil) != c.in {
					t.Errorf("err %v, want one: %v", err, !c.in)
				}
			})
		}
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	ca := stage.NewAuthority(t)
	l := loadTLS(t, TLSFiles{Certificates: []KeyPair{keyPair(ca.Issue(t, t.TempDir(), "own", "127.0.0.1"))}, CA: ca.File})
	config := &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if _, err := dialTLS(t, listenTLS(t, l.server()), config); err == nil {
		t.Error("TLS 1.1 was taken")
	}
}

// A phone that offers protocols (ALPN) of which we know none comes in nevertheless: RFC 3261 knows none either.
func TestAnOfferOfProtocolsDoesNotHinder(t *testing.T) {
	ca := stage.NewAuthority(t)
	l := loadTLS(t, TLSFiles{Certificates: []KeyPair{keyPair(ca.Issue(t, t.TempDir(), "own", "127.0.0.1"))}, CA: ca.File})
	config := &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1", NextProtos: []string{"sip/2", "http/1.1"}}
	if _, err := dialTLS(t, listenTLS(t, l.server()), config); err != nil {
		t.Error(err)
	}
}

func TestWhomWeConnectToIsWhoItShouldBe(t *testing.T) {
	ca, other, dir := stage.NewAuthority(t), stage.NewAuthority(t), t.TempDir()
	own := []KeyPair{keyPair(ca.Issue(t, dir, "own", "own.example"))}
	for i, c := range []struct {
		why   string
		peer  stage.Pair
		asked string
		fault string // empty: it is the one
	}{
		{"its domain", ca.Issue(t, dir, "1", "sip.example.com"), "sip.example.com", ""},
		{"capitals and the root", ca.Issue(t, dir, "2", "sip.example.com"), "SIP.Example.com.", ""},
		{"a wildcard", ca.Issue(t, dir, "3", "*.example.com"), "sip.example.com", ""},
		{"a wildcard of one label", ca.Issue(t, dir, "4", "*.example.com"), "a.sip.example.com", `for ["*.example.com"]`},
		{"another domain", ca.Issue(t, dir, "5", "sip.example.net"), "sip.example.com", `should be "sip.example.com", and its certificate is for ["sip.example.net"]`},
		{"no name at all", ca.Issue(t, dir, "6"), "sip.example.com", "for nobody"},
		{"nobody was asked for", ca.Issue(t, dir, "7", "sip.example.com"), "", `should be ""`},
		{"its address", ca.Issue(t, dir, "8", "127.0.0.1"), "127.0.0.1", ""},
		{"its address, IPv6", ca.Issue(t, dir, "9", "2001:db8::1"), "2001:db8::1", ""},
		{"its address in brackets", ca.Issue(t, dir, "10", "2001:db8::1"), "[2001:DB8:0::1]", ""},
		{"another address", ca.Issue(t, dir, "11", "127.0.0.1"), "127.0.0.2", `for ["127.0.0.1"]`},
		{"an address as a domain", ca.Issue(t, dir, "12", "sip.example.com"), "127.0.0.1", `for ["sip.example.com"]`},
		{"a SIP domain", ca.Issue(t, dir, "13", "sip:example.com"), "Example.com", ""},
		{"a SIP domain with a port", ca.Issue(t, dir, "14", "sip:example.com:5061"), "example.com", ""},
		{"a SIP domain beside names of DNS", ca.Issue(t, dir, "15", "sip:example.com", "sip.example.com"), "example.com", ""},
		{"names of DNS beside a SIP domain", ca.Issue(t, dir, "16", "sip:example.com", "sip.example.com"), "sip.example.com", `for ["example.com"]`},
		{"a SIP domain is no wildcard", ca.Issue(t, dir, "17", "sip:example.com"), "a.example.com", `for ["example.com"]`},
		{"a person", ca.Issue(t, dir, "18", "sip:alice@example.com"), "example.com", "for nobody"},
		{"a web site", ca.Issue(t, dir, "19", "https://example.com"), "example.com", "for nobody"},
		{"of another authority", other.Issue(t, dir, "20", "sip.example.com"), "sip.example.com", "cannot be trusted: x509: certificate signed by unknown authority"},
		{"expired", ca.IssueUntil(t, dir, "21", time.Now().Add(-time.Hour), "sip.example.com"), "sip.example.com", "cannot be trusted: x509: certificate has expired"},
		{
			"many names", ca.Issue(t, dir, "22", "a.example", "b.example", "c.example", "d.example", "e.example", "f.example", "g.example"), "x.example",
			`for ["a.example" "b.example" "c.example" "d.example" "e.example"] and 2 more`,
		},
	} {
		t.Run(c.why, func(t *testing.T) {
			addr := listenTLS(t, loadTLS(t, TLSFiles{Certificates: []KeyPair{keyPair(c.peer)}}).server())
			l := loadTLS(t, TLSFiles{Certificates: own, CA: ca.File})
			for again := range 2 { // the second time it may remember
				_, err := dialTLS(t, addr, l.client(c.asked))
				if c.fault == "" && err != nil || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
					t.Errorf("%d, time %d: %v, want %q", i, again, err, c.fault)
				}
			}
			l = loadTLS(t, TLSFiles{Certificates: own, CA: ca.File, SkipVerify: true})
			if _, err := dialTLS(t, addr, l.client(c.asked)); err != nil {
				t.Errorf("not to be verified, and still: %v", err)
			}
		})
	}
}

func TestOurCertificateIsShownToAPeerThatDemandsOne(t *testing.T) {
	ca, dir := stage.NewAuthority(t), t.TempDir()
	peer := loadTLS(t, TLSFiles{Certificates: []KeyPair{keyPair(ca.Issue(t, dir, "peer", "peer.example"))}, CA: ca.File, VerifyClient: true})
	us := loadTLS(t, TLSFiles{Certificates: []KeyPair{keyPair(ca.Issue(t, dir, "own", "own.example"))}, CA: ca.File})
	if _, err := dialTLS(t, listenTLS(t, peer.server()), us.client("peer.example")); err != nil {
		t.Error(err)
	}
}

func TestHandshakesGoOnWhileCertificatesChange(t *testing.T) {
	ca, dir := stage.NewAuthority(t), t.TempDir()
	own := ca.Issue(t, dir, "own", "127.0.0.1")
	l := loadTLS(t, TLSFiles{Certificates: []KeyPair{keyPair(own)}, CA: ca.File})
	addr := listenTLS(t, l.server())
	before, err := dialTLS(t, addr, l.client("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	stop, phones := make(chan struct{}), sync.WaitGroup{}
	for range 4 {
		phones.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := dialTLS(t, addr, l.client("127.0.0.1")); err != nil {
					t.Errorf("a handshake while certificates change: %v", err)
					return
				}
			}
		})
	}
	for range 20 {
		ca.Issue(t, dir, "own", "127.0.0.1")
		if !l.Changed() {
			t.Error("a file was replaced, and nobody saw it")
		}
		if changed, err := l.Reload(); !changed || err != nil {
			t.Errorf("changed %v, %v", changed, err)
		}
		c, err := dialTLS(t, addr, &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		if want := own.Load(t).Leaf; !c.ConnectionState().PeerCertificates[0].Equal(want) {
			t.Error("a new handshake sees an old certificate")
		}
	}
	close(stop)
	phones.Wait()
	if _, err := before.Write([]byte("still there")); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(before, make([]byte, len("still there"))); err != nil {
		t.Errorf("a connection that was open before: %v", err)
	}
}

func TestWhatIsBrokenDoesNotReplaceWhatWorks(t *testing.T) {
	ca, dir := stage.NewAuthority(t), t.TempDir()
	own := ca.Issue(t, dir, "own", "127.0.0.1")
	next := ca.Issue(t, dir, "next", "127.0.0.1")
	renewed := stage.NewAuthority(t)
	l := loadTLS(t, TLSFiles{Certificates: []KeyPair{keyPair(own)}, CA: ca.File})
	addr, first := listenTLS(t, l.server()), own.Load(t).Leaf
	text := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	right := map[string]string{own.Cert: text(own.Cert), own.Key: text(own.Key), ca.File: text(ca.File)}
	for _, c := range []struct{ name, path, text, fault string }{
		{"gone", own.Cert, "", "the certificate cannot be read: open " + own.Cert + ": no such file"},
		{"key gone", own.Key, "", "the key of the certificate " + own.Cert + " cannot be read: open " + own.Key},
		{"authority gone", ca.File, "", "the certificates that may sign others cannot be read: open " + ca.File},
		{"new certificate, old key", own.Cert, text(next.Cert), own.Key + " cannot be used as the key of the certificate " + own.Cert + ": tls: private key does not match"},
		{"old certificate, new key", own.Key, text(next.Key), own.Key + " cannot be used as the key of the certificate " + own.Cert},
		{"cut", own.Cert, right[own.Cert][:200], own.Cert + " ends in the middle of a certificate"},
		{"chain cut", own.Cert, right[own.Cert] + right[ca.File][:200], own.Cert + " ends in the middle of a certificate"},
		{"key cut", own.Key, right[own.Key][:100], own.Key + " cannot be used as the key"},
		{"authority cut", ca.File, right[ca.File] + text(renewed.File)[:300], ca.File + " ends in the middle of a certificate"},
		{"empty", own.Cert, " ", own.Cert + " holds no certificate in PEM"},
		{"empty authority", ca.File, " ", ca.File + " holds no certificate in PEM"},
		{"key for certificate", own.Cert, right[own.Key], own.Cert + " holds no certificate in PEM"},
		{"nonsense", ca.File, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1 of " + ca.File + " cannot be understood"},
	} {
		t.Run(c.name, func(t *testing.T) {
			write := func(text string) {
				var err error
				if text == "" {
					err = os.Remove(c.path)
				} else {
					err = os.WriteFile(c.path, []byte(text), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			write(c.text)
			if !l.Changed() {
				t.Error("nobody saw it")
			}
			changed, err := l.Reload()
			if changed || err == nil || !strings.HasPrefix(err.Error(), "the certificates that are in use stay in use: "+c.fault) {
				t.Errorf("changed %v, %v\nwant %s", changed, err, c.fault)
			}
			if l.Changed() {
				t.Error("it is to be tried again, though nothing is new")
			}
			if conn, err := dialTLS(t, addr, l.client("127.0.0.1")); err != nil || !conn.ConnectionState().PeerCertificates[0].Equal(first) {
				t.Errorf("the old one is gone: %v", err)
			}
			if _, err := LoadTLS(l.files); err == nil {
				t.Error("a start takes it")
			}
			write(right[c.path])
			if !l.Changed() {
				t.Error("nobody saw that it is right again")
			}
			if changed, err := l.Reload(); changed || err != nil {
				t.Errorf("what was in use is there again: changed %v, %v", changed, err)
			}
		})
	}
	if _, err := LoadTLS(TLSFiles{}); err == nil {
		t.Error("a start without a certificate")
	}
}

// Kubernetes mounts a secret as links to a directory that is itself a link, and swaps that one.
func TestASwappedDirectoryIsSeen(t *testing.T) {
	ca, dir := stage.NewAuthority(t), t.TempDir()
	link := func(from, to string) {
		if err := os.Symlink(from, to+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(to+".new", to); err != nil {
			t.Fatal(err)
		}
	}
	for _, version := range []string{"..1", "..2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		ca.Issue(t, filepath.Join(dir, version), "own", "127.0.0.1")
	}
	same := time.Now().Add(-time.Hour) // an archive gives all files one time
	for _, version := range []string{"..1", "..2"} {
		for _, file := range []string{"own.pem", "own-key.pem"} {
			if err := os.Chtimes(filepath.Join(dir, version, file), same, same); err != nil {
				t.Fatal(err)
			}
		}
	}
	link("..1", filepath.Join(dir, "..data"))
	for _, file := range []string{"own.pem", "own-key.pem"} {
		link(filepath.Join("..data", file), filepath.Join(dir, file))
	}
	l := loadTLS(t, TLSFiles{Certificates: []KeyPair{{filepath.Join(dir, "own.pem"), filepath.Join(dir, "own-key.pem")}}})
	if l.Changed() {
		t.Error("nothing has changed")
	}
	link("..2", filepath.Join(dir, "..data"))
	if !l.Changed() {
		t.Error("the directory was swapped, and nobody saw it")
	}
	if changed, err := l.Reload(); !changed || err != nil {
		t.Errorf("changed %v, %v", changed, err)
	}
}

// A peer that was let in by an authority which is trusted no more does not come in by an old session.
func TestNoSessionOutlivesTheTrustInItsPeer(t *testing.T) {
	for version, name := range map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"} {
		t.Run(name, func(t *testing.T) {
			ours, ca, dir := stage.NewAuthority(t), stage.NewAuthority(t), t.TempDir()
			own := ours.Issue(t, dir, "own", "127.0.0.1")
			peer := ca.Issue(t, dir, "peer", "peer.example").Load(t)
			l := loadTLS(t, TLSFiles{Certificates: []KeyPair{keyPair(own)}, CA: ca.File, VerifyClient: true})
			addr := listenTLS(t, l.server())
			config := &tls.Config{
				RootCAs: ours.Pool(), ServerName: "127.0.0.1", MaxVersion: version, Certificates: []tls.Certificate{peer},
				ClientSessionCache: tls.NewLRUClientSessionCache(1),
			}
			resumed := func() bool {
				t.Helper()
				c, err := dialTLS(t, addr, config)
				if err != nil {
					t.Fatal(err)
				}
				return c.ConnectionState().DidResume
			}
			if first, second := resumed(), resumed(); first || !second {
				t.Fatalf("the first handshake goes on with a session: %v, the second: %v", first, second)
			}
			ours.Issue(t, dir, "own", "127.0.0.1")
			if changed, err := l.Reload(); !changed || err != nil {
				t.Fatal(changed, err)
			}
			if !resumed() {
				t.Error("a session has ended with our certificate, by which no peer was judged")
			}
			replaceFile(t, ca.File, stage.NewAuthority(t).File)
			if changed, err := l.Reload(); !changed || err != nil {
				t.Fatal(changed, err)
			}
			if _, err := dialTLS(t, addr, config); err == nil {
				t.Error("the peer came in, by an authority that is trusted no more")
			}
		})
	}
}

// The other way round: a peer that we know does not stay one when its authority is trusted no more.
func TestARememberedPeerIsVerifiedAgain(t *testing.T) {
	ca, dir := stage.NewAuthority(t), t.TempDir()
	addr := listenTLS(t, loadTLS(t, TLSFiles{Certificates: []KeyPair{keyPair(ca.Issue(t, dir, "peer", "peer.example"))}}).server())
	us := loadTLS(t, TLSFiles{Certificates: []KeyPair{keyPair(ca.Issue(t, dir, "own", "own.example"))}, CA: ca.File})
	for again := range 2 {
		c, err := dialTLS(t, addr, us.client("peer.example"))
		if err != nil || c.ConnectionState().DidResume != (again == 1) {
			t.Fatal(again, err)
		}
	}
	old := us.client("peer.example") // of a connection that is about to be made
	replaceFile(t, ca.File, stage.NewAuthority(t).File)
	if changed, err := us.Reload(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	var unknown x509.UnknownAuthorityError
	if _, err := dialTLS(t, addr, us.client("peer.example")); !errors.As(err, &unknown) {
		t.Errorf("err %v, want that the authority is unknown", err)
	}
	if _, err := dialTLS(t, addr, old); err != nil {
		t.Errorf("what was asked for before the change: %v", err)
	}
}

func TestWhatHasExpiredIsSaidAndUsed(t *testing.T) {
	ca, dir, now := stage.NewAuthority(t), t.TempDir(), time.Now()
	past := ca.IssueUntil(t, dir, "past", now.Add(-time.Hour), "past.example")
	future := ca.IssueUntil(t, dir, "future", now.Add(100*24*time.Hour), "future.example")
	present := ca.Issue(t, dir, "present", "present.example")
	l := loadTLS(t, TLSFiles{Certificates: []KeyPair{keyPair(past), keyPair(future), keyPair(present)}, CA: ca.File})
	got := strings.Join(l.Warnings(), "\n")
	want := "the certificate " + past.Cert + " has expired on " + now.Add(-time.Hour).UTC().Format(time.DateOnly) + "\n" +
		"the certificate " + future.Cert + " is not valid before " + now.Add(98*24*time.Hour).UTC().Format(time.DateOnly)
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := certificateShown(t, listenTLS(t, l.server()), "past.example"); got != "past" {
		t.Errorf("the certificate %s is shown", got)
	}
	replaceFile(t, ca.File, past.Cert)
	if _, err := l.Reload(); err != nil {
		t.Fatal(err)
	}
	if all := l.Warnings(); len(all) != 3 || all[2] != "everything in "+ca.File+" has expired, so no peer can be verified" {
		t.Error(all)
	}
}

// replaceFile puts what another file holds into the place of path.
func replaceFile(t *testing.T, path, other string) {
	t.Helper()
	text, err := os.ReadFile(other)
	if err == nil {
		err = os.WriteFile(path+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}
