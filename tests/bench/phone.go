package main

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"time"
)

var (
	errStray      = errors.New("a message of no call that was made")
	errWrongPhone = errors.New("a message reached another phone than its own")
	errCSeq       = errors.New("CSeq is not that of the message sent")
	errTags       = errors.New("the From or To tag is not that of the call")
	errBody       = errors.New("the body was changed")
)

// wire is what a phone's messages travel by, one for each read and write: a UDP socket, or a trunk.
type wire interface {
	ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	SetReadDeadline(time.Time) error
	LocalAddr() net.Addr
	Close() error
}

// phone is one wire of either side and the goroutine that reads it. All but conn belongs to that goroutine.
type phone struct {
	load  *load
	index int // of its pair
	conn  wire
	in    message
	value values
	out   []byte
	want  []byte // what a header is compared with
}

// read hands every message to receive, until the wire is closed.
func (p *phone) read(receive func(call int, from netip.AddrPort) error) {
	defer p.load.reading.Done()
	b := make([]byte, 65536)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				p.load.fault(-1, err, nil)
			}
			return
		}
		p.load.received.Add(1)
		call := -1
		if err = p.in.parse(b[:n]); err == nil {
			if call, err = p.callOf(); err == nil {
				err = receive(call, from)
			}
		}
		if err != nil {
			p.load.fault(call, err, b[:n])
		}
	}
}

// callOf finds the call that a message belongs to.
func (p *phone) callOf() (int, error) {
	call, ok := callOf(p.in.callID, p.load.run)
	switch {
	case !ok || int64(call) >= p.load.started.Load():
		return -1, errStray
	case call%len(p.load.caller) != p.index:
		return call, errWrongPhone
	}
	p.value[callHole] = append(p.value[callHole][:0], p.in.callID[:callDigits]...)
	return call, nil
}

// tag reports that a From or To header ends in this call's tag of that letter.
func (p *phone) tag(header []byte, letter byte) bool {
	p.want = append(append(append(p.want[:0], ";tag="...), letter), p.value[callHole]...)
	return bytes.HasSuffix(header, p.want)
}

func (p *phone) send(t *template, to netip.AddrPort) error {
	p.out = t.render(p.out[:0], &p.value)
	_, err := p.conn.WriteToUDPAddrPort(p.out, to)
	return err
}
