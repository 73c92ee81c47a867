package elemental_test

// Who has to notice the bugs below.
var (
	powerCuts   = tests{"./persistence", "^TestPowerCuts$"}
	diskFaults  = tests{"./persistence", "^TestFaults$"}
	flippedBits = tests{"./persistence", "^TestE(veryFlippedBit|arlierBatches)"}
	notSynced   = tests{"./persistence", "^(TestASnapshotThatWasOnlyReadIsMadeDurable|TestWhatWasOnlyReadOfTheJournalIsMadeDurable|TestAFailedSyncIsNotTriedAgain)$"}
	refusals    = tests{"./persistence", "^(TestAppendIsRefused|TestOneRejectedStandsForTheEpoch)$"}
	actorStates = tests{"./actors", "^(TestASnapshotRestoresTheHistory|TestASubscriptionDoesNotOutliveTheMembership|TestADeletedChannelDoesNotBeginAnew|TestTooMuchStateLeavesMemory|TestWhatEndsAKey)$"}
	wholeHouse  = tests{"./transport/powercuttest", "^TestPowerCutsUnderLoad$"}
)

// mutants are bugs that a storage system or a chat provider may have, as small
// as they can be.
var mutants = []mutant{
	{
		name: "acknowledged before it is written",
		file: "persistence/append.go", by: powerCuts,
		old: "	c.startWriter(writerJob{batch: b})\n",
		new: "	for _, a := range b.acks {\n		c.send(a.to, &Committed{a.of.name, a.epoch, a.last})\n	}\n	c.startWriter(writerJob{batch: b})\n",
	},
	{
		name: "journal never synced",
		file: "persistence/journal.go", by: powerCuts,
		old: "	return w.live.Sync()\n",
		new: "	return nil\n",
	},
	{
		name: "new segment without a synced name",
		file: "persistence/journal.go", by: powerCuts,
		old: "	return files.SyncDir(journalFolder)\n",
		new: "	return nil\n",
	},
	{
		name: "failed sync ignored",
		file: "persistence/journal.go", by: notSynced,
		old: "	return w.live.Sync()\n",
		new: "	_ = w.live.Sync()\n	return nil\n",
	},
	{
		name: "failed sync tried again and believed",
		file: "persistence/journal.go", by: notSynced,
		old: "	return w.live.Sync()\n",
		new: "	if err := w.live.Sync(); err == nil {\n		return nil\n	}\n	return w.live.Sync()\n",
	},
	{
		name: "written on after a failed write",
		file: "persistence/core.go", by: diskFaults,
		old: "	c.failure = err\n	c.writable.Store(false)\n",
		new: "",
	},
	{
		name: "bad record taken for the journal's end",
		file: "persistence/recovery.go", by: flippedBits,
		old: "		if provesMore(data[end:], next) {\n",
		new: "		if false {\n",
	},
	{
		name: "built on what was recovered and not proven durable",
		file: "persistence/recovery.go", by: notSynced,
		old: "	sure, next := provenPart(data[:end], first)\n",
		new: "	sure := end\n",
	},
	{
		name: "journal let go before the snapshot is durable",
		file: "persistence/requests.go", by: powerCuts,
		old: "		c.write(e, saveJob{of: e, msg: m,",
		new: "		c.cover(e, m.Seq)\n		c.write(e, saveJob{of: e, msg: m,",
	},
	{
		name: "snapshot renamed without a sync",
		file: "persistence/snapshot.go", by: powerCuts,
		old: "	if err := d.fresh(fresh, data); err != nil {\n		return err\n	}\n",
		new: "	f, no := d.Create(fresh)\n	if no != nil {\n		return no\n	}\n	if _, no = f.Write(data); no != nil {\n		return no\n	}\n	if no = f.Close(); no != nil {\n		return no\n	}\n",
	},
	{
		name: "snapshot without a synced name",
		file: "persistence/snapshot.go", by: powerCuts,
		old: "		d.giveBack(fresh)\n		return err\n	}\n	return d.SyncDir(dir)\n",
		new: "		d.giveBack(fresh)\n		return err\n	}\n	return nil\n",
	},
	{
		name: "snapshot believed that was only read",
		file: "persistence/readstream.go", by: notSynced,
		old: "		r.unsecured = d.secureState(r.of.name)\n",
		new: "",
	},
	{
		name: "snapshot's checksum not compared",
		file: "persistence/snapshot.go", by: flippedBits,
		old: "	if string(sum[:]) != string(data[at:at+8]) {\n",
		new: "	if false {\n",
	},
	{
		name: "page without a synced name",
		file: "persistence/pages.go", by: powerCuts,
		old: "		return d.SyncDir(folder)\n",
		new: "		return nil\n",
	},
	{
		name: "new folder not synced",
		file: "persistence/folders.go", by: powerCuts,
		old: "	if err := d.SyncDir(parent); err != nil {\n		return err\n	}\n	d.made",
		new: "	d.made",
	},
	{
		name: "checksum of records and items not compared",
		file: "persistence/record.go", by: flippedBits,
		old: "	return string(sum[:]) == string(line[crcStart:crcEnd])\n",
		new: "	return true\n",
	},
	{
		name: "gap in the sequence accepted",
		file: "persistence/append.go", by: refusals,
		old: "	if e.next == 0 || m.Event.Seq != e.next {\n",
		new: "	if e.next == 0 || m.Event.Seq < e.next {\n",
	},
	{
		name: "former owner accepted",
		file: "persistence/append.go", by: refusals,
		old: "	if m.Epoch != e.epoch {\n",
		new: "	if m.Epoch > e.epoch {\n",
	},
	{
		name: "rejected event answered as done",
		file: "persistence/append.go", by: diskFaults,
		old: "				c.send(a.to, &Rejected{a.of.name, a.epoch, a.first, err})\n",
		new: "				c.send(a.to, &Committed{a.of.name, a.epoch, a.last})\n",
	},
	{
		name: "pushed before it is durable",
		file: "actors/channel.go", by: wholeHouse,
		old: "	c.say(ctx, c.node.router, &p.publish)",
		new: "	c.send(ctx, c.node.router, &p.publish)",
	},
	{
		name: "post answered before it is durable",
		file: "actors/channel.go", by: wholeHouse,
		old: "	c.publish(ctx, m, p) // the router answers\n",
		new: "	m.answer(ctx, &Posted{Index: p.event.Index, Timestamp: p.event.Timestamp})\n	c.publish(ctx, m, p)\n",
	},
	{
		name: "read answered before it is durable",
		file: "actors/channelreads.go", by: wholeHouse,
		old: "	c.reply(ctx, caller, reply)\n",
		new: "	caller.answer(ctx, reply)\n",
	},
	{
		name: "nonces forgotten in the snapshot",
		file: "actors/channel.go", by: actorStates,
		old: "	for _, n := range c.history.nonceOrder {\n",
		new: "	for _, n := range c.history.nonceOrder[:0] {\n",
	},
	{
		name: "key lives on after the logout",
		file: "actors/user.go", by: actorStates,
		old: "		a.Keys = slices.DeleteFunc(a.Keys, func(k sessionKey) bool { return k.Hash == e.Key })\n",
		new: "		_ = e\n",
	},
	{
		name: "keys live on after a change of the password",
		file: "actors/user.go", by: actorStates,
		old: "		a.Keys = []sessionKey{{Hash: e.Key, Used: e.At}}\n",
		new: "		a.useKey(e.Key, e.At)\n",
	},
	{
		name: "login answered before its key is durable",
		file: "actors/user.go", by: wholeHouse,
		old: "		key := newKey()\n		u.commit(ctx, \"loggedIn\", loggedIn{Key: hashKey(key), At: u.node.wall().Unix()})\n		u.reply(ctx, m.Caller, LoggedIn{User: u.name, Key: key})\n",
		new: "		key := newKey()\n		u.commit(ctx, \"loggedIn\", loggedIn{Key: hashKey(key), At: u.node.wall().Unix()})\n		m.answer(ctx, LoggedIn{User: u.name, Key: key})\n",
	},
	{
		name: "router not told of a membership's end",
		file: "actors/server.go", by: actorStates,
		old: "	s.say(ctx, s.node.router, &revoke{Topic: s.topic(), User: m.User, Seq: s.seq, Reason: MembershipEnded})\n",
		new: "",
	},
	{
		name: "channel not told of its deletion before the journal",
		file: "actors/serverchannels.go", by: actorStates,
		old: "		ctx.Send(pid, &ending{})\n",
		new: "",
	},
	{
		name: "state stays in memory however much it is",
		file: "actors/residency.go", by: actorStates,
		old: "	d.node.dir.Squeeze(ctx)\n",
		new: "",
	},
	{
		name: "answers out of order",
		file: "transport/outbox.go", by: wholeHouse,
		old: "	out.b = append(out.b, piece.b...)\n",
		new: "	out.b = append(append([]byte(nil), piece.b...), out.b...)\n",
	},
	{
		name: "pushes out of order",
		file: "transport/outbox.go", by: wholeHouse,
		old: "	o.last.events = append(o.last.events, event)\n",
		new: "	all := append(o.last.events, event)\n	all[0], all[len(all)-1] = event, all[0]\n	o.last.events = all\n",
	},
}
