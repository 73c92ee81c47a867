package terminaltest

import (
	"encoding/xml"
	"fmt"
	"image/color"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
)

// The measures of the picture, in pixels.
const (
	fontSize   = 14
	cellWidth  = 8.4
	cellHeight = 19.0
	baseline   = 14.0 // distance of a line's base from its top
	margin     = 16.0
	titleBar   = 40.0
)

const fonts = "ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,Liberation Mono,monospace"

// SVG returns a picture of the screen in a window with that title. It needs no other files and
// its text can be selected. The same screen always gives the same picture.
func (t *Terminal) SVG(title string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := &drawing{theme: themeOf(t.light)}
	cols, rows := t.vt.Width(), t.vt.Height()
	d.window(title, 2*margin+float64(cols)*cellWidth, titleBar+margin+float64(rows)*cellHeight)
	for y := range rows {
		runs := t.runs(y)
		for _, r := range runs {
			d.background(r, y)
		}
		for _, r := range runs {
			d.foreground(r, y)
		}
	}
	if t.state.Cursor {
		at := t.vt.CursorPosition()
		d.rect(float64(at.X), float64(at.Y), 0.2, 1, d.foregroundColor) // a bar, so that it hides no character
	}
	return d.svg.String() + "</svg>\n"
}

// run is a part of a line that is drawn at once: characters of the same style, or a single one
// that needs an exact place.
type run struct {
	x, width int // in cells
	text     string
	style    uv.Style
}

// runs returns the parts of line y.
func (t *Terminal) runs(y int) []run {
	var runs []run
	alone := true // nothing can be added to the last run
	for x := 0; x < t.vt.Width(); {
		var style uv.Style
		if cell := t.vt.CellAt(x, y); cell != nil {
			style = cell.Style
		}
		text, width := t.cell(x, y)
		single := width > 1 || len([]rune(text)) > 1 || isBox(text)
		if !alone && !single && runs[len(runs)-1].style.Equal(&style) {
			runs[len(runs)-1].text += text
			runs[len(runs)-1].width++
		} else {
			runs = append(runs, run{x, width, text, style})
		}
		alone = single
		x += width
	}
	return runs
}

// drawing is a picture that is being drawn.
type drawing struct {
	svg strings.Builder
	theme
}

func (d *drawing) window(title string, width, height float64) {
	fmt.Fprintf(&d.svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]g %[2]g" width="%[1]g" height="%[2]g" font-family="%[3]s" font-size="%[4]d">`+"\n",
		round(width), round(height), fonts, fontSize)
	fmt.Fprintf(&d.svg, `<rect x="0.5" y="0.5" width="%g" height="%g" rx="10" fill="%s" stroke="%s"/>`+"\n",
		round(width-1), round(height-1), d.backgroundColor, d.frame)
	for i, light := range []string{"#ff5f57", "#febc2e", "#28c840"} {
		fmt.Fprintf(&d.svg, `<circle cx="%d" cy="20" r="6" fill="%s"/>`, 22+20*i, light)
	}
	fmt.Fprintf(&d.svg, "\n"+`<text x="%g" y="24" fill="%s" font-size="12.5" text-anchor="middle">%s</text>`+"\n", round(width/2), d.dim, escape(title))
}

// rect fills an area, given in cells.
func (d *drawing) rect(x, y, width, height float64, fill string) {
	fmt.Fprintf(&d.svg, `<rect x="%g" y="%g" width="%g" height="%g" fill="%s" shape-rendering="crispEdges"/>`+"\n",
		round(margin+x*cellWidth), round(titleBar+y*cellHeight), round(width*cellWidth), round(height*cellHeight), fill)
}

// colors returns the colours of a style, for the text and behind it.
func (d *drawing) colors(s uv.Style) (text, behind string) {
	text, behind = d.color(s.Fg, d.foregroundColor), d.color(s.Bg, d.backgroundColor)
	if s.Attrs&uv.AttrReverse != 0 {
		text, behind = behind, text
	}
	return text, behind
}

func (d *drawing) background(r run, y int) {
	if _, behind := d.colors(r.style); behind != d.backgroundColor {
		d.rect(float64(r.x), float64(y), float64(r.width), 1, behind)
	}
}

func (d *drawing) foreground(r run, y int) {
	text, _ := d.colors(r.style)
	if isBox(r.text) {
		d.box(r, y, text)
		return
	}
	content := strings.TrimRight(r.text, " ")
	if r.style.Underline != ansi.UnderlineNone {
		content = r.text
	}
	if content == "" || r.style.Attrs&uv.AttrConceal != 0 {
		return
	}
	width := float64(r.width-(len(r.text)-len(content))) * cellWidth
	fmt.Fprintf(&d.svg, `<text x="%g" y="%g" textLength="%g" lengthAdjust="spacingAndGlyphs" fill="%s"%s xml:space="preserve">%s</text>`+"\n",
		round(margin+float64(r.x)*cellWidth), round(titleBar+float64(y)*cellHeight+baseline), round(width), text, attributes(r.style), escape(content))
}

// attributes returns the SVG attributes of a style, apart from colours.
func attributes(s uv.Style) string {
	var b strings.Builder
	if s.Attrs&uv.AttrBold != 0 {
		b.WriteString(` font-weight="bold"`)
	}
	if s.Attrs&uv.AttrFaint != 0 {
		b.WriteString(` fill-opacity="0.6"`)
	}
	if s.Attrs&uv.AttrItalic != 0 {
		b.WriteString(` font-style="italic"`)
	}
	switch underlined, struck := s.Underline != ansi.UnderlineNone, s.Attrs&uv.AttrStrikethrough != 0; {
	case underlined && struck:
		b.WriteString(` text-decoration="underline line-through"`)
	case underlined:
		b.WriteString(` text-decoration="underline"`)
	case struck:
		b.WriteString(` text-decoration="line-through"`)
	}
	return b.String()
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // writing to a Builder never fails
	return b.String()
}

// round rounds to two decimals, to keep the file small.
func round(f float64) float64 { return float64(int(f*100+0.5)) / 100 }

// theme holds the colours that a terminal has by itself.
type theme struct {
	foregroundColor, backgroundColor, dim, frame string
	basic                                        [16]string
}

func themeOf(light bool) theme {
	if light {
		return theme{"#3c4053", "#fbfbfd", "#7c7f93", "#d5d7e0", [16]string{
			"#5c5f77", "#d20f39", "#2f8f22", "#b8720f", "#1e66f5", "#8839ef", "#0f7f86", "#acb0be",
			"#7c7f93", "#de293e", "#49af3d", "#c9851c", "#456eff", "#a45cf0", "#2d9fa8", "#3c4053",
		}}
	}
	return theme{"#d8dee9", "#1b1e27", "#8a91a5", "#343947", [16]string{
		"#3b4252", "#ed8796", "#a6da95", "#eed49f", "#8aadf4", "#c6a0f6", "#8bd5ca", "#cad3f5",
		"#6e738d", "#f5a5b0", "#bbe8ac", "#f5e0b5", "#a9c3f9", "#d6bdfa", "#a6e3da", "#f4f7ff",
	}}
}

// color returns a colour as SVG wants it, or none if c is nil.
func (t theme) color(c color.Color, none string) string {
	switch c := c.(type) {
	case nil:
		return none
	case ansi.BasicColor:
		return t.basic[c&15]
	case ansi.IndexedColor:
		if c < 16 {
			return t.basic[c]
		}
	}
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}
