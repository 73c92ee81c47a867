// The rows of a tree of which only what was opened, and of that only the pages
// that were seen, are in memory.

import type { Actor, ActorPage } from "./contract.ts";

export type Source = (parent: string, offset: number, limit: number) => Promise<ActorPage>;

const pageSize = 200;

// stale is how many ms a page that is seen is good for: to list a crowd costs the
// provider something.
const stale = (total: number) => 1500 + total / 20;

interface Leaf {
	actors: Actor[];
	at: number; // when it came
}

// Branch is the children of one actor.
export class Branch {
	total: number;
	readonly pages = new Map<number, Leaf>();
	readonly places = new Map<string, number>(); // of those that are known
	readonly open = new Map<string, Branch>();
	readonly asked = new Map<number, Promise<void>>(); // pages under way

	constructor(readonly id: string, readonly parent: Branch | null, readonly level: number, total: number) {
		this.total = total;
	}

	// size is the number of rows below it.
	size(): number {
		let rows = this.total;
		for (const [id, child] of this.open) if (this.places.has(id)) rows += child.size();
		return rows;
	}

	actor(index: number): Actor | undefined {
		return this.pages.get(Math.floor(index / pageSize))?.actors[index % pageSize];
	}
}

export interface Spot {
	branch: Branch;
	index: number; // among its siblings
	actor: Actor | undefined; // undefined while it is asked for
}

export class Outline {
	root = new Branch("", null, 1, 0);
	loaded = false;

	constructor(private readonly source: Source, private readonly changed: () => void, private readonly failed: (error: unknown) => void) {}

	size(): number {
		return this.root.size();
	}

	// at finds what is in a row.
	at(row: number): Spot {
		let branch = this.root;
		for (;;) {
			const inner = [...branch.open.values()]
				.map((child) => ({ child, index: branch.places.get(child.id) ?? -1 }))
				.filter((o) => o.index >= 0)
				.sort((a, b) => a.index - b.index);
			let before = 0; // rows of opened children above
			let into: Branch | null = null;
			for (const { child, index } of inner) {
				const first = index + 1 + before;
				if (row < first) break;
				const size = child.size();
				if (row < first + size) {
					into = child;
					row -= first;
					break;
				}
				before += size;
			}
			if (into === null) return { branch, index: row - before, actor: branch.actor(row - before) };
			branch = into;
		}
	}

	// rowOf is the row of an actor that is known and to be seen, or -1.
	rowOf(id: string): number {
		const branch = this.holding(this.root, id);
		return branch ? this.rowIn(branch, branch.places.get(id)!) : -1;
	}

	rowIn(branch: Branch, index: number): number {
		let row = index;
		for (const [id, child] of branch.open) {
			const place = branch.places.get(id);
			if (place !== undefined && place < index) row += child.size();
		}
		const { parent } = branch;
		return parent ? row + 1 + this.rowIn(parent, parent.places.get(branch.id)!) : row;
	}

	isOpen(spot: Spot): boolean {
		return spot.actor !== undefined && spot.branch.open.has(spot.actor.id);
	}

	expand(spot: Spot): void {
		const { actor, branch } = spot;
		if (!actor || actor.children === 0 || branch.open.has(actor.id)) return;
		branch.open.set(actor.id, new Branch(actor.id, branch, branch.level + 1, actor.children));
		this.changed();
	}

	collapse(spot: Spot): void {
		if (spot.actor && spot.branch.open.delete(spot.actor.id)) this.changed();
	}

	// opened lists the ids that are open, parents first.
	opened(branch = this.root): string[] {
		return [...branch.open.values()].flatMap((child) => [child.id, ...this.opened(child)]);
	}

	// openAll opens those of a list that can be reached, and asks for what it needs.
	async openAll(ids: string[]): Promise<void> {
		for (const id of ids) {
			const branch = this.holding(this.root, id);
			if (!branch) continue;
			const index = branch.places.get(id)!;
			this.expand({ branch, index, actor: branch.actor(index) });
			const child = branch.open.get(id);
			if (child) await this.load(child, 0);
		}
	}

	// need asks for what is missing or old between two rows.
	need(from: number, to: number): void {
		const now = performance.now(), first = this.root.pages.get(0);
		if (!first || (this.root.total === 0 && now - first.at > stale(0))) void this.load(this.root, 0); // who is not there may come
		if (!this.loaded) return;
		for (let row = from; row < to; row++) {
			const { branch, index } = this.at(row);
			const page = Math.floor(index / pageSize);
			const there = branch.pages.get(page);
			if (!there || now - there.at > stale(branch.total)) void this.load(branch, page);
		}
	}

	// load asks for a page, unless that is under way.
	load(branch: Branch, page: number): Promise<void> {
		const asked = branch.asked.get(page) ?? this.ask(branch, page).finally(() => branch.asked.delete(page));
		branch.asked.set(page, asked);
		return asked;
	}

	private async ask(branch: Branch, page: number): Promise<void> {
		try {
			this.take(branch, page, await this.source(branch.id, page * pageSize, pageSize));
		} catch (error) {
			this.failed(error);
		}
	}

	private take(branch: Branch, page: number, got: ActorPage): void {
		const actors = got.actors ?? [];
		const old = branch.pages.get(page);
		for (const gone of old?.actors ?? []) branch.places.delete(gone.id);
		branch.total = got.total;
		branch.pages.set(page, { actors, at: performance.now() });
		actors.forEach((actor, i) => {
			branch.places.set(actor.id, page * pageSize + i);
			const child = branch.open.get(actor.id);
			if (!child) return;
			if (actor.children === 0) branch.open.delete(actor.id);
			else if (child.pages.size === 0) child.total = actor.children;
		});
		for (const other of branch.pages.keys()) if (other * pageSize >= got.total) branch.pages.delete(other);
		for (const gone of old?.actors ?? []) if (!branch.places.has(gone.id)) branch.open.delete(gone.id);
		this.loaded = true;
		this.changed();
	}

	private holding(branch: Branch, id: string): Branch | undefined {
		if (branch.places.has(id)) return branch;
		for (const [open, child] of branch.open) {
			const found = branch.places.has(open) ? this.holding(child, id) : undefined;
			if (found) return found;
		}
		return undefined;
	}
}
