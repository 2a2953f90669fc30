// Draws the charts and makes the tables searchable. Everything they show stands in the page as text too.
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const charts = [];

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  function common() {
    return {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      indexAxis: "y",
      plugins: { legend: { labels: { color: colour("text") } } },
      scales: {
        x: { ticks: { color: colour("soft") }, grid: { color: colour("grid") }, title: { display: true, color: colour("soft") } },
        y: { ticks: { color: colour("text"), autoSkip: false }, grid: { display: false } },
      },
    };
  }

  function timeline(canvas) {
    const rows = data.rows; // one for the phases as a whole, and one for each host
    canvas.parentNode.style.height = 90 + 24 * rows.length + "px";
    const names = { build: "one", distribute: "two", verify: "three", "go live": "four" };
    const options = common();
    options.scales.x.title.text = "seconds since the start";
    options.scales.y.stacked = true;
    options.plugins.tooltip = {
      callbacks: {
        label: function (item) {
          const span = item.raw;
          return span.phase + ": " + (span.x[1] - span.x[0]).toFixed(1) + " s" + (span.outcome === "failed" ? ", failed" : "");
        },
      },
    };
    return new Chart(canvas, {
      type: "bar",
      data: {
        labels: rows,
        datasets: Object.keys(names).map(function (name) {
          return {
            label: name,
            data: data.spans.filter(function (span) { return span.group === name; }),
            backgroundColor: function (context) {
              return context.raw && context.raw.outcome === "failed" ? colour("bad") : colour(names[name]);
            },
            grouped: false,
            barThickness: 14,
            minBarLength: 2,
          };
        }),
      },
      options: options,
    });
  }

  // a URL as a label: its end tells pages apart, and a third of the width is enough for it
  function short(url, width) {
    const name = url.replace(/^https?:\/\//, "");
    const most = Math.max(12, Math.floor(width / 3 / 7)); // a letter is about 7 pixels wide
    return name.length > most ? "…" + name.slice(1 - most) : name;
  }

  function weights(canvas) {
    const pages = data.pages;
    canvas.parentNode.style.height = 110 + 54 * pages.length + "px";
    const options = common();
    options.scales.x.title.text = "kB that a first visit downloads, compressed";
    function series(label, key, name) {
      return {
        label: label,
        data: pages.map(function (page) { return page[key] === null ? null : page[key] / 1000; }),
        backgroundColor: colour(name),
        maxBarThickness: 16,
      };
    }
    return new Chart(canvas, {
      type: "bar",
      data: {
        labels: pages.map(function (page) { return short(page.name, canvas.parentNode.clientWidth); }),
        datasets: [series("before", "before", "four"), series("now", "now", "one")],
      },
      options: options,
    });
  }

  function draw() {
    charts.splice(0).forEach(function (chart) { chart.destroy(); });
    const first = document.getElementById("timeline-chart");
    const second = document.getElementById("pages-chart");
    if (first) { charts.push(timeline(first)); }
    if (second) { charts.push(weights(second)); }
  }

  function search(input) {
    const rows = Array.from(document.getElementById(input.dataset.table).tBodies[0].rows);
    const texts = rows.map(function (row) { return row.textContent.toLowerCase(); });
    const count = document.getElementById(input.dataset.count);
    input.addEventListener("input", function () {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach(function (row, at) {
        row.hidden = !words.every(function (word) { return texts[at].includes(word); });
        shown += row.hidden ? 0 : 1;
      });
      count.textContent = shown + " of " + rows.length + " shown";
    });
  }

  document.querySelectorAll("input[data-table]").forEach(search);
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  matchMedia("print").addEventListener("change", draw);
})();
