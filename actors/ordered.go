package actors

// ordered is a list of things with different names, in the order in which they came. A client may
// make it as long as it likes, and its actor makes all changes again when it comes into memory. So
// finding, adding and removing take the same time whatever the length.
type ordered[T named] struct {
	list []T            // with holes: removed ones, which are not in at
	at   map[string]int // the place in list, by name
	text int            // bytes of the names
}

type named interface{ called() string }

// fewHoles is how many holes a list may have, however short it is.
const fewHoles = 32

// aroundName is roughly how many bytes an answer has around each name.
const aroundName = 32

func (o *ordered[T]) len() int { return len(o.at) }

// fits tells whether an answer of so many bytes may contain the list and more names.
func (o *ordered[T]) fits(most int, more ...string) bool {
	size := o.text + aroundName*(len(o.at)+len(more))
	for _, name := range more {
		size += len(name)
	}
	return size <= most
}

func (o *ordered[T]) has(name string) bool {
	_, is := o.at[name]
	return is
}

// get returns the zero value if there is nothing of that name.
func (o *ordered[T]) get(name string) (found T) {
	if i, is := o.at[name]; is {
		found = o.list[i]
	}
	return found
}

// put adds v at the end, or in the place of what has its name.
func (o *ordered[T]) put(v T) {
	if i, is := o.at[v.called()]; is {
		o.list[i] = v
		return
	}
	if o.at == nil {
		o.at = map[string]int{}
	}
	o.at[v.called()] = len(o.list)
	o.text += len(v.called())
	o.list = append(o.list, v)
}

func (o *ordered[T]) remove(name string) {
	if !o.has(name) {
		return
	}
	delete(o.at, name)
	o.text -= len(name)
	if len(o.list) > 2*len(o.at)+fewHoles {
		o.all()
	}
}

// hole tells whether nothing is at a place of the list any more.
func (o *ordered[T]) hole(i int) bool {
	at, is := o.at[o.list[i].called()]
	return !is || at != i
}

// all is the list without holes, until the next change.
func (o *ordered[T]) all() []T {
	if len(o.list) == len(o.at) {
		return o.list
	}
	kept := make([]T, 0, len(o.at))
	for i, v := range o.list {
		if !o.hole(i) {
			o.at[v.called()] = len(kept)
			kept = append(kept, v)
		}
	}
	o.list = kept
	return kept
}
