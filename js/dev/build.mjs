// Builds the development page: `node dev/build.mjs`, then open dev/index.html over any server.
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

await build({
  absWorkingDir: dirname(fileURLToPath(import.meta.url)),
  entryPoints: { main: "main.ts" },
  outdir: "dist",
  bundle: true,
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  sourcemap: true,
})
