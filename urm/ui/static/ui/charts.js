// Draws every <canvas data-ui-chart="id of its JSON"> with the Chart.js that unfold ships; colours follow the theme.
(() => {
  const canvases = document.querySelectorAll("canvas[data-ui-chart]");
  if (!canvases.length) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = (title, colors) => ({
    title: { display: true, text: title, color: colors.text },
    ticks: { color: colors.text, maxRotation: 0, autoSkipPadding: 12 },
    grid: { color: colors.line },
    border: { color: colors.line },
  });
  const drawn = [];
  const draw = (canvas) => {
    const data = JSON.parse(document.getElementById(canvas.dataset.uiChart).textContent);
    const colors = { text: css("--ui-muted"), line: css("--ui-line") };
    const last = data.labels.length - 2;
    const datasets = data.series.map((one, index) => ({
      label: one.label, data: one.values, borderColor: one.color, backgroundColor: one.color,
      borderWidth: 2, pointRadius: data.labels.length > 40 ? 0 : 2, pointStyle: ["circle", "rect", "triangle", "rectRot"][index % 4],
      spanGaps: false, borderRadius: 2,
      segment: data.incompleteLast ? { borderDash: (segment) => (segment.p0DataIndex >= last ? [4, 4] : undefined) } : undefined,
    }));
    const stacked = data.kind === "stacked";
    drawn.push(new Chart(canvas, {
      type: data.kind === "line" ? "line" : "bar",
      data: { labels: data.labels, datasets },
      options: {
        responsive: true, maintainAspectRatio: false, animation: still ? false : { duration: 200 },
        interaction: { mode: "index", intersect: false },
        plugins: { legend: { display: datasets.length > 1, position: "bottom", labels: { color: colors.text, usePointStyle: true } } },
        scales: { x: { ...axis(data.xTitle, colors), stacked }, y: { ...axis(data.yTitle, colors), stacked, beginAtZero: true } },
      },
    }));
  };
  canvases.forEach(draw);
  new MutationObserver(() => {
    drawn.splice(0).forEach((chart) => chart.destroy());
    canvases.forEach(draw);
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
})();
