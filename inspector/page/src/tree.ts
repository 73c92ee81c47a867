// The Tree: the supervision tree in rows, and beside it the whole of it as a
// picture, the kinds, and whose mailbox is the deepest.

import { get, query, reason } from "./api.ts";
import type { Actor, ActorPage, TreeTick } from "./contract.ts";
import { code, h, notice, option, say, set } from "./dom.ts";
import { count, many } from "./format.ts";
import { Outline } from "./outline.ts";
import { OverviewPicture } from "./overview.ts";
import { actorAnchor, dot, panel } from "./parts.ts";
import { keep } from "./route.ts";
import { columns, TreeRows } from "./treerows.ts";
import { Closer, debounced, type Page, type View } from "./view.ts";

const orders: [string, string][] = [["name", "by name"], ["depth", "deepest mailbox first"], ["restarts", "most restarts first"]];

class Tree {
	readonly element: HTMLElement;
	readonly closer = new Closer();
	private readonly search: HTMLInputElement;
	private readonly order: HTMLSelectElement;
	private readonly total = h("p", { class: "count", role: "status" });
	private readonly kinds = h("ul", { class: "kinds" }, h("li", { class: "kinds-head", "aria-hidden": "true" }, ["", "alive", "started", "passivated", "restarts"].map((name) => h("span", null, name))));
	private readonly deepest = h("ol", { class: "deepest" });
	private figures = new Map<string, HTMLElement>(); // of the deepest, by id
	private readonly empty = h("div", { class: "empty", hidden: true });
	private readonly rows: TreeRows;
	private readonly picture: OverviewPicture;
	private readonly kindRows = new Map<string, { figures: HTMLElement[]; button: HTMLButtonElement }>();
	private outline: Outline;
	private kind: string;
	private alive: number | null = null; // null until the stream has said
	private restoring: string[];

	constructor(private readonly page: Page, values: URLSearchParams) {
		this.kind = values.get("kind") ?? "";
		this.restoring = (values.get("open") ?? "provider provider/servers").split(" ").filter(Boolean);
		this.search = h("input", { type: "search", class: "search", placeholder: "Search by name  /", "aria-label": "Search for an actor by name", value: values.get("q") ?? "", autocomplete: "off", spellcheck: "false" });
		this.order = h("select", { "aria-label": "Order" }, orders.map(([value, text]) => option(value, text, value === values.get("sort"))));
		this.outline = this.makeOutline();
		this.rows = new TreeRows(this.outline, () => this.flat(), (actor) => this.moved(actor));
		this.picture = new OverviewPicture((id) => this.hovered(id));
		const again = debounced(200, () => this.again());
		this.search.addEventListener("input", again);
		this.search.addEventListener("keydown", (event) => this.searchKey(event));
		this.order.addEventListener("change", () => this.again());
		this.element = this.draw();
		this.closer.add(() => this.rows.close());
		this.closer.add(() => this.picture.close());
		this.closer.add(page.stream.on("tree", (tick) => this.tick(tick)));
		this.closer.every(1000, () => this.rows.need());
		this.drawKinds({}, {});
		void this.restore(values.get("at") ?? "");
	}

	focus(): void {
		this.search.focus();
		this.search.select();
	}

	private draw(): HTMLElement {
		const head = h("div", { class: "row head", "aria-hidden": "true" }, columns.map((name, i) => h("div", { class: `cell ${["actor", "kind", "number children", "number mailbox", "number restarts", "number started"][i]}` }, name)));
		return h("div", { class: "tree-view" },
			h("section", { class: "panel tree-panel", "aria-label": "Supervision tree" },
				h("div", { class: "bar" }, this.search, this.order, this.total), head, this.rows.rows.viewport, this.empty),
			h("div", { class: "tree-side" },
				h("section", { class: "panel picture-panel" }, h("h2", null, "Who supervises whom"),
					h("p", { class: "hint" }, "A box holds the actors that its owner started and looks after. Warm: messages wait. Corner: it was restarted."),
					this.picture.element),
				panel("Kinds", h("p", { class: "hint" }, "Choose one to list its actors."), this.kinds),
				panel("Deepest mailboxes", this.deepest)));
	}

	// flat tells whether the rows are a list, and no tree.
	private flat(): boolean {
		return this.search.value.trim() !== "" || this.kind !== "";
	}

	private makeOutline(): Outline {
		const text = this.search.value.trim(), kind = this.kind, sort = this.order.value;
		const source = (parent: string, offset: number, limit: number): Promise<ActorPage> => {
			const part = { kind, sort, offset, limit };
			return get<ActorPage>(text === "" ? query("/api/tree", { parent: kind ? undefined : parent, ...part }) : query("/api/search", { q: text, ...part }));
		};
		return new Outline(source, () => this.changed(), (error) => this.failed(error));
	}

	private again(): void {
		keep(this.element, { q: this.search.value.trim(), kind: this.kind, sort: this.order.value === "name" ? "" : this.order.value });
		const open = this.outline.opened();
		this.outline = this.makeOutline();
		this.rows.use(this.outline);
		if (!this.flat()) {
			this.restoring = open.length > 0 ? open : this.restoring;
			void this.restore("");
		}
	}

