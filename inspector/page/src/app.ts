// The page: views by address, one stream, keys that work everywhere.

import { actorView } from "./actor.ts";
import { get, now, reason } from "./api.ts";
import type { About, Cost } from "./contract.ts";
import { h, notice, say, set } from "./dom.ts";
import { faultLabView } from "./faultlab.ts";
import { feedView } from "./feed.ts";
import { FeedLog } from "./feedlog.ts";
import { flowView } from "./flow.ts";
import { followView } from "./follow.ts";
import { age, bytes, many, percent } from "./format.ts";
import { showHelp } from "./help.ts";
import { link, route } from "./route.ts";
import { Stream } from "./stream.ts";
import { nextTheme, onTheme, startTheme, theme } from "./theme.ts";
import { treeView } from "./tree.ts";
import type { MakeView, Page, View } from "./view.ts";

const views: Record<string, { name: string; make: MakeView; tab: boolean }> = {
	tree: { name: "Tree", make: treeView, tab: true },
	actor: { name: "Actor", make: actorView, tab: true },
	follow: { name: "Follow", make: followView, tab: true },
	flow: { name: "Flow", make: flowView, tab: true },
	feed: { name: "Feed", make: feedView, tab: true },
	fault: { name: "Fault lab", make: faultLabView, tab: true },
};

const main = h("main", { id: "main", role: "tabpanel", tabindex: "-1" });
const announcer = h("div", { class: "announcer", role: "status", "aria-live": "polite" });
const tabs = h("nav", { class: "tabs", role: "tablist", "aria-label": "Views" });
const state = h("button", { class: "state", type: "button" });
const title = h("p", { class: "brand" }, h("strong", null, "elemental"), h("span", null, "inspector"));
const where = h("p", { class: "whereabouts" });
const footer = h("footer", { class: "cost" });

let current: View | null = null, currentName = "";
let searching = false; // the next view begins with its search
let announced = 0;

function announce(text: string): void {
	say(announcer, text);
	announcer.dataset.on = "";
	clearTimeout(announced);
	announced = window.setTimeout(() => {
		delete announcer.dataset.on;
		say(announcer, "");
	}, 4000);
}

function drawTabs(page: Page): void {
	const drawn = Object.entries(views).filter(([name]) => name !== "fault" || page.about.faultLab).map(([name, { name: text }], i) => {
		const badge = h("span", { class: "badge", hidden: true });
		return h("a", { role: "tab", id: `tab-${name}`, href: link(name), "data-view": name, title: `${text} (${i + 1})`, "aria-controls": "main" }, text, name === "feed" && badge);
	});
	set(tabs, drawn);
	tabs.onkeydown = (event) => {
		const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
		const at = drawn.indexOf(document.activeElement as HTMLAnchorElement);
		if (!step || at < 0) return;
		event.preventDefault();
		drawn[(at + step + drawn.length) % drawn.length]!.focus();
	};
}

function markTab(): void {
	for (const tab of tabs.querySelectorAll<HTMLElement>("[role=tab]")) {
		const on = tab.dataset.view === currentName;
		tab.setAttribute("aria-selected", String(on));
		tab.tabIndex = on ? 0 : -1;
		if (on) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
	}
	main.setAttribute("aria-labelledby", `tab-${currentName}`);
}

// show makes the view of the address, or tells it of its new values.
function show(page: Page): void {
	const { view, values } = route();
	const name = view in views && (view !== "fault" || page.about.faultLab) ? view : "tree";
	if (name === currentName && current?.update?.(values)) {
		page.stream.want(["cost", "feed", ...current.topics]);
		return;
	}
	current?.close();
	currentName = name;
	current = views[name]!.make(page, values);
	set(main, name !== "actor" && h("h1", { class: "unseen" }, views[name]!.name), current.element); // an actor has its own
	main.dataset.view = name;
	document.title = `${views[name]!.name} · ${page.about.name || "elemental"} inspector`;
	markTab();
	if (searching) current.focus?.();
	searching = false;
	page.stream.want(["cost", "feed", ...current.topics]);
}

function drawState(stream: Stream): void {
	const text = {
		connecting: "connecting", live: "live", hidden: "paused",
		waiting: `no connection, again in ${Math.max(1, Math.ceil((stream.retryAt - Date.now()) / 1000))} s`,
	}[stream.state];
	state.dataset.state = stream.state;
	say(state, text);
	state.title = stream.state === "waiting" ? `${stream.trouble} Click to try now.` : "The stream of events that this page is drawn from";
}

