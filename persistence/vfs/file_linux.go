package vfs

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func syncData(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// readNow has the kernel refuse rather than wait, as it does where it has not all of it in
// memory. Some file systems refuse always.
func readNow(f *os.File, p []byte, at int64) bool {
	n, err := unix.Preadv2(int(f.Fd()), [][]byte{p}, at, unix.RWF_NOWAIT)
	return err == nil && n == len(p)
}
