// Light and dark, and the colours as a canvas needs them.

const choices = ["auto", "light", "dark"] as const;
export type Theme = (typeof choices)[number];

const key = "elemental-theme";
const listeners = new Set<() => void>();
const cache = new Map<string, string>();
const probe = document.createElement("span");

export function theme(): Theme {
	const kept = localStorage.getItem(key);
	return choices.find((c) => c === kept) ?? "auto";
}

function choose(chosen: Theme): void {
	localStorage.setItem(key, chosen);
	apply();
}

export function nextTheme(): Theme {
	const next = choices[(choices.indexOf(theme()) + 1) % choices.length]!;
	choose(next);
	return next;
}

function apply(): void {
	document.documentElement.dataset.theme = theme();
	cache.clear();
	for (const changed of listeners) changed();
}

// onTheme has changed called when all colours are others.
export function onTheme(changed: () => void): () => void {
	listeners.add(changed);
	return () => listeners.delete(changed);
}

export function startTheme(): void {
	probe.hidden = true;
	document.body.append(probe);
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
	apply();
}

// colour is what a property of the style sheet comes to, as "rgb(…)".
export function colour(property: string): string {
	let found = cache.get(property);
	if (found === undefined) {
		probe.style.color = `var(${property})`;
		found = getComputedStyle(probe).color;
		cache.set(property, found);
	}
	return found;
}

const known = new Set(["provider", "directory", "router", "passwords", "persistence", "session", "user", "server", "channel", "group", "reader", "writer", "hash"]);

// kindProperty is the property that holds the colour of a kind of actor.
export function kindProperty(kind: string): string {
	return `--kind-${known.has(kind) ? kind : "group"}`;
}

export function kindColour(kind: string): string {
	return colour(kindProperty(kind));
}

export function lessMotion(): boolean {
	return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
