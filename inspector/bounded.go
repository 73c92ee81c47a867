package inspector

import (
	"net"
	"sync"
)

// bounded accepts so many connections at a time; others wait. (That of x/net hides that
// a socket can be closed on one side, without which a refusal may not be read.)
type bounded struct {
	net.Listener
	room chan struct{}
}

// Accept waits for room, and for a client.
func (b *bounded) Accept() (net.Conn, error) {
	b.room <- struct{}{}
	conn, err := b.Listener.Accept()
	tcp, ok := conn.(*net.TCPConn)
	if err != nil || !ok {
		<-b.room
		return conn, err
	}
	_ = tcp.SetWriteBuffer(systemBytes) // otherwise it is seen later that a page does not read
	return &guest{TCPConn: tcp, leave: sync.OnceFunc(func() { <-b.room })}, nil
}

// guest is a connection that has taken room.
type guest struct {
	*net.TCPConn
	leave func()
}

// Close makes room.
func (g *guest) Close() error {
	defer g.leave()
	return g.TCPConn.Close()
}
