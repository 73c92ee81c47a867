//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"elemental/cmd/elemental/providertest"
)

// With this variable set, the test binary is the program itself.
const asProgram = "BENCH_PROGRAM"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == ergoName {
		log.Fatal(standIn(os.Args[1:]))
	}
	if os.Getenv(asProgram) != "" {
		os.Exit(command(os.Args[1:], os.Stdout, os.Stderr))
	}
	given = []string{"--answertimeout", "50s"} // on a machine that is busy with other tests, answers take long
	os.Exit(m.Run())
}

// tiny are options with which every row is soon over.
func tiny(dir string, more ...string) []string {
	return append([]string{
		"--dir", dir, "--duration", "20ms", "--turns", "2", "--settle", "1ms", "--messages", "2000", "--members", "1000",
		"--subscribers", "5", "--idle", "20", "--users", "100", "--floor", "testdata/floor",
	}, more...)
}

// TestRows measures every row, with the real provider and a floor.
func TestRows(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "results.json")
	var table, progress bytes.Buffer
	if code := command(tiny(dir, "--json", file), &table, &progress); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, progress.String())
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("it leaves %v (%v)", left, err)
	}
	results, err := readResults(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(results.Rows) != len(rows) || results.markdown() != table.String() {
		t.Errorf("the file has %d rows, and the table\n%s\nthe program printed\n%s", len(results.Rows), results.markdown(), table.String())
	}
	for _, r := range results.Rows {
		if len(r.Contestants) == 0 {
			t.Errorf("%s has no contestant", r.Name)
		}
		for _, c := range r.Contestants {
			if len(c.counted()) == 0 {
				t.Errorf("%s has no turn of %s", r.Name, c.Name)
			}
			for _, turn := range c.counted() {
				if turn.Figure <= 0 && r.Name != "idle15000" { // so few connections may need no memory
					t.Errorf("%s of %s: %+v", r.Name, c.Name, turn)
				}
			}
		}
		if r.Base == floorName && !strings.Contains(table.String(), "| floor |") {
			t.Errorf("%s without the floor", r.Name)
		}
	}
	t.Log(table.String())
	plots := t.TempDir()
	if code := command([]string{"plot", file, plots}, &progress, &progress); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, progress.String())
	}
	for _, name := range []string{"ratios", "growth-messages", "growth-members"} {
		if drawn, err := os.ReadFile(filepath.Join(plots, "bench-"+name+".png")); err != nil || !bytes.HasPrefix(drawn, []byte("\x89PNG")) {
			t.Errorf("the plot %s: %v", name, err)
		}
	}
}

func TestUsage(t *testing.T) {
	for arguments, want := range map[string]struct {
		code int
		says string
	}{
		"--list":                  {exitOK, "post64"},
		"--list --rows name64":    {exitOK, "getprovidername"},
		"--rows nonsense":         {exitTrouble, `no "nonsense"`},
		"--turns 0":               {exitTrouble, "--turns"},
		"--nonsense":              {exitUsage, "nonsense"},
		"--rows name64 --dir /no": {exitTrouble, "/no"},
		"profile":                 {exitUsage, "<file>"},
		"plot /no/file /no":       {exitTrouble, "/no/file"},
	} {
		var out bytes.Buffer
		if code := command(strings.Fields(arguments), &out, &out); code != want.code || !strings.Contains(out.String(), want.says) {
			t.Errorf("%s: %d, %s", arguments, code, out.String())
		}
	}
}

// TestNobodyReads: if nobody reads the output, as after "head -1", the program leaves no folder
// behind, and the file of --json has the turns all the same.
func TestNobodyReads(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = reader.Close()
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "results.json")
	cmd := exec.Command(os.Args[0], tiny(dir, "--rows", "name64", "--json", file)...)
	cmd.Env = append(os.Environ(), asProgram+"=yes")
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitTrouble {
		t.Errorf("it ended with %v", err)
	}
	_ = writer.Close()
	results, err := readResults(file)
	if err != nil || len(results.Rows) != 1 || len(results.Rows[0].Contestants) == 0 {
		t.Errorf("%+v, %v", results, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it leaves %v (%v)", left, err)
	}
}

// TestInterrupt ends the program while it measures. It leaves no server and no folder
// behind.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], tiny(dir, "--rows", "name64", "--duration", "1h")...)
	cmd.Env = append(os.Environ(), asProgram+"=yes")
	log := providertest.NewLines()
	cmd.Stderr = log
	exited, err := providertest.StartBound(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Wait("a turn", exited, func(line string) bool { return strings.Contains(line, "prepared") }); err != nil {
		t.Fatalf("%v\n%s", err, log.Text())
	}
	servers := providertest.Children(cmd.Process.Pid)
	if len(servers) != 2 {
		t.Errorf("%d servers run", len(servers))
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-exited
	if code := cmd.ProcessState.ExitCode(); code != exitSignal {
		t.Errorf("exit code %d\n%s", code, log.Text())
	}
	for _, pid := range servers {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("server %d is left", pid)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it leaves %v (%v)", left, err)
	}
}

// TestTable: ratios are made turn by turn, the warm-up is left out, and targets are
// judged.
func TestTable(t *testing.T) {
	row := Row{
		Name: "work", About: "some", Unit: perSecond, Base: floorName,
		Targets: []Target{{Of: ofRatio, Least: 1.5}, {Of: ofFigure, Most: 250, Unit: perSecond}, {Of: "memory", Most: 10, Unit: "MB"}},
		Contestants: []Contestant{
			{Name: providerName, Turns: []Turn{
				{Warmup: true, Figure: 1},
				{Figure: 100, Operations: 10, CPU: 50e-6, Switches: 5, Also: []Also{{"memory", 9, "MB"}}},
				{Figure: 300, Operations: 10, CPU: 50e-6, Switches: 5, Also: []Also{{"memory", 9, "MB"}}},
				{Figure: 2000, Operations: 10, CPU: 50e-6, Switches: 5, Also: []Also{{"memory", 9, "MB"}}},
			}},
			{Name: floorName, Peer: true, Turns: []Turn{{Warmup: true, Figure: 9}, {Figure: 100}, {Figure: 200}, {Figure: 1000}}},
		},
	}
	want := []string{
		"| `work` some | provider | 300/s (100–2,000) | 1.50 (1.00–2.00) | " +
			"ratio ≥ 1.50: met; figure ≤ 250/s: **missed**; memory ≤ 10.0 MB: met | 5.00 µs | 0.5 | memory 9.00 MB |\n",
		"|  | floor | 200/s (100–1,000) |  |  |  |  |  |\n",
	}
	for i := range row.Contestants {
		if got := row.line(&row.Contestants[i], i == 0); got != want[i] {
			t.Errorf("%s\nwant\n%s", got, want[i])
		}
	}
	row.By = byCPU
	row.Contestants[1].Turns = []Turn{{Warmup: true}, {Operations: 10, CPU: 25e-6}, {Operations: 10, CPU: 25e-6}, {Operations: 10, CPU: 25e-6}}
	if got := row.ratios(&row.Contestants[0]); len(got) != 3 || median(got) < 1.99 || median(got) > 2.01 {
		t.Errorf("ratios of processor time: %v", got)
	}
	if _, err := json.Marshal(row); err != nil {
		t.Error(err)
	}
}