	private async restore(at: string): Promise<void> {
		const { outline } = this;
		await outline.load(outline.root, 0);
		if (!this.flat()) await outline.openAll(this.restoring);
		if (at !== "" && outline === this.outline && !this.rows.select(at)) this.look(at);
		this.rows.refresh();
	}

	// look searches for an actor whose row is not among those that were loaded.
	private look(id: string): void {
		if (this.flat()) return;
		this.search.value = id;
		this.again();
	}

	private changed(): void {
		if (!this.rows) return;
		this.rows.refresh();
		const size = this.outline.size();
		this.empty.hidden = size > 0 || !this.outline.loaded;
		if (!this.empty.hidden) set(this.empty, notice("No actor of that name", "Names of users, servers and channels are searched, and ids such as ", code("conn/7"), "."));
		if (!this.flat()) keep(this.element, { open: this.outline.opened().slice(0, 40).join(" ") });
		this.drawTotal();
	}

	private failed(error: unknown): void {
		this.empty.hidden = false;
		set(this.empty, notice("The tree cannot be read", reason(error)));
	}

	private drawTotal(): void {
		say(this.total, this.flat() ? `${count(this.outline.root.total)} found` : this.alive === null ? "" : `${many(this.alive, "actor")} alive`);
	}

	private moved(actor: Actor | undefined): void {
		this.picture.mark(actor?.id ?? "");
		keep(this.element, { at: actor?.id });
	}

	private hovered(id: string): void {
		for (const row of this.element.querySelectorAll(".row.hovered")) row.classList.remove("hovered");
		const row = id ? this.outline.rowOf(id) : -1;
		if (row >= 0) this.rows.rows.row(row)?.element.classList.add("hovered");
	}

	private searchKey(event: KeyboardEvent): void {
		if (event.key === "Escape" && this.search.value !== "") {
			this.search.value = "";
			this.again();
			event.stopPropagation();
		} else if (event.key === "ArrowDown" || event.key === "Enter") {
			event.preventDefault();
			this.rows.rows.viewport.focus();
		}
	}

	private tick(tick: TreeTick): void {
		this.alive = tick.count;
		const deepest = (tick.deepest ?? []).filter((actor) => actor.depth > 0);
		this.rows.depths = new Map(deepest.map((actor) => [actor.id, actor.depth]));
		this.picture.tick(tick);
		this.drawTotal();
		this.drawKinds(tick.kinds, tick.lives);
		this.drawDeepest(deepest);
		this.rows.rows.refresh();
	}

	// drawDeepest leaves the actors where they are while somebody points at one of them, or
	// has it in focus. Otherwise they could hardly be clicked.
	private drawDeepest(deepest: Actor[]): void {
		if (this.figures.size > 0 && this.deepest.matches(":hover, :focus-within")) {
			for (const [id, figure] of this.figures) say(figure, count(this.rows.depths.get(id) ?? 0));
			return;
		}
		this.figures = new Map(deepest.map(({ id, depth }) => [id, h("span", { class: "figure" }, count(depth))]));
		set(this.deepest, deepest.length === 0 ? h("li", { class: "dim" }, "No message waits in any mailbox.") :
			deepest.map((actor) => h("li", null, actorAnchor(actor), this.figures.get(actor.id))));
	}

	private drawKinds(kinds: TreeTick["kinds"], lives: TreeTick["lives"]): void {
		for (const { kind, about } of this.page.about.kinds) {
			let row = this.kindRows.get(kind);
			if (!row) {
				const figures = Array.from({ length: 4 }, () => h("span", { class: "figure" }));
				const button = h("button", { type: "button", class: "kind-button", title: about, "aria-pressed": "false", onclick: () => this.chooseKind(kind) },
					h("span", { class: "what" }, dot(kind), h("span", { class: "name" }, kind)), figures);
				row = { figures, button };
				this.kindRows.set(kind, row);
				this.kinds.append(h("li", null, button));
			}
			const of = lives[kind], alive = kinds[kind] ?? 0;
			if (of) {
				[alive, of.started, of.passivated, of.restarts].forEach((n, i) => say(row.figures[i]!, count(n)));
				row.button.setAttribute("aria-label", `${kind}: ${count(alive)} alive, ${count(of.started)} started, ${count(of.passivated)} passivated, ${many(of.restarts, "restart")}`);
			}
			row.button.setAttribute("aria-pressed", String(this.kind === kind));
		}
	}

	private chooseKind(kind: string): void {
		this.kind = this.kind === kind ? "" : kind;
		this.search.value = "";
		for (const [name, row] of this.kindRows) row.button.setAttribute("aria-pressed", String(this.kind === name));
		this.again();
	}
}

export function treeView(page: Page, values: URLSearchParams): View {
	const tree = new Tree(page, values);
	return { element: tree.element, topics: ["tree"], focus: () => tree.focus(), close: () => tree.closer.close() };
}
