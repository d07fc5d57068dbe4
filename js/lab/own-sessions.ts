/** How the side bar's own kernels are chosen, named and told from others. */

/** What the names of its sessions begin with; the kernel's side knows them by it, too. */
export const SESSION = "outboard-side-panel"
/** A kernel without a page is left behind by one that broke, unless it has only just started. */
const LEFT_BEHIND_AFTER_MS = 60_000

/** A session of the server. */
export interface SessionView {
  path: string
  kernel: { last_activity?: string; connections?: number } | null
}

/** Return true if no page is left that would end it. */
export function isLeftBehind({ path, kernel }: SessionView, now: number): boolean {
  const active = Date.parse(kernel?.last_activity ?? "")
  return (
    path.startsWith(SESSION) &&
    kernel?.connections === 0 &&
    now - active > LEFT_BEHIND_AFTER_MS
  )
}

/** Return the name of the default kernel if that is one of Python, else of the first that is. */
export function pythonKernel(
  specs: {
    default: string
    kernelspecs: Record<string, { language: string } | undefined>
  } | null,
): string | null {
  if (specs === null) return null
  const isPython = (name: string) => specs.kernelspecs[name]?.language === "python"
  if (isPython(specs.default)) return specs.default
  return Object.keys(specs.kernelspecs).find(isPython) ?? null
}
