package stream

import (
	"fmt"
	"strings"
	"testing"
)

// invite is a message of 800 bytes as phones send them.
func invite() string {
	m := crlf(`INVITE sip:bob@example.com SIP/2.0
Via: SIP/2.0/TCP 192.0.2.33:5060;branch=z9hG4bK-524287-1-0;rport;alias
Max-Forwards: 70
From: "Alice" <sip:alice@example.com>;tag=8a7b6c5d
To: "Bob" <sip:bob@example.com>
Call-ID: 1-524287@192.0.2.33
CSeq: 1 INVITE
Contact: <sip:alice@192.0.2.33:5060;transport=tcp>
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO
Supported: replaces, outbound, path
User-Agent: phone/1.0
Content-Type: application/sdp
Content-Length: 000

`)
	body := 800 - len(m)
	return strings.Replace(m, "000\r\n\r\n", fmt.Sprintf("%d\r\n\r\n", body), 1) + strings.Repeat("a", body)
}

// What a message costs in reads as they come: full ones, so that each begins within a message and ends within one.
func BenchmarkFramer(b *testing.B) {
	m := invite()
	if len(m) != 800 {
		b.Fatal(len(m))
	}
	stream := []byte(strings.Repeat(m, readSize)) // as often as reads of this size cut it in all ways
	f := newFramer(1 << 16)
	b.SetBytes(800)
	b.ReportAllocs()
	at, messages := 0, 0
	for messages < b.N {
		batch := newBatch()
		n := copy(batch.buffer(), stream[at:])
		at = (at + n) % len(stream)
		f.decode(batch.buffer()[:n], batch)
		messages += batch.count()
		batch.Release()
	}
}

// A sender of one byte at a time.
func BenchmarkFramerByteByByte(b *testing.B) {
	m := invite()
	f := newFramer(1 << 16)
	batch := newBatch()
	defer batch.Release()
	b.ReportAllocs()
	for i := range b.N {
		batch.buffer()[0] = m[i%len(m)]
		f.decode(batch.buffer()[:1], batch)
		if !batch.empty() {
			batch.Release()
			batch = newBatch()
		}
	}
}
