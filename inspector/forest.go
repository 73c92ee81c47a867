package inspector

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"elemental/actors"
	"elemental/actors/telemetry"
)

// The sessions have no parent. The page shows them under a group of their own.
const (
	connGroup = "conn"
	groupKind = "group"
)

// parentOf is the ID under which the page shows an actor.
func parentOf(a *telemetry.ActorInfo) string {
	if a.Kind == actors.KindSession && a.Parent == "" {
		return connGroup
	}
	return a.Parent
}

type order func(a, b telemetry.ActorInfo) int

// orders are the orders of a list, by their name in the query. Equal actors are sorted by
// name.
var orders = map[string]order{
	"":         byName,
	"name":     byName,
	"depth":    byDepth,
	"busy":     byDepth, // only of a watched actor it is known how busy it is, so that the depth stands for it
	"restarts": byRestarts,
}

func byDepth(a, b telemetry.ActorInfo) int {
	return cmp.Or(cmp.Compare(b.Depth, a.Depth), byName(a, b))
}

func byRestarts(a, b telemetry.ActorInfo) int {
	return cmp.Or(cmp.Compare(b.Restarts, a.Restarts), byName(a, b))
}

// byBusiness sorts by depth, then restarts, then ID as plain text. It is fast, since
// whole trees are sorted by it.
func byBusiness(a, b telemetry.ActorInfo) int {
	return cmp.Or(cmp.Compare(b.Depth, a.Depth), cmp.Compare(b.Restarts, a.Restarts), cmp.Compare(a.ID, b.ID))
}

// byName sorts conn/9 before conn/10.
func byName(a, b telemetry.ActorInfo) int {
	return cmp.Or(
		cmp.Compare(parentPart(a.ID), parentPart(b.ID)),
		numbersByLength(lastPart(a.ID), lastPart(b.ID)),
		cmp.Compare(a.ID, b.ID),
	)
}

func numbersByLength(a, b string) int {
	if isNumber(a) && isNumber(b) {
		return cmp.Compare(len(a), len(b))
	}
	return 0
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func lastPart(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

func parentPart(id string) string { return id[:max(strings.LastIndexByte(id, '/'), 0)] }

func fold(s string) string { return strings.ToLower(s) }

func contains(s, folded string) bool { return strings.Contains(fold(s), folded) }

// scans limits how many requests do costly work at the same time: look at all actors, of
// which there may be a hundred thousand, or ask an actor for its state. Telling of a
// hundred thousand children takes an actor some time, and its other work waits behind all
// who ask.
type scans struct {
	turns    chan struct{}
	patience time.Duration // how long a request waits for its turn
}

const (
	scansAtOnce = 2
	asksAtOnce  = 4
	scanWait    = requestTime / 2
)

func newScans(most int, patience time.Duration) scans {
	return scans{make(chan struct{}, most), patience}
}

// turn waits for a turn and does the work in it. If no turn comes in time, it answers so
// and returns false.
func (s scans) turn(w http.ResponseWriter, r *http.Request, work func()) (done bool) {
	timer := time.NewTimer(s.patience)
	defer timer.Stop()
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
		work()
		return true
	case <-timer.C:
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusServiceUnavailable, "too many ask at the same time")
	case <-r.Context().Done(): // the client has gone
	}
	return false
}

// scanned answers with the result of a look at all actors. The look and its encoding take
// a turn. The turn ends before the answer is written, since a client may read it slowly.
func (s *Server) scanned(w http.ResponseWriter, r *http.Request, look func() any) {
	var data []byte
	var err error
	if s.scan.turn(w, r, func() {
		defer s.cost.working(time.Now())
		data, err = json.Marshal(look())
	}) {
		encoded(w, data, err)
	}
}

// mostNodes is how many actors the picture of the whole tree has at most.
const mostNodes = 20_000

// picture is the whole tree in a compact form. Parents come before their children.
type picture struct {
	Count int      `json:"count"` // all living actors
	Nodes []node   `json:"nodes"`
	Kinds []string `json:"kinds"` // the names to which the second number of a node is an index
	More  int      `json:"more"`  // actors that are not in Nodes
}

