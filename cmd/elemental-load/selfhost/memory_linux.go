package selfhost

import "syscall"

// inMemory tells whether a folder is in memory (tmpfs or ramfs) and not on a disk.
func inMemory(dir string) bool {
	const tmpfs, ramfs = 0x01021994, 0x858458f6
	var stat syscall.Statfs_t
	if syscall.Statfs(dir, &stat) != nil {
		return false
	}
	kind := uint32(stat.Type) //nolint:gosec // the kernel's magic numbers have 32 bits
	return kind == tmpfs || kind == ramfs
}
