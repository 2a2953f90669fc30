const fs = require("fs");
const path = require("path");

const BUILD = path.resolve("webpack/_build");
const read = (name) => JSON.parse(fs.readFileSync(path.join(BUILD, name), "utf-8"));
const details = read("details.json");
const { staticfilesPath } = read("settings.json");

// Writes which files a page of each entry must load, in their order.
class EntryChunks {
  constructor(filename) {
    this.filename = filename;
  }

  apply(compiler) {
    compiler.hooks.afterEmit.tap("EntryChunks", ({ entrypoints }) => {
      const manifest = {};
      for (const [name, entry] of entrypoints) {
        manifest[name] = entry.getFiles().filter((file) => file.endsWith(".js"));
      }
      fs.writeFileSync(path.join(BUILD, this.filename), JSON.stringify(manifest, null, 2));
    });
  }
}

const config = (folder, entry, filename) => ({
  mode: "production",
  devtool: "source-map",
  entry,
  output: { filename: "[name].[contenthash].js", path: path.join(staticfilesPath, folder), clean: true },
  optimization: { runtimeChunk: "single" },
  plugins: [new EntryChunks(filename)],
  resolve: { alias: details.aliases },
});

module.exports = [
  config("webpack", details.entries, "manifest.json"),
  config("webpack_b3", details.b3Entries, "manifest_b3.json"),
];
