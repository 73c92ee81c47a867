// The address holds what is on screen, so that a link shows the same.

export interface Route {
	view: string;
	values: URLSearchParams;
}

export function route(): Route {
	const [view = "", values = ""] = location.hash.slice(1).split("?", 2);
	return { view, values: new URLSearchParams(values) };
}

type Values = Record<string, string | number | undefined>;

// link is the address of a view.
export function link(view: string, values: Values = {}): string {
	const given = Object.entries(values).filter(([, v]) => v !== undefined && v !== "");
	const text = new URLSearchParams(given.map(([k, v]) => [k, String(v)])).toString();
	return `#${view}${text && `?${text}`}`;
}

const pause = 250; // ms: browsers refuse to write an address more often than some times a second

let due: Values = {}, timer = 0;
let shown = location.hash; // of the view on screen: the address may be the next one's already

// keep writes values of a view into the address without a step in the history, soon. If the
// view was left meanwhile, the address is another one's.
export function keep(view: HTMLElement, values: Values): void {
	if (!view.isConnected) return;
	due = { ...due, ...values };
	timer ||= window.setTimeout(write, pause);
}

function write(): void {
	const values = forget();
	if (location.hash !== shown) return;
	const { view, values: now } = route();
	for (const [name, value] of Object.entries(values)) {
		if (value === undefined || value === "") now.delete(name);
		else now.set(name, String(value));
	}
	history.replaceState(null, "", link(view, Object.fromEntries(now)));
	shown = location.hash;
}

function forget(): Values {
	const values = due;
	clearTimeout(timer);
	[due, timer] = [{}, 0];
	return values;
}

window.addEventListener("hashchange", () => {
	forget(); // they were another view's
	shown = location.hash;
});

export function actorLink(id: string): string {
	return link("actor", { id });
}
