"""The parts of docs/bundlers.md as projects, with the real bundlers from npm (package.json beside this file)."""
