// Shows a run while it goes on: what the server tells becomes text, and in the end the page becomes the report.
(function () {
  "use strict";
  const signs = { running: "▸ ", done: "✓ ", failed: "✗ " };
  const styles = { running: "running", done: "good", failed: "bad" };
  const title = document.title;
  let spans = [];
  let columns = "";

  function byId(name) { return document.getElementById(name); }

  function say(element, text) {
    if (element.textContent !== text) { element.textContent = text; }
  }

  // what the run is at, where a tab shows it too; and how it looks: good, bad or nothing
  function at(words, style) {
    say(byId("phase"), words);
    byId("phase").className = style || "";
    document.body.classList.toggle("lost", style === "bad");
    document.title = words + " · " + title;
  }

  function head(names) {
    columns = names.join();
    byId("hosts").tHead.rows[0].replaceChildren(...["host"].concat(names).map(function (name) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = name;
      return cell;
    }));
  }

  function fill(row, host, cells) {
    while (row.cells.length <= cells.length) { row.insertCell(); }
    say(row.cells[0], host);
    cells.forEach(function (cell, at) {
      const place = row.cells[at + 1];
      say(place, (signs[cell.state] || "") + cell.words);
      place.className = styles[cell.state] || "soft";
    });
  }

  function table(news) {
    if (news.columns.join() !== columns) { head(news.columns); }
    const body = byId("hosts").tBodies[0];
    while (body.rows.length > news.hosts.length) { body.deleteRow(-1); }
    news.hosts.forEach(function (host, at) {
      fill(body.rows[at] || body.insertRow(), host, news.cells[at]);
    });
  }

  function lines(more) {
    const place = byId("lines");
    const isAtEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 8;
    place.append(...more.map(function (line) { return line + "\n"; }));
    if (isAtEnd) { place.scrollTop = place.scrollHeight; }
  }

  const source = new EventSource("events");

  source.addEventListener("open", function () { spans = []; say(byId("lines"), ""); });

  source.addEventListener("news", function (event) {
    const news = JSON.parse(event.data);
    at(news.phase || (news.columns.length ? "goes on" : "begins"));
    say(byId("clock"), news.clock);
    table(news);
    if (news.lines.length) { lines(news.lines); }
    spans = spans.slice(0, news.from).concat(news.spans);
    document.dispatchEvent(new CustomEvent("timeline", { detail: {
      rows: ["all"].concat(news.hosts), spans: spans, seconds: news.seconds,
    } }));
  });

  source.addEventListener("end", function (event) {
    const words = JSON.parse(event.data).words;
    source.close();
    at(words, words.startsWith("failed") ? "bad" : "");
  });

  source.addEventListener("report", function (event) {
    source.close();
    const page = new Blob([JSON.parse(event.data).page], { type: "text/html" });
    location.replace(URL.createObjectURL(page)); // the server ends with the command: nothing is left to ask
  });

  source.addEventListener("error", function () {
    at("lost: the command has ended, or cannot be reached; below is what it told last", "bad");
  });
})();
