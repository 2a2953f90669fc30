// Finds the entries that templates name; writes webpack/_build/details.json.

const fs = require("fs");
const path = require("path");

const APPS = path.resolve("corehq/apps");
const BUILD = path.resolve("webpack/_build");
const TAG = /{%\s*(js_entry|js_entry_b3)\s+["']([\w/-]+)["']\s*%}/g;

const allAppPaths = Object.fromEntries(
  fs.readdirSync(APPS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && fs.existsSync(path.join(APPS, entry.name, "templates")))
    .map((entry) => [entry.name, path.join(APPS, entry.name)])
    .sort(),
);
const details = { entries: {}, b3Entries: {}, aliases: {}, appsWithEntries: [], allAppPaths };

for (const folder of Object.values(allAppPaths)) {
  const templates = path.join(folder, "templates");
  for (const file of fs.readdirSync(templates, { recursive: true }).sort()) {
    if (!file.endsWith(".html")) continue;
    for (const [, tag, name] of fs.readFileSync(path.join(templates, file), "utf-8").matchAll(TAG)) {
      const app = name.split("/")[0];
      const entries = tag === "js_entry" ? details.entries : details.b3Entries;
      entries[name] = {
        import: path.join(allAppPaths[app], "static", `${name}.js`),
        filename: process.argv.includes("--prod") ? `${name}.[contenthash].js` : `${name}.js`,
      };
      if (!details.appsWithEntries.includes(app)) details.appsWithEntries.push(app);
    }
  }
}
for (const [app, folder] of Object.entries(allAppPaths)) {
  details.aliases[`${app}/js`] = path.join(folder, "static", app, "js");
}
fs.mkdirSync(BUILD, { recursive: true });
fs.writeFileSync(path.join(BUILD, "details.json"), JSON.stringify(details, null, 2));
