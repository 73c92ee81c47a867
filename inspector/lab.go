package inspector

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"elemental/actors/telemetry"
	"elemental/transport"
)

// lab is the fault lab, which harms the provider on purpose. Each fault ends by itself.
type lab struct {
	server *Server

	mu     sync.Mutex        // held while a fault begins or ends
	faults map[string]*fault // by What; one of each kind at a time
	closed bool
}

// fault is a fault that is in effect.
type fault struct {
	What   string `json:"what"`
	Until  int64  `json:"until"`
	MS     int    `json:"ms,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
	Conn   uint64 `json:"conn,omitempty"`
	over   func()
	endsBy *time.Timer
}

// The largest values of a fault.
const (
	faultSeconds = 60
	faultMillis  = 10_000
	faultBytes   = 1 << 30
)

// lasting lists the faults that last for a time. A crash is over at once.
var lasting = []string{"delay", "budget", "stall"}

// errNoFault is the error if a fault of another name is asked for.
var errNoFault = errors.New("what is crash, delay, budget or stall")

// errLabClosed is the error if a fault is asked for while the inspector stops: nothing
// would end that fault.
var errLabClosed = errors.New("the fault lab is closed")

func newLab(s *Server) *lab { return &lab{server: s, faults: map[string]*fault{}} }

// wish is the body of a POST.
type wish struct {
	What    string `json:"what"`
	ID      string `json:"id"`
	MS      int    `json:"ms"`
	Bytes   int64  `json:"bytes"`
	Conn    uint64 `json:"conn"`
	Seconds int    `json:"seconds"`
}

func (l *lab) begin(w http.ResponseWriter, r *http.Request) {
	var wanted wish
	if !body(w, r, &wanted) {
		return
	}
	switch {
	case wanted.What == "crash":
		l.crash(w, wanted.ID)
		return
	case !slices.Contains(lasting, wanted.What):
		fail(w, http.StatusBadRequest, errNoFault.Error())
		return
	case wanted.Seconds < 1 || wanted.Seconds > faultSeconds:
		fail(w, http.StatusBadRequest, "seconds has to be 1 to 60")
		return
	}
	f, err := l.put(&wanted, time.Now().Add(time.Duration(wanted.Seconds)*time.Second))
	switch {
	case errors.Is(err, errLabClosed):
		fail(w, http.StatusServiceUnavailable, err.Error())
	case errors.Is(err, transport.ErrNoConnection):
		fail(w, http.StatusNotFound, err.Error())
	case err != nil:
		fail(w, http.StatusBadRequest, err.Error())
	default:
		reply(w, f)
	}
}

func (l *lab) crash(w http.ResponseWriter, id string) {
	if err := l.server.provider.Crash(id); err != nil {
		status := http.StatusNotFound
		if errors.Is(err, telemetry.ErrCrashing) {
			status = http.StatusConflict
		}
		fail(w, status, err.Error())
		return
	}
	reply(w, fault{What: "crash", Until: millis(time.Now())})
}

// make lets a fault begin. Called with mu held.
func (l *lab) make(wanted *wish, until time.Time) (*fault, error) {
	f := &fault{What: wanted.What, Until: millis(until)}
	disk := l.server.cfg.Disk
	switch wanted.What {
	case "delay":
		if wanted.MS < 1 || wanted.MS > faultMillis {
			return nil, errors.New("ms has to be 1 to 10000")
		}
		f.MS = wanted.MS
		disk.Delay(time.Duration(f.MS)*time.Millisecond, until)
		f.over = func() { disk.Delay(0, time.Time{}) }
	case "budget":
		if wanted.Bytes < 0 || wanted.Bytes > faultBytes {
			return nil, errors.New("bytes has to be 0 to 1073741824")
		}
		f.Bytes = wanted.Bytes
		disk.Budget(f.Bytes, until)
		f.over = func() { disk.Budget(-1, time.Time{}) }
	case "stall":
		resume, err := l.server.listener.Stall(wanted.Conn)
		if err != nil {
			return nil, err
		}
		f.Conn, f.over = wanted.Conn, resume
	default:
		return nil, errNoFault
	}
	return f, nil
}

// put lets a fault begin, in place of one of its kind if there is one, and makes it end
// at until.
func (l *lab) put(wanted *wish, until time.Time) (*fault, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errLabClosed
	}
	f, err := l.make(wanted, until)
	if err != nil {
		return nil, err
	}
	if before := l.faults[f.What]; before != nil {
		before.endsBy.Stop()
		if before.What == "stall" && before.Conn != f.Conn {
			before.over()
		}
	}
	l.faults[f.What] = f
	f.endsBy = time.AfterFunc(time.Until(until), func() { l.drop(f) })
	return f, nil
}

// drop ends a fault, unless another one has taken its place.
func (l *lab) drop(f *fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.faults[f.What] == f {
		delete(l.faults, f.What)
		f.endsBy.Stop()
		f.over()
	}
}

func (l *lab) end(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	f := l.faults[r.URL.Query().Get("what")]
	l.mu.Unlock()
	if f == nil {
		fail(w, http.StatusNotFound, "there is no such fault")
		return
	}
	l.drop(f)
	reply(w, map[string]bool{"ended": true})
}

func (l *lab) list(w http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	on := []*fault{}
	for _, what := range lasting {
		if f := l.faults[what]; f != nil {
			on = append(on, f)
		}
	}
	reply(w, map[string]any{"faults": on})
}

// close ends all faults. None can begin after it.
func (l *lab) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for what, f := range l.faults {
		delete(l.faults, what)
		f.endsBy.Stop()
		f.over()
	}
}
