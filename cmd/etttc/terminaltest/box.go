package terminaltest

import (
	"fmt"
	"strings"
)

// The characters for lines and blocks are drawn as shapes and not written as text: those of a
// font would not meet from line to line.

// arms lists the line characters. After each stands where its line goes from the middle of the
// cell: left, right, up or down; a capital letter means a heavy line.
const arms = "─lr ━LR │ud ┃UD ┌rd ┐ld └ru ┘lu ├rud ┤lud ┬lrd ┴lru ┼lrud ╭rd ╮ld ╰ru ╯lu ╴l ╶r ╵u ╷d ╸L ╺R ╹U ╻D"

// blocks lists the characters that fill a part of the cell. After each stand the left, top, right
// and bottom edge of that part, in eighths of the cell.
const blocks = "█0088 ▀0084 ▄0488 ▌0048 ▐4088 ▎0028 ▏0018 ▍0038 ▋0058 ▊0068 ▉0078 ▁0788 ▂0688 ▃0588 ▅0388 ▆0288 ▇0188 ▔0081 ▕7088"

func isBox(text string) bool { return armsOf(text) != "" || blockOf(text) != "" }

func armsOf(text string) string  { return entry(arms, text) }
func blockOf(text string) string { return entry(blocks, text) }

// entry returns what follows a character in such a table, or "".
func entry(table, text string) string {
	if text == " " {
		return ""
	}
	for _, one := range strings.Fields(table) {
		if rest, found := strings.CutPrefix(one, text); found {
			return rest
		}
	}
	return ""
}

func (d *drawing) box(r run, y int, fill string) {
	if b := blockOf(r.text); b != "" {
		part := func(i int) float64 { return float64(b[i]-'0') / 8 }
		d.rect(float64(r.x)+part(0), float64(y)+part(1), part(2)-part(0), part(3)-part(1), fill)
		return
	}
	left, top := margin+float64(r.x)*cellWidth, titleBar+float64(y)*cellHeight
	midX, midY := left+cellWidth/2, top+cellHeight/2
	ends := map[rune][2]float64{
		'l': {left, midY}, 'r': {left + cellWidth, midY}, 'u': {midX, top}, 'd': {midX, top + cellHeight},
	}
	list := armsOf(r.text)
	weight := 1.2
	if strings.ToLower(list) != list {
		list, weight = strings.ToLower(list), 2.6
	}
	var path strings.Builder
	if strings.ContainsAny(r.text, "╭╮╰╯") {
		from, to := ends[rune(list[0])], ends[rune(list[1])]
		fmt.Fprintf(&path, "M%g %gQ%g %g %g %g", round(from[0]), round(from[1]), round(midX), round(midY), round(to[0]), round(to[1]))
	} else {
		for _, arm := range list {
			fmt.Fprintf(&path, "M%g %gL%g %g", round(midX), round(midY), round(ends[arm][0]), round(ends[arm][1]))
		}
	}
	fmt.Fprintf(&d.svg, `<path d="%s" stroke="%s" stroke-width="%g" fill="none" stroke-linecap="square"%s/>`+"\n",
		path.String(), fill, weight, strings.Replace(attributes(r.style), "fill-opacity", "stroke-opacity", 1))
}
