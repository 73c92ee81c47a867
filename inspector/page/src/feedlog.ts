// What has happened since the page was opened. It is kept from view to view, so
// that the feed is not empty when somebody comes to look.

import { now } from "./api.ts";
import type { Happening } from "./contract.ts";
import type { Stream } from "./stream.ts";

export interface Entry extends Happening {
	key: number;
}

const kept = 2000;

export class FeedLog {
	entries: Entry[] = []; // the newest is last
	unseen = 0; // troubles since the feed was last looked at
	private next = 0;
	private lostAt = 0;
	private listened = false; // there was a stream before
	private readonly listeners = new Set<() => void>();

	constructor(stream: Stream) {
		stream.on("feed", (happening) => this.add(happening));
		stream.watch(() => this.gap(stream));
	}

	onChange(changed: () => void): () => void {
		this.listeners.add(changed);
		return () => this.listeners.delete(changed);
	}

	seen(): void {
		this.unseen = 0;
		this.tell();
	}

	clear(): void {
		this.entries = [];
		this.seen();
	}

	private add(happening: Happening): void {
		const at = happening.at ?? Date.now();
		this.entries.push({ ...happening, at, actor: happening.actor ?? "", detail: happening.detail ?? "", kind: happening.kind ?? "", key: this.next++ });
		if (this.entries.length > kept) this.entries.splice(0, this.entries.length - kept);
		if (happening.what !== "gap") this.unseen += happening.n ?? 1;
		this.tell();
	}

	// gap says where the page did not listen, so that silence is not taken for
	// peace. A stream that is opened anew at once is none.
	private gap(stream: Stream): void {
		if (stream.state !== "live" && (stream.state !== "connecting" || this.listened)) this.lostAt ||= Date.now();
		if (stream.state !== "live") return;
		this.listened = true;
		if (this.lostAt === 0) return;
		const away = Date.now() - this.lostAt;
		this.lostAt = 0;
		if (away < 1000) return;
		this.add({ at: now(), what: "gap", actor: "", kind: "", detail: `The page was not connected for ${Math.round(away / 1000)} s. What happened then is not here.` });
	}

	private tell(): void {
		for (const changed of this.listeners) changed();
	}
}

// Whats is what can happen, in the words of people.
export const whats: Record<string, { name: string; tone: string; about: string }> = {
	panic: { name: "crash", tone: "bad", about: "An actor's handler panicked." },
	restart: { name: "restart", tone: "doubt", about: "Its supervisor started the actor anew." },
	stopped: { name: "stopped", tone: "bad", about: "A session that crashed: its connection is closed." },
	busy: { name: "refused", tone: "doubt", about: "A request was refused, or its outcome is unknown, for no fault of its sender: too much to do, a crash, or no room on the disk." },
	storage: { name: "storage", tone: "bad", about: "The disk refuses, or works again, or something on it cannot be read." },
	"slow-reader": { name: "slow reader", tone: "doubt", about: "A client did not read what it was sent." },
	deadletter: { name: "dead letter", tone: "calm", about: "A message for an actor that is gone." },
	fault: { name: "fault lab", tone: "calm", about: "Somebody did this on purpose." },
	more: { name: "more", tone: "calm", about: "More than the stream carries." },
	gap: { name: "gap", tone: "calm", about: "The page was not connected." },
};

export function what(name: string): { name: string; tone: string; about: string } {
	return whats[name] ?? { name, tone: "calm", about: "" };
}
