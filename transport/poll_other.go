//go:build !linux

package transport

import (
	"errors"
	"net"
	"os"
)

// pollSet is not there: each connection has a goroutine of its own all its life.
type pollSet struct{}

func (*pollSet) open() bool                                  { return false }
func (*pollSet) wait(bool) bool                              { return false }
func (*pollSet) each(func(c *conn, in, out, over bool)) bool { return false }
func (*pollSet) add(*conn) bool                              { return false }
func (*pollSet) remove(*conn)                                {}
func (*pollSet) wake()                                       {}
func (*pollSet) close() error                                { return nil }

func unknown(*net.TCPConn) (*os.File, error) { return nil, errors.ErrUnsupported }
