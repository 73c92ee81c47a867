package drive

import (
	"slices"

	"elemental/cmd/elemental-load/measure"
	"elemental/cmd/elemental-load/plan"
)

// The names of the operations that are measured.
const (
	opPost       = "post"
	opDelivered  = "delivered"
	opSeen       = "seen"
	opPage       = "page"
	opCount      = "count"
	opPing       = "ping"
	opReturn     = "return"
	opConnect    = "connect"
	opRegister   = "register"
	opLogin      = "login"
	opJoin       = "join"
	opLeave      = "leave"
	opSubscribe  = "subscribe"
	opNewServer  = "newserver"
	opNewChannel = "newchannel"
	opEndChannel = "endchannel"
	opEndServer  = "endserver"
	opConnection = "connection"
)

// Operations lists all operations, the most telling ones first.
var Operations = []measure.Kind{
	{Name: opPost, About: "message: request to acknowledgement, when it is on disk", Paced: true},
	{Name: opDelivered, About: "push: from the sender's request to each subscriber"},
	{Name: opSeen, About: "poll: from the sender's request to each reader who asks"},
	{Name: opPage, About: "getmessages: request to answer", Paced: true},
	{Name: opCount, About: "gettotalmessages: request to answer", Paced: true},
	{Name: opPing, About: "ping: request to answer", Paced: true},
	{Name: opReturn, About: "reconnect: from the drop until logged in and subscribed again"},
	{Name: opNewServer, About: "createserver: request to answer", Paced: true},
	{Name: opNewChannel, About: "createchannel: request to answer", Paced: true},
	{Name: opEndChannel, About: "deletechannel: request to answer", Paced: true},
	{Name: opEndServer, About: "deleteserver: request to answer", Paced: true},
	{Name: opLeave, About: "leaveserver: request to answer", Paced: true},
	{Name: opJoin, About: "joinserver: request to answer"},
	{Name: opRegister, About: "register: request to answer", Paced: true},
	{Name: opLogin, About: "login: request to answer"},
	{Name: opSubscribe, About: "subscribe: request to answer"},
	{Name: opConnect, About: "connection set-up: TCP, and TLS where it is on"},
	{Name: opConnection, About: "connections that were lost"},
}

// OperationsOf lists the operations that a run of the plan can have, in the same order.
func OperationsOf(p *plan.Plan) (kinds []measure.Kind) {
	can := []string{opConnect, opLogin, opConnection}
	for _, share := range p.Mix {
		scenario := scenarios[share.Scenario]
		can = append(can, scenario.does...)
		if scenario.listens != nil {
			can = append(can, opDelivered, opSubscribe)
		}
	}
	for _, kind := range Operations {
		if slices.Contains(can, kind.Name) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}
