package result

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"
)

//go:embed report/page.html report/page.css report/page.js report/uplot/uPlot.iife.min.js report/uplot/uPlot.min.css report/uplot/LICENSE
var reportFiles embed.FS

var pageTemplate = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"number": number, "latency": latency, "join": strings.Join, "typed": typed,
}).ParseFS(reportFiles, "report/page.html"))

// page is the data for the template.
type page struct {
	*Result
	Policy   string // what the browser may load and run: nothing but what is in the page
	Style    template.CSS
	Plotter  template.JS
	Script   template.JS
	Licence  string
	Data     *plots
	Target   string
	Answer   []statement
	Cards    []card
	Rows     []operationRow
	Checks   []string
	Usage    []string
	Made     []string
	PlanRows []fact
	Machines []fact
	Missed   int // number of expectations that were not met
}

// card is a key figure at the top of the page.
type card struct{ Label, Figure, About string }

// fact is a row of a table with two columns.
type fact struct{ Label, Value string }

// operationRow is an operation's row in the table.
type operationRow struct {
	*Operation
	Rate                   string
	Corrected, Uncorrected []string
}

// writePage writes report.html. The file needs no other files and loads nothing. The
// browser may run only the scripts that belong to the page, which are named by their
// checksums.
func writePage(w io.Writer, r *Result) error {
	data, err := r.plots()
	if err != nil {
		return err
	}
	p := &page{Result: r, Data: data, Target: targetOf(r), Answer: r.answer(), Cards: r.cards(), Rows: r.operationRows(),
		Checks: r.checks(), Usage: r.used(), Made: r.generated(), PlanRows: r.planned(), Machines: r.machine()}
	if r.Setup > 0 {
		p.PlanRows = append(p.PlanRows, fact{"Setting up took", lasting(r.Setup)})
	}
	for _, m := range r.Verdicts {
		if !m.Met {
			p.Missed++
		}
	}
	if err := p.embed(); err != nil {
		return err
	}
	return pageTemplate.Execute(w, p)
}

// plainArgument matches the arguments that a shell takes as they are.
var plainArgument = regexp.MustCompile(`^[a-zA-Z0-9_@%+=:,./-]+$`)

// typed is a command as it is typed into a shell: p99<20ms in it needs quotes.
func typed(command []string) string {
	words := make([]string, len(command))
	for i, word := range command {
		if words[i] = word; !plainArgument.MatchString(word) {
			words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// embed puts the styles and scripts into the page.
func (p *page) embed() error {
	var failed error
	file := func(name string) string {
		text, err := reportFiles.ReadFile("report/" + name)
		if err != nil {
			failed = err
		}
		return string(text)
	}
	style := file("uplot/uPlot.min.css") + "\n" + file("page.css")
	plotter, script := file("uplot/uPlot.iife.min.js"), file("page.js")
	p.Style, p.Plotter, p.Script = template.CSS(style), template.JS(plotter), template.JS(script)
	p.Licence = file("uplot/LICENSE")
	p.Policy = fmt.Sprintf("default-src 'none'; style-src %s; script-src %s %s; base-uri 'none'; form-action 'none'",
		checksum(style), checksum(plotter), checksum(script))
	return failed
}

// checksum names a text of the page for the content security policy.
func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// cards are the figures at the top of the page.
func (r *Result) cards() []card {
	var cards []card
	if o := r.main(); o != nil {
		l := &o.Corrected
		of := o.Name + ", corrected"
		if o.Failed > 0 {
			of += ", of those answered"
		}
		cards = append(cards,
			card{"Done", rate(r.pace(o)), number(o.Done) + " " + nounOf(o.Name)},
			card{"Half within", l.show(l.P50), "p50 of " + of},
			card{"99% within", l.show(l.P99), "p99 of " + of},
			card{"All within", l.show(l.Max), "max of " + of})
	}
	cards = append(cards, card{"Errors", number(r.refused() + r.failed()),
		number(r.refused()) + " refused, " + number(r.failed()) + " failed"})
	if u := r.Provider; u != nil {
		cards = append(cards, card{"Provider's CPU", decimal(u.CPU) + "%", size(float64(u.Memory)) + " memory at most"})
	}
	return cards
}

func (r *Result) operationRows() []operationRow {
	var rows []operationRow
	for i := range r.Operations {
		o := &r.Operations[i]
		rows = append(rows, operationRow{o, r.rateOf(o), o.Corrected.figures(), o.Uncorrected.figures()})
	}
	return rows
}

// figures are the latencies in the order of the page's columns.
func (l *Latency) figures() []string {
	var all []string
	for _, v := range []float64{l.Mean, l.P50, l.P90, l.P95, l.P99, l.P999, l.P9999, l.Max} {
		all = append(all, l.show(v))
	}
	return all
}
