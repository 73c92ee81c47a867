// The page's one stream of events. It carries the topics of what is on screen,
// is closed while the tab is hidden, and comes back by itself.

import { open, reason, Trouble } from "./api.ts";
import type { StreamEvents } from "./contract.ts";

export type State = "connecting" | "live" | "waiting" | "hidden";

type Listener<K extends keyof StreamEvents> = (data: StreamEvents[K]) => void;

const firstWait = 500, longestWait = 10_000; // ms
const silence = 40_000; // ms: a provider that works says something each 15 s

// within gives up waiting after silence. A network that is gone does not end what is open.
function within<T>(work: Promise<T>): Promise<T> {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new Trouble(0, "The provider has become silent.")), silence);
		work.then(resolve, reject).finally(() => clearTimeout(timer));
	});
}

export class Stream {
	id = ""; // as the server calls it; "" while there is none
	state: State = "connecting";
	trouble = "";
	retryAt = 0;

	private topics: string[] = [];
	private wait = firstWait;
	private running: AbortController | null = null;
	private timer = 0;
	private due = false;
	private readonly listeners = new Map<string, Set<(data: never) => void>>();
	private readonly watchers = new Set<() => void>();

	constructor() {
		document.addEventListener("visibilitychange", () => this.restart());
		window.addEventListener("online", () => this.retry());
	}

	// want says what the screen shows. Other topics mean another stream.
	want(topics: string[]): void {
		const sorted = [...new Set(topics)].sort();
		if (sorted.join() === this.topics.join()) return;
		this.topics = sorted;
		this.restart();
	}

	on<K extends keyof StreamEvents>(name: K, hear: Listener<K>): () => void {
		const all = this.listeners.get(name) ?? new Set();
		this.listeners.set(name, all.add(hear as (data: never) => void));
		return () => all.delete(hear as (data: never) => void);
	}

	// watch has changed called whenever the stream's state is another.
	watch(changed: () => void): () => void {
		this.watchers.add(changed);
		return () => this.watchers.delete(changed);
	}

	// retry does not wait any longer.
	retry(): void {
		if (this.state === "waiting") this.restart();
	}

	private restart(): void {
		this.wait = firstWait;
		if (this.due) return; // several changes of one moment are one stream
		this.due = true;
		queueMicrotask(() => {
			this.due = false;
			this.begin();
		});
	}

	private begin(): void {
		clearTimeout(this.timer);
		this.running?.abort();
		this.id = "";
		if (document.hidden) {
			this.become("hidden");
			return;
		}
		const mine = new AbortController();
		this.running = mine;
		this.become("connecting");
		this.read(mine.signal).then(
			() => this.again(mine, "The provider has closed the stream."),
			(error: unknown) => this.again(mine, reason(error), error),
		);
	}

	private again(mine: AbortController, trouble: string, error?: unknown): void {
		if (mine.signal.aborted) return;
		mine.abort();
		this.id = "";
		this.trouble = trouble;
		if (error instanceof Trouble && error.status === 401) this.wait = longestWait;
		const wait = this.wait * (0.75 + Math.random() / 2);
		this.wait = Math.min(longestWait, this.wait * 2);
		this.retryAt = Date.now() + wait;
		this.timer = window.setTimeout(() => this.begin(), wait);
		this.become("waiting");
	}

	private async read(signal: AbortSignal): Promise<void> {
		const topics = this.topics.map(encodeURIComponent).join(",");
		const body = await within(open(`/events?topics=${topics}`, signal));
		const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
		let rest = "";
		for (;;) {
			const { done, value } = await within(reader.read());
			if (done || signal.aborted) return;
			const blocks = (rest + value).split("\n\n");
			rest = blocks.pop()!;
			for (const block of blocks) this.hear(block);
		}
	}

	// hear takes one event in the form of server-sent events.
	private hear(block: string): void {
		let name = "message", data = "";
		for (const line of block.split("\n")) {
			if (line.startsWith("event:")) name = line.slice(6).trim();
			else if (line.startsWith("data:")) data += line.slice(5);
		}
		if (data === "") return;
		const said: unknown = JSON.parse(data);
		if (name === "hello") {
			this.id = (said as StreamEvents["hello"]).stream;
			this.wait = firstWait;
			this.become("live");
		}
		for (const hear of this.listeners.get(name) ?? []) hear(said as never);
	}

	private become(state: State): void {
		this.state = state;
		for (const changed of this.watchers) changed();
	}
}
