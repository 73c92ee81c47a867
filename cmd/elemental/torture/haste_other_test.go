//go:build !linux

package torture

func haste() {}
