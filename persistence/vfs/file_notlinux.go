//go:build !linux

package vfs

import "os"

func syncData(f *os.File) error { return f.Sync() }

func readNow(*os.File, []byte, int64) bool { return false }
