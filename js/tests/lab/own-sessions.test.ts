import { describe, expect, it } from "vitest"
import { isLeftBehind, pythonKernel } from "../../lab/own-sessions"

const NOW = Date.parse("2026-11-30T20:00:00Z")
const session = (path: string, connections: number, lastActivity: string) => ({
  path,
  kernel: { connections, last_activity: lastActivity },
})

describe("a session that its page left behind", () => {
  it.each([
    ["outboard-side-panel-1", 0, "2026-11-30T19:58:00Z", true],
    ["outboard-side-panel-1", 1, "2026-11-30T19:58:00Z", false],
    ["outboard-side-panel-1", 0, "2026-11-30T19:59:30Z", false],
    ["work/tickets.ipynb", 0, "2026-11-30T19:58:00Z", false],
  ])("is ours, without a page, and not just started: %s %i %s", (path, n, at, isIt) => {
    expect(isLeftBehind(session(path, n, at), NOW)).toBe(isIt)
  })
})

describe("the kernel for the panel", () => {
  const specs = (preferred: string) => ({
    default: preferred,
    kernelspecs: {
      ir: { language: "R" },
      python3: { language: "python" },
      conda: { language: "python" },
    },
  })

  it("is the default one if that is Python, else the first that is", () => {
    expect(pythonKernel(specs("conda"))).toBe("conda")
    expect(pythonKernel(specs("ir"))).toBe("python3")
  })

  it("is none where the server has no Python", () => {
    expect(
      pythonKernel({ default: "ir", kernelspecs: { ir: { language: "R" } } }),
    ).toBeNull()
    expect(pythonKernel(null)).toBeNull()
  })
})
