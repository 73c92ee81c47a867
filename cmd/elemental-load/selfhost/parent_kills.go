//go:build linux || freebsd

package selfhost

import "syscall"

// endWithParent lets the provider end with the load tester, also when that is
// killed. Nobody needs its data then, and a halted one would hear nothing else.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
