package commands

// All returns the table of all commands, in the order in which /help lists them.
func All() []*Command {
	return []*Command{
		{Name: "createserver", Help: "make a server and go there", run: createServer, Moves: true,
			Args: []Arg{{Name: "server", Ask: "new server name"}, {Name: "password", Ask: "new server password", Kind: Secret}}},
		{Name: "deleteserver", Help: "delete a server of yours with all that is in it", run: deleteServer,
			Args: []Arg{{Name: "server", Ask: "server name", Kind: Server}, {Name: "password", Ask: "server password", Kind: Secret}}},
		{Name: "listservers", Help: "list the servers you are in", run: listServers},
		{Name: "listchannels", Help: "list the channels of this server", run: listChannels},
		{Name: "joinserver", Help: "become a member of a server and go there", run: joinServer, Moves: true,
			Args: []Arg{{Name: "server", Ask: "server name"}, {Name: "password", Ask: "server password", Kind: Secret}}},
		{Name: "gotoserver", Help: "go to a server you are in", run: gotoServer, Moves: true,
			Args: []Arg{{Name: "server", Ask: "target server", Kind: Server}}},
		{Name: "gotochannel", Help: "go to a channel of this server", run: gotoChannel, Moves: true,
			Args: []Arg{{Name: "channel", Ask: "target channel", Kind: Channel}}},
		{Name: "createchannel", Help: "make a channel in this server", run: createChannel,
			Args: []Arg{{Name: "channel", Ask: "new channel name"}}},
		{Name: "deletechannel", Help: "delete a channel of this server with its messages", run: deleteChannel,
			Args: []Arg{{Name: "channel", Ask: "channel to delete", Kind: Channel}}},
		{Name: "setserverimg", Help: "give this server an image", run: setServerImage,
			Args: []Arg{{Name: "image", Ask: "image, a file or base64", Kind: Image}}},
		{Name: "getserverimg", Help: "show this server's image, or save it", run: getServerImage},
		{Name: "leaveserver", Help: "end your membership of a server", run: leaveServer,
			Args: []Arg{{Name: "server", Ask: "server to leave", Kind: Server, Optional: true}}},
		{Name: "members", Help: "list who is in this server", run: listMembers},
		{Name: "passwd", Help: "change your password", run: changePassword,
			Args: []Arg{{Name: "old", Ask: "old password", Kind: Secret}, {Name: "new", Ask: "new password", Kind: Secret},
				{Name: "again", Ask: "new password again", Kind: Secret}}},
		{Name: "reconnect", Help: "drop the connection and come back at once", run: reconnect},
		{Name: "help", Help: "list the commands, or explain one", run: help,
			Args: []Arg{{Name: "command", Ask: "command", Kind: Topic, Optional: true}}},
		{Name: "quit", Help: "end the client", run: quit},
	}
}