function drawBadge(feed: FeedLog): void {
	const badge = tabs.querySelector<HTMLElement>(".badge");
	if (!badge) return;
	if (currentName === "feed") feed.unseen = 0;
	badge.hidden = feed.unseen === 0;
	say(badge, feed.unseen > 99 ? "99+" : String(feed.unseen));
}

function drawCost(cost: Cost): void {
	say(footer, `This inspector: ${percent(cost.cpu)} of a processor · ${many(cost.streams, "page")} open · ${many(cost.watches, "actor")} watched · ${many(cost.follows, "request filter")} on · ${bytes(cost.bytes)} sent`);
}

function keys(page: Page): void {
	document.addEventListener("keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		const typing = event.target instanceof HTMLElement && event.target.closest("input, select, textarea, dialog");
		if (typing) {
			if (event.key === "Escape" && !(typing instanceof HTMLDialogElement)) (event.target as HTMLElement).blur();
			return;
		}
		const shown = [...tabs.querySelectorAll<HTMLAnchorElement>("[role=tab]")];
		if (event.key >= "1" && event.key <= String(shown.length)) {
			shown[Number(event.key) - 1]!.click();
			main.focus();
		} else if (event.key === "?") showHelp(page.about.faultLab);
		else if (event.key === "t") announce(`Colours: ${nextTheme()}`);
		else if (event.key === "/") {
			if (current?.focus) current.focus();
			else {
				searching = true;
				location.hash = link("tree");
			}
		} else if (!current?.key?.(event)) return;
		event.preventDefault();
	});
}

// drawWhere says which provider this is.
function drawWhere(about: About): void {
	say(where, `${about.name} at ${about.address} · ${about.version} · up ${age(now() - about.started)}`);
}

// renew asks which provider this is now: after a lost connection it may be another run of it.
async function renew(page: Page): Promise<void> {
	const had = page.about.faultLab;
	Object.assign(page.about, await get<About>("/api/about"));
	drawWhere(page.about);
	if (page.about.faultLab === had) return;
	drawTabs(page);
	show(page);
	markTab();
}

function shell(about: About): void {
	const scheme = h("button", { class: "quiet", type: "button", title: "Light, dark, or as the system says (t)", onclick: () => announce(`Colours: ${nextTheme()}`) }, "◐");
	const named = () => scheme.setAttribute("aria-label", `Colours, now ${theme()}`);
	onTheme(named);
	named();
	const help = h("button", { class: "quiet", type: "button", title: "Keys (?)", "aria-label": "Help: keys and words", onclick: () => showHelp(about.faultLab) }, "?");
	const skip = h("button", { class: "skip", type: "button", onclick: () => main.focus() }, "Skip to the view");
	drawWhere(about);
	setInterval(() => drawWhere(about), 10_000);
	document.body.append(skip, h("header", { class: "top" }, h("div", { class: "title" }, title, where), tabs, h("div", { class: "tools" }, state, scheme, help)), main, footer, announcer);
}

async function start(): Promise<void> {
	startTheme();
	let about: About;
	try {
		about = await get<About>("/api/about");
	} catch (error) {
		const again = h("button", { type: "button", class: "button", onclick: () => location.reload() }, "Try again");
		document.body.append(h("main", null, notice("The inspector cannot be reached", reason(error)), again));
		return;
	}
	const stream = new Stream();
	const page: Page = { about, stream, feed: new FeedLog(stream), announce };
	shell(about);
	drawTabs(page);
	let lost = false;
	stream.watch(() => {
		drawState(stream);
		if (lost && stream.state === "live") renew(page).catch(() => undefined); // the next connection is another chance
		lost = ["waiting", "hidden"].includes(stream.state) || (lost && stream.state !== "live");
	});
	setInterval(() => stream.state === "waiting" && drawState(stream), 500);
	state.addEventListener("click", () => stream.retry());
	stream.on("cost", drawCost);
	page.feed.onChange(() => drawBadge(page.feed));
	say(footer, "This inspector: its own cost comes in a moment.");
	keys(page);
	window.addEventListener("hashchange", () => show(page));
	show(page);
}

await start();
