"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const digit = Object.fromEntries([...alphabet].map((c, i) => [c, i]));
  const gap = alphabet.length * alphabet.length - 1;
  const metrics = [
    { name: "in flight, requests and connections", digits: 1 },
    { name: "utilization, 1 is full", digits: 2 },
    { name: "weight, share of the pool", digits: 3 },
    { name: "latency in ms, mean of what was answered", digits: 1, factor: 1000 },
  ];
  // Told apart by most colour-blind people, on white and on black.
  const colours = ["#3b82c4", "#e07b00", "#2f9e63", "#c2418f", "#8c6bd8", "#a3791f", "#12a5b3", "#d0493b", "#7a8a99", "#7fae1e", "#5a61e0", "#b06a50"];
  const few = 4; // are all shown
  const usual = ["equal", "omniscient", "trimtab", "trimtab-noreports"];

  function decode(text, max, factor) {
    const out = new Array(text.length / 2);
    for (let i = 0; i < out.length; i++) {
      const n = digit[text[2 * i]] * alphabet.length + digit[text[2 * i + 1]];
      out[i] = n === gap ? null : n / (gap - 1) * max * factor;
    }
    return out;
  }

  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Warm-up and events are drawn below the lines.
  function background(chart) {
    return u => {
      const { ctx, bbox } = u;
      const x = at => u.valToPos(at, "x", true);
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      ctx.fillStyle = css("--shade");
      ctx.fillRect(x(0), bbox.top, x(chart.warmup) - x(0), bbox.height);
      ctx.strokeStyle = css("--dim");
      ctx.globalAlpha = 0.6;
      ctx.setLineDash([4, 4]);
      for (const e of chart.events || []) {
        ctx.beginPath();
        ctx.moveTo(x(e.at), bbox.top);
        ctx.lineTo(x(e.at), bbox.top + bbox.height);
        ctx.stroke();
      }
      ctx.restore();
    };
  }

  function rowsOf(chart, policy, m) {
    const packed = policy.metrics[m];
    return packed.values.map(v => decode(v, packed.max, metrics[m].factor || 1));
  }

  function seriesOf(chart) {
    const series = [{}], bands = [];
    chart.lines.forEach((_, i) => {
      const stroke = colours[i % colours.length];
      series.push({ stroke, width: 1.4, points: { show: false } });
      if (chart.bands) {
        const edge = { stroke: stroke + "55", width: 0.6, points: { show: false } };
        series.push(edge, edge);
        bands.push({ series: [3 * i + 3, 3 * i + 2], fill: stroke + "22" });
      }
    });
    return { series, bands };
  }

  function plot(chart, policy, m, most, width, key, legend) {
    const times = Array.from({ length: chart.points }, (_, i) => (i + 0.5) * chart.step);
    const rows = rowsOf(chart, policy, m);
    const axis = { stroke: css("--dim"), grid: { stroke: css("--line"), width: 0.5 }, ticks: { show: false }, font: "11px system-ui" };
    const per = chart.bands ? 3 : 1;
    const cell = document.createElement("div");
    new uPlot({
      width, height: 130, ...seriesOf(chart),
      scales: { x: { time: false }, y: { range: [0, most * 1.05] } },
      axes: [{ ...axis, size: 22, values: (_, v) => v.map(t => t + " s") }, { ...axis, size: 44 }],
      legend: { show: false },
      cursor: { sync: { key }, y: false },
      hooks: {
        drawClear: [background(chart)],
        setCursor: [u => {
          if (!u.over.matches(":hover")) return;
          const at = u.cursor.idx;
          legend.querySelectorAll("b").forEach((b, i) => {
            const v = at == null ? null : rows[i * per][at];
            b.textContent = v == null ? "" : v.toFixed(metrics[m].digits);
          });
          const near = at == null ? [] : (chart.events || []).filter(e => Math.abs(e.at - times[at]) <= 2 * chart.step);
          legend.lastChild.textContent = at == null ? "" : `${policy.name} at ${Math.round(times[at])} s` + (near.length ? " – " + [...new Set(near.map(e => e.text))].slice(0, 3).join("; ") : "");
        }],
      },
    }, [times, ...rows], cell);
    return cell;
  }

  // A policy that lets queues grow without bound would flatten all others, so the
  // scale is what the best of those shown need, tripled, if that is less.
  function scale(chart, shown, m) {
    const most = shown.map(p => Math.max(...rowsOf(chart, p, m).flat().filter(v => v != null), 0));
    return Math.min(Math.max(...most), 3 * Math.min(...most)) || 1;
  }

  function draw(section) {
    const number = +section.dataset.chart, chart = data.charts[number - 1];
    const plots = section.querySelector(".plots"), legend = section.querySelector(".legend");
    const chosen = new Set([...document.querySelectorAll("#shown input:checked")].map(i => i.value));
    const shown = chart.policies.filter(p => chosen.has(p.name));
    plots.replaceChildren();
    legend.replaceChildren(...chart.lines.map((name, i) => {
      const out = document.createElement("span"), line = document.createElement("i"), value = document.createElement("b");
      line.style.background = colours[i % colours.length];
      out.append(line, name, value);
      return out;
    }), document.createElement("span"));
    if (!shown.length) return;
    const width = Math.max(240, Math.floor((section.clientWidth - 10 * shown.length) / shown.length));
    plots.style.gridTemplateColumns = `repeat(${shown.length}, ${width}px)`;
    for (const p of shown) {
      const head = document.createElement("h4"), note = document.createElement("small");
      note.textContent = p.note;
      head.append(p.name, note);
      plots.append(head);
    }
    metrics.forEach((metric, m) => {
      const head = document.createElement("h5");
      head.textContent = metric.name;
      plots.append(head);
      const most = scale(chart, shown, m);
      for (const p of shown) plots.append(plot(chart, p, m, most, width, "chart" + number, legend));
    });
  }

  const sections = [...document.querySelectorAll("details.chart")];
  const drawOpen = () => sections.filter(s => s.open).forEach(draw);

  function choices() {
    const form = document.getElementById("shown");
    if (!form) return;
    const names = [...new Set(data.charts.flatMap(c => c.policies.map(p => p.name)))];
    const some = names.filter(n => usual.includes(n));
    form.append(...names.map(name => {
      const label = document.createElement("label"), box = document.createElement("input");
      box.type = "checkbox";
      box.value = name;
      box.checked = !some.length || names.length <= few || some.includes(name);
      label.append(box, " " + name);
      return label;
    }));
    form.addEventListener("change", drawOpen);
  }

  function sortable() {
    const table = document.getElementById("results"), body = table.tBodies[1];
    [...table.tHead.rows[0].cells].forEach((head, column) => head.addEventListener("click", () => {
      const down = head.dataset.down = head.dataset.down === "1" ? "0" : "1";
      const value = row => row.cells[column].dataset.v;
      const rows = [...body.rows].sort((a, b) => {
        if (value(a) === undefined) return a.cells[column].textContent.localeCompare(b.cells[column].textContent);
        const x = +value(a), y = +value(b);
        return x >= 1e98 || y >= 1e98 ? x - y : y - x;
      });
      body.append(...(down === "1" ? rows : rows.reverse()));
    }));
  }

  const reveal = () => {
    const target = document.querySelector(location.hash || ":root");
    if (target && target.matches("details.chart")) target.open = true;
  };
  choices();
  sortable();
  sections.forEach(s => s.addEventListener("toggle", e => { if (e.target === s && s.open) draw(s); }));
  addEventListener("hashchange", reveal);
  reveal();
  drawOpen();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawOpen);
})();
