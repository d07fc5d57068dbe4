// Bundles the panel into the Python package: static/widget.js, widget.css and the licences
// of what is in them. `--watch` rebuilds on each change, unminified.
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { build, context } from "esbuild"

const here = dirname(fileURLToPath(import.meta.url))
const out = join(here, "..", "src", "outboard", "static")
const watching = process.argv.includes("--watch")

/** @type {import("esbuild").BuildOptions} */
const options = {
  absWorkingDir: here,
  entryPoints: { widget: "src/index.ts" },
  outdir: out,
  bundle: true,
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  target: ["es2022", "chrome111", "firefox114", "safari16.4"],
  minify: !watching,
  legalComments: "none", // they go to licenses.txt
  metafile: true,
  logLevel: "warning",
}

async function writeLicenses(metafile) {
  const names = new Set()
  for (const path of Object.keys(metafile.inputs)) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]
    if (name) names.add(name)
  }
  const texts = await Promise.all(
    [...names].sort().map(async (name) => {
      const license = await readFile(join(here, "node_modules", name, "LICENSE"), "utf8")
      return `${name}\n\n${license.trim()}\n`
    }),
  )
  await writeFile(join(out, "licenses.txt"), texts.join(`\n${"-".repeat(72)}\n\n`))
}

await mkdir(out, { recursive: true })
if (watching) {
  await (await context(options)).watch()
  console.log("watching js/src")
} else {
  const { metafile } = await build(options)
  await writeLicenses(metafile)
  for (const name of ["widget.js", "widget.css"]) {
    const content = await readFile(join(out, name))
    const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`
    console.log(
      `${name}  ${kib(content.length)}, ${kib(gzipSync(content).length)} gzipped`,
    )
  }
}
