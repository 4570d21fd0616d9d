package target

import (
	"bufio"
	"bytes"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// hostsTTL is how long an answer from the hosts file is kept before the file is looked at again.
const hostsTTL = 5 * time.Second

// hosts is the hosts file of the system. It is read again when it has changed.
type hosts struct {
	path   string
	mu     sync.Mutex // guards the rest
	read   time.Time  // when the file that names comes from was written
	size   int64
	byName map[string][]netip.Addr
}

// answer is nil for a name that is not in the file. A name that is there is a host and nothing else, whatever DNS says:
// so an operator can place a peer there when DNS is wrong or dead.
// Deviates: RFC 3263 knows no hosts file; for a name in it, no NAPTR or SRV record is asked.
func (h *hosts) answer(q question) *recordSet {
	all, ok := h.names()[q.name]
	if !ok {
		return nil
	}
	var addrs []netip.Addr
	for _, a := range all {
		if a.Is4() && q.kind == dns.TypeA || a.Is6() && q.kind == dns.TypeAAAA {
			addrs = append(addrs, a)
		}
	}
	set := &recordSet{question: q, addrs: canonicalAddrs(addrs)}
	if len(addrs) == 0 {
		set = absent(q, "the hosts file has no such records")
	}
	set.source, set.ttl = h.path, hostsTTL
	return set
}

// names is the file's content; it is not changed after.
func (h *hosts) names() map[string][]netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	info, err := os.Stat(h.path)
	if err != nil {
		return nil
	}
	if h.byName != nil && info.ModTime().Equal(h.read) && info.Size() == h.size {
		return h.byName
	}
	text, err := os.ReadFile(h.path)
	if err != nil {
		return nil
	}
	h.byName, h.read, h.size = parseHosts(text), info.ModTime(), info.Size()
	return h.byName
}

// parseHosts reads hosts(5): an address and its names, the rest of a line after "#" is a comment.
func parseHosts(text []byte) map[string][]netip.Addr {
	names := make(map[string][]netip.Addr)
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil || addr.Zone() != "" {
			continue
		}
		for _, name := range fields[1:] {
			name = canonical(name)
			names[name] = append(names[name], addr.Unmap())
		}
	}
	return names
}
