//go:build linux || freebsd

package selfhost

import "syscall"

// endWithParent makes the system kill the provider when the load tester ends, even if
// that is killed itself. Nobody needs the provider's data then, and a halted provider
// would notice no other signal.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
