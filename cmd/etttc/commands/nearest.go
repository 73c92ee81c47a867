package commands

import (
	"strings"

	"elemental/client/visible"
)

// unknown returns the error for a name that no command has. If the name is close to that of a
// command, the error suggests it.
func unknown(name string) error {
	const mostShown = 32 // characters that are shown of what the user typed
	shown := []rune(visible.Line(name))
	if len(shown) > mostShown {
		shown = append(shown[:mostShown], '…')
	}
	if near := nearest(name); near != "" {
		return usage("unknown command /%s, did you mean /%s?", string(shown), near)
	}
	return usage("unknown command /%s, try /help", string(shown))
}

// nearest returns the command whose name differs least, if that is by few letters. Otherwise it
// is the only command that begins with name. It is "" if there is none.
func nearest(name string) string {
	const mostSlips = 2
	name = strings.ToLower(name)
	if len(name) > 2*len("deletechannel") {
		return ""
	}
	best, fewest, begin := "", mostSlips+1, []string{}
	for _, c := range All() {
		if n := slips(name, c.Name); n < fewest && n < len(name) {
			best, fewest = c.Name, n
		}
		if strings.HasPrefix(c.Name, name) {
			begin = append(begin, c.Name)
		}
	}
	if best == "" && len(begin) == 1 {
		return begin[0]
	}
	return best
}

// slips returns how many letters have to be inserted, removed or changed to turn one word into
// the other (Levenshtein's distance).
func slips(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
