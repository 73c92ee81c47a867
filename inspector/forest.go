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

// The sessions have no parent: the page shows them under a group of their own.
const (
	connGroup = "conn"
	groupKind = "group"
)

// parentOf is under whom the page shows an actor.
func parentOf(a *telemetry.ActorInfo) string {
	if a.Kind == actors.KindSession && a.Parent == "" {
		return connGroup
	}
	return a.Parent
}

type order func(a, b telemetry.ActorInfo) int

// orders are the sorts of a list. What is equal is in the order of the names.
var orders = map[string]order{
	"":         byName,
	"name":     byName,
	"depth":    byDepth,
	"busy":     byDepth, // how busy an actor is, is known of a watched one alone
	"restarts": byRestarts,
}

func byDepth(a, b telemetry.ActorInfo) int {
	return cmp.Or(cmp.Compare(b.Depth, a.Depth), byName(a, b))
}

func byRestarts(a, b telemetry.ActorInfo) int {
	return cmp.Or(cmp.Compare(b.Restarts, a.Restarts), byName(a, b))
}

// byBusiness is quick: whole trees are sorted by it.
func byBusiness(a, b telemetry.ActorInfo) int {
	return cmp.Or(cmp.Compare(b.Depth, a.Depth), cmp.Compare(b.Restarts, a.Restarts), cmp.Compare(a.ID, b.ID))
}

// byName puts conn/9 before conn/10.
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

// scans bounds how many answers look at all actors at a time, of which there may be a hundred
// thousand, or ask one for its state: what it shows of a hundred thousand children takes it
// some time, and whoever else wants something of it waits behind all who ask.
type scans struct {
	turns    chan struct{}
	patience time.Duration // of who waits for a turn
}

const (
	scansAtOnce = 2
	asksAtOnce  = 4
	scanWait    = requestTime / 2
)

func newScans(most int, patience time.Duration) scans {
	return scans{make(chan struct{}, most), patience}
}

// turn waits for a turn, and has the work done in it, or tells that it is too much.
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
	case <-r.Context().Done(): // it has gone
	}
	return false
}

// scanned answers with what a look at all actors gives. That and its encoding have a turn;
// it is over when the answer is written, which a client may take slowly.
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

// mostNodes is how many actors the picture of all has.
const mostNodes = 20_000

// picture is the whole tree, compact. Parents come before their children.
type picture struct {
	Count int      `json:"count"` // of all living actors
	Nodes []node   `json:"nodes"`
	Kinds []string `json:"kinds"` // what the second number of a node means
	More  int      `json:"more"`  // actors that are not among the nodes
}

// node is written as [index of the parent or -1, index of the kind, depth, restarts, last
// part of the ID, how many children are not shown, label]; of the last two what is not needed
// is left out. The ID is the parent's, a slash, and the last part.
type node struct {
	parent, kind, depth, restarts int
	part                          string
	hidden                        int
	label                         string
}

// MarshalJSON is for encoding/json.
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

// forest is all living actors by their parents.
type forest struct {
	below map[string][]telemetry.ActorInfo // "" for the roots
	count int
}

func (f *forest) add(a telemetry.ActorInfo) {
	f.count++
	parent := parentOf(&a)
	f.below[parent] = append(f.below[parent], a)
}

// draw makes the picture with so many nodes at the most. When there are too many, the
// largest groups are cut: who has nothing to do is left out first.
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

// mostOfEach is how many children of one actor can be shown.
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

// nodes is how many are below an actor when so many children of each are shown.
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
