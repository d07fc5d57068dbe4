import { describe, expect, it } from "vitest"
import { keepsPanel, obstacle, refusal, wordsFor } from "../../lab/states"

describe("what stands in the way of the panel", () => {
  it.each(["idle", "busy"])("is nothing while the kernel is %s", (status) => {
    expect(obstacle(status, true)).toBeNull()
  })

  it.each([
    ["starting", "starting"],
    ["initializing", "starting"],
    ["unknown", "starting"],
    ["restarting", "restarting"],
    ["autorestarting", "restarting"],
    ["connecting", "disconnected"],
    ["terminating", "no-kernel"],
    ["dead", "dead"],
  ])("of a kernel that is %s is called %s", (status, kind) => {
    expect(obstacle(status, true)).toEqual({ kind })
  })

  it.each(["unknown", "idle"])("is that there is no kernel, then called %s", (status) => {
    expect(obstacle(status, false)).toEqual({ kind: "no-kernel" })
  })

  it("leaves the panel in sight only while the connection is cut", () => {
    expect(keepsPanel({ kind: "disconnected" })).toBe(true)
    expect(keepsPanel({ kind: "dead" })).toBe(false)
  })
})

describe("why a kernel has no panel", () => {
  const refused = (ename: string, evalue: string) => refusal({ ok: false, ename, evalue })

  it("is that outboard is not installed, with the line that installs it", () => {
    const state = refused("ModuleNotFoundError", "No module named 'outboard'")

    expect(state).toEqual({ kind: "not-installed" })
    expect(wordsFor({ kind: "not-installed" }).code).toBe("%pip install outboard")
  })

  it.each([
    ["ModuleNotFoundError", "No module named 'outboard.panel'"],
    ["ModuleNotFoundError", "No module named 'outboard.panel.side_panel'"],
    [
      "AttributeError",
      "module 'outboard.panel.side_panel' has no attribute 'side_panel'",
    ],
  ])("is that outboard is too old: %s: %s", (ename, evalue) => {
    expect(refused(ename, evalue)).toEqual({ kind: "too-old" })
  })

  it("is told as it is where it is something else", () => {
    expect(refused("ModuleNotFoundError", "No module named 'anywidget'")).toEqual({
      kind: "failed",
      message: "ModuleNotFoundError: No module named 'anywidget'",
    })
    expect(refused("OutboardError", "The front end is missing.")).toEqual({
      kind: "failed",
      message: "The front end is missing.",
    })
  })
})
