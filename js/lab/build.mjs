// Bundles the side bar's plugin into a prebuilt extension of JupyterLab: package.json, install.json
// and one script, which takes every package of JupyterLab from the page. The script is a container
// of module federation, as container.ts writes it; so no builder of JupyterLab is needed, which
// would bring hundreds of packages for these few lines.
import { createHash } from "node:crypto"
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, "..", "..")
const out = join(root, "src", "outboard", "labextension")

/** The packages that the page shares, with the versions that the plugin works with. */
const shared = {
  "@jupyter-widgets/jupyterlab-manager": "^5.0.0",
  "@jupyterlab/application": "^4.2.0",
  "@jupyterlab/apputils": "^4.3.0",
  "@jupyterlab/console": "^4.2.0",
  "@jupyterlab/launcher": "^4.2.0",
  "@jupyterlab/notebook": "^4.2.0",
  "@jupyterlab/rendermime": "^4.2.0",
  "@jupyterlab/services": "^7.2.0",
  "@jupyterlab/ui-components": "^4.2.0",
  "@lumino/signaling": "^2.0.0",
  "@lumino/widgets": "^2.0.0",
}

const fromThePage = {
  name: "from-the-page",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@(jupyter-widgets|jupyterlab|lumino)\// }, ({ path }) => {
      if (path in shared) return { path, namespace: "page" }
      return { errors: [{ text: `${path} is not in the list of shared packages.` }] }
    })
    onLoad({ filter: /.*/, namespace: "page" }, ({ path }) => ({
      contents: `module.exports = require("./shared").shared(${JSON.stringify(path)})`,
      resolveDir: here,
    }))
    onResolve({ filter: /^shared-names$/ }, ({ path }) => ({ path, namespace: "names" }))
    onLoad({ filter: /.*/, namespace: "names" }, () => ({
      contents: `export const SHARED = ${JSON.stringify(Object.keys(shared))}`,
    }))
  },
}

const version = /__version__ = "([^"]+)"/.exec(
  await readFile(join(root, "src", "outboard", "__init__.py"), "utf8"),
)?.[1]

const { outputFiles } = await build({
  absWorkingDir: here,
  entryPoints: ["container.ts"],
  bundle: true,
  write: false,
  format: "iife",
  target: ["es2022", "chrome111", "firefox114", "safari16.4"],
  loader: { ".css": "text" },
  plugins: [fromThePage],
  minify: true,
  legalComments: "none",
  logLevel: "warning",
})
const script = outputFiles[0].contents
// Its name changes with its content: a browser never runs yesterday's.
const hash = createHash("sha256").update(script).digest("hex").slice(0, 16)
const load = `static/remoteEntry.${hash}.js`

const { "@jupyter-widgets/jupyterlab-manager": _, ...checked } = shared
const manifest = {
  name: "outboard",
  version,
  description: "The panel of outboard in JupyterLab's side bar",
  license: "Apache-2.0",
  // JupyterLab compares these with its own versions.
  dependencies: checked,
  jupyterlab: { extension: true, _build: { load, extension: "./extension" } },
}

await mkdir(join(out, "static"), { recursive: true })
await writeFile(join(out, load), script)
await cp(join(here, "..", "install.json"), join(out, "install.json"))
await writeFile(join(out, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`)
for (const old of await readdir(join(out, "static")))
  if (`static/${old}` !== load) await rm(join(out, "static", old))
console.log(`labextension  ${(script.length / 1024).toFixed(1)} KiB`)
