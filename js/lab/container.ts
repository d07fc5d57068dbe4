/**
 * The module federation container that JupyterLab loads by its script and asks for the plugin:
 * `init` gets what the page shares, `get` returns a module's factory.
 */

import { SHARED } from "shared-names"
import { loadShared, type ShareScope } from "./shared"

interface Container {
  init: (scope: ShareScope) => void
  get: (module: string) => Promise<() => unknown>
}

let scope: ShareScope = {}

const container: Container = {
  init: (given) => {
    scope = given
  },
  get: async (module) => {
    if (module !== "./extension") throw new Error(`outboard has no module ${module}.`)
    await loadShared(scope, SHARED)
    const { plugin } = await import("./plugin")
    return () => ({ __esModule: true, default: plugin })
  },
}

const page = window as unknown as { _JUPYTERLAB?: Record<string, Container> }
page._JUPYTERLAB ??= {}
// biome-ignore lint/complexity/useLiteralKeys: the package's name, as JupyterLab looks it up.
page._JUPYTERLAB["outboard"] = container
