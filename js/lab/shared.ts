/**
 * The modules of JupyterLab that the plugin uses, as the page shares them: one instance for all
 * extensions. A package that an application lacks (Notebook 7 has fewer) is empty here.
 */

/** One module in one version, as module federation keeps it. */
interface SharedModule {
  get: () => Promise<() => unknown>
  loaded?: boolean | number
}

export type ShareScope = Record<string, Record<string, SharedModule> | undefined>

const modules: Record<string, unknown> = {}

/** Load the packages, each in the version that is in use in the page, or else its newest. */
export async function loadShared(
  scope: ShareScope,
  names: readonly string[],
): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      modules[name] = (await pick(scope[name] ?? {})?.get())?.() ?? {}
    }),
  )
}

/** What `import ... from "<name>"` stands for in the bundle; see build.mjs. */
export function shared(name: string): unknown {
  return modules[name]
}

function pick(versions: Record<string, SharedModule>): SharedModule | undefined {
  const found = Object.entries(versions).sort(([left], [right]) =>
    right.localeCompare(left, "en", { numeric: true }),
  )
  return (found.find(([, module]) => module.loaded) ?? found[0])?.[1]
}
