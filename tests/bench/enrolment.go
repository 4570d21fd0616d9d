package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	boundDomain = "bound.example" // whose users register
	password    = "it is secret"
	enrollers   = 8 // sockets that REGISTERs are sent from, so that the lanes of a proxy are spread
)

// enrolment is phones that register, each user once; with credentials when it is asked for them. One thread sends and takes what has
// come, as a probe does.
type enrolment struct {
	sockets []socket
	request []template // by socket
	inbox   *inbox
	run     uint32
	value   values
	out     []byte
	sent    []time.Time // by user, his first REGISTER
	late    time.Duration

	from    int // the first user who counts
	done    int // of those
	delays  []int64
	refused map[string]int
}

// newEnrolment opens the sockets. All users can be found at contact.
func newEnrolment(inside, contact netip.AddrPort, run uint32) (*enrolment, error) {
	e := &enrolment{inbox: newInbox(), run: run, refused: map[string]int{}}
	for range enrollers {
		at, err := free(callerIP)
		if err != nil {
			return e, err
		}
		t, err := newTemplate("register", map[string]string{
			"domain": boundDomain, "caller-addr": at.String(), "caller-ip": callerIP, "callee-addr": contact.String(),
		})
		if err != nil {
			return e, err
		}
		s, err := openSocket(at)
		if err != nil {
			return e, err
		}
		e.sockets, e.request = append(e.sockets, s), append(e.request, t)
		if err := s.connect(inside); err != nil {
			return e, err
		}
	}
	return e, nil
}

func (e *enrolment) close() {
	for _, s := range e.sockets {
		s.close()
	}
}

// writeUsers makes the file of all users who may register, with their passwords.
func writeUsers(path string, run uint32, users int) error {
	var b []byte
	for i := range users {
		user := string(appendCall(nil, run, i))
		b = fmt.Appendf(b, "%s:%s:%s:SHA-256\n", user, boundDomain, hashOf(user, boundDomain, password))
	}
	return os.WriteFile(path, b, 0o600)
}

func hashOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(sum[:])
}

// try registers single users until one is.
func (e *enrolment) try(ctx context.Context) error {
	e.open()
	for range trials {
		if err := e.step(); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
		for range enrollers {
			if err := pause(ctx, attempt/enrollers); err != nil {
				return context.Cause(ctx)
			}
			if err := e.hearAll(); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
				return err
			}
		}
		if e.done > 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: nobody could register: %v", errNotReady, e.refused)
}

// open begins to count with the next user.
func (e *enrolment) open() {
	e.from, e.done, e.late, e.delays = len(e.sent), 0, 0, e.delays[:0]
	clear(e.refused)
}

// keep registers users at the arrivals' pace for d.
func (e *enrolment) keep(ctx context.Context, a arrivals, d time.Duration) error {
	late, err := a.keep(ctx, d, e.step)
	e.late = max(e.late, late)
	return err
}

// finish takes what is still on its way, for drain at most.
func (e *enrolment) finish(ctx context.Context) (d delayed, err error) {
	d.sent = len(e.sent) - e.from
	for end := time.Now().Add(drain); e.done < d.sent && time.Now().Before(end); {
		if err := errors.Join(e.hearAll(), pause(ctx, grain)); err != nil {
			return d, err
		}
	}
	slices.Sort(e.delays)
	d.lost, d.late = d.sent-e.done, e.late
	d.p50, d.p99 = quantile(e.delays, 0.5), quantile(e.delays, 0.99)
	return d, nil
}

// step has the next user register, and takes what has come to one of the sockets.
func (e *enrolment) step() error {
	user := len(e.sent)
	e.sent = append(e.sent, time.Now().Round(0)) // the clock of the kernel's stamps
	return errors.Join(e.register(user, user%enrollers, "1", nil), e.hear((user+1)%enrollers))
}

func (e *enrolment) register(user, socket int, cseq string, credentials []byte) error {
	v := &e.value
	v[callHole] = appendCall(v[callHole][:0], e.run, user)
	v[cseqHole], v[credentialsHole] = append(v[cseqHole][:0], cseq...), credentials
	e.out = e.request[socket].render(e.out[:0], v)
	if err := e.sockets[socket].send(e.out); err != nil {
		return fmt.Errorf("a phone cannot send: %w", err)
	}
	return nil
}

func (e *enrolment) hearAll() error {
	for i := range e.sockets {
		if err := e.hear(i); err != nil {
			return err
		}
	}
	return nil
}

// hear takes what has come to a socket.
func (e *enrolment) hear(socket int) error {
	for n := taken; n == taken; {
		var err error
		if n, err = e.inbox.receive(e.sockets[socket]); err != nil {
			return fmt.Errorf("a phone cannot receive: %w", err)
		}
		for i := range n {
			packet, stamp := e.inbox.at(i)
			if err := e.take(packet, stamp, socket); err != nil {
				return err
			}
		}
	}
	return nil
}

// take is an answer: the user is registered, is asked for credentials, or is refused.
func (e *enrolment) take(packet []byte, stamp time.Time, socket int) error {
	user, ours := callIn(packet, e.run)
	status, _, _ := bytes.Cut(packet, []byte("\r\n"))
	switch {
	case !ours || user >= len(e.sent):
		return fmt.Errorf("%w: %.60q", errOthers, packet)
	case bytes.HasPrefix(status, []byte("SIP/2.0 200 ")):
		if user >= e.from {
			e.done++
			e.delays = append(e.delays, int64(max(0, stamp.Sub(e.sent[user]))))
		}
	case bytes.HasPrefix(status, []byte("SIP/2.0 401 ")) && bytes.Contains(packet, []byte("\r\nCSeq: 1 ")):
		_, nonce, _ := bytes.Cut(packet, []byte(`nonce="`))
		nonce, _, _ = bytes.Cut(nonce, []byte(`"`))
		return e.register(user, socket, "2", credentialsFor(string(appendCall(nil, e.run, user)), string(nonce)))
	default:
		e.refused[string(status)]++
	}
	return nil
}

// credentialsFor is the header line of RFC 7616 §3.4.1 for a REGISTER.
func credentialsFor(user, nonce string) []byte {
	const uri, cnonce, count = "sip:" + boundDomain, "0a4f113b", "00000001"
	response := hashOf(hashOf(user, boundDomain, password), nonce, count, cnonce, "auth", hashOf("REGISTER", uri))
	return fmt.Appendf(nil, "Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", algorithm=SHA-256, qop=auth, nc=%s, cnonce=\"%s\", response=\"%s\"\r\n",
		user, boundDomain, nonce, uri, count, cnonce, response)
}
