package screen

import (
	"hash/fnv"
	"image/color"

	"charm.land/lipgloss/v2"
)

// theme holds every style of the screen. Nothing is told by colour alone.
type theme struct {
	plain, strong, dim, accent lipgloss.Style
	warning, mention, pending  lipgloss.Style
	bar, barWarning, barStrong lipgloss.Style // the status line
	chosen                     lipgloss.Style // the current channel, the current candidate
	line                       lipgloss.Style // rules and borders
	nicks                      []lipgloss.Style
}

// newTheme returns the styles for a dark or a light terminal.
func newTheme(dark bool) theme {
	pick := func(light, onDark string) color.Color {
		return lipgloss.LightDark(dark)(lipgloss.Color(light), lipgloss.Color(onDark))
	}
	style := lipgloss.NewStyle()
	bar := style.Background(pick("#E6E6EC", "#2B2D3A")).Foreground(pick("#3A3A48", "#C4C6D4"))
	t := theme{
		plain:      style,
		strong:     style.Bold(true),
		dim:        style.Foreground(pick("#6C6C7A", "#8B8D9E")),
		accent:     style.Foreground(pick("#2F5FD0", "#8FB4FF")).Bold(true),
		warning:    style.Foreground(pick("#A8391B", "#FF9E7A")),
		mention:    style.Foreground(pick("#8A5A00", "#FFD479")).Bold(true),
		pending:    style.Foreground(pick("#7C7C8A", "#7D7F90")).Italic(true),
		bar:        bar,
		barWarning: bar.Foreground(pick("#A8391B", "#FF9E7A")).Bold(true),
		barStrong:  bar.Bold(true),
		chosen:     style.Bold(true).Reverse(true),
		line:       style.Foreground(pick("#B9B9C6", "#4A4C5E")),
	}
	for _, pair := range nickColours {
		t.nicks = append(t.nicks, style.Bold(true).Foreground(pick(pair[0], pair[1])))
	}
	return t
}

// nickColours are pairs of colours for a light and a dark background. They differ enough from the
// background (a contrast of at least 4.5) and from each other.
var nickColours = [...][2]string{
	{"#B3261E", "#FF8A80"}, {"#9A4A00", "#FFB067"}, {"#7A5C00", "#E8C95A"}, {"#4C6B00", "#B5D963"},
	{"#1B7036", "#74D99A"}, {"#00706B", "#5ED6CE"}, {"#006A94", "#6CC8F5"}, {"#2557C7", "#93B5FF"},
	{"#5B45C9", "#B7A6FF"}, {"#8A2FB0", "#DB9BFA"}, {"#A82480", "#F792D2"}, {"#5F6470", "#B6BCCB"},
}

// nick returns the style of a user's name. It is the same in every session.
func (t theme) nick(name string) lipgloss.Style {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // writing to a hash never fails
	return t.nicks[h.Sum32()%uint32(len(t.nicks))]
}
