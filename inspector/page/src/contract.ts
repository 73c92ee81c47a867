// What the inspector's server says. Times are milliseconds since 1970, durations
// microseconds, rates per second.

export interface Actor {
	id: string;
	parent: string;
	kind: string; // "group" for a row that stands for many and is no actor
	label: string;
	depth: number; // messages in its mailbox
	children: number;
	restarts: number;
	started: number;
}

export interface About {
	name: string;
	version: string;
	started: number;
	address: string;
	faultLab: boolean;
	processors: number;
	go: string;
	node: string;
	kinds: { kind: string; about: string; file: string }[];
	calls: string[];
}

export interface ActorPage {
	total: number;
	actors: Actor[];
}

export interface Overview {
	count: number;
	kinds: string[];
	// parent's index (-1 for none), kind's index, depth, restarts, last part of its id,
	// how many of its children are not in the list, and its label
	nodes: [number, number, number, number, string, number?, string?][];
}

export interface Place {
	file: string;
	line: number;
	function: string;
}

export interface Connection {
	id: number;
	user: string;
	from: string;
	since: number;
	requests: number;
	unread: number;
	session: string;
}

export interface ActorState {
	actor: Actor;
	path: Actor[];
	view: unknown;
}

// The events of the stream.

export interface ActorTick {
	id: string;
	gone?: boolean;
	crowded?: boolean; // it lives, but too many watch it: there are no figures
	depth: number;
	busy: number; // share of the time
	rate: number;
	types: ActorType[] | null;
	restarts: Restart[] | null;
}

export interface ActorType {
	message: string;
	place: Place;
	rate: number;
	waitP50: number;
	waitP99: number;
	handleP50: number;
	handleP99: number;
	max: number;
}

export interface Restart {
	at: number;
	message: string;
	reason: string;
}

export interface TreeTick {
	count: number;
	kinds: Record<string, number>;
	lives: Record<string, { started: number; passivated: number; restarts: number }>; // since the provider's start
	deepest: Actor[] | null;
	changed: string[] | null;
}

export interface Happening {
	at: number;
	what: string;
	actor: string;
	kind: string;
	detail: string;
	n?: number; // how many it stands for; without it one
}

export interface CallFigures {
	ok: number;
	refused: number;
	p50: number;
	p99: number;
}

export interface KindFigures {
	alive: number;
	started: number;
	passivated: number;
	restarts: number;
	messages: number;
}

export interface Flow {
	at: number;
	calls: Record<string, CallFigures>;
	posts: number;
	pushes: number;
	syncs: number;
	recordsPerSync: number;
	syncP50: number;
	syncP99: number;
	journalBytes: number;
	snapshotBytes: number;
	segments: number;
	connections: number;
	accepted: number;
	unread: number;
	inflight: number;
	actors: Record<string, KindFigures>;
	refused: Record<string, number>;
	memory: { resident: number; heap: number; stacks: number };
	goroutines: number;
	gc: { pauseP99: number; count: number };
	cpu: number;
	slowReaders: number;
	deadLetters: number;
}

export interface Batch {
	records: number;
	bytes: number;
	begun: number;
	written: number;
	synced: number;
}

export interface Hop {
	where: string;
	actor: string;
	message: string;
	place: Place;
	span: string;
	parent: string;
	sent: number; // microseconds since the request began, as are all that follow
	begun: number;
	ended: number;
	batch?: Batch | null;
	pushes?: number;
}

export interface Request {
	id: string; // of the following
	call: string;
	conn: number;
	code: string;
	begun: number;
	took: number;
	hops: Hop[];
	lost?: number; // hops that are not here: its own, or of another one of its follow meanwhile
}

export interface Cost {
	cpu: number; // share of one processor
	streams: number;
	watches: number;
	follows: number;
	bytes: number;
}

export interface Fault {
	what: string;
	until: number;
	[setting: string]: unknown;
}

export interface StreamEvents {
	hello: { stream: string };
	flow: Flow;
	tree: TreeTick;
	actor: ActorTick;
	feed: Happening;
	request: Request;
	followed: { id: string; left: number; lost?: number }; // a follow has ended; lost is hops, since its last request
	cost: Cost;
}
