package measure

import (
	"github.com/prometheus/procfs"

	"elemental/cmd/elemental-load/result"
)

// describe adds the CPU's model and the size of the memory, as far as /proc tells them.
func describe(m *result.Machine) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return // this system has no /proc
	}
	if cpus, err := fs.CPUInfo(); err == nil && len(cpus) > 0 {
		m.CPU = cpus[0].ModelName
	}
	if memory, err := fs.Meminfo(); err == nil && memory.MemTotalBytes != nil {
		m.Memory = int64(*memory.MemTotalBytes)
	}
}
