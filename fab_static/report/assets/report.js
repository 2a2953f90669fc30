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

  function pale(ink) { return ink + "40"; } // a quarter of it

  // stripes, which differ by their direction for whoever sees no colours
  function striped(ink, rises) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.strokeStyle = ink;
    pen.lineWidth = 3;
    pen.beginPath();
    [-8, 0, 8].forEach(function (at) {
      pen.moveTo(at - 2, rises ? 10 : -2);
      pen.lineTo(at + 10, rises ? -2 : 10);
    });
    pen.stroke();
    return pen.createPattern(tile, "repeat");
  }

  function timeline(canvas) {
    const rows = data.rows; // one for the phases as a whole, and one for each host
    canvas.parentNode.style.height = 90 + 24 * rows.length + "px";
    // each has a colour of its own. Neighbours differ without colours, too: whole, pale, and two kinds of stripes
    const names = {
      begin: "soft", build: "one", distribute: "two", verify: "three", "go live": "four",
      "going back": "five", failed: "bad",
    };
    const fills = {
      distribute: pale, "go live": pale,
      "going back": function (ink) { return striped(ink, false); }, failed: function (ink) { return striped(ink, true); },
    };
    const groups = Object.keys(names).filter(function (name) {
      return data.spans.some(function (span) { return span.group === name; });
    });
    const options = common();
    options.scales.x.min = 0;
    options.scales.x.suggestedMax = data.seconds;
    options.scales.x.title.text = "seconds since the command began";
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
        datasets: groups.map(function (name) {
          return {
            label: name,
            data: data.spans.filter(function (span) { return span.group === name; }),
            backgroundColor: fills[name] ? fills[name](colour(names[name])) : colour(names[name]),
            borderColor: colour(names[name]),
            borderWidth: 1,
            borderSkipped: false,
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
        backgroundColor: key === "before" ? pale(colour(name)) : colour(name),
        borderColor: colour(name),
        borderWidth: 1,
        maxBarThickness: 16,
      };
    }
    return new Chart(canvas, {
      type: "bar",
      data: {
        labels: pages.map(function (page) { return short(page.name, canvas.parentNode.clientWidth); }),
        datasets: [series("before", "before", "four"), series("now", "now", "one")].filter(function (one) {
          return one.data.some(function (size) { return size !== null; }); // a first deploy has no "before"
        }),
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
      count.textContent = shown.toLocaleString("en") + " of " + rows.length.toLocaleString("en") + " shown";
    });
  }

  // lets a long name break where its parts end, and never inside a word
  function mayBreak(element) {
    const ends = element.tagName === "CODE" ? /(?<=[/._,=&?-])(?=[^/])/ : /(?<=[/_,=&?-])(?=[^/])/;
    const isText = element.tagName === "PRE"; // of which only long words are names
    Array.from(element.childNodes).forEach(function (node) {
      const words = node.nodeType !== Node.TEXT_NODE ? [] : isText ? node.data.split(/(\S{25,})/) : ["", node.data];
      const parts = words.flatMap(function (word, at) { return at % 2 ? word.split(ends) : [word]; });
      if (parts.length < 2) { return; }
      const whole = document.createDocumentFragment();
      parts.forEach(function (part, at) {
        if (at) { whole.append(document.createElement("wbr")); }
        whole.append(part);
      });
      node.replaceWith(whole);
    });
  }

  document.querySelectorAll(".path, code, pre").forEach(mayBreak);
  document.querySelectorAll("pre.log").forEach(function (log) { log.scrollTop = log.scrollHeight; });
  document.querySelectorAll("input[data-table]").forEach(search);
  // a page that watches a run hands in what is new
  document.addEventListener("timeline", function (event) {
    Object.assign(data, event.detail);
    draw();
  });
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  matchMedia("print").addEventListener("change", draw);
})();