// node is written as [index of the parent or -1, index of the kind, depth, restarts, last
// part of the ID, number of children that are not shown, label]. The last two are left
// out if they are not needed. The whole ID is the parent's ID, a slash, and the last
// part.
type node struct {
	parent, kind, depth, restarts int
	part                          string
	hidden                        int
	label                         string
}

// MarshalJSON writes the node as such a list.
func (n node) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 48+len(n.part)+len(n.label)), '[')
	for _, number := range []int{n.parent, n.kind, n.depth, n.restarts} {
		b = append(strconv.AppendInt(b, int64(number), 10), ',')
	}
	b, err := appendText(b, n.part)
	if n.hidden > 0 || n.label != "" {
		b = strconv.AppendInt(append(b, ','), int64(n.hidden), 10)
	}
	if n.label != "" && err == nil {
		b, err = appendText(append(b, ','), n.label)
	}
	return append(b, ']'), err
}

func appendText(b []byte, text string) ([]byte, error) {
	quoted, err := json.Marshal(text)
	return append(b, quoted...), err
}

func (s *Server) overview(w http.ResponseWriter, r *http.Request) {
	s.scanned(w, r, func() any {
		f := forest{below: map[string][]telemetry.ActorInfo{}}
		s.provider.Actors(func(a telemetry.ActorInfo) bool {
			f.add(a)
			return true
		})
		return f.draw(mostNodes)
	})
}

// forest holds all living actors by their parents.
type forest struct {
	below map[string][]telemetry.ActorInfo // by the parent's ID; "" for the roots
	count int
}

func (f *forest) add(a telemetry.ActorInfo) {
	f.count++
	parent := parentOf(&a)
	f.below[parent] = append(f.below[parent], a)
}

// draw makes the picture, with at most most nodes. If there are too many actors, the
// largest groups of children are cut. Actors that have nothing to do are left out first.
func (f *forest) draw(most int) picture {
	f.below[""] = append(f.below[""], telemetry.ActorInfo{ID: connGroup, Kind: groupKind})
	for _, children := range f.below {
		slices.SortFunc(children, byBusiness)
	}
	d := drawing{forest: f, each: f.mostOfEach(most), kindAt: map[actors.Kind]int{}}
	d.Count, d.Kinds, d.Nodes = f.count, []string{}, []node{}
	for i := range f.below[""] {
		d.put(&f.below[""][i], -1)
	}
	d.More = max(f.count+1-len(d.Nodes), 0)
	return d.picture
}

type drawing struct {
	picture
	*forest
	each   int
	kindAt map[actors.Kind]int
}

func (d *drawing) put(a *telemetry.ActorInfo, parent int) {
	kind, known := d.kindAt[a.Kind]
	if !known {
		kind = len(d.Kinds)
		d.kindAt[a.Kind] = kind
		d.Kinds = append(d.Kinds, string(a.Kind))
	}
	children := d.below[a.ID]
	shown := min(len(children), d.each)
	self := len(d.Nodes)
	d.Nodes = append(d.Nodes, node{parent, kind, a.Depth, a.Restarts, lastPart(a.ID), len(children) - shown, a.Label})
	for i := range children[:shown] {
		d.put(&children[i], self)
	}
}

// mostOfEach is how many children of one actor can be shown so that there are at most
// most nodes.
func (f *forest) mostOfEach(most int) int {
	low, high := 0, max(f.count, 1)
	if f.nodes("", high) <= most {
		return high
	}
	for high-low > 1 {
		if middle := (low + high) / 2; f.nodes("", middle) <= most {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// nodes counts the nodes below an actor if at most each children of an actor are shown.
func (f *forest) nodes(parent string, each int) int {
	children := f.below[parent]
	if parent != "" {
		children = children[:min(len(children), each)]
	}
	n := len(children)
	for i := range children {
		n += f.nodes(children[i].ID, each)
	}
	return n
}
