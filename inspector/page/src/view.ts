// What the views have in common: each is made for an address and closed when
// another one comes.

import type { About } from "./contract.ts";
import type { FeedLog } from "./feedlog.ts";
import type { Stream } from "./stream.ts";

// Page is what a view stands on.
export interface Page {
	about: About;
	stream: Stream;
	feed: FeedLog;
	announce(text: string): void; // to those who do not see the screen, and shortly to those who do
}

export interface View {
	element: HTMLElement;
	topics: string[];
	// update is told of another address of the same view. False: make me anew.
	update?(values: URLSearchParams): boolean;
	focus?(): void; // what "/" does
	key?(event: KeyboardEvent): boolean;
	close(): void;
}

export type MakeView = (page: Page, values: URLSearchParams) => View;

// Closer gathers what has to be undone when a view closes.
export class Closer {
	private readonly all: (() => void)[] = [];

	add(undo: () => void): void {
		this.all.push(undo);
	}

	every(ms: number, work: () => void): void {
		const timer = setInterval(work, ms);
		this.add(() => clearInterval(timer));
	}

	close(): void {
		for (const undo of this.all.splice(0)) undo();
	}
}

// debounced waits until nothing has come for a while.
export function debounced(ms: number, work: () => void): () => void {
	let timer = 0;
	return () => {
		clearTimeout(timer);
		timer = window.setTimeout(work, ms);
	};
}
