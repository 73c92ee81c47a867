package main

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// plotOptions say which results are drawn, and where to.
type plotOptions struct {
	Results string `arg:"" help:"File of --json."`
	Folder  string `arg:"" help:"Where the plots are put, as PNG."`
}

var (
	ours   = color.RGBA{R: 0x2b, G: 0x6c, B: 0xb0, A: 0xff}
	theirs = color.RGBA{R: 0xb7, G: 0xb7, B: 0xb7, A: 0xff}
	others = color.RGBA{R: 0x7d, G: 0x9d, B: 0x7f, A: 0xff}
	aimed  = color.RGBA{R: 0xc0, G: 0x39, B: 0x2b, A: 0xff}
)

// bar is a contestant that is compared with the floor, and its color.
type bar struct {
	who  string
	fill color.Color
}

var barred = []bar{{providerName, ours}, {redisName, theirs}, {ergoName, others}}

// run draws the ratios, and each row that compares sizes by CPU time.
func (o *plotOptions) run() error {
	results, err := readResults(o.Results)
	if err != nil {
		return err
	}
	drawn := 0
	save := func(p *plot.Plot, err error, name string) error {
		if err != nil || p == nil {
			return err
		}
		drawn++
		return picture(p, 16*vg.Centimeter, 9*vg.Centimeter, filepath.Join(o.Folder, name+".png"))
	}
	p, err := results.ratioPlot()
	err = save(p, err, "bench-ratios")
	for _, row := range results.Rows {
		if row.By == byCPU {
			p, failed := row.growthPlot()
			err = errors.Join(err, save(p, failed, "bench-"+row.Name))
		}
	}
	if err == nil && drawn == 0 {
		err = errors.New("there is nothing to draw in " + o.Results)
	}
	return err
}

// sharp is the resolution in dots per inch: twice that of most screens.
const sharp = 192

// picture writes a plot as PNG. In an SVG the letters would depend on the fonts of
// whoever looks at it, and might need more room than there is.
func picture(p *plot.Plot, width, height vg.Length, file string) error {
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(sharp))}
	const edge = 4 * vg.Millimeter
	p.Draw(draw.Crop(draw.New(canvas), edge, -edge, edge, -edge))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return fmt.Errorf("draw %s: %w", file, err)
	}
	return os.WriteFile(file, b.Bytes(), 0o644) //nolint:gosec // everybody may look at it
}

// ratioPlot draws a bar for each contestant that is compared with the floor, in each row
// with a target, and a mark at the target.
func (r *Results) ratioPlot() (*plot.Plot, error) {
	var names []string
	var targets plotter.XYs
	bars := map[string]plotter.Values{}
	for _, row := range r.Rows {
		if row.Base != floorName || row.Unit != perSecond || len(row.Targets) == 0 {
			continue
		}
		for _, t := range row.Targets {
			targets = append(targets, plotter.XY{X: float64(len(names)), Y: t.Least})
		}
		names = append(names, row.Name)
		for _, b := range barred {
			bars[b.who] = append(bars[b.who], row.ratioOf(b.who))
		}
	}
	if len(names) == 0 || slices.Max(bars[providerName]) == 0 {
		return nil, nil //nolint:nilnil // without a floor there is no plot
	}
	p := plot.New()
	p.Title.Text = "Rate beside the bare server's"
	p.Y.Min, p.Y.Label.Text = 0, "times as fast (a dash: the target)"
	p.NominalX(names...)
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	there := slices.DeleteFunc(slices.Clone(barred), func(b bar) bool { return slices.Max(bars[b.who]) == 0 })
	for i, b := range there {
		if err := addBars(p, b.who, bars[b.who], b.fill, vg.Length(2*i+1-len(there))); err != nil {
			return nil, err
		}
	}
	if err := addMarks(p, targets); err != nil {
		return nil, err
	}
	p.Y.Max *= headroom
	p.X.Min, p.X.Max = -sideroom, float64(len(names)-1)+sideroom
	return p, nil
}

// headroom is the room above the highest value, as a factor; the legend is there too.
// Sideroom is the room beside the first and last row, which their names need.
const (
	headroom = 1.25
	sideroom = 0.5
)

// ratioOf is the median of a contestant's ratios; 0 if it took no part.
func (r *Row) ratioOf(who string) float64 {
	for i := range r.Contestants {
		if r.Contestants[i].Name == who {
			return median(r.ratios(&r.Contestants[i]))
		}
	}
	return 0
}

