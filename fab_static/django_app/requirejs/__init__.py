"""Builds the RequireJS bundles: one a folder of pages' main modules, without what is common to all.

The build is described by a requirejs.yml among the static files. Its keys:

    mainConfigFile         the browser's configuration (paths, shim), a name under the static root
    bundlesConfigOutFile   where it is written with the bundles added; default: mainConfigFile's name
    modules                what pages share, each {name, include: [], exclude: []}; built over its own file
    commonModule           short for one such module without an include
    library                require.js itself, for {% requirejs_scripts %}; default "requirejs/require.js"
    any other              an option of r.js: paths, shim, wrapShim, findNestedDependencies, …

Modules are traced from the static root. Where we have written a file, its source is read instead, so a second
build reads what the first one read.

Settings:
    FAB_STATIC_REQUIREJS  name of the requirejs.yml; default: requirejs.yml, or <app>/requirejs.yml, or
                          <app>/yaml/requirejs.yml, .yaml too
    FAB_STATIC_NODE       the node program; default "node"

config reads that file. pages finds the main modules. tracing and minifying have the bundles made; driver runs r.js
for both. scripts tells browsers where bundles are. build does all of it.
"""
