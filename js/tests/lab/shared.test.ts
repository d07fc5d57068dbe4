import { describe, expect, it } from "vitest"
import { loadShared, shared } from "../../lab/shared"

const offering = (value: string, loaded = false) => ({
  get: async () => () => value,
  loaded,
})

describe("a module that the page shares", () => {
  it("is the version that is in use, else the newest", async () => {
    const scope = {
      used: { "4.2.0": offering("4.2.0", true), "4.10.0": offering("4.10.0") },
      unused: { "4.2.0": offering("4.2.0"), "4.10.0": offering("4.10.0") },
    }

    await loadShared(scope, ["used", "unused"])

    expect(shared("used")).toBe("4.2.0")
    expect(shared("unused")).toBe("4.10.0")
  })

  it("is empty where the application has none", async () => {
    await loadShared({}, ["@jupyterlab/launcher"])

    expect(shared("@jupyterlab/launcher")).toEqual({})
  })
})
