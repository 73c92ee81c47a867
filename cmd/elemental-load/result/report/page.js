// The plots of the report. The page brings all figures along; see plots.go.
(function () {
	"use strict";

	const data = JSON.parse(document.getElementById("data").textContent);
	const operation = document.getElementById("operation");
	const logarithmic = document.getElementById("log");
	const page = document.documentElement;
	const drawn = []; // {plot, place} of what stands on the page

	// Words and units, as the rest of the page has them.

	function decimal(v) {
		const digits = Math.abs(v) >= 99.95 || Number.isInteger(v) ? 0 : 1;
		return v.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
	}

	function latency(ms) {
		if (ms < 0.9995) return decimal(Math.round(ms * 1000)) + " µs";
		if (ms < 999.5) return decimal(ms) + " ms";
		return decimal(ms / 1000) + " s";
	}

	const perSecond = (v) => decimal(v) + "/s";
	const percent = (v) => decimal(v) + "%";
	const count = (v) => decimal(v);

	function size(bytes) {
		const units = ["B", "KiB", "MiB", "GiB", "TiB"];
		let unit = 0;
		for (; bytes >= 1024 && unit < units.length - 1; unit++) bytes /= 1024;
		return decimal(bytes) + " " + units[unit];
	}

	// Steps of a memory axis.
	const doubled = Array.from({ length: 50 }, (_, i) => 2 ** i);

	// Steps of a time axis: the figures are those of whole seconds.
	const whole = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400];

	function seconds(s) {
		if (s < 120) return decimal(s) + " s";
		return Math.floor(s / 60) + ":" + String(Math.floor(s % 60)).padStart(2, "0");
	}

	// The share that was faster, where one in so many was slower.
	function percentile(oneIn) {
		const digits = Math.max(0, Math.ceil(Math.log10(oneIn) - 1e-9) - 2);
		return (100 - 100 / oneIn).toFixed(oneIn < 2 ? 0 : digits).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "") + " %";
	}

	// Looks. They are read from the style sheet, so that light and dark are told once.

	const colour = (name) => getComputedStyle(page).getPropertyValue("--" + name).trim();
	const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2]];
	const fewPoints = 12; // so many are also marked

	function line(label, show, series, more) {
		return Object.assign({
			label: label, stroke: colour("series-" + series), width: 2,
			points: { show: data.seconds.length <= fewPoints, size: 6 },
			value: (u, v) => (v == null ? "" : show(v)),
		}, more);
	}

	function axis(show, more) {
		const font = "12px " + getComputedStyle(document.body).fontFamily;
		return Object.assign({
			stroke: colour("dim"), font: font, gap: 6,
			grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("line"), width: 1, size: 5 },
			values: (u, splits) => splits.map((v) => (v == null ? "" : show(v))),
		}, more);
	}

	// shadeWarmup greys what is in no other figure.
	function shadeWarmup(u) {
		if (data.warmup <= 0) return;
		const right = Math.min(u.valToPos(data.warmup, "x", true), u.bbox.left + u.bbox.width);
		u.ctx.save();
		u.ctx.fillStyle = colour("warmup");
		u.ctx.fillRect(u.bbox.left, u.bbox.top, right - u.bbox.left, u.bbox.height);
		u.ctx.restore();
	}

	const fromZero = (u, min, max) => [0, max > 0 ? uPlot.rangeNum(0, max, 0.1, true)[1] : 1];

	function latencyScale() {
		if (!logarithmic.checked) return { range: fromZero };
		return { distr: 3, range: (u, min, max) => (min > 0 ? uPlot.rangeLog(min, max, 10, true) : [0.1, 100]) };
	}

	// A logarithmic axis has no place for zero.
	const visible = (values) => (logarithmic.checked ? values.map((v) => (v > 0 ? v : null)) : values);

	// Drawing.

	function draw(id, height, label, options, values) {
		const place = document.getElementById(id);
		if (!place) return;
		place.setAttribute("aria-label", label);
		if (values[0].length === 0) {
			place.textContent = "Nothing was measured.";
			return;
		}
		const wide = place.clientWidth || 640;
		const plot = new uPlot(Object.assign({
			width: wide, height: height, padding: [10, 14, 0, 0],
			legend: { markers: { width: 3, fill: () => "transparent", dash: (u, i) => (u.series[i].dash && u.series[i].dash.length ? "dashed" : "solid") } },
		}, options), values, place);
		drawn.push({ plot: plot, place: place });
	}

	function overTime(id, height, name, show, series, columns, scale) {
		const at = data.seconds;
		const alone = at.length === 1 ? 0.5 : 0;
		const label = name + " over time. " + series.map((s, i) => spread(s.label, columns[i], show)).join("; ") + ".";
		draw(id, height, label, {
			scales: { x: { time: false, range: [at[0] - alone, at[at.length - 1] + alone] }, y: scale || { range: fromZero } },
			axes: [axis(seconds, { space: 60, size: 34, incrs: whole }), axis(show, Object.assign({ size: 68 }, show === size && { incrs: doubled }))],
			cursor: { sync: { key: "time" }, focus: { prox: -1 } },
			hooks: { drawClear: [shadeWarmup] },
			series: [{ label: "at", value: (u, v) => (v == null ? "" : seconds(v)) }].concat(series),
		}, [at].concat(columns));
	}

	// spread says in words between what a line moves.
	function spread(label, values, show) {
		const known = values.filter((v) => v != null);
		if (known.length === 0) return label + ": nothing";
		return label + ": " + show(Math.min(...known)) + " to " + show(Math.max(...known));
	}

	function drawLatency(of) {
		overTime("plot-latency", 300, "Latency of " + of.name, latency, [
			line("p50", latency, 1),
			line("p99", latency, 2, { width: 2.5 }),
			line("max", latency, 4, { width: 1.25, dash: [3, 3] }),
		], [visible(of.p50), visible(of.p99), visible(of.max)], latencyScale());
	}

	function drawPercentiles(of) {
		const most = Math.max(10, of.oneIn.length > 0 ? of.oneIn[of.oneIn.length - 1] : 0);
		const splits = [1];
		if (page.clientWidth > 520) splits.push(2); // a narrow axis has no room for its label
		for (let x = 10; x <= most; x *= 10) splits.push(x);
		const ends = (values) => spread("", values, latency).slice(2);
		const label = "Latency of " + of.name + " by percentile. Corrected: " + ends(of.corrected) + "; uncorrected: " + ends(of.uncorrected) + ".";
		draw("plot-percentiles", 300, label, {
			padding: [10, 28, 0, 0],
			scales: { x: { time: false, distr: 3, range: [1, most] }, y: latencyScale() },
			axes: [axis(percentile, { size: 34, splits: () => splits, filter: (u, s) => s }), axis(latency, { size: 68 })],
			series: [
				{ label: "faster than", value: (u, v) => (v == null ? "" : percentile(v)) },
				line("corrected", latency, 1, { width: 2.5, points: { show: false } }),
				line("uncorrected", latency, 2, { dash: [6, 4], points: { show: false } }),
			],
		}, [of.oneIn, visible(of.corrected), visible(of.uncorrected)]);
		document.getElementById("said").textContent = of.said;
	}

	function drawThroughput() {
		const series = [], columns = [];
		if (data.scheduled) {
			series.push(line("due", perSecond, 6, { dash: [2, 3], width: 1.5 }));
			columns.push(data.scheduled);
		}
		series.push(line("begun", perSecond, 6, { width: 1.25 }));
		columns.push(data.started);
		data.operations.forEach((o, i) => {
			series.push(line(o.name, perSecond, 1 + (i % 5), { dash: dashes[Math.floor(i / 5) % dashes.length] }));
			columns.push(o.done);
		});
		overTime("plot-throughput", 200, "Throughput", perSecond, series, columns);
	}

	function drawErrors() {
		const steps = uPlot.paths.stepped({ align: 1 });
		const series = [], columns = [];
		if (data.refused) {
			series.push(line("refused", perSecond, 2, { paths: steps, points: { show: false } }));
			columns.push(data.refused);
		}
		if (data.failed) {
			series.push(line("failed", perSecond, 4, { paths: steps, points: { show: false }, dash: [4, 3] }));
			columns.push(data.failed);
		}
		overTime("plot-errors", 200, "Errors", perSecond, series, columns);
	}

	function drawProcesses() {
		const series = [line("generator", percent, 6, { dash: [6, 4] })], columns = [data.loadCPU];
		if (data.cpu) {
			series.unshift(line("provider", percent, 1));
			columns.unshift(data.cpu);
		}
		overTime("plot-cpu", 200, "CPU", percent, series, columns);
		if (data.memory) overTime("plot-memory", 200, "Provider memory", size, [line("resident", size, 1)], [data.memory]);
		overTime("plot-connections", 200, "Connections", count, [line("open", count, 3)], [data.connections]);
	}

	function drawAll() {
		for (const d of drawn.splice(0)) d.plot.destroy();
		const of = data.operations[operation.selectedIndex];
		if (of) {
			drawLatency(of);
			drawPercentiles(of);
		}
		if (data.seconds.length === 0) return;
		drawThroughput();
		drawErrors();
		drawProcesses();
	}

	// Whatever changes the looks or the room draws anew.

	function fit() {
		for (const { plot, place } of drawn) {
			const wide = place.clientWidth;
			if (wide > 0 && wide !== plot.width) plot.setSize({ width: wide, height: plot.height });
		}
	}

	document.getElementById("controls").hidden = data.operations.length === 0;
	operation.addEventListener("change", drawAll);
	logarithmic.addEventListener("change", drawAll);
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
	matchMedia("print").addEventListener("change", drawAll);
	drawAll();
	new ResizeObserver(() => requestAnimationFrame(fit)).observe(page);
})();
