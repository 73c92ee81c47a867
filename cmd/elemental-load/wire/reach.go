package wire

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// How many connections one process can have is limited: each needs an open file, and a
// local port of its own for its source address.

// usualPorts is how many local ports Linux gives out by default. It is used if the system
// does not tell.
const usualPorts = 28232

// ports is how many connections to one provider a source address can have.
func ports() int {
	var from, to int
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err == nil {
		_, err = fmt.Sscan(strings.TrimSpace(string(text)), &from, &to)
	}
	if err != nil || to <= from {
		return usualPorts
	}
	return to - from + 1
}

// MostSources is the highest number of source addresses.
const MostSources = 250

// SourcesFor chooses the loopback addresses from which that many connections to target
// are made, by all processes together. One address has only so many ports: if they suffice, the result is nil and
// the system chooses. A count above 0 sets the number of addresses.
func SourcesFor(target netip.Addr, connections, count int) ([]netip.Addr, error) {
	available := ports() * 9 / 10 // closed connections keep their port for a while
	if count == 0 && connections > available && target.Is4() && target.IsLoopback() {
		count = (connections + available - 1) / available
	}
	if count <= 0 {
		return nil, nil
	}
	if !target.Is4() || !target.IsLoopback() {
		return nil, fmt.Errorf("%d source addresses: only for a provider on 127.0.0.0/8, %s is not", count, target)
	}
	if count > MostSources {
		return nil, fmt.Errorf("%d source addresses: %d at most", count, MostSources)
	}
	sources := make([]netip.Addr, count)
	for i := range sources {
		sources[i] = netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)})
	}
	return sources, nil
}

// filesBesides is how many files a process has open besides its connections.
const filesBesides = 64

// CheckFiles returns an error, with advice, if this process cannot open that many
// connections.
func CheckFiles(connections int) error {
	limit, known := fileLimit()
	if known && limit < uint64(connections+filesBesides) {
		return fmt.Errorf("%d connections need %d open files, this process may have %d: "+
			"raise the hard limit (ulimit -Hn, or LimitNOFILE= under systemd), take fewer --clients, or share them out with --workers %d",
			connections, connections+filesBesides, limit, (uint64(connections)+limit-filesBesides-1)/max(limit-filesBesides, 1))
	}
	return nil
}