func addBars(p *plot.Plot, name string, values plotter.Values, fill color.Color, side vg.Length) error {
	const width = vg.Length(14)
	bars, err := plotter.NewBarChart(values, width)
	if err != nil {
		return err
	}
	bars.Color, bars.LineStyle.Width, bars.Offset = fill, 0, side*width/2
	p.Add(bars)
	p.Legend.Add(name, bars)
	return nil
}

func addMarks(p *plot.Plot, at plotter.XYs) error {
	if len(at) == 0 {
		return nil
	}
	marks, err := plotter.NewScatter(at)
	if err != nil {
		return err
	}
	marks.GlyphStyle = draw.GlyphStyle{Color: aimed, Radius: 10, Shape: dash{}}
	p.Add(marks)
	return nil
}

// dash is a mark in a plot: a horizontal line.
type dash struct{}

// DrawGlyph draws the line.
func (dash) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	c.StrokeLine2(draw.LineStyle{Color: style.Color, Width: 2}, at.X-1.5*style.Radius, at.Y, at.X+1.5*style.Radius, at.Y)
}

// errorPoints are medians with their lowest and highest values.
type errorPoints struct {
	plotter.XYs
	plotter.YErrors
}

// growthPlot draws what an operation costs at each size. It is nil if that was not
// measured.
func (r *Row) growthPlot() (*plot.Plot, error) {
	var points errorPoints
	var ticks plot.ConstantTicks
	what := ""
	for i := range r.Contestants {
		c := &r.Contestants[i]
		costs := c.each(cpu)
		if len(costs) == 0 || len(c.counted()[0].Also) == 0 {
			continue
		}
		size := c.counted()[0].Also[0]
		what = size.Name
		ticks = append(ticks, plot.Tick{Value: size.Value, Label: strings.TrimSuffix(number(size.Value), ".0")})
		middle := median(costs)
		points.XYs = append(points.XYs, plotter.XY{X: size.Value, Y: middle})
		points.YErrors = append(points.YErrors, struct{ Low, High float64 }{middle - slices.Min(costs), slices.Max(costs) - middle})
	}
	if len(points.XYs) == 0 {
		return nil, nil //nolint:nilnil // it was not measured
	}
	line, dots, err := plotter.NewLinePoints(points.XYs)
	if err != nil {
		return nil, err
	}
	spread, err := plotter.NewYErrorBars(points)
	if err != nil {
		return nil, err
	}
	line.Color, dots.Color, dots.Shape, spread.Color = ours, ours, draw.CircleGlyph{}, ours
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Processor time of a durable post, by the %s there are", what)
	p.X.Label.Text, p.Y.Label.Text = what, "µs"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ticks
	p.Add(plotter.NewGrid(), line, dots, spread)
	p.Y.Min, p.Y.Max = 0, p.Y.Max*headroom
	return p, nil
}

// sharesPlot draws a horizontal bar for each share, with its label. The first one is at
// the top.
func sharesPlot(names []string, shares plotter.Values, labels []string) (*plot.Plot, error) {
	names, shares, labels = slices.Clone(names), slices.Clone(shares), slices.Clone(labels)
	slices.Reverse(names) // a plot has its first bar at the bottom
	slices.Reverse(shares)
	slices.Reverse(labels)
	bars, err := plotter.NewBarChart(shares, vg.Points(12))
	if err != nil {
		return nil, err
	}
	bars.Horizontal, bars.Color, bars.LineStyle.Width = true, ours, 0
	ends := make(plotter.XYs, len(shares))
	for i, share := range shares {
		ends[i] = plotter.XY{X: share, Y: float64(i)}
	}
	texts, err := plotter.NewLabels(plotter.XYLabels{XYs: ends, Labels: labels})
	if err != nil {
		return nil, err
	}
	for i := range texts.TextStyle {
		texts.TextStyle[i].YAlign = draw.YCenter
	}
	texts.Offset.X = vg.Points(4)
	p := plot.New()
	p.Title.Padding = vg.Points(6)
	p.NominalY(names...)
	grid := plotter.NewGrid()
	grid.Horizontal.Width = 0
	p.Add(grid, bars, texts)
	p.X.Min, p.X.Max = 0, p.X.Max*headroom
	p.Y.Max += 0.5 // half of a bar's width
	return p, nil
}
