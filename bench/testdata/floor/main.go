// Floor is a server for the tests of the benchmarks. It answers everything with success,
// and pushes each message to all who have subscribed.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"log"
	"net"
	"os"
	"sync"
)

var (
	mu          sync.Mutex
	subscribers []net.Conn
)

func main() {
	addr, file := flag.String("addr", "", ""), flag.String("file", "", "")
	flag.Parse()
	if err := os.WriteFile(*file, nil, 0o600); err != nil {
		log.Fatal(err)
	}
	socket, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	for {
		conn, err := socket.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(conn)
	}
}

func serve(conn net.Conn) {
	requests := json.NewDecoder(conn)
	for {
		var r struct{ Call, Msg string }
		if requests.Decode(&r) != nil {
			return
		}
		mu.Lock()
		switch r.Call {
		case "subscribe":
			subscribers = append(subscribers, conn)
		case "message":
			for _, s := range subscribers {
				_, _ = io.WriteString(s, `{"call": "newmessage", "message":"`+r.Msg+`"}`+"\n")
			}
		}
		_, _ = io.WriteString(conn, `{"resp": true}`+"\n")
		mu.Unlock()
	}
}
