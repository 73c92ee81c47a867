// The last minutes of the flow, kept by the page for as long as it is open.

import type { Flow } from "./contract.ts";

export interface Sample {
	at: number;
	sample: Flow | null; // null where the page did not look
}

const longest = 300; // samples

let samples: Sample[] = [];

export function remember(flow: Flow): readonly Sample[] {
	const last = samples.at(-1), now = Date.now(); // the provider's clock may be another
	if (last && now - last.at > 2500) samples.push({ at: last.at + 1, sample: null });
	samples = [...samples, { at: now, sample: flow }].slice(-longest).filter((s) => now - s.at < longest * 1000);
	return samples;
}

export function remembered(): readonly Sample[] {
	return samples;
}
