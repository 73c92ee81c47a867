package actors

import (
	"net/netip"
	"sync"
)

// hashLine is where password work waits for a worker. Each address has a line of its
// own, and the lines take turns, so whoever sends much only waits longer himself. When
// all lines together are full, the longest one loses a job.
type hashLine struct {
	mu    sync.Mutex // the workers and the actor hold it for a moment
	came  sync.Cond  // for idle workers
	lines map[netip.Addr][]hashJob
	turns []netip.Addr // of the lines that have work; the first is next

	waiting, most int
	idle          int // workers that wait; each of them makes room for one more job
	closed        bool
}

func newHashLine(most int) *hashLine {
	l := &hashLine{lines: map[netip.Addr][]hashJob{}, most: most}
	l.came.L = &l.mu
	return l
}

// add puts a job into its line. If there is no room, it returns the job that has to go, which
// may be the same one.
func (l *hashLine) add(job hashJob) (gone hashJob, full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	where := job.work.From
	if l.waiting-l.idle >= l.most { // not most+idle: most may be the greatest number there is
		longest := l.longest()
		if len(l.lines[longest]) <= len(l.lines[where])+1 {
			return job, true
		}
		gone, full = l.takeLast(longest), true
	}
	if len(l.lines[where]) == 0 {
		l.turns = append(l.turns, where)
	}
	l.lines[where] = append(l.lines[where], job)
	l.waiting++
	l.came.Signal()
	return gone, full
}

func (l *hashLine) longest() (where netip.Addr) {
	for each, line := range l.lines {
		if len(line) > len(l.lines[where]) {
			where = each
		}
	}
	return where
}

// takeLast takes the newest job out of a line that has more than one.
func (l *hashLine) takeLast(where netip.Addr) hashJob {
	line := l.lines[where]
	last := len(line) - 1
	job := line[last]
	line[last] = hashJob{}
	l.lines[where] = line[:last]
	l.waiting--
	return job
}

// next waits for the job whose turn it is. ok is false when the line is closed.
func (l *hashLine) next() (job hashJob, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle++
	for l.waiting == 0 && !l.closed {
		l.came.Wait()
	}
	l.idle--
	if l.closed {
		return hashJob{}, false
	}
	where := l.turns[0]
	l.turns = l.turns[1:]
	line := l.lines[where]
	job, line[0] = line[0], hashJob{}
	if line = line[1:]; len(line) > 0 {
		l.lines[where] = line
		l.turns = append(l.turns, where)
	} else {
		delete(l.lines, where)
	}
	l.waiting--
	return job, true
}

// close makes the workers end, whatever waits.
func (l *hashLine) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.came.Broadcast()
}
