package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"elemental/cmd/elemental/providertest"
)

// process is a running server. It ends with this program, however this program ends.
type process struct {
	name     string
	addr     string
	begun    time.Time // when the program was started
	cmd      *exec.Cmd
	out, log *providertest.Lines
	exited   <-chan struct{}
}

// launch starts a program, in its own process group. Ctrl-C in the terminal reaches only
// this program, which then ends the others. The program is killed at the end of the row.
func (l *lab) launch(name, program string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(program, args...), out: providertest.NewLines(), log: providertest.NewLines()}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ELEMENTAL_") })
	p.begun = time.Now()
	var err error
	if p.exited, err = providertest.StartBound(p.cmd); err != nil {
		return nil, fmt.Errorf("%s cannot be started: %w", name, err)
	}
	l.later(func() {
		p.end(syscall.SIGKILL)
		if strings.Contains(p.log.Text(), "panic:") {
			l.tell("%s panicked:\n%s", name, p.log.Text())
		}
	})
	return p, nil
}

// end sends the process a signal and waits until it has ended. If that takes too long, it
// is killed.
func (p *process) end(signal os.Signal) {
	_ = p.cmd.Process.Signal(signal) // it may have ended just now
	select {
	case <-p.exited:
	case <-time.After(providertest.Patience):
		_ = p.cmd.Process.Kill() // it may have ended just now
		<-p.exited
	}
}

// awaitListener waits until the process accepts connections.
func (l *lab) awaitListener(p *process) error {
	for deadline := time.Now().Add(providertest.Patience); ; time.Sleep(10 * time.Millisecond) { // looks every 10 ms
		conn, err := net.Dial("tcp", p.addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended at its start:\n%s%s", p.name, p.out.Text(), p.log.Text())
		case <-l.ctx.Done():
			return l.ctx.Err()
		default:
			if time.Now().After(deadline) {
				return fmt.Errorf("%s does not listen: %w", p.name, err)
			}
		}
	}
}

func freeAddr() (string, error) {
	socket, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return socket.Addr().String(), socket.Close()
}

// build builds a Go program from the module in dir, once for each name.
func (l *lab) build(name, dir, pkg string) (string, error) {
	if path := l.built[name]; path != "" {
		return path, nil
	}
	l.tell("building %s", name)
	path := filepath.Join(l.dir, name)
	cmd := exec.CommandContext(l.ctx, "go", "build", "-buildvcs=false", "-o", path, pkg)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", name, err, out)
	}
	l.built[name] = path
	return path, nil
}

// usage is what a process has used since its start, and its memory.
type usage struct {
	cpu      float64 // in seconds
	switches float64 // context switches of its threads, voluntary or not
	resident float64 // in bytes
	peak     float64 // in bytes
}

func (p *process) usage() (usage, error) {
	proc, err := procfs.NewProc(p.cmd.Process.Pid)
	if err != nil {
		return usage{}, fmt.Errorf("%s is gone: %w\n%s", p.name, err, p.log.Text())
	}
	stat, err := proc.Stat()
	if err != nil {
		return usage{}, err
	}
	status, err := proc.NewStatus()
	if err != nil {
		return usage{}, err
	}
	threads, err := procfs.AllThreads(proc.PID)
	if err != nil {
		return usage{}, err
	}
	u := usage{cpu: stat.CPUTime(), resident: float64(stat.ResidentMemory()), peak: float64(status.VmHWM)}
	for _, thread := range threads {
		if s, err := thread.NewStatus(); err == nil { // the thread may have ended just now
			u.switches += float64(s.VoluntaryCtxtSwitches + s.NonVoluntaryCtxtSwitches)
		}
	}
	return u, nil
}

// settled is the smallest resident memory that is seen within a time, in which the
// process collects its garbage.
func (l *lab) settled(p *process, within time.Duration) (least float64, err error) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(within); ; {
		u, err := p.usage()
		if err != nil {
			return 0, err
		}
		if least == 0 || u.resident < least {
			least = u.resident
		}
		if time.Now().After(deadline) {
			return least, nil
		}
		select {
		case <-ticker.C:
		case <-l.ctx.Done():
			return 0, l.ctx.Err()
		}
	}
}

// talk sends requests one after another on a connection of its own. Each must be answered
// with success. It returns the last answer.
func (p *process) talk(requests ...string) (answer string, err error) {
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(providertest.Patience)); err != nil {
		return "", err
	}
	lines := bufio.NewReader(conn)
	for _, request := range requests {
		if _, err := io.WriteString(conn, request); err != nil {
			return "", err
		}
		if answer, err = lines.ReadString('\n'); err != nil {
			return "", fmt.Errorf("%s does not answer %.100s: %w", p.name, request, err)
		}
		if !succeeded(answer) {
			return "", fmt.Errorf("%s answers %.100s with %.200s", p.name, request, answer)
		}
	}
	return answer, nil
}
