package wire

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// How many connections one process can have: an open file each, and a local port
// of its own for each source address.

// usualPorts is how many local ports Linux gives out, where it does not tell.
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

// MostSources is how many source addresses there can be.
const MostSources = 250

// SourcesFor gives the loopback addresses to connect from: none, which leaves it to the
// system, while one has ports enough for that many connections to target, and
// several beyond that. Count, if above 0, is how many there are to be.
func SourcesFor(target netip.Addr, connections, count int) ([]netip.Addr, error) {
	available := ports() * 9 / 10 // closed connections keep theirs for a while
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

// filesBesides is what a process has open apart from connections.
const filesBesides = 64

// CheckFiles says why that many connections cannot be had, and what helps.
func CheckFiles(connections int) error {
	limit, known := fileLimit()
	if known && limit < uint64(connections+filesBesides) {
		return fmt.Errorf("%d connections need %d open files, this process may have %d: "+
			"raise the hard limit (ulimit -Hn, or LimitNOFILE= under systemd), take fewer --clients, or share them out with --workers %d",
			connections, connections+filesBesides, limit, (uint64(connections)+limit-filesBesides-1)/max(limit-filesBesides, 1))
	}
	return nil
}
